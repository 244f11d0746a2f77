"""Bounded memory of what a process prints, however much that is."""

from __future__ import annotations

from dataclasses import dataclass, field

STDOUT_LIMIT_BYTES = 96 << 20
STDERR_HEAD_BYTES = 64 << 10
STDERR_TAIL_BYTES = 192 << 10

_SLACK = 1 << 16


@dataclass
class Capture:
    """The first `head` and the last `tail` bytes of a stream; what is between is dropped, which the content says."""

    head: int
    tail: int
    first: bytearray = field(default_factory=bytearray)
    last: bytearray = field(default_factory=bytearray)
    dropped: int = 0

    def add(self, chunk: bytes) -> None:
        """Take the next piece of the stream."""
        room = max(self.head - len(self.first), 0)
        self.first += chunk[:room]
        self.last += chunk[room:]
        if len(self.last) > 2 * self.tail + _SLACK:
            self._trim()

    def _trim(self) -> None:
        excess = len(self.last) - self.tail
        if excess > 0:
            self.dropped += excess
            del self.last[:excess]

    def content(self) -> bytes:
        """What was kept."""
        self._trim()
        if not self.dropped or not self.tail:
            return bytes(self.first + self.last)
        return bytes(self.first) + b"\n... %d bytes left out ...\n" % self.dropped + bytes(self.last)
