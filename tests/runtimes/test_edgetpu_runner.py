"""The scripts in the oldest Python that this machine has, down to 3.7: pycoral's wheels are for 3.6 to 3.9."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from threading import Event

import pytest

from harness.assets import folder
from harness.domain import Backend, Case, ModelRef, Purpose, RuntimeRef, Status
from harness.runtimes.pycoral import Pycoral
from tests.edgetpu.pythons import python_with
from tests.edgetpu.sticks import STICK, HostWithTpu
from tests.runtimes.wire import QUICK, request

OLDEST = (3, 7)
SCRIPTS = sorted(folder("device_scripts").glob("*.py"))
PYCORAL = {
    "pycoral/__init__.py": '__version__ = "2.0.0"',
    "pycoral/utils/__init__.py": "",
    "pycoral/utils/edgetpu.py": f"""
import tflite_runtime.interpreter as tflite

def get_runtime_version():
    return "BuildLabel(N/A), RuntimeVersion(14)"

def list_edge_tpus():
    return [{{"type": "usb", "path": "{STICK}"}}]

def make_interpreter(path, device=None):
    return tflite.Interpreter(path)
""",
    "tflite_runtime/__init__.py": '__version__ = "2.5.0.post1"',
    "tflite_runtime/interpreter.py": """
class Interpreter(object):
    def __init__(self, path):
        import numpy

        self._values = numpy.zeros((1, 4), numpy.int8)

    def allocate_tensors(self):
        pass

    def get_input_details(self):
        return [{"name": "t", "index": 0, "shape": [1, 4], "dtype": self._values.dtype, "quantization": (0.5, 1)}]

    get_output_details = get_input_details

    def set_tensor(self, index, values):
        self._values = values

    def get_tensor(self, index):
        return self._values.copy()

    def invoke(self):
        sum(range(1000))

    def _get_ops_details(self):
        names = ["edgetpu-custom-op", "SOFTMAX", "DELEGATE"]
        return [{"op_name": name, "inputs": [], "outputs": []} for name in names]
""",
}


def version_of(python: str, also: str = "") -> tuple[int, ...] | None:
    """The version of an interpreter that starts, and can do `also`; None for others (a shim of pyenv)."""
    code = f"{also}\nimport sys\nprint(*sys.version_info[:2])"
    done = subprocess.run([python, "-E", "-c", code], capture_output=True, text=True, timeout=60)
    return tuple(map(int, done.stdout.split())) if done.returncode == 0 else None


@cache
def oldest_python(also: str = "") -> str:
    """The oldest interpreter, from OLDEST on, on PATH or among those of pyenv; at worst that of the tests."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = [path for minor in range(OLDEST[1], sys.version_info[1]) if (path := shutil.which(f"python3.{minor}"))]
    found += [str(path) for path in pyenv.glob("versions/*/bin/python")]
    versions = {python: version for python in found if (version := version_of(python, also))}
    old = {python: version for python, version in versions.items() if OLDEST <= version < sys.version_info[:2]}
    return min(old, key=lambda python: old[python]) if old else sys.executable


def runtime(where: Path, interpreter: str) -> Pycoral:
    for name, text in PYCORAL.items():
        path = where / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Pycoral(
        HostWithTpu(), RuntimeRef("pycoral", python=python_with(where / "bin", where, interpreter=interpreter))
    )


def test_how_interpreters_are_chosen() -> None:
    assert version_of(sys.executable) == sys.version_info[:2]
    assert version_of(sys.executable, "import no_such_module") is None
    assert OLDEST <= (version_of(oldest_python()) or ()) <= sys.version_info[:2]


def test_every_script_is_source_for_the_oldest() -> None:
    code = "import sys\nfor path in sys.argv[1:]: compile(open(path, encoding='utf-8').read(), path, 'exec')"
    subprocess.run([oldest_python(), "-E", "-W", "error", "-c", code, *map(str, SCRIPTS)], check=True)
    assert len(SCRIPTS) >= 7


def test_the_introduction_in_the_oldest(tmp_path: Path) -> None:
    python = oldest_python()
    subject = runtime(tmp_path, python)
    assert subject.unsupported_reason(Case(ModelRef("m"), "edgetpu", backend=Backend("edgetpu"))) is None
    hello = subject.hello
    assert not isinstance(hello, str)
    assert hello.python.startswith(".".join(map(str, version_of(python) or ())))
    assert hello.edgetpu is not None
    assert (hello.edgetpu.tflite, hello.edgetpu.tflite_version) == ("tflite_runtime", "2.5.0.post1")
    assert hello.edgetpu.devices == (f"usb {STICK}",)


def test_what_crashes_in_the_oldest_is_named_without_loading_it(tmp_path: Path) -> None:
    subject = runtime(tmp_path, oldest_python())
    (tmp_path / "pycoral/utils/edgetpu.py").write_text("import os\nos.abort()\n")
    (tmp_path / "tflite_runtime-2.14.0.dist-info").mkdir()
    said = str(subject.hello)
    assert "SIGABRT" in said
    assert "tflite_runtime 2.14.0" in said


@pytest.mark.parametrize("purpose", [Purpose.TIMING, Purpose.MEMORY, Purpose.PROFILE])
def test_measuring_in_the_oldest_that_has_numpy(tmp_path: Path, purpose: Purpose) -> None:
    model = tmp_path / "m_edgetpu.tflite"
    model.write_bytes(b"\0\0\0\0TFL3")
    subject = runtime(tmp_path, oldest_python("import numpy"))
    result = subject.invoke(request(model, purpose, Backend("edgetpu"), QUICK), Event())
    assert result.status is Status.DONE, (result.error, result.log)
    assert result.coverage is not None
    assert (result.coverage.delegated_nodes, result.coverage.total_nodes) == (1, 2)
    assert (result.samples_ns is not None) == (purpose is Purpose.TIMING)
