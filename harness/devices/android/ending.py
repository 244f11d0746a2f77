"""How a measured process on a phone ended, from what it and its observer printed."""

from __future__ import annotations

from dataclasses import dataclass

from harness.devices.android import process
from harness.devices.base import OnStdout, ProcessResult
from harness.devices.capture import STDERR_HEAD_BYTES, STDERR_TAIL_BYTES, STDOUT_LIMIT_BYTES, Capture

_KILLED, _LOST = -9, -1

UNREACHABLE = "the phone does not answer, so what runs on it could not be ended; it ends by itself"


@dataclass(frozen=True)
class Ending:
    """How a measured process ended for the controller; `status` is None when it was not seen to end."""

    status: int | None
    timed_out: bool = False
    cancelled: bool = False
    offline: bool = False
    note: str = ""


class RunOutput:
    """What a measured process prints, and whether its observer has said that it ended."""

    def __init__(self, nonce: str, on_stdout: OnStdout | None = None) -> None:
        self._out, self._err = captures()
        self._on_stdout = on_stdout
        self._nonce, self._needle = nonce, f"\n{nonce} exit ".encode()
        self._recent = b""
        self._settled = False

    def add_stdout(self, chunk: bytes) -> None:
        """Take a piece of standard output."""
        self._out.add(chunk)
        if self._on_stdout is not None:
            self._on_stdout(chunk)

    def add_stderr(self, chunk: bytes) -> None:
        """Take a piece of standard error."""
        self._err.add(chunk)
        text = self._recent + chunk
        self._settled = self._settled or self._needle in text
        self._recent = text[-len(self._needle) :]

    def settled(self) -> bool:
        """Whether the observer has said its last."""
        return self._settled

    def markers(self) -> process.Markers:
        """What the observer has said so far."""
        return process.split_markers(self._err.content(), self._nonce)[1]

    def parts(self) -> tuple[bytes, bytes, process.Markers]:
        """Standard output, standard error without the observer, and what that said."""
        stderr, markers = process.split_markers(self._err.content(), self._nonce)
        return self._out.content(), stderr, markers


def result_of(ending: Ending, output: RunOutput, watched: bool, wall_s: float) -> ProcessResult:
    """The result that the lab gets."""
    stdout, stderr, markers = output.parts()
    status = process.exit_status(markers)
    stopped = ending.timed_out or ending.cancelled
    if not stopped and status is not None:
        code, offline = process.returncode(status), False
    elif not stopped and ending.status is not None:
        code, offline = process.returncode(ending.status), False
    else:
        code, offline = (_KILLED if stopped else _LOST), ending.offline or not stopped
    if ending.note:
        stderr += f"\n[harness] {ending.note}\n".encode()
    return ProcessResult(
        returncode=code,
        stdout=stdout,
        stderr=stderr,
        wall_s=wall_s,
        timed_out=ending.timed_out,
        cancelled=ending.cancelled,
        offline=offline,
        observed=process.observed(markers) if watched else None,
    )


def captures() -> tuple[Capture, Capture]:
    """For standard output and standard error."""
    return Capture(STDOUT_LIMIT_BYTES, 0), Capture(STDERR_HEAD_BYTES, STDERR_TAIL_BYTES)
