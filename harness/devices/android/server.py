"""The adb server that a sweep names: is it there, what is attached to it."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from harness.errors import DeviceOfflineError, HarnessError, MissingDependencyError, UsageError

if TYPE_CHECKING:
    from harness.devices.android.wire import Deadline, Wire

DEFAULT_PORT = 5037

_LOCAL = ("localhost", "127.0.0.1", "::1")
_PROBE_S = 2.0
_START_S = 20.0
_FIELD = re.compile(r"(?:^| )(product|model|device|transport_id):(\S*)")
_STATES = (
    "device|offline|unauthorized|authorizing|connecting|recovery|rescue|sideload|bootloader|host|detached"
    "|no permissions(?: \\(.*?\\))?(?:; see \\[.*?\\])?"
)
_LINE = re.compile(rf"(?P<serial>.+?)\s+(?P<state>{_STATES})(?P<rest>(?: .*)?)")


@dataclass(frozen=True)
class Attached:
    """A line of `adb devices -l`. `state` is ``device``, ``offline``, ``unauthorized``, ...; `port` where it is
    plugged in (``usb:1-2``), empty over the network."""

    serial: str
    state: str
    model: str = ""
    transport_id: int | None = None
    port: str = ""


def parse_attached(text: str) -> tuple[Attached, ...]:
    """The lines of `host:devices-l`; a line that is none is left out."""
    found = (_LINE.fullmatch(line.strip()) for line in text.splitlines())
    return tuple(_attached(match) for match in found if match)


def _attached(match: re.Match[str]) -> Attached:
    fields = dict(_FIELD.findall(match["rest"]))
    port = re.search(r"(?:^| )(usb:\S+)", match["rest"])
    number = fields.get("transport_id", "")
    return Attached(
        serial=match["serial"],
        state=match["state"].split(" (")[0].split(";")[0],
        model=fields.get("model", "").replace("_", " "),
        transport_id=int(number) if re.fullmatch(r"[0-9]{1,18}", number) else None,
        port=port[1] if port else "",
    )


@dataclass(frozen=True)
class AdbServer:
    """An adb server by its address. Nothing is connected until something is asked.

    `may_start` allows to start it where it is local and not running. One that a person named on another port than adb's
    own is not: that port may be the end of a tunnel to another host.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    may_start: bool = field(default=True, compare=False)

    @classmethod
    def parse(cls, text: str) -> AdbServer:
        """The server of ``host``, ``host:port`` or ``[IPv6]:port``.

        Raises:
            UsageError: the text is none of them.
        """
        match = re.fullmatch(r"(\[[0-9A-Fa-f:.%\w]+\]|[^\s:\[\]/@]+)(?::(\d{1,5}))?", text.strip())
        port = int(match[2] or DEFAULT_PORT) if match else 0
        if match is None or not 0 < port < 65536:
            raise UsageError(
                f"{text!r} is not the address of an adb server", remedy="Write host:port, such as lab-3:5037."
            )
        return cls(match[1].strip("[]"), port, may_start=port == DEFAULT_PORT)

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether it runs on this machine, so that it may be started."""
        return self.host in _LOCAL

    def wire(self, deadline: Deadline) -> Wire:
        """A new connection to it.

        Raises:
            DeviceOfflineError: it cannot be reached. Nothing is started.
            MissingDependencyError: adbutils is not installed.
        """
        from harness.devices.android.wire import Wire

        return Wire(self.host, self.port, deadline)

    def ensure(self, timeout_s: float = 10.0) -> int:
        """The protocol version of the server, which is started when it is local and not running.

        Raises:
            DeviceOfflineError: it refuses, does not answer, or is no adb server.
        """
        if not self._listens():
            self._start()
        return self.version(timeout_s)

    def version(self, timeout_s: float = 10.0) -> int:
        """Its protocol version: 41 for ``1.0.41``.

        Raises:
            DeviceOfflineError: it does not answer, or is no adb server.
        """
        answer = self.ask("host:version", timeout_s)
        try:
            return int(answer, 16)
        except ValueError as error:
            raise DeviceOfflineError(f"what answers is no adb server: {answer[:40]!r}", where=self.address) from error

    def attached(self, timeout_s: float = 10.0) -> tuple[Attached, ...]:
        """Everything attached to it, whatever its state.

        Raises:
            DeviceOfflineError: it does not answer.
        """
        return parse_attached(self.ask("host:devices-l", timeout_s))

    def ask(self, request: str, timeout_s: float = 10.0, cancel: Event | None = None) -> str:
        """The answer to a request for the server itself, such as ``host:version``.

        Raises:
            DeviceOfflineError: it does not answer in time, or not in adb's protocol.
        """
        from harness.devices.android.wire import Deadline, explained

        try:
            with explained(self.address), self.wire(Deadline(timeout_s, cancel)) as wire:
                answer: str = wire.ask(request)
                return answer
        except DeviceOfflineError:
            raise
        except HarnessError as error:
            raise DeviceOfflineError(
                f"the adb server does not answer as one ({error.what})",
                where=self.address,
                remedy="Look what runs there: adb devices; restart it with: adb kill-server.",
            ) from error

    def _listens(self) -> bool:
        try:
            socket.create_connection((self.host, self.port), timeout=_PROBE_S).close()
        except ConnectionRefusedError as error:
            if self.is_local and self.may_start:
                return False
            raise self._unreachable("refuses the connection") from error
        except TimeoutError as error:
            raise self._unreachable(f"does not answer within {_PROBE_S:g} s") from error
        except OSError as error:
            raise self._unreachable(f"cannot be reached: {error.strerror or error}") from error
        return True

    def _unreachable(self, what: str) -> DeviceOfflineError:
        remedy = "Start it there (adb start-server) and forward its port, such as: ssh -L 5038:localhost:5037 HOST."
        return DeviceOfflineError(f"the adb server {what}", where=self.address, remedy=remedy)

    def _start(self) -> None:
        command = [str(adb_program()), "-P", str(self.port), "start-server"]
        env = {name: value for name, value in os.environ.items() if name not in ("ADB_SERVER_SOCKET",)}
        try:
            subprocess.run(
                command,
                check=True,
                timeout=_START_S,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise DeviceOfflineError(
                f"no adb server runs and none could be started ({error})", where=self.address
            ) from error


def adb_program() -> Path:
    """The `adb` that comes with adbutils, or the one in the search path where adbutils has none.

    Raises:
        MissingDependencyError: there is none.
    """
    import adbutils

    bundled = Path(adbutils.__file__).parent / "binaries" / "adb"
    program = str(bundled) if bundled.is_file() else shutil.which("adb")
    if program is None:
        raise MissingDependencyError(
            "there is no adb program on this machine",
            remedy="Install Android's platform-tools and run: adb start-server",
        )
    return Path(program)
