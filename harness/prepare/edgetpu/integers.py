"""Which operators and tensors of a graph are not fully 8-bit, as the Edge TPU needs them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from harness.operator_names import EDGE_TPU_OPERATOR

EIGHT_BIT = ("int8", "uint8")
_FLOATS = ("float16", "bfloat16", "float32", "float64")
_NOT_COMPUTED = ("int16", "int4", "int2", "uint4")
# Conversions follow from something else that is named, SHAPE looks at no value, and what is compiled is done.
_NO_ARITHMETIC = ("QUANTIZE", "DEQUANTIZE", "SHAPE", EDGE_TPU_OPERATOR)


class TensorLike(Protocol):
    """A tensor of `harness.prepare.litert_file`."""

    @property
    def name(self) -> str:
        """In the file."""

    @property
    def dtype(self) -> str:
        """``int8``."""

    @property
    def signature(self) -> tuple[int, ...]:
        """Its shape, -1 for an open dimension."""

    @property
    def constant(self) -> bool:
        """Whether the file holds its values."""


class OperatorLike(Protocol):
    """An operator with its tensors."""

    @property
    def name(self) -> str:
        """``CONV_2D``, or the name of a custom operator."""

    @property
    def inputs(self) -> Sequence[TensorLike]:
        """Data and constants."""

    @property
    def outputs(self) -> Sequence[TensorLike]:
        """What it computes."""


class GraphLike(Protocol):
    """A main graph."""

    @property
    def inputs(self) -> Sequence[TensorLike]:
        """Of the model."""

    @property
    def outputs(self) -> Sequence[TensorLike]:
        """Of the model."""

    @property
    def operators(self) -> Sequence[OperatorLike]:
        """In the order in which they run."""


def not_integer(graph: GraphLike) -> list[str]:
    """What is not 8-bit or not of fixed size, one sentence each: inputs, outputs, then operators in their order."""
    found = [text for tensor in graph.inputs if (text := _boundary("input", tensor))]
    found += [text for tensor in graph.outputs if (text := _boundary("output", tensor))]
    return found + [text for index, one in enumerate(graph.operators) if (text := _operator(index, one))]


def uncompilable(graph: GraphLike) -> str:
    """Why compiling it is of no use, or an empty string: not one operator computes in 8 bits."""
    computing = [one for one in graph.operators if one.name not in _NO_ARITHMETIC]
    if any(_eight_bit(one) for one in computing):
        return ""
    return "no operator of the model computes in 8-bit integers" if computing else "the model has no operators"


def _boundary(kind: str, tensor: TensorLike) -> str:
    if tensor.dtype not in EIGHT_BIT:
        return f"{kind} `{tensor.name}` is {tensor.dtype}"
    if any(size < 0 for size in tensor.signature):
        shape = "x".join("?" if size < 0 else str(size) for size in tensor.signature)
        return f"{kind} `{tensor.name}` has the open shape {shape}"
    return ""


def _operator(index: int, operator: OperatorLike) -> str:
    if operator.name in _NO_ARITHMETIC:
        return ""
    data = [one for one in operator.inputs if not one.constant]
    computed = next((one.dtype for one in (*operator.outputs, *data) if one.dtype in (*_FLOATS, *_NOT_COMPUTED)), "")
    weights = {one.dtype for one in operator.inputs if one.constant}
    if computed:
        half = " with integer weights (dynamic range)" if computed in _FLOATS and weights & {*EIGHT_BIT, "int4"} else ""
        return f"{operator.name} #{index} computes in {computed}{half}"
    narrow = next((one for one in _NOT_COMPUTED if one in weights), "")
    return f"{operator.name} #{index} has {narrow} weights" if narrow else ""


def _eight_bit(operator: OperatorLike) -> bool:
    data = [one for one in operator.inputs if not one.constant]
    return any(one.dtype in EIGHT_BIT for one in operator.outputs) and any(one.dtype in EIGHT_BIT for one in data)
