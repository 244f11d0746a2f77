"""A child process with a deadline, bounded output, and no way to outlive its controller."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import IO

from harness.devices.base import OnStdout, ProcessResult
from harness.devices.capture import STDERR_HEAD_BYTES, STDERR_TAIL_BYTES, STDOUT_LIMIT_BYTES, Capture

KEPT_ENVIRONMENT = ("PATH", "HOME", "LD_LIBRARY_PATH", "TMPDIR", "SYSTEMROOT")

_LAUNCHER = Path(__file__).with_name("_launch.py")
_CHUNK = 1 << 16
_POLL_S = 0.2
_DRAIN_S = 1.0


class _Streams:
    """Feeds standard input and empties standard output and error as each is ready, so that no pipe can block."""

    def __init__(self, child: subprocess.Popen[bytes], stdin: bytes, on_stdout: OnStdout | None = None) -> None:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        self._selector = selectors.DefaultSelector()
        self._pending = memoryview(stdin)
        self._stdout, self._on_stdout = child.stdout, on_stdout
        self._captures = {
            child.stdout: Capture(STDOUT_LIMIT_BYTES, 0),
            child.stderr: Capture(STDERR_HEAD_BYTES, STDERR_TAIL_BYTES),
        }
        self._out, self._err = self._captures.values()
        for stream in self._captures:
            os.set_blocking(stream.fileno(), False)
            self._selector.register(stream, selectors.EVENT_READ)
        os.set_blocking(child.stdin.fileno(), False)
        self._selector.register(child.stdin, selectors.EVENT_WRITE)
        self._open: set[IO[bytes]] = {child.stdout, child.stderr}

    def watch(self, descriptor: int) -> None:
        """Also wake when `descriptor` is readable: the child's pidfd."""
        self._selector.register(descriptor, selectors.EVENT_READ)

    def turn(self, timeout_s: float) -> bool:
        """Wait for events and handle them; whether one of them was the watched descriptor."""
        ended = False
        for key, _ in self._selector.select(timeout_s):
            if isinstance(key.fileobj, int):
                self._selector.unregister(key.fileobj)
                ended = True
            elif key.fileobj in self._captures:
                self._read(key.fileobj)
            else:
                self._write(key.fileobj)  # type: ignore[arg-type]
        return ended

    def _read(self, stream: IO[bytes]) -> None:
        try:
            chunk = os.read(stream.fileno(), _CHUNK)
        except BlockingIOError:
            return
        if chunk:
            self._captures[stream].add(chunk)
            if self._on_stdout is not None and stream is self._stdout:
                self._on_stdout(chunk)
        else:
            self._selector.unregister(stream)
            self._open.discard(stream)

    def _write(self, stream: IO[bytes]) -> None:
        try:
            self._pending = self._pending[os.write(stream.fileno(), self._pending[:_CHUNK]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._pending = self._pending[:0]
        if not self._pending:
            self._selector.unregister(stream)
            stream.close()

    def drain(self) -> None:
        """Read what is left; a process that escaped the group may hold a pipe open, so not for ever."""
        limit = time.monotonic() + _DRAIN_S
        while self._open and time.monotonic() < limit:
            self.turn(0.05)

    def finish(self) -> tuple[bytes, bytes]:
        self._selector.close()
        return self._out.content(), self._err.content()


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """What a child inherits: the search paths, a fixed locale, and `extra`. Nothing of PYTHON*, OMP_*, LD_PRELOAD."""
    kept = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
    return {**kept, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", **extra}


def oom_kills(root: Path) -> int | None:
    """How many processes the kernel has killed for memory since boot, or None."""
    try:
        lines = (root / "proc/vmstat").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    counts = [line.split()[1] for line in lines if line.startswith("oom_kill ")]
    return int(counts[0]) if counts else None


def run_process(
    argv: tuple[str, ...],
    *,
    stdin: bytes,
    env: Mapping[str, str],
    timeout_s: float,
    cancel: Event,
    root: Path = Path("/"),
    on_stdout: OnStdout | None = None,
) -> ProcessResult:
    """Run to the end, or kill the whole process group at the deadline or when `cancel` is set.

    The child gets a clean environment with `env` added, dies with this process (also by SIGKILL), and is the kernel's
    first choice when memory runs out. `on_stdout` is given what it prints as it comes.
    """
    kills_before = oom_kills(root)
    begin = time.monotonic()
    command = [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), *argv]
    with subprocess.Popen(
        command,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=clean_environment(env),
    ) as child:
        streams = _Streams(child, stdin, on_stdout)
        try:
            outcome = _supervise(child, streams, begin + timeout_s, cancel)
        finally:
            _kill_group(child)
        streams.drain()
        returncode = child.wait()
        stdout, stderr = streams.finish()
    killed_by_us = outcome != "ended"
    return ProcessResult(
        returncode=returncode,
        stdout=stdout,
        stderr=stderr,
        wall_s=time.monotonic() - begin,
        timed_out=outcome == "timed out",
        cancelled=outcome == "cancelled",
        oom=not killed_by_us and returncode == -signal.SIGKILL and _rose(kills_before, oom_kills(root)),
    )


def _rose(before: int | None, after: int | None) -> bool:
    return before is not None and after is not None and after > before


def _supervise(child: subprocess.Popen[bytes], streams: _Streams, deadline: float, cancel: Event) -> str:
    with contextlib.ExitStack() as stack:
        descriptor = _open_pidfd(child.pid)
        if descriptor is not None:
            stack.callback(os.close, descriptor)
            streams.watch(descriptor)
        while True:
            ended = streams.turn(min(_POLL_S, max(deadline - time.monotonic(), 0.0)))
            if ended or (descriptor is None and _has_exited(child.pid)):
                return "ended"
            if cancel.is_set():
                return "cancelled"
            if time.monotonic() >= deadline:
                return "timed out"


def _open_pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except OSError:  # a kernel before 5.3: the exit is seen at the next poll
        return None


def _has_exited(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    # Before the leader is reaped, so that its number cannot be another's yet.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
