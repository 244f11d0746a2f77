"""Why a run of benchmark_model failed, or silently did not do what was asked: from its messages and its exit code.

The first message that names a cause is the cause; the sentences that follow it (``Failed to load model``,
``Benchmarking failed``) only repeat that there was one.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass

from harness.domain import Status
from harness.runtimes.delegate_log import family
from harness.runtimes.failure_messages import (
    CHECK_ABI,
    CHECK_LIBRARY,
    FALLBACK,
    FATAL,
    FATAL_PATTERNS,
    NOT_STARTED,
    PLUGIN,
    SAID_WHEN_ASKED,
    FailureKind,
    KnownMessage,
)
from harness.runtimes.log_lines import ERROR_LEVELS, Line, LogText

__all__ = [
    "Failure",
    "FailureKind",
    "errors_of",
    "fallback_cause",
    "fatal_cause",
    "plugin_cause",
    "signal_name",
    "signal_of",
]

ERRORS_AT_MOST = 100
_DETAIL_AT_MOST = 200
_ERROR_AT_MOST = 1000
_K = FailureKind

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


_LINK_ABI = re.compile(r"is (?:64|32)-bit instead of|wrong ELF class|for EM_\w+ instead of", re.ASCII)
_APPLY = "Failed to apply "
# A row of the summary over several performance options.
_OPTION_FAILED = re.compile(r"[\w()/. -]{1,60}: {1,4}failed!", re.ASCII)
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
    known = [part for part in (_APPLY, *(one.text for one in (*FATAL, *FALLBACK))) if part in text]
    found: dict[str, None] = {}
    for line in log.lines:
        wrong = line.level in ERROR_LEVELS or any(part in line.text for part in known)
        if line.text and (wrong or _OPTION_FAILED.fullmatch(line.text)):
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
    present = [one for one in FALLBACK if one.text in text]
    for line in log.lines if present else ():
        for known in present:
            if known.text in line.text and (family(line.text) in asked or (not asked and known in SAID_WHEN_ASKED)):
                return Failure(known.kind, line.text[:_DETAIL_AT_MOST], known.remedy)
    return None


def plugin_cause(log: LogText) -> Failure | None:
    """The first message of a vendor's plugin that it could not use its processor."""
    return _first(log, PLUGIN)


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
    if not started and (cause := _first(log, NOT_STARTED)) is not None:
        if cause.kind is _K.CANNOT_LINK and _LINK_ABI.search(log.text):
            return Failure(_K.WRONG_ABI, cause.detail, CHECK_ABI)
        return cause
    strong = tuple(one for one in FATAL if not one.weak)
    return _first(log, strong, patterns=True) or fallback_cause(log, asked) or _unnamed(log)


def _unnamed(log: LogText) -> Failure | None:
    """A failure that no known message explains: the class that the tool's closing words give, the first error as is."""
    weak = _first(log, tuple(one for one in FATAL if one.weak))
    first = next((line.text for line in log.lines if line.level in ERROR_LEVELS and line.text), "")
    if weak is None:
        return Failure(_K.FAILED, first[:_DETAIL_AT_MOST]) if first else None
    return Failure(weak.kind, (first or weak.detail)[:_DETAIL_AT_MOST], weak.remedy)


def _first(log: LogText, table: tuple[KnownMessage, ...], *, patterns: bool = False) -> Failure | None:
    """The first line that holds a text of `table`."""
    text = log.text
    present = [one for one in table if one.text in text]
    regular = [one for one in FATAL_PATTERNS if patterns and one[0].search(text)]
    if not present and not regular:
        return None
    return next(_matches(log.lines, present, regular), None)


def _matches(
    lines: tuple[Line, ...], present: list[KnownMessage], regular: list[tuple[re.Pattern[str], FailureKind]]
) -> Iterator[Failure]:
    for line in lines:
        for known in present:
            if known.text in line.text:
                yield Failure(known.kind, line.text[:_DETAIL_AT_MOST], known.remedy)
        for pattern, kind in regular:
            if pattern.search(line.text):
                yield Failure(kind, line.text[:_DETAIL_AT_MOST], CHECK_LIBRARY if kind is _K.DELEGATE_APPLY else "")
