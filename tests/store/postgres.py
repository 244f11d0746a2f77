"""A private PostgreSQL server for tests, and a wire to it that can be cut at the worst moment."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_PATIENCE_S = 60.0


class UnavailableError(Exception):
    """Why there can be no server here."""


def programs() -> Path:
    """The folder of the newest server's programs, which Debian keeps off the PATH.

    Raises:
        UnavailableError: there is none.
    """
    found = shutil.which("postgres")
    folders = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version)
    complete = [folder for folder in folders if (folder / "postgres").exists() and (folder / "initdb").exists()]
    if not complete:
        raise UnavailableError("no PostgreSQL server here: apt-get install postgresql")
    return complete[-1]


def _version(folder: Path) -> int:
    return int(folder.parent.name) if folder.parent.name.isdecimal() else 0


class PostgresServer:
    """A server in a folder of its own, on a free port of this host; it dies with the tests."""

    def __init__(self) -> None:
        self._programs, self._account = programs(), _account()
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        if self._account:
            shutil.chown(self._folder, self._account["user"], self._account["group"])
        command = ["initdb", "-D", str(self._data), "-U", "bench", "--auth=trust", "--no-sync", "--locale=C"]
        command += ["--encoding=UTF8"]
        done = subprocess.run(self._argv(command), capture_output=True, text=True, check=False, **self._surroundings)
        if done.returncode:
            raise UnavailableError(f"initdb failed: {done.stderr.strip()}")

    @property
    def url(self) -> str:
        """Where its only database is."""
        return self.url_at(self.port)

    @staticmethod
    def url_at(port: int) -> str:
        """The same database at another port, such as that of a wire."""
        return f"postgresql://bench@127.0.0.1:{port}/postgres"

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _surroundings(self) -> dict[str, Any]:
        # The server refuses to be root; nobody else may enter root's folders.
        return {"cwd": self._folder, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C"}, **self._account}

    def _argv(self, command: list[str]) -> list[str]:
        return [str(self._programs / command[0]), *command[1:]]

    def start(self) -> None:
        """Start it, and wait until it answers. It dies with the thread that calls this."""
        command = ["postgres", "-D", str(self._data), "-p", str(self.port), "-c", "listen_addresses=127.0.0.1"]
        # Nothing here must survive a power cut; a crash of the server alone it survives all the same.
        command += ["-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "full_page_writes=off"]
        command += ["-c", "autovacuum=off", "-c", "wal_level=minimal", "-c", "max_wal_senders=0"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._argv(command), stdout=log, stderr=log, preexec_fn=_die_with_parent, **self._surroundings
            )
        deadline_s = time.monotonic() + _PATIENCE_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                raise UnavailableError(f"the server did not start: {(self._folder / 'log').read_text()[-500:]}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.url.replace("+psycopg", "")).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, *, crash: bool = False) -> None:
        """Stop it, cutting all connections; a crash leaves recovery to the next start."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT if crash else signal.SIGINT)
            self._process.wait(_PATIENCE_S)
            self._process = None

    def remove(self) -> None:
        """Stop it and remove its folder."""
        self.stop(crash=True)
        shutil.rmtree(self._folder, ignore_errors=True)


def _account() -> dict[str, Any]:
    """Whom the server runs as: whoever runs the tests, or somebody harmless when that is root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise UnavailableError("PostgreSQL does not run as root, and there is no user nobody")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


class Wire:
    """Passes everything on to a server, until it is told to lose the answer to the next COMMIT."""

    def __init__(self, port: int) -> None:
        self._server = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._armed = threading.Event()
        self.cuts = 0
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def lose_next_commit(self) -> None:
        """The next transaction that commits does so, and whoever asked for it is cut off before the answer."""
        self._armed.set()

    def close(self) -> None:
        """Refuse new connections and wait for the end of the others."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._server)
            thread = threading.Thread(target=self._serve, args=(client, server), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        cut = threading.Event()
        back = threading.Thread(target=self._pass_back, args=(server, client, cut), daemon=True)
        back.start()
        with client, server:
            with suppress(OSError):
                while data := client.recv(65536):
                    if b"COMMIT" in data and self._armed.is_set():
                        self._armed.clear()
                        cut.set()
                    server.sendall(data)
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            back.join(10)

    def _pass_back(self, server: socket.socket, client: socket.socket, cut: threading.Event) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if cut.is_set():
                    self.cuts += 1
                    break
                client.sendall(data)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
