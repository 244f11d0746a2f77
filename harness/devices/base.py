"""The seam between the lab and a device."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Protocol

from harness.domain import DeviceFacts, DeviceSettings, Evidence

TRANSFER_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class Watch:
    """What to arrange and observe around one process: the CPUs to pin it to, and whether to poll its memory.

    Polling disturbs the clock, so a timing pass never asks for it.
    """

    cpus: tuple[int, ...] = ()
    memory: bool = False


@dataclass(frozen=True)
class Observed:
    """What the device saw of one process; None where it could not say.

    `cpus` is the process's own affinity mask after pinning, read from its /proc entry; `online` the CPUs online after
    it ended. `*_uptime_s` are the device's seconds since boot. `cpu_s` is the CPU time of the process and its children.
    `time_in_state` has, for the cluster of the first pinned CPU, the ticks (10 ms) that passed at each clock in kHz
    while the process ran. `gpu_memory_kib` is what the kernel accounts to the process beside its resident memory.
    """

    cpus: tuple[int, ...] | None = None
    online: tuple[int, ...] | None = None
    started_uptime_s: float | None = None
    ended_uptime_s: float | None = None
    cpu_s: float | None = None
    peak_rss_kib: int | None = None
    pss_kib: int | None = None
    gpu_memory_kib: int | None = None
    time_in_state: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class ProcessResult:
    """How a child process ended. `returncode` is negative for a signal; `timed_out` and `cancelled` mean we killed it.

    `oom` is true when the kernel (or a memory limit) is known to have ended it. `offline` is true when the device was
    lost before the process ended. `observed` is there when a `Watch` was given, `evidence` when the device made some.
    """

    returncode: int
    stdout: bytes
    stderr: bytes
    wall_s: float
    timed_out: bool = False
    cancelled: bool = False
    oom: bool = False
    offline: bool = False
    observed: Observed | None = None
    evidence: Evidence | None = None


OnStdout = Callable[[bytes], None]
"""Takes a piece of what a process prints. Called in the thread that runs it; must not raise."""

Say = Callable[[str, str], None]
"""Takes a level (``info``, ``warning``, ``error``) and a sentence for the reader."""


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
        self,
        argv: tuple[str, ...],
        *,
        stdin: bytes,
        env: Mapping[str, str],
        timeout_s: float,
        cancel: Event,
        watch: Watch | None = None,
        on_stdout: OnStdout | None = None,
    ) -> ProcessResult:
        """Run to the end, or kill the whole process group at the deadline or when `cancel` is set. Never raises for
        what the child does. Files may be placed and fetched from other threads meanwhile.

        `on_stdout` is given what the child prints on standard output as it comes; the result has it, too.
        """

    def put(self, local: Path, *, sha256: str = "", name: str = "", executable: bool = False) -> str:
        """The path on the device of a file with the content of `local`; what is there is not copied again.

        Raises:
            DeviceOfflineError: the device was lost.
            StorageFullError: there is no room.
        """

    def put_folder(self, files: Mapping[str, Path], executable: Collection[str] = ()) -> str:
        """The path on the device of a folder that holds `files` by their names. Raises like `put`."""

    def fetch(
        self, remote: str, local: Path, *, timeout_s: float = TRANSFER_TIMEOUT_S, cancel: Event | None = None
    ) -> None:
        """Copy a file of the device here and remove it there.

        Raises:
            DeviceOfflineError: the device was lost.
            DeviceError: there is no such file.
            InvocationTimeoutError: `cancel` was set, or it took longer than `timeout_s`.
        """

    def place(
        self, local: Path, remote: str, *, timeout_s: float = TRANSFER_TIMEOUT_S, cancel: Event | None = None
    ) -> None:
        """Copy a file to a path on the device, where it appears whole, and remove it here; the way back of `fetch`.

        Unlike with `put`, nothing keeps it there: this is for what is used once.

        Raises:
            StorageFullError: there is no room.
            DeviceOfflineError, InvocationTimeoutError: as `fetch`.
        """

    def workspace(self) -> AbstractContextManager[str]:
        """The path of an empty folder on the device, for files on their way in and out.

        It is removed on leaving. What a controller that was killed left there goes before the next time.

        Raises:
            DeviceOfflineError: the device was lost.
            DeviceError: the folder cannot be made.
        """

    def session(self, settings: DeviceSettings, cpus: tuple[int, ...], say: Say) -> AbstractContextManager[None]:
        """What surrounds all measurements on `cpus`: settings made and put back, telemetry on.

        Raises:
            DeviceBusyError: somebody else measures on it.
            DeviceOfflineError: it does not answer.
            RestoreError: on leaving, something could not be put back.
        """

    def wait_reason(self) -> str:
        """Why the next block should not begin yet (``cooling: 41.0 C, gate 38.0 C``), or an empty text."""

    def redo_reason(self, evidence: Evidence) -> str:
        """Why an invocation should be made again (``thermal status 2``), or an empty text."""

    def recover(self, cancel: Event) -> bool:
        """Try once to reach a lost device again and to set it up as before; whether it answers."""
