"""One connection to an adb server, with a wall-clock deadline over everything that is said on it.

adbutils gives the framing of requests and refusals. What it does not give under faults is replaced here: its time-outs
count from each received piece and not from the start, a reply that breaks off is returned as if it were whole, and
when the server refuses the connection it starts one on this machine, whatever host was named.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event

from harness.errors import (
    DeviceError,
    DeviceOfflineError,
    HarnessError,
    InvocationTimeoutError,
    MissingDependencyError,
    UnauthorizedError,
)

try:
    from adbutils import AdbConnection, AdbError
except ImportError as missing:
    raise MissingDependencyError(
        "phones need adbutils", remedy='Run: pip install "on-device-benchmark-harness[android]"'
    ) from missing

SLICE_S = 0.05
"""How long a wait lasts at most before the deadline and the cancel event are looked at again."""

_CONNECT_S = 5.0
_LONGEST_REQUEST = 0xFFFF


class StillRunningError(InvocationTimeoutError):
    """The deadline passed after a process was started."""


class Deadline:
    """A moment after which nothing may go on waiting; `cancel` makes it now."""

    def __init__(self, timeout_s: float, cancel: Event | None = None) -> None:
        self._timeout_s, self._at, self.cancel = timeout_s, time.monotonic() + timeout_s, cancel

    @property
    def remaining_s(self) -> float:
        """Seconds left, not below 0."""
        return max(self._at - time.monotonic(), 0.0)

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked to stop."""
        return self.cancel is not None and self.cancel.is_set()

    def slice_s(self) -> float:
        """How long to wait before coming here again.

        Raises:
            InvocationTimeoutError: it is over.
        """
        remaining_s = self.remaining_s
        if self.cancelled:
            raise InvocationTimeoutError("cancelled")
        if remaining_s <= 0:
            raise InvocationTimeoutError(f"no answer within {self._timeout_s:g} s")
        return min(SLICE_S, remaining_s)


class Wire(AdbConnection):  # type: ignore[misc]  # adbutils has no types
    """A connection to the adb server on `host`:`port`. A context manager.

    Raises:
        DeviceOfflineError: the server refuses or does not answer the connection.
        InvocationTimeoutError: the deadline has passed already.
    """

    def __init__(self, host: str, port: int, deadline: Deadline) -> None:
        self._address, self._deadline = (host, port), deadline
        super().__init__(host, port)

    def _safe_connect(self) -> socket.socket:
        where = "{}:{}".format(*self._address)
        least_s = self._deadline.slice_s()  # raises when the time is up; a time-out of 0 would mean not to wait at all
        try:
            timeout_s = max(least_s, min(_CONNECT_S, self._deadline.remaining_s))
            connected = socket.create_connection(self._address, timeout=timeout_s)
        except TimeoutError as error:
            raise DeviceOfflineError("the adb server does not answer", where=where) from error
        except OSError as error:
            raise DeviceOfflineError(
                f"the adb server cannot be reached: {error.strerror or error}", where=where
            ) from error
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected

    def close(self) -> None:
        """Close at once."""
        with suppress(OSError, AdbError):
            self.conn.close()

    def send_all(self, data: bytes) -> None:
        """Send everything within the deadline."""
        rest = memoryview(data)
        while rest:
            self.conn.settimeout(self._deadline.slice_s())
            with suppress(TimeoutError):
                rest = rest[self.conn.send(rest) :]

    def send_command(self, cmd: str) -> None:
        """Send a request of the adb protocol.

        Raises:
            DeviceError: it is longer than a request can be.
        """
        data = cmd.encode("utf-8", "surrogateescape")
        if len(data) > _LONGEST_REQUEST:
            raise DeviceError(f"a command of {len(data)} bytes is longer than adb takes ({_LONGEST_REQUEST})")
        self.send_all(b"%04x" % len(data) + data)

    def read(self, n: int) -> bytes:
        """Exactly `n` bytes.

        Raises:
            EOFError: the other side closed before.
            InvocationTimeoutError: the deadline passed.
        """
        data = bytearray()
        while len(data) < n:
            self.conn.settimeout(self._deadline.slice_s())
            try:
                chunk = self.conn.recv(n - len(data))
            except TimeoutError:
                continue
            if not chunk:
                raise EOFError(f"the connection ended after {len(data)} of {n} bytes")
            data += chunk
        return bytes(data)

    def request(self, cmd: str) -> None:
        """Send a request and wait until it is accepted.

        Raises:
            AdbError: it is refused; the text says why.
        """
        self.send_command(cmd)
        self.check_okay()

    def ask(self, cmd: str) -> str:
        """The text that answers a request."""
        self.request(cmd)
        return str(self.read_string_block())


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turn whatever a broken conversation raises into the project's own errors."""
    try:
        yield
    except HarnessError as error:
        error.where = error.where or where
        raise
    except AdbError as error:
        raise _refusal(str(error), where) from error
    except (OSError, EOFError, ValueError, AssertionError) as error:
        raise DeviceOfflineError(f"the connection to the phone was lost ({error})", where=where) from error


def _refusal(text: str, where: str) -> HarnessError:
    reason = text.strip().splitlines()[0] if text.strip() else "no reason given"
    if "unauthorized" in text or "authenticate" in text:
        remedy = "Unlock the phone and accept the question about USB debugging."
        return UnauthorizedError("the phone has not allowed this computer", where=where, remedy=remedy)
    if "more than one device" in text:
        remedy = "Unplug one of them, or select by model."
        return DeviceError(f"several phones have this serial number ({reason})", where=where, remedy=remedy)
    if "permission" in text:
        remedy = "Allow this user to open USB devices (udev rules for Android)."
        return DeviceError(f"the adb server may not open the phone: {reason}", where=where, remedy=remedy)
    return DeviceOfflineError(f"the phone does not answer: {reason}", where=where)
