"""The Edge TPU without pycoral: libedgetpu as an external delegate of whichever LiteRT is at hand. Python 3.7.

What libedgetpu says beyond the interface of delegates is in Coral's ``edgetpu_c.h``.
"""

import ctypes

import edgetpu_faults
import edgetpu_system
from litert_delegates import ExternalEngine, open_library
from litert_models import RunnerError, one_line

MAX_DEVICES = 64


class Record(ctypes.Structure):
    # edgetpu_device: 0 is PCI Express, 1 is USB.
    _fields_ = [("type", ctypes.c_int), ("path", ctypes.c_char_p)]


class LibEdgeTpu(object):
    """A loaded libedgetpu, and the LiteRT that it is used with."""

    def __init__(self, native, tflite=None):
        self._native, self.tflite = native, tflite

    @property
    def runtime(self):
        """What it says of itself, or an empty text."""
        ask = getattr(self._native, "edgetpu_version", None)
        if ask is None:
            return ""
        ask.restype, ask.argtypes = ctypes.c_char_p, []
        return (ask() or b"").decode("utf-8", "replace")

    def devices(self):
        """[{"type", "path"}] in its own order, as pycoral's list_edge_tpus() has them."""
        ask, give_back = (getattr(self._native, "edgetpu_%s_devices" % verb, None) for verb in ("list", "free"))
        if ask is None or give_back is None:
            return []
        ask.restype, ask.argtypes = ctypes.POINTER(Record), [ctypes.POINTER(ctypes.c_size_t)]
        give_back.restype, give_back.argtypes = None, [ctypes.POINTER(Record)]
        count = ctypes.c_size_t()
        records = ask(ctypes.byref(count))
        if not records:
            return []
        kinds = ("pci", "usb")
        found = [(records[i].type, records[i].path or b"") for i in range(min(count.value, MAX_DEVICES))]
        give_back(records)
        return [{"type": kinds[kind == 1], "path": path.decode("utf-8", "replace")} for kind, path in found]


class EdgeTpuEngine(ExternalEngine):
    """The interpreter with libedgetpu on one Edge TPU."""

    def __init__(self, library, request):
        self._wanted = {key: request.get(key) or "" for key in ("device", "device_path")}
        self.tpu = self._edgetpu = None
        super().__init__(library, request)
        self.accelerator = "Edge TPU over %s" % {"usb": "USB", "pci": "PCIe"}.get(self.tpu.kind, self.tpu.kind)

    def _delegate_options(self, library, native):
        self._edgetpu = LibEdgeTpu(native, library)
        self.tpu = edgetpu_system.find_tpu(self._wanted, self._edgetpu.devices())
        if self.tpu is None:
            raise edgetpu_faults.not_there(self._wanted)
        return dict(self._own_options, device=self.tpu.name)

    def _not_made(self, error):
        return edgetpu_faults.why_not_opened(self.tpu, error)

    def _refused(self, library, error):
        return super()._refused(library, error) if self._delegate is None else self.explain(library, error)

    def explain(self, library, error):
        found = edgetpu_faults.explain(self._edgetpu, self, error)
        if found.kind != "model":
            return found
        return RunnerError("delegate", "%s fails with %s: %s" % (library.name, self._name, one_line(error)))

    def notes(self):
        return ["%s: %s" % (self._name, self._edgetpu.runtime)] + super().notes()


def introduce(path):
    """What libedgetpu says of itself, for the introduction: {"runtime", "package", "devices"}, or {"error"}."""
    try:
        library = LibEdgeTpu(open_library(path))
    except RunnerError as error:
        return {"error": str(error)}
    # A library that was named by its path is not the installed package's.
    package = None if "/" in path else edgetpu_system.runtime_package()
    return {
        "runtime": library.runtime,
        "package": package or "",
        "devices": ["%(type)s %(path)s" % each for each in library.devices()],
    }
