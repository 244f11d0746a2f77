"""The loop that feeds a shell on a phone and takes what it prints, until it ends, its time is up, or it is lost."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from dataclasses import dataclass

from harness.devices.android.packets import Decoder, Kind, stdin_packets
from harness.devices.android.wire import Deadline, StillRunningError, Wire
from harness.errors import DeviceOfflineError, InvocationTimeoutError

Sink = Callable[[bytes], None]

_CHUNK = 1 << 18
_SETTLE_S = 1.0


@dataclass(frozen=True)
class Sinks:
    """Where output goes. Once `settled` is true, what still comes is awaited a second at most: something that the
    process left behind may hold its output open for ever."""

    stdout: Sink
    stderr: Sink
    settled: Callable[[], bool] = lambda: False


class Exchange:
    """One shell that has been opened on `wire`."""

    def __init__(self, wire: Wire, stdin: bytes, sinks: Sinks) -> None:
        self._wire, self._sinks, self._decoder = wire, sinks, Decoder()
        self._packets = stdin_packets(stdin)
        self._pending = memoryview(b"")
        self._sending = True
        self._status: int | None = None
        wire.conn.setblocking(False)

    def run(self, deadline: Deadline) -> int | None:
        """The exit status of the shell, or None when `settled` came true and the shell did not end.

        Raises:
            DeviceOfflineError: the connection ended before the exit status came.
            StillRunningError: the deadline passed.
        """
        try:
            return self._run(deadline)
        except InvocationTimeoutError as error:
            raise StillRunningError(error.what) from error

    def _run(self, deadline: Deadline) -> int | None:
        poller = select.poll()
        poller.register(self._wire.conn, select.POLLIN | select.POLLOUT)
        leave_at: float | None = None
        while self._status is None:
            self._turn(poller, deadline.slice_s())
            if leave_at is None and self._sinks.settled():
                leave_at = time.monotonic() + _SETTLE_S
            if leave_at is not None and time.monotonic() >= leave_at:
                break
        return self._status

    def _turn(self, poller: select.poll, timeout_s: float) -> None:
        for _, events in poller.poll(timeout_s * 1000):
            if events & ~select.POLLOUT:
                self._receive()
            elif events & select.POLLOUT:
                self._send()
                if not self._sending:
                    poller.modify(self._wire.conn, select.POLLIN)

    def _receive(self) -> None:
        try:
            data = self._wire.conn.recv(_CHUNK)
        except BlockingIOError:
            return
        if not data:
            raise DeviceOfflineError("the connection ended before the process did")
        for kind, payload in self._decoder.feed(data):
            if kind == Kind.STDOUT:
                self._sinks.stdout(payload)
            elif kind == Kind.STDERR:
                self._sinks.stderr(payload)
            elif kind == Kind.EXIT:
                self._status = payload[0]

    def _send(self) -> None:
        if not self._pending:
            self._pending = memoryview(next(self._packets, b""))
            self._sending = bool(self._pending)
        try:
            self._pending = self._pending[self._wire.conn.send(self._pending) :] if self._sending else self._pending
        except BlockingIOError:
            return
        except (BrokenPipeError, ConnectionResetError):
            self._sending = False  # what the phone said last may still be there to read
