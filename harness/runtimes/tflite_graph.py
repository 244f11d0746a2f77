"""The few facts of a ``.tflite`` file that a device runtime needs, read from the flatbuffer itself.

Every offset is checked, for the file may be hostile.
Field numbers are those of TensorFlow Lite's schema (``schema.fbs``, version 3).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from harness.domain import TensorInfo
from harness.errors import ModelFileError

MAX_ITEMS = 1_000_000
_TYPES = {
    0: "float32",
    1: "float16",
    2: "int32",
    3: "uint8",
    4: "int64",
    5: "string",
    6: "bool",
    7: "int16",
    8: "complex64",
    9: "int8",
    10: "float64",
    12: "uint64",
    15: "uint32",
    16: "uint16",
    17: "int4",
}
_MODEL_SUBGRAPHS = 2
_GRAPH_TENSORS, _GRAPH_INPUTS, _GRAPH_OUTPUTS, _GRAPH_OPERATORS = 0, 1, 2, 3
_TENSOR_SHAPE, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_QUANTIZATION, _TENSOR_SIGNATURE = 0, 1, 3, 4, 7
_SCALE, _ZERO_POINT = 2, 3


@dataclass(frozen=True)
class Graph:
    """The main graph: `nodes` operators. An open dimension of a shape is -1."""

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    nodes: int


def read_graph(path: Path) -> Graph:
    """The main graph of the file at `path`.

    Raises:
        ModelFileError: it cannot be read, or its offsets lead nowhere.
    """
    try:
        content = path.read_bytes()
        return _graph(content)
    except OSError as error:
        raise ModelFileError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except (struct.error, IndexError, ValueError, OverflowError, UnicodeError) as error:
        text = f"the model is damaged: its graph cannot be read ({type(error).__name__})"
        raise ModelFileError(text, where=str(path), remedy="Copy or convert it again.") from error


class _Table:
    """A flatbuffer table at `position`; a field that is absent is 0 or empty."""

    def __init__(self, content: bytes, position: int) -> None:
        self._content, self._position = content, position
        self._vtable = position - _int32(content, position)
        self._size = _uint16(content, self._vtable)

    def _field(self, number: int) -> int:
        slot = 4 + 2 * number
        if slot + 2 > self._size:
            return 0
        offset = _uint16(self._content, self._vtable + slot)
        return self._position + offset if offset else 0

    def byte(self, number: int) -> int:
        at = self._field(number)
        return int(struct.unpack_from("<b", self._content, at)[0]) if at else 0

    def table(self, number: int) -> _Table | None:
        at = self._field(number)
        return _Table(self._content, at + _uint32(self._content, at)) if at else None

    def _vector(self, number: int) -> tuple[int, int]:
        at = self._field(number)
        if not at:
            return 0, 0
        start = at + _uint32(self._content, at)
        count = _uint32(self._content, start)
        if count > MAX_ITEMS:
            raise ValueError(f"a vector of {count} items")
        return start + 4, count

    def count(self, number: int) -> int:
        return self._vector(number)[1]

    def item(self, number: int, index: int) -> _Table:
        start, count = self._vector(number)
        if not 0 <= index < count:
            raise IndexError(index)
        at = start + 4 * index
        return _Table(self._content, at + _uint32(self._content, at))

    def numbers(self, number: int, code: str = "i") -> tuple[float, ...]:
        start, count = self._vector(number)
        return struct.unpack_from(f"<{count}{code}", self._content, start)

    def text(self, number: int) -> str:
        start, count = self._vector(number)
        if start + count > len(self._content):
            raise IndexError(start)
        return self._content[start : start + count].decode("utf-8", "replace")


def _int32(content: bytes, at: int) -> int:
    return int(struct.unpack_from("<i", content, _checked(at))[0])


def _uint32(content: bytes, at: int) -> int:
    return int(struct.unpack_from("<I", content, _checked(at))[0])


def _uint16(content: bytes, at: int) -> int:
    return int(struct.unpack_from("<H", content, _checked(at))[0])


def _checked(at: int) -> int:
    if at < 0:  # struct would count from the end
        raise IndexError(at)
    return at


def _graph(content: bytes) -> Graph:
    if content[4:8] != b"TFL3":
        raise ValueError("no TFL3 identifier")
    model = _Table(content, _uint32(content, 0))
    main = model.item(_MODEL_SUBGRAPHS, 0)
    return Graph(
        tuple(_tensor(main.item(_GRAPH_TENSORS, int(index))) for index in main.numbers(_GRAPH_INPUTS)),
        tuple(_tensor(main.item(_GRAPH_TENSORS, int(index))) for index in main.numbers(_GRAPH_OUTPUTS)),
        main.count(_GRAPH_OPERATORS),
    )


def _tensor(table: _Table) -> TensorInfo:
    shape = tuple(int(size) for size in table.numbers(_TENSOR_SHAPE))
    signature = tuple(int(size) for size in table.numbers(_TENSOR_SIGNATURE))
    open_or_fixed = shape
    if len(signature) == len(shape):
        open_or_fixed = tuple(-1 if asked < 0 else size for size, asked in zip(shape, signature, strict=True))
    quantization = table.table(_TENSOR_QUANTIZATION)
    scales = quantization.numbers(_SCALE, "f") if quantization else ()
    zeros = quantization.numbers(_ZERO_POINT, "q") if quantization else ()
    code = table.byte(_TENSOR_TYPE)
    return TensorInfo(
        table.text(_TENSOR_NAME),
        _TYPES.get(code, f"type {code}"),
        open_or_fixed,
        float(scales[0]) if len(scales) == 1 else 0.0,
        int(zeros[0]) if len(zeros) == 1 else 0,
    )
