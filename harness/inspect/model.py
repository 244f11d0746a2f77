"""What is inside a model file, as plain values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

FLOATS = ("float16", "bfloat16", "float32", "float64")
QUANTIZED = ("int2", "int4", "uint4", "int8", "uint8", "int16")


@dataclass(frozen=True)
class Histogram:
    """How often values fall into each of equally wide bins from `low` to `high`; of every `stride`-th value."""

    low: float
    high: float
    counts: tuple[int, ...]
    stride: int = 1


@dataclass(frozen=True)
class Constant:
    """What a constant tensor holds, in the units in which it is stored (quantized values are not scaled).

    Attributes:
        buffer: index of its buffer; tensors may share one.
        zeros: share of values that are the zero point (0 for floats), in [0, 1].
        not_finite: how many values are NaN or infinite; the other figures leave them out.
        values: all of them, for a few integers (shapes, axes).
        note: why figures are missing; empty when they are there.
    """

    buffer: int
    size_bytes: int
    minimum: float | None = None
    maximum: float | None = None
    zeros: float | None = None
    not_finite: int = 0
    histogram: Histogram | None = None
    values: tuple[int, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Tensor:
    """One tensor of a graph. An open dimension is -1 in `signature`, and 1 (or what the file has) in `shape`.

    One scale is for the whole tensor, several are for the slices along `axis`.
    """

    index: int
    name: str
    dtype: str
    shape: tuple[int, ...]
    signature: tuple[int, ...]
    scales: tuple[float, ...] = ()
    zero_points: tuple[int, ...] = ()
    axis: int = 0
    variable: bool = False
    constant: Constant | None = None

    @property
    def elements(self) -> int:
        """The product of its shape."""
        total = 1
        for size in self.shape:
            total *= max(0, size)
        return total

    @property
    def open(self) -> bool:
        """Some dimension is not fixed."""
        return any(size < 0 for size in self.signature)

    @property
    def scale(self) -> float:
        """Its one scale; 0.0 for none or several."""
        return self.scales[0] if len(self.scales) == 1 else 0.0

    @property
    def zero_point(self) -> int:
        """The zero point to its one scale."""
        return self.zero_points[0] if len(self.scales) == 1 and self.zero_points else 0


@dataclass(frozen=True)
class Operator:
    """One operator of a graph. Inputs and outputs are indices of tensors, -1 for an operand that is left out."""

    index: int
    name: str
    version: int
    custom: bool
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: tuple[tuple[str, int | float | str], ...] = ()

    def option(self, name: str, default: int | float | str = 0) -> int | float | str:
        """An option by name."""
        return dict(self.options).get(name, default)

    def whole(self, name: str, default: int = 0) -> int:
        """An option that is a whole number."""
        value = self.option(name, default)
        return value if isinstance(value, int) else default


@dataclass(frozen=True)
class Graph:
    """A subgraph; the first one of a file is what runs, others are bodies of control flow."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]

    def tensors_at(self, indices: tuple[int, ...]) -> list[Tensor]:
        """The tensors that are there of `indices`."""
        return [self.tensors[index] for index in indices if index >= 0]

    @cached_property
    def producers(self) -> dict[int, Operator]:
        """The operator that computes each tensor."""
        return {index: operator for operator in self.operators for index in operator.outputs if index >= 0}

    @cached_property
    def consumers(self) -> dict[int, list[Operator]]:
        """The operators that read each tensor."""
        found: dict[int, list[Operator]] = {}
        for operator in self.operators:
            for index in dict.fromkeys(operator.inputs):
                found.setdefault(index, []).append(operator)
        return found

    def layer_name(self, operator: Operator) -> str:
        """What an operator is called: the name of its first output."""
        return next((tensor.name for tensor in self.tensors_at(operator.outputs)), "")

    def edges(self) -> Iterator[tuple[int, int]]:
        """Pairs of operators (from, to) of which one computes what the other reads."""
        for operator in self.operators:
            for index in dict.fromkeys(operator.inputs):
                producer = self.producers.get(index)
                if producer is not None:
                    yield producer.index, operator.index


@dataclass(frozen=True)
class Signature:
    """An entry point by name: names and tensors of its inputs and outputs."""

    key: str
    graph: int
    inputs: tuple[tuple[str, int], ...]
    outputs: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Normalisation:
    """What the file's own metadata says of an input: each channel is ``(value - mean) / std``."""

    input: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class ModelFile:
    """A ``.tflite`` file.

    Attributes:
        gzip_bytes: None when it was not asked for: compressing takes longer than all the rest.
        variant: which of the harness's variants it is, by the types of its tensors.
        cannot_run: why LiteRT or the harness cannot run it; empty when they can.
        metadata: names of the file's metadata entries and their sizes in bytes.
    """

    path: str
    size_bytes: int
    sha256: str
    schema_version: int
    description: str
    graphs: tuple[Graph, ...]
    signatures: tuple[Signature, ...] = ()
    metadata: tuple[tuple[str, int], ...] = ()
    normalisation: tuple[Normalisation, ...] = ()
    variant: str = ""
    float_operators: tuple[str, ...] = ()
    cannot_run: str = ""
    gzip_bytes: int | None = None

    @property
    def main(self) -> Graph:
        """The graph that runs."""
        return self.graphs[0]

    @property
    def inputs(self) -> list[Tensor]:
        """Of the main graph."""
        return self.main.tensors_at(self.main.inputs)

    @property
    def outputs(self) -> list[Tensor]:
        """Of the main graph."""
        return self.main.tensors_at(self.main.outputs)
