"""Reading a flatbuffer that may be hostile: every offset and length is checked, and the work is bounded.

The format: https://flatbuffers.dev/internals/. A table points back to its vtable, which holds where each field stands;
a field that is absent is 0 or empty. Alignment is not checked, for nothing here depends on it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

from harness.errors import ModelFileError

MAX_PARTS = 2_000_000
MAX_TEXT_BYTES = 4096
_SIZES = {"b": 1, "B": 1, "h": 2, "H": 2, "i": 4, "I": 4, "f": 4, "q": 8, "Q": 8}


class DamagedError(ModelFileError):
    """The flatbuffer leads nowhere, or is larger than what is read of one."""


@dataclass
class Source:
    """The bytes (anything with the buffer protocol), and how many parts may still be read from them.

    Tables may be shared, so a small file can describe a graph that is larger than any memory: parts are counted.
    """

    content: Any
    parts_left: int = MAX_PARTS
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = len(self.content)

    def number(self, code: str, at: int) -> Any:
        """One little-endian number of struct's type `code`.

        Raises:
            DamagedError: it does not lie in the file.
        """
        if not 0 <= at <= self.size - _SIZES[code]:
            raise DamagedError(f"the model is damaged: an offset leads to byte {at} of {self.size}")
        return struct.unpack_from("<" + code, self.content, at)[0]

    def count(self, parts: int) -> None:
        """Take `parts` from what may be read.

        Raises:
            DamagedError: nothing is left.
        """
        self.parts_left -= parts
        if self.parts_left < 0:
            raise DamagedError(f"the model has more than {MAX_PARTS:,} parts: damaged, or made to exhaust its reader")

    def root(self, at: int = 0) -> Table:
        """The root table."""
        return Table(self, at + int(self.number("I", at)))


class Table:
    """The table at `position`; fields are named by their number in the schema."""

    def __init__(self, source: Source, position: int) -> None:
        source.count(1)
        self.source, self.position = source, position
        self._vtable = position - int(source.number("i", position))
        self._fields = int(source.number("H", self._vtable))
        self._extent = int(source.number("H", self._vtable + 2))
        if self._fields < 4 or self._vtable + self._fields > source.size or position + self._extent > source.size:
            raise DamagedError("the model is damaged: a table does not lie in the file")

    def _at(self, number: int) -> int:
        slot = 4 + 2 * number
        if slot + 2 > self._fields:
            return 0
        offset = int(self.source.number("H", self._vtable + slot))
        return self.position + offset if offset else 0

    def number(self, number: int, code: str, default: float = 0) -> Any:
        """A scalar field of struct's type `code`."""
        at = self._at(number)
        return self.source.number(code, at) if at else default

    def table(self, number: int) -> Table | None:
        """A table field, or that of a union."""
        at = self._at(number)
        return Table(self.source, at + int(self.source.number("I", at))) if at else None

    def vector(self, number: int, item_bytes: int) -> tuple[int, int]:
        """Where a vector's items begin, and how many there are; (0, 0) when it is absent.

        Raises:
            DamagedError: it does not lie in the file.
        """
        at = self._at(number)
        if not at:
            return 0, 0
        begin = at + int(self.source.number("I", at))
        count = int(self.source.number("I", begin))
        if begin + 4 + count * item_bytes > self.source.size:
            raise DamagedError(f"the model is damaged: a list of {count:,} items does not lie in the file")
        return begin + 4, count

    def tables(self, number: int) -> list[Table]:
        """The tables of a vector field."""
        begin, count = self.vector(number, 4)
        self.source.count(count)
        places = range(begin, begin + 4 * count, 4)
        return [Table(self.source, at + int(self.source.number("I", at))) for at in places]

    def numbers(self, number: int, code: str) -> tuple[Any, ...]:
        """The numbers of a vector field."""
        begin, count = self.vector(number, _SIZES[code])
        self.source.count(count)
        return struct.unpack_from(f"<{count}{code}", self.source.content, begin) if count else ()

    def text(self, number: int) -> str:
        """A string field, at most `MAX_TEXT_BYTES` of it; bytes that are not UTF-8 become U+FFFD."""
        begin, count = self.vector(number, 1)
        return bytes(self.source.content[begin : begin + min(count, MAX_TEXT_BYTES)]).decode("utf-8", "replace")
