"""Who holds a lease, so precisely that its death can be proven: boot, pid namespace, pid and the start of that pid."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """A process. `start_ticks`, its start in clock ticks since boot, tells it from a later one with the same pid.

    `boot_id` and `pid_namespace` are empty where the system does not tell them; then nothing can be proven. `host` is
    for the reader.
    """

    host: str
    boot_id: str
    pid_namespace: str
    pid: int
    start_ticks: int


def this_process(proc: Path = PROC) -> Process:
    """The running process."""
    pid = os.getpid()
    _, start_ticks = _stat(proc, pid) or ("", 0)
    return Process(socket.gethostname(), _boot_id(proc), _pid_namespace(proc), pid, start_ticks)


def is_dead(process: Process, proc: Path = PROC, exists: Callable[[int], bool] | None = None) -> bool:
    """Whether `process` has certainly ended: it belonged to this boot of this machine, and its pid is gone, a zombie,
    or another's. False when that cannot be known.

    A different boot id proves nothing: with a shared database it may be another machine of the same name.
    """
    ours = (_boot_id(proc), _pid_namespace(proc))
    if not all(ours) or (process.boot_id, process.pid_namespace) != ours:
        return False
    found = _stat(proc, process.pid)
    if found is None:
        # With hidepid another user's process has no entry in /proc, but a signal can still tell.
        return not (exists or _exists)(process.pid)
    state, start_ticks = found
    return state in ("Z", "X") or start_ticks != process.start_ticks


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _boot_id(proc: Path) -> str:
    try:
        return (proc / "sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _pid_namespace(proc: Path) -> str:
    """Two containers of one machine share the boot id, but a pid of one says nothing in the other."""
    try:
        return str((proc / "self/ns/pid").readlink())
    except OSError:
        return ""


def _stat(proc: Path, pid: int) -> tuple[str, int] | None:
    """State and start time, fields 3 and 22 of /proc/PID/stat (proc(5)); the name before them may hold anything."""
    try:
        fields = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return fields[0], int(fields[19])
    except (OSError, IndexError, ValueError):
        return None
