"""Why a run of benchmark_model failed, or silently did not do what was asked: from its messages and its exit code.

The first message that names a cause is the cause; the sentences that follow it (``Failed to load model``,
``Benchmarking failed``) only repeat that there was one.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from harness.domain import Status
from harness.runtimes.delegate_log import family
from harness.runtimes.log_lines import ERROR_LEVELS, Line, LogText

ERRORS_AT_MOST = 100
_DETAIL_AT_MOST = 200
_ERROR_AT_MOST = 1000


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


_UNSUPPORTED_KINDS = (
    FailureKind.OP_TOO_NEW,
    FailureKind.CUSTOM_OP,
    FailureKind.FLEX_OP,
    FailureKind.DELEGATE_UNSUPPORTED,
    FailureKind.FULL_DELEGATION,
)
_STATUS = {
    FailureKind.KILLED: Status.OOM,
    FailureKind.TIMEOUT: Status.TIMEOUT,
    FailureKind.CRASHED: Status.CRASHED,
    FailureKind.KILLED_MID_RUN: Status.CRASHED,
    **dict.fromkeys(_UNSUPPORTED_KINDS, Status.UNSUPPORTED),
}


@dataclass(frozen=True)
class Failure:
    """A cause: its class, the message that names it, what to do next; `signal` when the process died of one."""

    kind: FailureKind
    detail: str = ""
    remedy: str = ""
    signal: int | None = None

    @property
    def sentence(self) -> str:
        """``model missing: Could not open 'm.tflite'.``; a crash beside the cause is added."""
        text = f"{self.kind}: {self.detail}" if self.detail else str(self.kind)
        if self.signal is None:
            return text
        if self.kind in (FailureKind.CRASHED, FailureKind.KILLED, FailureKind.TIMEOUT):
            return f"{self.kind} by {signal_name(self.signal)}" + (f": {self.detail}" if self.detail else "")
        return f"{text}; crashed by {signal_name(self.signal)}"

    @property
    def status(self) -> Status:
        """How an invocation that ended so is recorded."""
        if self.signal is not None and self.kind not in _STATUS:
            return Status.CRASHED
        return _STATUS.get(self.kind, Status.FAILED)


class _Known(NamedTuple):
    """A message: the text that it holds, its class, and what to do. `weak` ones only follow from others."""

    text: str
    kind: FailureKind
    remedy: str = ""
    weak: bool = False


_K = FailureKind
_OLD_TOOL = "Use a newer benchmark_model, or convert the model for an older runtime."
_FLEX = "Use the benchmark_model_plus_flex build, or convert without SELECT_TF_OPS."
_SKEL = "Put the skel library of the phone's architecture, of the same QAIRT release, on ADSP_LIBRARY_PATH."
_SESSION = "The firmware refuses DSP sessions of this process: try an unsigned session, or another phone."
_HEXAGON = (
    "Push libhexagon_interface.so and the libhexagon_nn_skel*.so of one version; SoCs newer than SD 855 have none."
)
_DLOPEN = "Check that the file is there, is of the process's ABI, and that LD_LIBRARY_PATH holds what it links."
_NO_GPU = "This binary was built without the delegate or the device has no driver for it: use another build or backend."
_NDK = "Push the missing library and put its folder on LD_LIBRARY_PATH."
_ABI = "Use a binary built for the device's ABI (`getprop ro.product.cpu.abi`)."
_NOEXEC = "Run it from /data/local/tmp and `chmod 755` it: /sdcard is mounted noexec."

# Messages that end a run.
_FATAL = (
    _Known("Could not open '", _K.MODEL_MISSING, "Push the model, and check the path given to --graph."),
    _Known("Please specify the name of your TF Lite input file", _K.MODEL_MISSING, "Give --graph=PATH."),
    _Known("The model is not a valid Flatbuffer", _K.NOT_A_MODEL, "The file is damaged or no .tflite: push it again."),
    _Known("Model provided has model identifier", _K.NOT_A_MODEL, "The file is damaged or no .tflite: push it again."),
    _Known("Mmap of '", _K.NOT_A_MODEL, "The file is empty or a folder."),
    _Known("The model allocation is null/empty", _K.NOT_A_MODEL, "The file is empty.", weak=True),
    _Known("Failed to load model", _K.NOT_A_MODEL, weak=True),
    _Known("Didn't find op for builtin opcode", _K.OP_TOO_NEW, _OLD_TOOL),
    _Known("Op builtin_code out of range", _K.OP_TOO_NEW, _OLD_TOOL),
    _Known(
        "Encountered unresolved custom op", _K.CUSTOM_OP, "The operator is in no runtime: replace it, or link it in."
    ),
    _Known("Select TensorFlow op(s), included in the given model", _K.FLEX_OP, _FLEX),
    _Known("Failed to parse flag", _K.BAD_FLAG, "The binary's --help has the type of each flag."),
    _Known("must match the number of items in --input_layer", _K.BAD_FLAG),
    _Known("Requesting full delegation and CPU acceleration are incompatible", _K.BAD_FLAG, "Give --use_cpu=false."),
    _Known(
        "Disallowed CPU fallback detected", _K.FULL_DELEGATION, "Allow partial delegation, or choose another delegate."
    ),
    _Known("Input tensor #", _K.BAD_INPUT),
    _Known("Inputs mismatch:", _K.BAD_INPUT),
    _Known("bytes. It should be ", _K.BAD_INPUT, "A value file holds exactly the tensor's bytes."),
    _Known(
        "NN API returned error", _K.DELEGATE_APPLY, "The NNAPI driver refuses this model: choose another accelerator."
    ),
    _Known("hexagon_nn_config failed", _K.DELEGATE_APPLY, _SESSION),
    _Known(
        "Failed to initialize Dispatch API",
        _K.DELEGATE_CREATION,
        "Dispatch library and runtime must be of one version.",
    ),
    _Known("No usable Dispatch runtime found", _K.DELEGATE_CREATION, "Push the dispatch library; give its folder."),
    _Known("Unable to load Skel Library", _K.DELEGATE_CREATION, _SKEL),
    _Known("0x80000406", _K.DELEGATE_CREATION, _SKEL),
    _Known("0x80000416", _K.DELEGATE_CREATION, _SESSION),
    _Known("Unknown rpc status 0x00000016", _K.DELEGATE_CREATION, _SESSION),
    _Known("Unknown rpc status 0x16", _K.DELEGATE_CREATION, _SESSION),
    _Known("PrepareLib isn't loaded", _K.DELEGATE_CREATION, "Push libQnnHtpPrepare.so of the same QAIRT release."),
    _Known("Failed to create transport for device", _K.DELEGATE_CREATION, _SKEL),
    _Known("Restored original execution plan after delegate", _K.DELEGATE_APPLY, weak=True),
    _Known("Failed to allocate tensors!", _K.OP_FAILED, weak=True),
    _Known("Benchmarking failed.", _K.FAILED, weak=True),
)
_FATAL_PATTERNS = (
    (re.compile(r"Node number \d+ \(\w*Delegate\w*\) failed to (?:prepare|invoke)", re.ASCII), _K.DELEGATE_APPLY),
    (re.compile(r"Node number \d+ \(.{1,80}\) failed to (?:prepare|invoke)", re.ASCII), _K.OP_FAILED),
    (re.compile(r"device create[^\n]{0,80}\b(?:14001|4000)\b", re.ASCII), _K.DELEGATE_CREATION),
    (re.compile(r"Failed to apply .{1,60} delegate"), _K.DELEGATE_APPLY),
    (re.compile(r"usage: \S*benchmark"), _K.USAGE),
)
# Messages after which the run goes on, on the CPU.
_FALLBACK = (
    _Known("Could not create Hexagon delegate", _K.DELEGATE_CREATION, _HEXAGON),
    _Known("Hexagon Delegate is not supported", _K.DELEGATE_UNSUPPORTED, _HEXAGON),
    _Known("Failed to fetch Hexagon NN version", _K.DELEGATE_CREATION, _HEXAGON),
    _Known("Failed to load libhexagon_interface", _K.DELEGATE_CREATION, _HEXAGON),
    _Known("acceleration is unsupported on this platform", _K.DELEGATE_UNSUPPORTED, _NO_GPU),
    _Known("Couldn't load NNAPI support library", _K.DELEGATE_CREATION, _DLOPEN),
    _Known("Unable to load external delegate", _K.DELEGATE_CREATION, _DLOPEN),
    _Known("Could not create ", _K.DELEGATE_CREATION, _DLOPEN),
    _Known("GPU accelerator could not be loaded and registered", _K.DELEGATE_CREATION, _NO_GPU),
    _Known("NPU accelerator could not be loaded and registered", _K.DELEGATE_CREATION, _DLOPEN),
)
# Said only when the delegate was asked for.
_SAID_WHEN_ASKED = tuple(one for one in _FALLBACK if "accelerator" not in one.text)
# What a shell or the linker says when the tool does not start.
_NOT_STARTED = (
    _Known("CANNOT LINK EXECUTABLE", _K.CANNOT_LINK, _NDK),
    _Known("error while loading shared libraries", _K.CANNOT_LINK, _NDK),
    _Known("not executable: ", _K.WRONG_ABI, _ABI),
    _Known("Exec format error", _K.WRONG_ABI, _ABI),
    _Known("cannot execute binary file", _K.WRONG_ABI, _ABI),
    _Known("unexpected e_machine", _K.WRONG_ABI, _ABI),
    _Known("Permission denied", _K.PERMISSION, _NOEXEC),
    _Known(
        "inaccessible or not found", _K.NOT_EXECUTABLE, "The binary is not there, or has no exec bit: push it again."
    ),
    _Known("No such file or directory", _K.NOT_EXECUTABLE, "The binary or its loader is not on the device."),
    _Known(": not found", _K.NOT_EXECUTABLE, "The binary is not on the device."),
)
_LINK_ABI = re.compile(r"is (?:64|32)-bit instead of|wrong ELF class|for EM_\w+ instead of", re.ASCII)
_SHELL_SIGNAL = re.compile(
    r"(?:^|[\s:+\]])(Segmentation fault|Aborted|Killed|Bus error|Illegal instruction|Terminated)(?: *\(core dumped\))?"
    r"(?:\s|$)"
)
_SIGNALS = {
    "Segmentation fault": 11,
    "Aborted": 6,
    "Killed": 9,
    "Bus error": 7,
    "Illegal instruction": 4,
    "Terminated": 15,
}
_SIGNAL_REMEDIES = {
    4: "The binary uses instructions that this CPU lacks: use a build for its ABI.",
    9: "Look for lmkd in `logcat -b events,system`: the phone was most likely out of memory.",
    15: "It ran longer than its deadline: raise the deadline or lower the number of runs.",
}
_TIMEOUT_CODES = (124,)


def errors_of(log: LogText) -> tuple[str, ...]:
    """Every error message once, in order: by its level, or by its text where an old build prints no levels."""
    text = log.text
    known = [one.text for one in (*_FATAL, *_FALLBACK) if one.text in text]
    found: dict[str, None] = {}
    for line in log.lines:
        if line.text and (line.level in ERROR_LEVELS or any(part in line.text for part in known)):
            found[line.text[:_ERROR_AT_MOST]] = None
            if len(found) >= ERRORS_AT_MOST:
                break
    return tuple(found)


def signal_of(log: LogText) -> int | None:
    """The signal that ended the process, from its exit code or, without one, from what the shell says."""
    code = log.exit_code
    if code is not None:
        number = -code if code < 0 else code - 128
        return number if 0 < number < 65 else None
    for line in reversed(log.lines):
        if not line.level and len(line.text) < 200 and (found := _SHELL_SIGNAL.search(line.text)) is not None:
            return _SIGNALS[found[1]]
    return None


def signal_name(number: int) -> str:
    """``signal 11 (SIGSEGV)``."""
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"


def fallback_cause(log: LogText, asked: tuple[str, ...]) -> Failure | None:
    """The first message after which the tool went on without a delegate of `asked`.

    LiteRT reports at each start which accelerators it lacks, so those count only when one of them was asked for.
    """
    text = log.text
    present = [one for one in _FALLBACK if one.text in text]
    for line in log.lines if present else ():
        for known in present:
            if known.text in line.text and (family(line.text) in asked or (not asked and known in _SAID_WHEN_ASKED)):
                return Failure(known.kind, line.text[:_DETAIL_AT_MOST], known.remedy)
    return None


def fatal_cause(log: LogText, asked: tuple[str, ...], *, started: bool, in_run: bool) -> Failure | None:
    """Why a run without a measurement ended.

    Args:
        asked: the delegates that were asked for.
        started: the tool itself has printed something.
        in_run: it had begun to run the model.
    """
    found = signal_of(log)
    named = _named_cause(log, asked, started)
    if found in (9, 15) or log.exit_code in _TIMEOUT_CODES:
        return _stopped(found, named)
    if found is not None:
        remedy = _SIGNAL_REMEDIES.get(found, "")
        if named is None or named.kind is FailureKind.FAILED:
            return Failure(_K.CRASHED, "", remedy, found)
        return Failure(named.kind, named.detail, named.remedy or remedy, found)
    if named is None and log.exit_code is None and in_run:
        return Failure(_K.KILLED_MID_RUN, "the log ends while the model runs", "Look for the process's end in logcat.")
    return named


def _stopped(number: int | None, named: Failure | None) -> Failure:
    kind = _K.KILLED if number == 9 else _K.TIMEOUT
    usual = "most likely out of memory" if number == 9 else "stopped at a deadline"
    detail = usual if named is None else f"{usual}, after {named.detail}"
    return Failure(kind, detail, _SIGNAL_REMEDIES[9 if number == 9 else 15], number)


def _named_cause(log: LogText, asked: tuple[str, ...], started: bool) -> Failure | None:
    if not started and (cause := _first(log, _NOT_STARTED)) is not None:
        if cause.kind is _K.CANNOT_LINK and _LINK_ABI.search(log.text):
            return Failure(_K.WRONG_ABI, cause.detail, _ABI)
        return cause
    strong = tuple(one for one in _FATAL if not one.weak)
    return _first(log, strong, patterns=True) or fallback_cause(log, asked) or _unnamed(log)


def _unnamed(log: LogText) -> Failure | None:
    """A failure that no known message explains: the class that the tool's closing words give, the first error as is."""
    weak = _first(log, tuple(one for one in _FATAL if one.weak))
    first = next((line.text for line in log.lines if line.level in ERROR_LEVELS and line.text), "")
    if weak is None:
        return Failure(_K.FAILED, first[:_DETAIL_AT_MOST]) if first else None
    return Failure(weak.kind, (first or weak.detail)[:_DETAIL_AT_MOST], weak.remedy)


def _first(log: LogText, table: tuple[_Known, ...], *, patterns: bool = False) -> Failure | None:
    """The first line that holds a text of `table`."""
    text = log.text
    present = [one for one in table if one.text in text]
    regular = [one for one in _FATAL_PATTERNS if patterns and one[0].search(text)]
    if not present and not regular:
        return None
    return next(_matches(log.lines, present, regular), None)


def _matches(
    lines: tuple[Line, ...], present: list[_Known], regular: list[tuple[re.Pattern[str], FailureKind]]
) -> Iterator[Failure]:
    for line in lines:
        for known in present:
            if known.text in line.text:
                yield Failure(known.kind, line.text[:_DETAIL_AT_MOST], known.remedy)
        for pattern, kind in regular:
            if pattern.search(line.text):
                yield Failure(kind, line.text[:_DETAIL_AT_MOST], _DLOPEN if kind is _K.DELEGATE_APPLY else "")
