"""An adb server of the tests' own, on a free port: the user's one (5037) is never touched."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from tests.phone.debian import UnavailableError

START_TIMEOUT_S = 15.0


def adb_program() -> str:
    """The adb that adbutils would start.

    Raises:
        UnavailableError: adbutils is not installed.
    """
    try:
        import adbutils
    except ImportError as error:
        raise UnavailableError("adbutils is not installed (pip install '.[android]')") from error
    return str(adbutils.adb_path())


def free_port() -> int:
    """A port that nobody listens on now, outside the range in which adb looks for emulators."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if not 5037 <= port <= 5700:
            return port


class AdbServer:
    """Started on entry, killed on exit. Its keys and files are below `home`."""

    def __init__(self, home: Path, port: int = 0) -> None:
        self.home = home
        self.port = port or free_port()
        self.program = adb_program()
        self._process: subprocess.Popen[bytes] | None = None
        home.mkdir(parents=True, exist_ok=True)

    @property
    def address(self) -> str:
        """What a sweep's `adb_server` names."""
        return f"127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """For programs that start adb themselves."""
        return {
            **os.environ,
            "HOME": str(self.home),
            "ANDROID_ADB_SERVER_PORT": str(self.port),
            "ADB_LOCAL_TRANSPORT_MAX_PORT": "5554",
            "ADB_MDNS": "0",
            "ADB_LIBUSB": "0",
        }

    def start(self) -> AdbServer:
        """Start it and wait until it answers.

        Raises:
            UnavailableError: it did not within 15 s.
        """
        with (self.home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.program, "-L", f"tcp:localhost:{self.port}", "nodaemon", "server"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.ask("host:version")
            except OSError:
                time.sleep(0.02)
            else:
                return self
        self.kill()
        raise UnavailableError(f"the adb server did not start, see {self.home / 'server.log'}")

    def kill(self) -> None:
        """End it without a farewell. Others may start it again, so it is found by its process, not by its port."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Killed and started again, as another program on the machine does; phones must be connected anew."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """Stop answering; connections stay."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Answer again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def adb(self, *words: str, timeout_s: float = 20.0, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run the adb command line against this server."""
        argv = [self.program, "-P", str(self.port), *words]
        return subprocess.run(argv, input=stdin, capture_output=True, timeout=timeout_s, env=self.environment)

    def shell(self, serial: str, script: str, timeout_s: float = 20.0) -> subprocess.CompletedProcess[bytes]:
        """Run sh text on a phone."""
        return self.adb("-s", serial, "shell", script, timeout_s=timeout_s)

    def ask(self, service: str, timeout_s: float = 10.0) -> str:
        """The answer to one request of the server's own protocol.

        Raises:
            OSError: refused, failed or not in time.
        """
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout_s) as link:
            link.sendall(f"{len(service):04x}{service}".encode())
            answer = b""
            while data := link.recv(65536):
                answer += data
        if answer[:4] != b"OKAY":
            raise OSError(f"adb server: {answer[8:].decode(errors='replace')}")
        return answer[8:].decode(errors="replace")

    def listed(self) -> dict[str, str]:
        """Serial to state of every phone the server knows."""
        lines = (line.split("\t") for line in self.ask("host:devices").splitlines())
        return {words[0]: words[1] for words in lines}

    def tell_of_emulator(self, port: int) -> str:
        """Make the server connect to a local port as to an emulator; the serial under which it lists it."""
        service = f"host:emulator:{port}"
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as link:
            link.sendall(f"{len(service):04x}{service}".encode())
            link.recv(4)
        return f"emulator-{port - 1}"

    def __enter__(self) -> AdbServer:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.kill()
