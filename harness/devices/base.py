"""The seam between the lab and a device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event
from typing import Protocol

from harness.domain import DeviceFacts


@dataclass(frozen=True)
class ProcessResult:
    """How a child process ended. `returncode` is negative for a signal; `timed_out` and `cancelled` mean we killed it.

    `oom` is true when the kernel (or a memory limit) is known to have ended it.
    """

    returncode: int
    stdout: bytes
    stderr: bytes
    wall_s: float
    timed_out: bool = False
    cancelled: bool = False
    oom: bool = False


class Device(Protocol):
    """A thing that runs processes and can say what it is."""

    @property
    def device_id(self) -> str:
        """Stable, lower case, unique: ``host-<machine>``, ``adb-<serial>``."""

    def facts(self) -> DeviceFacts:
        """Identity, cores, clocks, what can be observed."""

    def choose_cpus(self, cores: str | tuple[int, ...], threads: int) -> tuple[int, ...]:
        """The CPU indices for a `cores` setting: the biggest by capacity, then clock, then index.

        Raises:
            UsageError: a named core does not exist or is offline.
        """

    def run(
        self, argv: tuple[str, ...], *, stdin: bytes, env: Mapping[str, str], timeout_s: float, cancel: Event
    ) -> ProcessResult:
        """Run to the end, or kill the whole process group at the deadline or when `cancel` is set. Never raises for
        what the child does."""
