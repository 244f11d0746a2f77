"""The frames of adb's shell protocol version 2: one byte of kind, four of length (little endian), the payload.

Source: `packages/modules/adb/shell_protocol.h` of Android.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum

HEADER = struct.Struct("<BI")
STDIN_PIECE = 1 << 15


class Kind(IntEnum):
    """What a packet carries."""

    STDIN = 0
    STDOUT = 1
    STDERR = 2
    EXIT = 3
    CLOSE_STDIN = 4


def encode(kind: Kind, payload: bytes | memoryview = b"") -> bytes:
    """One packet."""
    return HEADER.pack(kind, len(payload)) + bytes(payload)


def stdin_packets(data: bytes) -> Iterator[bytes]:
    """`data` in packets of a size that any phone takes, then the end of standard input."""
    view = memoryview(data)
    for start in range(0, len(view), STDIN_PIECE):
        yield encode(Kind.STDIN, view[start : start + STDIN_PIECE])
    yield encode(Kind.CLOSE_STDIN)


class Decoder:
    """Takes a stream cut anywhere. A payload is given on as it comes, so a packet that claims 4 GiB costs no memory."""

    def __init__(self) -> None:
        self._header = bytearray()
        self._kind = 0
        self._left = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The kinds and (parts of) payloads in `data`, without empty ones."""
        at = 0
        while at < len(data):
            if not self._left:
                piece = data[at : at + HEADER.size - len(self._header)]
                at += len(piece)
                self._header += piece
                if len(self._header) == HEADER.size:
                    self._kind, self._left = HEADER.unpack(self._header)
                    self._header.clear()
                continue
            part = data[at : at + self._left]
            at += len(part)
            self._left -= len(part)
            yield self._kind, part
