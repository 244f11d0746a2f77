"""Running one worker process: a request in, events out, a deadline, and no way to outlive us.

The worker appends one JSON object a line to its events file; its standard output and error go to a log.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import harness
from harness.prepare.keras_api import LEGACY

MAX_EVENT_BYTES = 16 << 20
MAX_LOG_BYTES = 1 << 20
# EX_IOERR of sysexits: the disk had no room for the worker's events, so its exit code has to say it.
DISK_FULL_EXIT = 74
_POLL_S = 0.05
_ROOT = Path(harness.__file__).resolve().parent.parent
# The harness that started the child must be the one it imports, whatever lies in the working directory.
_BOOT = "import sys; sys.path[:1] = [sys.argv.pop(1)]; from harness.prepare._worker import main; sys.exit(main())"
WORKER_COMMAND = (sys.executable, "-c", _BOOT, str(_ROOT))
_NOISE = re.compile(
    r"^(WARNING|INFO|DEBUG)\b|^[IW]\d{4} |^\d{4}-\d\d-\d\d .*: [IW] |^To enable the following|^Fatal Python error|"
    r"^\s*(File \"|Extension modules|Current thread|Thread 0x|<no Python frame>)|^fully_quantize|\d+%\|"
)


@dataclass(frozen=True)
class ChildEnd:
    """How a worker ended. `returncode` is negative for a signal; `protocol_error` is what was wrong with its events."""

    returncode: int
    timed_out: bool = False
    cancelled: bool = False
    oom: bool = False
    protocol_error: str = ""
    last_line: str = ""

    @property
    def clean(self) -> bool:
        """It left by itself, with exit code 0 and well-formed events."""
        return self.returncode == 0 and not (self.timed_out or self.cancelled or self.protocol_error)


def run_worker(
    request: Mapping[str, Any],
    folder: Path,
    log_path: Path,
    *,
    on_event: Callable[[Mapping[str, Any]], None],
    timeout_s: float,
    cancel: Event,
    command: Sequence[str] = WORKER_COMMAND,
    legacy_keras: bool = False,
) -> ChildEnd:
    """Run a worker to its end, until `cancel`, or until `timeout_s` seconds pass without an event.

    `legacy_keras` starts it for tf-keras, which tensorflow-model-optimization needs, instead of Keras 3.

    The thread that calls this must stay until it returns: on Linux the worker dies with the thread that started it.
    """
    request_path, events_path = folder / "request.json", folder / "events.jsonl"
    request_path.write_text(json.dumps(request))
    events_path.touch()
    before = _oom_kills()
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [*command, str(request_path), str(events_path), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=worker_environment(os.environ, legacy_keras=legacy_keras),
            start_new_session=True,
        )
        try:
            end = _watch(process, _Tail(events_path, on_event), timeout_s, cancel)
        finally:
            _kill(process)
    killed = end.returncode == -signal.SIGKILL and not (end.timed_out or end.cancelled or end.protocol_error)
    keep_end(log_path)
    last = last_meaningful_line(log_path)
    oom = (killed and _oom_kills() > before) or (end.returncode < 0 and "bad_alloc" in last)
    return ChildEnd(end.returncode, end.timed_out, end.cancelled, oom, end.protocol_error, last)


def worker_environment(environ: Mapping[str, str], *, legacy_keras: bool = False) -> dict[str, str]:
    """The environment of a worker: Keras 3 (or tf-keras) on TensorFlow, no GPU, quiet."""
    drop = {LEGACY}
    quiet = {
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "CUDA_VISIBLE_DEVICES": "-1",
        "KERAS_BACKEND": "tensorflow",
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
    }
    return (
        {key: value for key, value in environ.items() if key not in drop}
        | quiet
        | ({LEGACY: "1"} if legacy_keras else {})
    )


def keep_end(log_path: Path, limit_bytes: int = MAX_LOG_BYTES) -> None:
    """Cut a log to its last `limit_bytes`, from the beginning of a line: a chatty recipe shall not fill the cache."""
    with log_path.open("rb+") as stream:
        size = log_path.stat().st_size
        if size <= limit_bytes:
            return
        stream.seek(size - limit_bytes)
        end = stream.read()
        stream.seek(0)
        stream.write(end[end.find(b"\n") + 1 :])
        stream.truncate()


def last_meaningful_line(log_path: Path) -> str:
    """The last line of a log that is not a library's chatter; empty when there is none."""
    with log_path.open("rb") as stream:
        stream.seek(max(0, log_path.stat().st_size - 65536))
        lines = stream.read().decode(errors="replace").splitlines()
    meaningful = (line.strip() for line in reversed(lines) if line.strip() and not _NOISE.search(line))
    return next(meaningful, "")[:300]


class _Tail:
    """The events file, read as it grows."""

    def __init__(self, path: Path, on_event: Callable[[Mapping[str, Any]], None]) -> None:
        self._stream = path.open("rb")
        self._rest = b""
        self._on_event = on_event

    def read(self) -> int:
        """Hand over the complete new lines; returns how many.

        Raises:
            ValueError: a line is not a JSON object, or too long.
        """
        self._rest += self._stream.read(MAX_EVENT_BYTES)
        *lines, self._rest = self._rest.split(b"\n")
        if len(self._rest) >= MAX_EVENT_BYTES:
            raise ValueError("an event without end")
        for line in lines:
            event = json.loads(line)
            if not isinstance(event, dict):
                raise ValueError(f"an event that is no object: {line[:80]!r}")
            self._on_event(event)
        return len(lines)

    def close(self) -> None:
        self._stream.close()


def _watch(process: subprocess.Popen[bytes], tail: _Tail, timeout_s: float, cancel: Event) -> ChildEnd:
    deadline = time.monotonic() + timeout_s
    try:
        while True:
            ended = process.poll() is not None
            if tail.read():
                deadline = time.monotonic() + timeout_s
            if ended:
                return ChildEnd(process.returncode)
            if cancel.is_set() or time.monotonic() > deadline:
                timed_out = not cancel.is_set()
                _kill(process)
                tail.read()
                return ChildEnd(process.returncode, timed_out=timed_out, cancelled=not timed_out)
            _wait(process)
    except ValueError as error:
        _kill(process)
        return ChildEnd(process.returncode, protocol_error=f"the worker wrote {error}")
    finally:
        tail.close()


def _wait(process: subprocess.Popen[bytes]) -> None:
    """Sleep a poll interval, less when the process ends."""
    try:
        process.wait(_POLL_S)
    except subprocess.TimeoutExpired:
        pass


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the worker and everything it started, and reap it."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    process.wait()


def _oom_kills() -> int:
    """How many processes the kernel has killed for memory, on the machine or in our control group."""
    total = 0
    for path in (Path("/proc/vmstat"), Path("/sys/fs/cgroup/memory.events")):
        try:
            fields = dict(line.split()[:2] for line in path.read_text(encoding="utf-8").splitlines())
            total += int(fields.get("oom_kill", 0))
        except (OSError, ValueError):
            continue
    return total
