"""Sparsity and clusters of the weights in a ``.tflite`` file: whether pruning and clustering outlived the conversion.

Looked at are the constants that convolutions and dense layers multiply by. Depthwise convolutions are not, because
neither pruning nor clustering touches them, and small tensors are not, because they hold few different values anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import ModelFileError
from harness.prepare.faults import missing

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_WEIGHTS = 1024
# More different values than this are no clusters; counting ends there, so that float weights are not all sorted.
MAX_CLUSTERS = 256
_CHUNK = 1 << 20
# Operators that multiply by constants (their second operand), and the axis of the output channels in it.
_CHANNEL_AXIS = {"CONV_2D": 0, "FULLY_CONNECTED": 0, "TRANSPOSE_CONV": 0, "CONV_3D": -1, "BATCH_MATMUL": -1}
_OPERAND = 1
# Operators that only change the type of constants (float16 and weight-only files), seen through.
_CASTS = ("DEQUANTIZE",)
_DTYPES = {"FLOAT32": "<f4", "FLOAT16": "<f2", "INT8": "<i1", "UINT8": "<u1", "INT16": "<i2"}
_BITS = {"INT4": 4, "INT2": 2}


@dataclass(frozen=True)
class WeightFacts:
    """What the large weights of a file have in common.

    Values are counted in each output channel by itself, since a channel has a scale of its own: that of its integers,
    or of a batch normalisation that the converter multiplied into float weights.

    Attributes:
        sparsity: share of the weights that are exactly zero (their zero point, in integers); None without any weights.
        clusters: the largest number of different values in a channel; None when there are more than `MAX_CLUSTERS`.
        clusters_median: the median of the tensors' largest numbers, likewise.
        weights: how many weights that says something about.
    """

    sparsity: float | None
    clusters: int | None
    clusters_median: int | None
    weights: int


@dataclass(frozen=True)
class Weights:
    """One constant: `values` (channels, n); `zero` is what stands for 0."""

    values: NDArray[Any]
    zero: int


def weight_facts(content: bytes | memoryview) -> WeightFacts:
    """The facts of the ``.tflite`` file with these bytes. Memory beside them: one tensor and a few MB.

    Raises:
        ModelFileError: the flatbuffer is not intact.
        MissingDependencyError: ai-edge-litert is not installed.
    """
    try:
        from ai_edge_litert import schema_py_generated as schema
    except ModuleNotFoundError as error:
        raise missing("ai-edge-litert", "litert") from error
    try:
        return summary(_constants(schema, content))
    except Exception as error:
        text = f"the model is damaged: its weights cannot be read ({type(error).__name__})"
        raise ModelFileError(text, remedy="Copy or convert it again.") from error


def summary(constants: Iterable[Weights]) -> WeightFacts:
    """The facts of all `constants` together."""
    zeros = weights = 0
    counts: list[int] = []
    for constant in constants:
        zeros += constant.values.size - int(np.count_nonzero(constant.values != constant.zero))
        weights += constant.values.size
        counts.append(distinct(constant.values))
    if not weights:
        return WeightFacts(None, None, None, 0)
    counts.sort()
    return WeightFacts(zeros / weights, _clusters(counts[-1]), _clusters(counts[(len(counts) - 1) // 2]), weights)


def _clusters(count: int) -> int | None:
    return count if count <= MAX_CLUSTERS else None


def distinct(values: NDArray[Any]) -> int:
    """The largest number of different values in a row of `values` (rows, n).

    Counting ends beyond `MAX_CLUSTERS`: the number is then only known to be larger.
    """
    largest, begin, rows = 0, 0, 1
    while begin < len(values) and largest <= MAX_CLUSTERS:
        block = np.sort(values[begin : begin + rows], axis=1, kind="stable")  # for small integers a radix sort
        different = np.count_nonzero(block[:, 1:] != block[:, :-1], axis=1) + min(1, block.shape[1])
        largest = max(largest, int(different.max()))
        begin += rows
        rows = min(2 * rows, max(1, _CHUNK // max(1, values.shape[1])))
    return largest


def _constants(schema: Any, content: bytes | memoryview) -> Iterator[Weights]:
    """Each large constant that a convolution or a dense layer multiplies by, once."""
    model = schema.Model.GetRootAs(content, 0)
    builtins = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
    types = {code: name for name, code in vars(schema.TensorType).items() if isinstance(code, int)}
    names = [_operator(model.OperatorCodes(index), builtins) for index in range(model.OperatorCodesLength())]
    seen: set[int] = set()
    for index in range(model.SubgraphsLength()):
        graph = model.Subgraphs(index)
        for index_of_tensor, axis in _multiplied(graph, names):
            tensor = graph.Tensors(index_of_tensor)
            if tensor.Buffer() in seen:
                continue
            seen.add(tensor.Buffer())
            constant = _constant(tensor, _raw(model.Buffers(tensor.Buffer()), content), types, axis)
            if constant is not None:
                yield constant


def _operator(code: Any, builtins: dict[int, str]) -> str:
    return builtins.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "")


def _multiplied(graph: Any, names: list[str]) -> Iterator[tuple[int, int]]:
    """The tensors in the place of weights, and the axis of their channels; of a change of type, what was changed."""
    operators = [graph.Operators(index) for index in range(graph.OperatorsLength())]
    cast = {
        operator.Outputs(0): operator.Inputs(0) for operator in operators if names[operator.OpcodeIndex()] in _CASTS
    }
    for operator in operators:
        axis = _CHANNEL_AXIS.get(names[operator.OpcodeIndex()])
        if axis is not None and operator.InputsLength() > _OPERAND:
            tensor = operator.Inputs(_OPERAND)
            yield cast.get(tensor, tensor), axis


def _raw(buffer: Any, content: bytes | memoryview) -> NDArray[np.uint8]:
    """The bytes of a buffer, a view. Large files keep them behind the flatbuffer."""
    if buffer.Size() > 1:
        return np.frombuffer(content, np.uint8, buffer.Size(), buffer.Offset())
    return np.asarray(buffer.DataAsNumpy() if buffer.DataLength() else [], np.uint8)


def _constant(tensor: Any, raw: NDArray[np.uint8], types: dict[int, str], axis: int) -> Weights | None:
    """None for what is computed, small, kept in a sparse format, or of another type."""
    shape = tuple(tensor.Shape(index) for index in range(tensor.ShapeLength()))
    size = int(np.prod(shape, dtype=np.int64)) if shape else 0
    name = types.get(tensor.Type(), "")
    if size < MIN_WEIGHTS or not raw.size or tensor.Sparsity() is not None or name not in {**_DTYPES, **_BITS}:
        return None
    values = _small_integers(raw, _BITS[name])[:size] if name in _BITS else raw.view(_DTYPES[name])
    if values.size != size:
        raise ValueError(f"{values.size} values for {size} weights")
    quantization = tensor.Quantization()
    zeros = 0 if quantization is None else quantization.ZeroPointLength()
    channels = np.moveaxis(values.reshape(shape), axis, 0)
    return Weights(channels.reshape(shape[axis], -1), quantization.ZeroPoint(0) if zeros else 0)


def _small_integers(raw: NDArray[np.uint8], bits: int) -> NDArray[np.int8]:
    """Signed integers of `bits` bits, packed into bytes from the low bits up."""
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    fields: NDArray[np.int8] = (raw[:, None] >> shifts & (2**bits - 1)).astype(np.int8).ravel()
    fields[fields >= 2 ** (bits - 1)] -= 2**bits
    return fields


def facts_of_file(path: Path) -> WeightFacts:
    """`weight_facts` of the file at `path`, which is mapped and not read as a whole.

    Raises:
        ModelFileError: it cannot be read, or is not intact.
    """
    try:
        content = memoryview(np.memmap(path, np.uint8, "r"))  # type: ignore[arg-type]
    except (OSError, ValueError) as error:
        raise ModelFileError(f"the model file cannot be read: {error}", where=str(path)) from error
    return weight_facts(content)
