"""One long-lived shell on a phone whose lines are taken as they come."""

from __future__ import annotations

import select
import threading
from collections.abc import Callable
from contextlib import suppress

from harness.devices.android.packets import Decoder, Kind, encode
from harness.devices.android.wire import Wire

_LONGEST_LINE = 1 << 16
_CHUNK = 1 << 16
_CLOSE_S = 2.0
_WAKE_MS = 200


class Stream:
    """Reads in a thread of its own until the shell ends, the phone is lost, or it is closed.

    Closing ends the shell on the phone: adbd sends it a hang-up signal. A line longer than 64 KiB is cut.
    """

    def __init__(self, wire: Wire, on_line: Callable[[str], None]) -> None:
        self._wire, self._on_line = wire, on_line
        self._closed = threading.Event()
        self._line = bytearray()
        self.returncode: int | None = None
        self._thread = threading.Thread(target=self._read, name="phone-stream", daemon=True)
        wire.conn.setblocking(True)
        wire.conn.settimeout(_CLOSE_S)
        wire.conn.sendall(encode(Kind.CLOSE_STDIN))
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether lines can still come."""
        return self._thread.is_alive()

    def close(self) -> None:
        """End it and wait until no line comes any more."""
        self._closed.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(_CLOSE_S)
        self._wire.close()

    def _read(self) -> None:
        poller = select.poll()
        with suppress(OSError), self._wire:
            poller.register(self._wire.conn, select.POLLIN)
            decoder = Decoder()
            while not self._closed.is_set() and self.returncode is None:
                if not poller.poll(_WAKE_MS):
                    continue
                data = self._wire.conn.recv(_CHUNK)
                if not data:
                    break
                for kind, payload in decoder.feed(data):
                    self._take(kind, payload)
        if self._line and not self._closed.is_set():
            self._say(bytes(self._line))

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == Kind.EXIT:
            self.returncode = payload[0]
        elif kind == Kind.STDOUT:
            self._line += payload
            *whole, rest = self._line.split(b"\n")
            self._line = bytearray(rest[:_LONGEST_LINE])
            for line in whole:
                self._say(bytes(line[:_LONGEST_LINE]))

    def _say(self, line: bytes) -> None:
        if not self._closed.is_set():
            self._on_line(line.decode("utf-8", "replace").rstrip("\r"))
