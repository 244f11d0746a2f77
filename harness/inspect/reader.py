"""From the bytes of a ``.tflite`` file to its graphs. Field numbers are those of ``schema.fbs``, version 3.

The whole structure is read through `harness.inspect.flatbuffer`, so what comes out was checked: offsets, lengths,
indices of tensors, buffers and operator codes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.inspect.flatbuffer import DamagedError, Source, Table
from harness.inspect.metadata import read_normalisation
from harness.inspect.model import Constant, Graph, Operator, Signature, Tensor
from harness.inspect.options import read_options

IDENTIFIER = b"TFL3"
MAX_RANK = 32
_CUSTOM = 32
_METADATA_NAME = "TFLITE_METADATA"
# (place, bytes) of a buffer's content, its index, type, shape, zero points: to the figures of the constant.
Describe = Callable[[memoryview, int, Tensor, bool], Constant]


@dataclass(frozen=True)
class Names:
    """The words for the numbers in a file: of types, operators and tables of options."""

    types: Mapping[int, str]
    operators: Mapping[int, str]
    options: Mapping[int, str]


@dataclass(frozen=True)
class Content:
    """What the flatbuffer holds; the fields are those of `harness.inspect.model.ModelFile`."""

    schema_version: int
    description: str
    graphs: tuple[Graph, ...]
    signatures: tuple[Signature, ...]
    metadata: tuple[tuple[str, int], ...]
    normalisation: tuple[Any, ...]


def read_content(content: Any, names: Names, describe: Describe) -> Content:
    """The graphs, signatures and metadata of `content` (bytes, or a map of a file).

    `describe` makes the figures of a constant from its bytes.

    Raises:
        DamagedError: it is not a model, or is damaged.
    """
    if bytes(content[4:8]) != IDENTIFIER:
        raise DamagedError("not a TensorFlow Lite model (no TFL3 identifier)")
    return _Reader(Source(content), names, describe).content()


class _Reader:
    def __init__(self, source: Source, names: Names, describe: Describe) -> None:
        self._names, self._describe = names, describe
        self._bytes = memoryview(source.content)
        self._model = source.root()
        self._buffers = [self._place(table) for table in self._model.tables(4)]
        self._codes = [self._code(table) for table in self._model.tables(1)]

    def content(self) -> Content:
        graphs = tuple(self._graph(table) for table in self._model.tables(2))
        if not graphs:
            raise DamagedError("the model is damaged: it has no graph")
        metadata = [(table.text(0), int(table.number(1, "I"))) for table in self._model.tables(6)]
        return Content(
            int(self._model.number(0, "I")),
            self._model.text(3),
            graphs,
            tuple(self._signature(table, graphs) for table in self._model.tables(7)),
            tuple((name, self._buffer(index)[1]) for name, index in metadata),
            self._normalisation(metadata),
        )

    def _place(self, table: Table) -> tuple[int, int]:
        """Where a buffer's bytes are: in the flatbuffer, or behind it in files of more than 2 GB."""
        begin, size = table.vector(0, 1)
        outside, length = int(table.number(1, "Q")), int(table.number(2, "Q"))
        if size == 0 and outside > 1:
            begin, size = outside, length
        if begin + size > len(self._bytes):
            raise DamagedError(f"the model is truncated: a buffer of {size:,} bytes does not lie in the file")
        return begin, size

    def _buffer(self, index: int) -> tuple[int, int]:
        if not 0 <= index < len(self._buffers):
            raise DamagedError(f"the model is damaged: there is no buffer {index}")
        return self._buffers[index]

    def _code(self, table: Table) -> tuple[str, int, bool]:
        """Name, version, and whether it is a custom operator."""
        number = max(int(table.number(3, "i")), int(table.number(0, "b")))
        version = int(table.number(2, "i", 1))
        if number == _CUSTOM:
            return table.text(1) or "CUSTOM", version, True
        return self._names.operators.get(number, f"operator {number}"), version, False

    def _graph(self, table: Table) -> Graph:
        tensors = tuple(self._tensor(index, one) for index, one in enumerate(table.tables(0)))
        operators = tuple(self._operator(index, one, len(tensors)) for index, one in enumerate(table.tables(3)))
        inputs, outputs = (_indices(table.numbers(number, "i"), len(tensors)) for number in (1, 2))
        return Graph(table.text(4), inputs, outputs, tensors, operators)

    def _tensor(self, index: int, table: Table) -> Tensor:
        shape, signature = table.numbers(0, "i"), table.numbers(7, "i")
        if max(len(shape), len(signature)) > MAX_RANK or any(size < -1 for size in (*shape, *signature)):
            raise DamagedError(f"the model is damaged: tensor {index} has an impossible shape")
        quantization = table.table(4)
        scales, zeros = (
            ((), ()) if quantization is None else (quantization.numbers(2, "f"), quantization.numbers(3, "q"))
        )
        tensor = Tensor(
            index,
            table.text(3),
            self._names.types.get(int(table.number(1, "b")), f"type {table.number(1, 'b')}"),
            tuple(shape),
            tuple(signature) if len(signature) == len(shape) else tuple(shape),
            scales,
            zeros,
            0 if quantization is None else int(quantization.number(6, "i")),
            bool(table.number(5, "b")),
        )
        return self._with_constant(tensor, int(table.number(2, "I")), sparse=table.table(6) is not None)

    def _with_constant(self, tensor: Tensor, buffer: int, *, sparse: bool) -> Tensor:
        begin, size = self._buffer(buffer)
        if not size:
            return tensor
        constant = self._describe(self._bytes[begin : begin + size], buffer, tensor, sparse)
        return Tensor(**{**vars(tensor), "constant": constant})

    def _operator(self, index: int, table: Table, tensors: int) -> Operator:
        code = int(table.number(0, "I"))
        if code >= len(self._codes):
            raise DamagedError(f"the model is damaged: operator {index} has no code")
        name, version, custom = self._codes[code]
        kind = self._names.options.get(int(table.number(3, "B")), "")
        return Operator(
            index,
            name,
            version,
            custom,
            _indices(table.numbers(1, "i"), tensors),
            _indices(table.numbers(2, "i"), tensors),
            read_options(kind, None if custom else table.table(4)),
        )

    def _signature(self, table: Table, graphs: tuple[Graph, ...]) -> Signature:
        graph = int(table.number(4, "I"))
        if graph >= len(graphs):
            raise DamagedError(f"the model is damaged: a signature is of graph {graph}, which is not there")
        inputs, outputs = (
            tuple((one.text(0), int(one.number(1, "I"))) for one in table.tables(number)) for number in (0, 1)
        )
        _indices([index for _, index in (*inputs, *outputs)], len(graphs[graph].tensors))
        return Signature(table.text(2), graph, inputs, outputs)

    def _normalisation(self, metadata: list[tuple[str, int]]) -> tuple[Any, ...]:
        index = next((index for name, index in metadata if name == _METADATA_NAME), None)
        if index is None:
            return ()
        begin, size = self._buffer(index)
        return read_normalisation(self._bytes[begin : begin + size])


def _indices(values: Any, tensors: int) -> tuple[int, ...]:
    """Indices of tensors; -1 marks an operand that is left out."""
    if any(not -1 <= index < tensors for index in values):
        raise DamagedError("the model is damaged: an operator names a tensor that does not exist")
    return tuple(values)
