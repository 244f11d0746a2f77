"""A long-lived shell of a phone on this host: stands at the wire (a process and its pipe), as `LocalShell` does."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.devices.android.local_shell import LocalShell


class LocalStream:
    """One process whose lines are handed on. `close` only breaks its pipe, as a phone's is broken."""

    def __init__(self, argv: Sequence[str], env: dict[str, str], on_line: Callable[[str], None]) -> None:
        self._process = subprocess.Popen(
            argv,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            restore_signals=False,  # SIGPIPE stays ignored, the harder case
            start_new_session=True,
        )
        self._on_line = on_line
        self._closing = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._on_line(line)
                if self._closing.is_set():
                    return

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None and self._reader.is_alive()

    def kill(self) -> None:
        """The phone went away."""
        self._process.kill()
        self._process.wait(10)
        self._reader.join(10)

    def close(self, timeout_s: float = 10.0) -> None:
        """Stop reading; raises `subprocess.TimeoutExpired` when the process does not end by itself."""
        self._closing.set()
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self._reader.join(timeout_s)


class LocalStreams:
    """`Streaming` by processes on this host."""

    def __init__(self, sh: Sequence[str], root: Path | None, path: Sequence[Path] = ()) -> None:
        self.shell = LocalShell(sh, root=root, path=path)
        self.opened: list[LocalStream] = []

    def stream(self, script: str, on_line: Callable[[str], None]) -> LocalStream:
        stream = LocalStream([*self.shell.sh, "-c", self.shell.mapped(script)], dict(self.shell.env), on_line)
        self.opened.append(stream)
        return stream
