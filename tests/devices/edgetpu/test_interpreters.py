"""Asking interpreters: real children of this machine's Python, with packages made up for them."""

from __future__ import annotations

import ast
import json
import os
import sys
from pathlib import Path

import pytest

from harness.devices.base import ProcessResult
from harness.devices.edgetpu import _probe, interpreters
from harness.devices.edgetpu.interpreters import Interpreter, ask, candidates, read_answer
from tests.devices.machines import write

CORAL = {
    "pycoral/__init__.py": "",
    "pycoral/utils/__init__.py": "",
    "pycoral/utils/edgetpu.py": "def get_runtime_version():\n    return 'BuildLabel(made up), RuntimeVersion(14)'\n",
    "pycoral-2.0.0.dist-info/METADATA": "Name: pycoral\nVersion: 2.0.0\nSummary: Coral API\n\nVersion: 9",
    "tflite_runtime/__init__.py": "",
    "tflite_runtime-2.5.0.post1.dist-info/METADATA": "Name: tflite-runtime\nVersion: 2.5.0.post1\n",
}
ALLEN = {
    "pycoral/__init__.py": "",
    "pycoral/cli.py": "",
    "pycoral-0.2.0.dist-info/METADATA": "Name: pycoral\nVersion: 0.2.0\nSummary: Simple CLI for Allen Coral Atlas\n",
}


def environment(folder: Path, packages: dict[str, str]) -> str:
    """A virtual environment of this Python with these packages; the path of its interpreter."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    write(folder, {f"lib/{version}/site-packages/{name}": text for name, text in packages.items()})
    write(folder, {"pyvenv.cfg": f"home = {Path(sys._base_executable).parent}\n"})  # type: ignore[attr-defined]
    (folder / "bin").mkdir()
    (folder / "bin/python").symlink_to(sys._base_executable)  # type: ignore[attr-defined]
    return str(folder / "bin/python")


def answer(folder: Path, packages: dict[str, str], deadline_s: float = 60.0) -> Interpreter:
    return ask(Interpreter(environment(folder, packages), asked=True), deadline_s)


def test_corals_own(tmp_path: Path) -> None:
    found = answer(tmp_path, CORAL)
    assert found.python == ".".join(map(str, sys.version_info[:3]))
    assert (found.kind, found.pycoral, found.problem, found.crash) == ("coral", "2.0.0", "", "")
    assert found.tflite == (("tflite_runtime", "2.5.0.post1"),)
    assert found.runtime == "BuildLabel(made up), RuntimeVersion(14)"


def test_allen_coral_atlas_is_another_project(tmp_path: Path) -> None:
    found = answer(tmp_path, ALLEN)
    assert (found.kind, found.pycoral, found.problem) == ("other", "0.2.0", "")


def test_none(tmp_path: Path) -> None:
    found = answer(
        tmp_path, {"ai_edge_litert/__init__.py": "", "ai_edge_litert-2.3.0.dist-info/METADATA": "Version: 2.3.0\n"}
    )
    assert (found.kind, found.tflite) == ("none", (("ai_edge_litert", "2.3.0"),))


@pytest.mark.parametrize(
    ("code", "problem", "crash"),
    [
        ("import os; os.kill(os.getpid(), 11)", "ended by SIGSEGV", "SIGSEGV"),
        ("import os; os.abort()", "ended by SIGABRT", "SIGABRT"),
        ("raise ImportError('libedgetpu.so.1: cannot open')", "ImportError: libedgetpu.so.1: cannot open", ""),
        ("raise SystemExit(3)", "SystemExit: 3", ""),
        ("raise ValueError('\\x1b[31m' + 'x' * 9999)", "ValueError: [31m" + "x" * 284, ""),
        ("import os; os._exit(0)", "it ended while importing pycoral", ""),
    ],
)
def test_what_its_import_does_stays_in_the_child(tmp_path: Path, code: str, problem: str, crash: str) -> None:
    found = answer(tmp_path, CORAL | {"pycoral/utils/edgetpu.py": code})
    assert (found.kind, found.pycoral) == ("coral", "2.0.0")
    assert (found.problem, found.crash) == (problem, crash)


def test_an_import_that_hangs_has_a_deadline(tmp_path: Path) -> None:
    hang = "import time\ntime.sleep(600)\n"
    found = answer(tmp_path, CORAL | {"pycoral/utils/edgetpu.py": hang}, deadline_s=2.0)
    assert (found.problem, found.crash) == ("no answer within 2 s", "")


def test_a_package_that_breaks_when_it_is_looked_for_is_no_corals(tmp_path: Path) -> None:
    assert answer(tmp_path, {"pycoral/__init__.py": "import geopandas_is_not_there\n"}).kind == "other"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("#!/bin/sh\nexit 0\n", "it did not answer as a Python interpreter"),
        ("#!/bin/sh\necho '[1]'; echo '{\"python\": 3}'; echo no such version >&2; exit 127\n", "no such version"),
        ("#!/bin/sh\nkill -9 $$\n", "ended by SIGKILL"),
    ],
)
def test_a_program_that_is_no_python(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "python"
    path.write_text(text)
    path.chmod(0o755)
    found = ask(Interpreter(str(path), asked=True))
    assert (found.python, found.problem) == ("", problem)


def test_garbage_of_the_right_shape_does_no_harm() -> None:
    line = json.dumps({"python": "3.9", "kind": ["coral"], "pycoral": None, "tflite": [1, ["a"], ["b", None], "cd"]})
    found = read_answer(Interpreter("p"), ProcessResult(0, line.encode(), b"", 0.1))
    assert (found.kind, found.pycoral, found.tflite) == ("none", "", (("b", ""),))


def test_named_interpreters_alone_are_asked(tmp_path: Path) -> None:
    write(tmp_path, {"not_executable": ""})
    named = ("python9.9", str(tmp_path), str(tmp_path / "not_executable"), sys.executable, sys.executable)
    found = candidates(named, {"PATH": str(tmp_path)})
    assert [bool(one.problem) for one in found] == [True, True, True, False]
    assert all(one.asked for one in found)
    assert found[3].own
    assert ask(found[0]) is found[0]


def test_else_the_harness_own_and_those_on_path_each_once(tmp_path: Path) -> None:
    for name in ("python3", "python3.9", "python3.13", "python2.7", "pythonista"):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "python3").unlink()
    (tmp_path / "python3").symlink_to("python3.9")
    found = candidates((), {"PATH": f"{tmp_path}:{Path(sys.executable).parent}"})
    assert [(one.path, one.own, one.asked) for one in found] == [
        (sys.executable, True, False),
        (str(tmp_path / "python3"), False, False),
        (str(tmp_path / "python3.13"), False, False),
    ] + [(one.path, False, False) for one in found[3:]]
    identities = [interpreters._identity(one.path) for one in found]
    assert len(set(identities)) == len(identities)


def test_the_probe_keeps_to_the_syntax_of_python_3_6() -> None:
    source = Path(_probe.__file__).read_text()
    tree = ast.parse(source, feature_version=(3, 7))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported == {"json", "sys", "importlib", "importlib.util"}
    assert not any(isinstance(node, ast.NamedExpr) for node in ast.walk(tree))
    assert "from __future__" not in source  # annotations are not lazy before 3.7
    assert os.path.basename(_probe.__file__) == "_probe.py"  # noqa: PTH119


def test_the_interpreters_of_this_machine_answer() -> None:
    found = [ask(one) for one in candidates((), os.environ)[:3]]
    assert found[0].own
    assert found[0].python == ".".join(map(str, sys.version_info[:3]))
    assert all(bool(one.python) != bool(one.problem) for one in found if one.kind != "coral"), found
