"""The messages of benchmark_model, its runtime, shells and linkers that name why a run failed or fell back: data."""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple


class FailureKind(str, Enum):
    """The class of a cause; the value begins the sentence and does not change between versions."""

    MODEL_MISSING = "model missing"
    NOT_A_MODEL = "not a flatbuffer"
    OP_TOO_NEW = "op too new"
    CUSTOM_OP = "custom op"
    FLEX_OP = "flex op"
    OP_FAILED = "operator failed"
    BAD_INPUT = "wrong input"
    UNKNOWN_FLAG = "unknown flag"
    BAD_FLAG = "bad flag value"
    USAGE = "usage printed"
    DELEGATE_CREATION = "delegate creation failed"
    DELEGATE_UNSUPPORTED = "delegate not supported on this platform"
    DELEGATE_APPLY = "delegate apply failed"
    FULL_DELEGATION = "full delegation refused"
    FELL_BACK = "fell back to CPU silently"
    CANNOT_LINK = "cannot link library"
    WRONG_ABI = "wrong ABI"
    NOT_EXECUTABLE = "not executable"
    PERMISSION = "permission denied"
    CRASHED = "crashed"
    KILLED = "killed"
    TIMEOUT = "timeout"
    KILLED_MID_RUN = "killed mid run"
    NO_MEASUREMENT = "no measurement"
    CONTRADICTION = "log contradicts itself"
    FAILED = "benchmark failed"

    def __str__(self) -> str:
        return self.value


class KnownMessage(NamedTuple):
    """A message: the text that it holds, its class, and what to do. `weak` ones only follow from others."""

    text: str
    kind: FailureKind
    remedy: str = ""
    weak: bool = False


_K, _M = FailureKind, KnownMessage
_OLD_TOOL = "Use a newer benchmark_model, or convert the model for an older runtime."
_FLEX = "Use the benchmark_model_plus_flex build, or convert without SELECT_TF_OPS."
_SKEL = "Put the skel library of the phone's architecture, of the same QAIRT release, on ADSP_LIBRARY_PATH."
_SESSION = "The firmware refuses DSP sessions of this process: try an unsigned session, or another phone."
_HEXAGON = (
    "Push libhexagon_interface.so and the libhexagon_nn_skel*.so of one version; SoCs newer than SD 855 have none."
)
CHECK_LIBRARY = "Check that the file is there, is of the process's ABI, and that LD_LIBRARY_PATH holds what it links."
_NO_GPU = "This binary was built without the delegate or the device has no driver for it: use another build or backend."
_NDK = "Push the missing library and put its folder on LD_LIBRARY_PATH."
CHECK_ABI = "Use a binary built for the device's ABI (`getprop ro.product.cpu.abi`)."
_NOEXEC = "Run it from /data/local/tmp and `chmod 755` it: /sdcard is mounted noexec."

# Messages that end a run.
FATAL = (
    _M("Could not open '", _K.MODEL_MISSING, "Push the model, and check the path given to --graph."),
    _M("Please specify the name of your TF Lite input file", _K.MODEL_MISSING, "Give --graph=PATH."),
    _M("The model is not a valid Flatbuffer", _K.NOT_A_MODEL, "The file is damaged or no .tflite: push it again."),
    _M("Model provided has model identifier", _K.NOT_A_MODEL, "The file is damaged or no .tflite: push it again."),
    _M("Mmap of '", _K.NOT_A_MODEL, "The file is empty or a folder."),
    _M("The model allocation is null/empty", _K.NOT_A_MODEL, "The file is empty.", weak=True),
    _M("Failed to load model", _K.NOT_A_MODEL, weak=True),
    _M("Didn't find op for builtin opcode", _K.OP_TOO_NEW, _OLD_TOOL),
    _M("Op builtin_code out of range", _K.OP_TOO_NEW, _OLD_TOOL),
    _M("Encountered unresolved custom op", _K.CUSTOM_OP, "The operator is in no runtime: replace it, or link it in."),
    _M("Select TensorFlow op(s), included in the given model", _K.FLEX_OP, _FLEX),
    _M("Failed to parse flag", _K.BAD_FLAG, "The binary's --help has the type of each flag."),
    _M("must match the number of items in --input_layer", _K.BAD_FLAG),
    _M("Requesting full delegation and CPU acceleration are incompatible", _K.BAD_FLAG, "Give --use_cpu=false."),
    _M("Disallowed CPU fallback detected", _K.FULL_DELEGATION, "Allow partial delegation, or choose another delegate."),
    _M("Input tensor #", _K.BAD_INPUT),
    _M("Inputs mismatch:", _K.BAD_INPUT),
    _M("bytes. It should be ", _K.BAD_INPUT, "A value file holds exactly the tensor's bytes."),
    _M("NN API returned error", _K.DELEGATE_APPLY, "The NNAPI driver refuses this model: choose another accelerator."),
    _M("hexagon_nn_config failed", _K.DELEGATE_APPLY, _SESSION),
    _M(
        "Failed to initialize Dispatch API",
        _K.DELEGATE_CREATION,
        "Dispatch library and runtime must be of one version.",
    ),
    _M("No usable Dispatch runtime found", _K.DELEGATE_CREATION, "Push the dispatch library; give its folder."),
    _M("Unable to load Skel Library", _K.DELEGATE_CREATION, _SKEL),
    _M("0x80000406", _K.DELEGATE_CREATION, _SKEL),
    _M("0x80000416", _K.DELEGATE_CREATION, _SESSION),
    _M("Unknown rpc status 0x00000016", _K.DELEGATE_CREATION, _SESSION),
    _M("Unknown rpc status 0x16", _K.DELEGATE_CREATION, _SESSION),
    _M("PrepareLib isn't loaded", _K.DELEGATE_CREATION, "Push libQnnHtpPrepare.so of the same QAIRT release."),
    _M("Failed to create transport for device", _K.DELEGATE_CREATION, _SKEL),
    _M("Restored original execution plan after delegate", _K.DELEGATE_APPLY, weak=True),
    _M("Failed to allocate tensors!", _K.OP_FAILED, weak=True),
    _M("Benchmarking failed.", _K.FAILED, weak=True),
)
# What a plugin says of its processor; the tool may go on without it.
PLUGIN = tuple(one for one in FATAL if one.kind is _K.DELEGATE_CREATION)
FATAL_PATTERNS = (
    (
        re.compile(r"Node number \d{1,9} \(\w{0,60}Delegate\w{0,60}\) failed to (?:prepare|invoke)", re.ASCII),
        _K.DELEGATE_APPLY,
    ),
    (re.compile(r"Node number \d{1,9} \(.{1,80}\) failed to (?:prepare|invoke)", re.ASCII), _K.OP_FAILED),
    (re.compile(r"device create[^\n]{0,80}\b(?:14001|4000)\b", re.ASCII), _K.DELEGATE_CREATION),
    (re.compile(r"Failed to apply .{1,60} delegate"), _K.DELEGATE_APPLY),
    (re.compile(r"usage: \S*benchmark"), _K.USAGE),
)
# Messages after which the run goes on, on the CPU.
FALLBACK = (
    _M("Could not create Hexagon delegate", _K.DELEGATE_CREATION, _HEXAGON),
    _M("Hexagon Delegate is not supported", _K.DELEGATE_UNSUPPORTED, _HEXAGON),
    _M("Failed to fetch Hexagon NN version", _K.DELEGATE_CREATION, _HEXAGON),
    _M("Failed to load libhexagon_interface", _K.DELEGATE_CREATION, _HEXAGON),
    _M("acceleration is unsupported on this platform", _K.DELEGATE_UNSUPPORTED, _NO_GPU),
    _M("Couldn't load NNAPI support library", _K.DELEGATE_CREATION, CHECK_LIBRARY),
    _M("Unable to load external delegate", _K.DELEGATE_CREATION, CHECK_LIBRARY),
    _M("Could not create ", _K.DELEGATE_CREATION, CHECK_LIBRARY),
    _M("GPU accelerator could not be loaded and registered", _K.DELEGATE_CREATION, _NO_GPU),
    _M("NPU accelerator could not be loaded and registered", _K.DELEGATE_CREATION, CHECK_LIBRARY),
)
# Said only when the delegate was asked for.
SAID_WHEN_ASKED = tuple(one for one in FALLBACK if "accelerator" not in one.text)
# What a shell or the linker says when the tool does not start.
NOT_STARTED = (
    _M("CANNOT LINK EXECUTABLE", _K.CANNOT_LINK, _NDK),
    _M("error while loading shared libraries", _K.CANNOT_LINK, _NDK),
    _M("not executable: ", _K.WRONG_ABI, CHECK_ABI),
    _M("Exec format error", _K.WRONG_ABI, CHECK_ABI),
    _M("cannot execute binary file", _K.WRONG_ABI, CHECK_ABI),
    _M("unexpected e_machine", _K.WRONG_ABI, CHECK_ABI),
    _M("Permission denied", _K.PERMISSION, _NOEXEC),
    _M("inaccessible or not found", _K.NOT_EXECUTABLE, "The binary is not there, or has no exec bit: push it again."),
    _M("No such file or directory", _K.NOT_EXECUTABLE, "The binary or its loader is not on the device."),
    _M(": not found", _K.NOT_EXECUTABLE, "The binary is not on the device."),
)
