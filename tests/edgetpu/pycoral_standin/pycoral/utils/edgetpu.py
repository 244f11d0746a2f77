"""Devices and interpreters. ``PYCORAL_STANDIN`` is a JSON object; what it does not say is as with a healthy USB stick.

devices         what is plugged in: [{"type": "usb", "path": "/sys/bus/usb/devices/2-1"}]
runtime         what libedgetpu says of itself
segv, hang      "import", "open" or "invoke": where it crashes or never returns
library         "missing": there is no libedgetpu.so.1
open            "refused": libedgetpu returns no delegate, as when it is busy or not permitted
opens           the only device that it opens: "usb:1"
drop_after      inferences until it leaves the bus; drop_how is "error" (default) or "abort", as USB sticks do
once            a path: it drops, crashes or hangs only if no file is there, and leaves one
invoke_error    what invoke() raises at once, with the device still there
slow_first_s    how much longer the first inference takes
"""

import ctypes
import importlib.util
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
from ai_edge_litert import interpreter as tflite

BUILD = "BuildLabel(N/A), RuntimeVersion(14)"
STICK = {"type": "usb", "path": "/sys/bus/usb/devices/2-1"}
CUSTOM_OP = "edgetpu-custom-op"

behaviour = json.loads(os.environ.get("PYCORAL_STANDIN") or "{}")
_lost = False


def _embedded():
    spec = importlib.util.spec_from_file_location("embedded", Path(__file__).resolve().parents[3] / "embedded.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _first_time():
    """Whether a fault that is to happen once has not happened yet."""
    marker = behaviour.get("once")
    if marker and Path(marker).exists():
        return False
    if marker:
        Path(marker).touch()
    return True


def _misbehave(where):
    if behaviour.get("segv") == where and _first_time():
        ctypes.string_at(0)
    if behaviour.get("hang") == where and _first_time():
        time.sleep(3600)


_misbehave("import")


def list_edge_tpus():
    return [] if _lost else [dict(each) for each in behaviour.get("devices", [STICK])]


def get_runtime_version():
    return behaviour.get("runtime", BUILD)


def set_verbosity(verbosity):
    return 0 <= verbosity <= 10


def _number_of(device, listed):
    kind, _, index = (device or "").partition(":")
    fitting = [number for number, each in enumerate(listed) if kind in ("", each["type"])]
    position = int(index or 0)
    return fitting[position] if position < len(fitting) else None


def load_edgetpu_delegate(options=None):
    if behaviour.get("library") == "missing":
        raise OSError("libedgetpu.so.1: cannot open shared object file: No such file or directory")
    _misbehave("open")
    device = (options or {}).get("device", "")
    refused = behaviour.get("open") == "refused" or behaviour.get("opens", device) != device
    if refused or _number_of(device, list_edge_tpus()) is None:
        raise ValueError("Failed to load delegate from libedgetpu.so.1\n")
    return object()


def make_interpreter(model_path_or_content, device=None, delegate=None):
    load_edgetpu_delegate({"device": device} if device else {}) if delegate is None else delegate
    if isinstance(model_path_or_content, bytes):
        return Interpreter(model_path_or_content)
    try:
        return Interpreter(Path(model_path_or_content).read_bytes())
    except OSError as error:
        raise ValueError(f"Could not open '{model_path_or_content}'.") from error


def run_inference(interpreter, input_data):
    details = interpreter.get_input_details()[0]
    values = np.frombuffer(bytes(input_data), np.uint8).view(details["dtype"])
    if values.size != np.prod(details["shape"]):
        raise ValueError(f"input size={values.size}, expected={np.prod(details['shape'])}.")
    interpreter.set_tensor(details["index"], values.reshape(details["shape"]))
    interpreter.invoke()


class Interpreter:
    """What make_interpreter returns: tensors of the file, computed by the model that it carries."""

    def __init__(self, content):
        embedded = _embedded()
        self._operators = _operators(content)
        carried = embedded.extract(content) if CUSTOM_OP in self._operators else content
        self._computes = tflite.Interpreter(model_content=carried, num_threads=1)
        self._invoked = 0

    def allocate_tensors(self):
        self._computes.allocate_tensors()

    def get_input_details(self):
        return self._computes.get_input_details()

    def get_output_details(self):
        return self._computes.get_output_details()

    def set_tensor(self, tensor_index, value):
        self._computes.set_tensor(tensor_index, value)

    def get_tensor(self, tensor_index):
        return self._computes.get_tensor(tensor_index)

    def tensor(self, tensor_index):
        return self._computes.tensor(tensor_index)

    def invoke(self):
        _misbehave("invoke")
        if "invoke_error" in behaviour:
            raise RuntimeError(behaviour["invoke_error"])
        if self._invoked >= behaviour.get("drop_after", self._invoked + 1) and _first_time():
            _drop()
        if not self._invoked:
            time.sleep(behaviour.get("slow_first_s", 0))
        self._invoked += 1
        self._computes.invoke()

    def _get_ops_details(self):
        """As after delegation: the file's own nodes and, behind them, the delegate's."""
        names = self._operators + ["DELEGATE"] * (CUSTOM_OP in self._operators)
        nothing = np.array([], np.int32)
        return [
            {"index": number, "op_name": name, "inputs": nothing, "outputs": nothing}
            for number, name in enumerate(names)
        ]


def _drop():
    global _lost
    _lost = True
    if behaviour.get("drop_how") == "abort":
        text = "F driver/usb/usb_driver.cc:1148] HandleQueuedBulkIn transfer in failed. "
        sys.stderr.write(text + "Not found: USB transfer error 5 [LibUsbDataInCallback]\n")
        sys.stderr.flush()
        os.abort()
    raise RuntimeError("Failed to execute request. Node number 0 (EdgeTpuDelegateForCustomOp) failed to invoke.")


def _operators(content):
    """The names of the file's operators."""
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    known = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    names = []
    for operator in model.subgraphs[0].operators:
        code = model.operatorCodes[operator.opcodeIndex]
        custom = code.customCode.decode() if isinstance(code.customCode, bytes) else code.customCode
        names.append(custom or known[code.builtinCode])
    return names
