"""Measures one model in one process on an Edge TPU, with the pycoral that this interpreter has. Python 3.7.

The conversation is that of litert_runner.py. ``edgetpu_runner.py --versions`` tells which libraries are installed, as
JSON and without loading them: for interpreters in which they crash.
"""

import importlib
import importlib.util
import json
import os
import sys

import edgetpu_system
import litert_runner
from edgetpu_faults import GET_RUNTIME, explain, not_there, why_not_opened
from edgetpu_system import find_tpu
from litert_models import LIBRARIES, PROTOCOL, InterpreterEngine, Library, RunnerError, one_line

CUSTOM_OP = "edgetpu-custom-op"
GET_PYCORAL = (
    "Coral's pycoral is not on PyPI: for Python 3.6 to 3.9 use pip install --extra-index-url "
    "https://google-coral.github.io/py-repo/ pycoral~=2.0, for newer ones a wheel from "
    "https://github.com/feranick/pycoral/releases"
)


# ---- pycoral ---------------------------------------------------------------------------------------------------------


class Pycoral(object):
    """The pycoral of this interpreter, its libedgetpu and its TensorFlow Lite."""

    name = "pycoral"

    def __init__(self):
        self.edgetpu = import_edgetpu()
        version = getattr(sys.modules["pycoral"], "__version__", None)
        self.version = version or edgetpu_system.installed().get("pycoral", "unknown")
        self.tflite = Library(self._tflite_name())
        self.runtime = str(self.edgetpu.get_runtime_version())
        self.package = edgetpu_system.runtime_package() or edgetpu_system.performance_of_library() or ""

    def _tflite_name(self):
        """The package whose interpreter pycoral imported."""
        module = getattr(self.edgetpu, "tflite", None)
        used = [name for name in LIBRARIES if module is not None and module.__name__.startswith(name)]
        return (used or [name for name in LIBRARIES if name in sys.modules] or ["tflite_runtime"])[0]

    def devices(self):
        """The Edge TPUs as libedgetpu sees them, in the order of their numbers."""
        return [{"type": str(each["type"]), "path": str(each["path"])} for each in self.edgetpu.list_edge_tpus()]

    def hello(self):
        """The introduction of this interpreter."""
        return {
            "protocol": PROTOCOL,
            "runner": self.name,
            "python": ".".join(map(str, sys.version_info[:3])),
            "library": self.name,
            "version": self.version,
            "features": [],
            "runtime": self.runtime,
            "package": self.package,
            "tflite": self.tflite.name,
            "tflite_version": self.tflite.version,
            "devices": ["%s %s" % (each["type"], each["path"]) for each in self.devices()],
        }


def import_edgetpu():
    """``pycoral.utils.edgetpu``, or a RunnerError that says how to get it."""
    spec = importlib.util.find_spec("pycoral")
    if spec is None:
        raise RunnerError("library", "no pycoral is installed. %s" % GET_PYCORAL)
    folders = list(spec.submodule_search_locations or [])
    if not any(os.path.isdir(os.path.join(folder, "utils")) for folder in folders):
        where = folders[0] if folders else spec.origin
        text = "%s is another project, the client of the Allen Coral Atlas that PyPI has under this name. "
        raise RunnerError("library", text % where + "Uninstall it. " + GET_PYCORAL)
    try:
        return importlib.import_module("pycoral.utils.edgetpu")
    except ImportError as error:
        raise RunnerError("library", "pycoral cannot be imported: %s; %s" % (one_line(error), remedy_of(error)))


def remedy_of(error):
    """What to install when the import of pycoral fails."""
    if "libedgetpu" in str(error):
        return GET_RUNTIME
    missing = getattr(error, "name", None) or ""
    if missing == "numpy" or "numpy" in str(error):
        return "install it: %s -m pip install 'numpy<2'" % sys.executable
    if missing.split(".")[0] == "tflite_runtime":
        return "install the tflite_runtime that came with this pycoral"
    return GET_PYCORAL


# ---- the engine ------------------------------------------------------------------------------------------------------


class PycoralEngine(InterpreterEngine):
    """An interpreter of pycoral on one Edge TPU: the custom operators run there, all others on the CPU."""

    def __init__(self, library, request):
        self.tpu = find_tpu(request, library.devices())
        if self.tpu is None:
            raise not_there(request)
        self._open(library, lambda: self._make(library, request["model"]))
        self.accelerator = "Edge TPU over %s" % {"usb": "USB", "pci": "PCIe"}.get(self.tpu.kind, self.tpu.kind)

    def _make(self, library, model):
        try:
            return library.edgetpu.make_interpreter(model, device=self.tpu.name)
        except OSError as error:
            raise RunnerError("library", "libedgetpu cannot be loaded: %s; %s" % (one_line(error), GET_RUNTIME))
        except ValueError as error:
            if "load delegate" not in str(error):
                raise
            raise why_not_opened(self.tpu, error)

    def _refused(self, library, error):
        return self.explain(library, error)

    def explain(self, library, error):
        return explain(library, self, error)

    def coverage(self):
        """The nodes of the compiled graph that are the Edge TPU's: they cannot run anywhere else."""
        counts = super().coverage()
        if counts is None:
            return None
        names = [name for name, _ in counts["operators"]]
        taken = names.count(CUSTOM_OP)
        return {
            "delegated_nodes": taken,
            "total_nodes": len(names),
            "partitions": taken,
            "operators": [[name, name == CUSTOM_OP] for name in names],
        }


# ---- main ------------------------------------------------------------------------------------------------------------


class EdgeTpu(litert_runner.LiteRt):
    """Pycoral in the place of LiteRT."""

    name = "pycoral"

    def load(self, request):
        return Pycoral()

    def make_engine(self, library, request):
        self.engine = PycoralEngine(library, request)
        return self.engine

    def profile(self, engine, library, request, generator):
        return {"operator_times": [], "notes": ["no operator times: an Edge TPU runs its part as one operator"]}


def main():
    if sys.argv[1:] == ["--versions"]:
        print(json.dumps(dict(edgetpu_system.installed(), libedgetpu=edgetpu_system.runtime_package() or "")))
        return
    litert_runner.main(EdgeTpu())


if __name__ == "__main__":
    main()
