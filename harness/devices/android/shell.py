"""What the rest of the Android room needs of a phone: run a piece of shell text, get how it ended."""

from __future__ import annotations

from threading import Event
from typing import Protocol

from harness.devices.base import ProcessResult


class Shell(Protocol):
    """Something that runs POSIX sh text on a phone."""

    def shell(
        self, script: str, *, timeout_s: float = 20.0, stdin: bytes = b"", cancel: Event | None = None
    ) -> ProcessResult:
        """Run `script` and return how it ended.

        A non-zero exit is a result, not an error. `returncode` is negative for a signal: the 128+n of the shell is
        given as -n.

        Raises:
            DeviceOfflineError: the phone was lost before the exit status came.
            InvocationTimeoutError: the deadline passed, or `cancel` was set; the process on the phone is killed.
            UnauthorizedError: the phone has not allowed this computer.
            DeviceError: the phone cannot do what is asked (no shell protocol v2).
        """
