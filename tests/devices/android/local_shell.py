"""A phone's shell on this host: the same scripts, run by a real mksh, busybox or dash process over a folder of files.

It stands at the wire (a process), where `Connection` has adbd on the other side. Give it `root`, a folder with `sys`,
`data` or `proc/uptime` in it, and `/sys`, `/data` and `/proc/uptime` of a script mean those; give it `path`, folders
with fake Android commands (`getprop`, `settings`, `su`, ...), made by `command()`.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event

from harness.devices.base import ProcessResult
from harness.errors import DeviceOfflineError, InvocationTimeoutError

SHELLS = tuple(sh for sh in (("mksh",), ("busybox", "sh"), ("dash",)) if shutil.which(sh[0]))


def command(folder: Path, name: str, script: str) -> Path:
    """Write the fake command `name`, a POSIX sh script, into `folder` (made when missing)."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


class LocalShell:
    """`Shell` by a local process; `calls` are the scripts as they were given.

    `before` is called with each script before it runs: raise from it to lose the phone at that moment.
    """

    def __init__(
        self,
        sh: Sequence[str] = ("mksh",),
        *,
        root: Path | None = None,
        path: Sequence[Path] = (),
        env: Mapping[str, str] | None = None,
        before: Callable[[str], None] | None = None,
    ) -> None:
        self.sh, self.root, self.before = tuple(sh), root, before
        self.env = {**os.environ, **(env or {}), "PATH": ":".join([*map(str, path), os.environ["PATH"]])}
        self.calls: list[str] = []
        self.offline = False

    def shell(
        self, script: str, *, timeout_s: float = 20.0, stdin: bytes = b"", cancel: Event | None = None
    ) -> ProcessResult:
        self.calls.append(script)
        if self.before is not None:
            self.before(script)
        if self.offline:
            raise DeviceOfflineError("the phone does not answer", where="local shell")
        started = time.monotonic()
        child = subprocess.Popen(
            [*self.sh, "-c", self.mapped(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.env,
            start_new_session=True,
        )
        stdout, stderr, ended = _talk(child, stdin, started + timeout_s, cancel)
        if ended:
            raise InvocationTimeoutError(ended, where="local shell")
        code = child.returncode
        code = 128 - code if code > 128 else code
        return ProcessResult(code, stdout, stderr, time.monotonic() - started)

    def mapped(self, script: str) -> str:
        """`script` with the absolute paths that `root` has put below `root`."""
        if self.root is None:
            return script
        assert re.fullmatch(r"[\w./-]+", str(self.root)), "root is put into the script unquoted"
        names = [f"/{entry.name}" for entry in self.root.iterdir() if entry.name != "proc"]
        # Of /proc only what root has: /proc/self stays the real one.
        names += [f"/proc/{entry.name}" for entry in self.root.glob("proc/*")]
        if not names:
            return script
        found = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
        return re.sub(rf"(?<![\w./-])(?:{found})(?![\w.-])", lambda match: f"{self.root}{match[0]}", script)


def _talk(
    child: subprocess.Popen[bytes], stdin: bytes, deadline: float, cancel: Event | None
) -> tuple[bytes, bytes, str]:
    """Feed and drain `child`; its whole group is killed at the deadline or when `cancel` is set."""
    given: bytes | None = stdin
    while True:
        try:
            return *child.communicate(given, timeout=0.02 if cancel else max(0.0, deadline - time.monotonic())), ""
        except subprocess.TimeoutExpired:
            given = None
        late = time.monotonic() >= deadline
        ended = "cancelled" if cancel and cancel.is_set() else "no answer in time" if late else ""
        if ended:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            return *child.communicate(), ended
