"""Processes of `harness` that need not import it: a server that has imported everything forks one for each command.

What is forked has an environment, a folder, streams and an exit code of its own, and runs `python -m harness` from its
first line to the interpreter's last; only the modules are there already.
"""

from __future__ import annotations

import gc
import json
import os
import pkgutil
import re
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
LONGEST_REQUEST = 1 << 17  # bytes; an environment is some thousand
STARTING_S = 60.0
RUN_BY_OTHERS = re.compile(r"\._|\.migrations\.")  # the interpreter, workers and Alembic run them


class CommandServer:
    """Starts with the first command, and again after a command that did not end in time."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None

    def run(
        self, arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str], timeout_s: float
    ) -> subprocess.CompletedProcess[str]:
        """As `subprocess.run` with `capture_output` and `text`."""
        request = json.dumps({"arguments": list(arguments), "folder": str(folder), "environment": dict(environment)})
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
            code = self._ask(request, environment, (output.fileno(), errors.fileno()), timeout_s)
            for stream in (output, errors):
                stream.seek(0)
            return subprocess.CompletedProcess(list(arguments), code, output.read(), errors.read())

    def _ask(self, request: str, environment: Mapping[str, str], streams: tuple[int, int], timeout_s: float) -> int:
        connection, child = self._connected(environment), 0
        try:
            connection.settimeout(STARTING_S)
            socket.send_fds(connection, [request.encode()], streams)
            child = int(connection.recv(32))
            connection.settimeout(timeout_s)
            return int(connection.recv(32))
        except BaseException:
            if child:
                os.kill(child, signal.SIGKILL)
            self.close()
            raise

    def _connected(self, environment: Mapping[str, str]) -> socket.socket:
        if self._connection is None:
            self._connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._server = subprocess.Popen(
                    [sys.executable, "-m", __name__, str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    cwd=ROOT,
                    env=environment,
                )
        return self._connection

    def close(self) -> None:
        """End the server, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._server is not None:
            self._server.wait(STARTING_S)
            self._server = None


def serve(connection: socket.socket) -> dict[str, Any] | None:
    """Fork a process a request. Returns in each of them what it is to run, and None where nobody asks any more."""
    while True:
        request, streams, _, _ = socket.recv_fds(connection, LONGEST_REQUEST, 2)
        if not request:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads that libraries start with their import
            child = os.fork()
        if child == 0:
            connection.close()
            _lead(streams)
            found: dict[str, Any] = json.loads(request)
            return found
        for stream in streams:
            os.close(stream)
        connection.send(str(child).encode())
        connection.send(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())


def _lead(streams: Sequence[int]) -> None:
    for ours, given in zip((1, 2), streams, strict=True):
        os.dup2(given, ours)
        os.close(given)


def import_all() -> None:
    """Every module of the package, with the libraries that they import late."""
    modules = pkgutil.walk_packages([str(ROOT / "harness")], "harness.", onerror=lambda _name: None)
    ours = (module.name for module in modules if not RUN_BY_OTHERS.search(module.name))
    for name in (*ours, "alembic.command", "jinja2", "scipy.special", "scipy.stats"):
        with suppress(Exception):  # the command that needs it fails again, and says so
            import_module(name)
    gc.freeze()


def main() -> None:
    connection = socket.socket(fileno=int(sys.argv[1]))
    import_all()
    try:
        asked = serve(connection)
    except KeyboardInterrupt:  # Ctrl-C is for the tests
        return
    if asked is None:
        connection.close()
        return
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv, sys.path[0] = ["harness", *asked["arguments"]], asked["folder"]
    runpy.run_module("harness", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
