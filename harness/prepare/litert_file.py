"""In the worker: what is inside a ``.tflite`` file.

The graph is read from the flatbuffer by LiteRT's own schema, so that operators are those of the file and not of a
delegate. Bytes may be hostile: this runs in a process that may crash or hang.
"""

from __future__ import annotations

import gzip
import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import ModelFileError
from harness.operator_names import EDGE_TPU_OPERATOR
from harness.prepare.faults import UnsupportedModelError, missing
from harness.prepare.litert_run import allocated

FLOATS = ("float16", "float32", "float64", "bfloat16")
QUANTIZED = ("int2", "int4", "int8", "uint8", "int16")
USABLE_INPUTS = ("float32", "int8", "uint8", "int16", "int32", "int64", "bool")


@dataclass(frozen=True)
class _Tensor:
    name: str
    dtype: str
    shape: tuple[int, ...]
    signature: tuple[int, ...]
    scale: float
    zero_point: int
    constant: bool


@dataclass(frozen=True)
class _Operator:
    name: str
    custom: bool
    inputs: tuple[_Tensor, ...]
    outputs: tuple[_Tensor, ...]


@dataclass(frozen=True)
class _Graph:
    inputs: tuple[_Tensor, ...]
    outputs: tuple[_Tensor, ...]
    operators: tuple[_Operator, ...]


def inspect(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `harness.prepare.inspection.ModelInfo` for the file at ``arguments["path"]``.

    Raises:
        ModelFileError: the file is damaged, or LiteRT refuses it.
        MissingDependencyError: ai-edge-litert is not installed.
    """
    path = Path(arguments["path"])
    content = path.read_bytes()
    graph = read_graph(content, path)
    return {
        "size_bytes": len(content),
        "gzip_bytes": len(gzip.compress(content, 9)),
        "sha256": hashlib.sha256(content).hexdigest(),
        "variant": variant_of(graph),
        "inputs": [described(tensor) for tensor in graph.inputs],
        "outputs": [described(tensor) for tensor in graph.outputs],
        "operators": sorted(Counter(operator.name for operator in graph.operators).items()),
        "float_operators": float_operators(graph),
        "custom_operators": sorted({operator.name for operator in graph.operators if operator.custom}),
        "unsupported": unsupported_reason(graph) or _refused(path),
    }


def described(tensor: _Tensor) -> dict[str, Any]:
    """The fields of `harness.domain.TensorInfo`, with sizes for open dimensions."""
    fixed = [size if size > 0 else have for size, have in zip(tensor.signature, tensor.shape, strict=True)]
    return {
        "name": tensor.name,
        "dtype": tensor.dtype,
        "shape": fixed,
        "scale": tensor.scale,
        "zero_point": tensor.zero_point,
    }


def unsupported_reason(graph: _Graph) -> str:
    """Why the harness cannot benchmark the model, or an empty string."""
    if not graph.inputs:
        return "the model has no inputs"
    if not graph.outputs:
        return "the model has no outputs"
    unusable = next((reason for tensor in graph.inputs if (reason := _unusable(tensor))), "")
    if not unusable and any(output.dtype == "string" for output in graph.outputs):
        return "the model has a string output"
    return unusable


def _unusable(tensor: _Tensor) -> str:
    """Why an input cannot be filled, or an empty string."""
    if tensor.dtype not in USABLE_INPUTS:
        return f"the input {tensor.name!r} has type {tensor.dtype}; usable types: {', '.join(USABLE_INPUTS)}"
    if not tensor.shape or any(size < 0 for size in tensor.signature[1:]):
        shape = "x".join("?" if size < 0 else str(size) for size in tensor.signature) or "unknown"
        return f"the input {tensor.name!r} has the open shape {shape}; convert the model with a fixed shape"
    if tensor.shape[0] != 1:
        return f"the input {tensor.name!r} has a batch of {tensor.shape[0]}; a batch of 1 is needed"
    return ""


def _refused(path: Path) -> str:
    """Why LiteRT has no kernel for an operator, or an empty string. Other refusals raise."""
    try:
        allocated(path)
    except UnsupportedModelError as error:
        return error.what
    return ""


def variant_of(graph: _Graph) -> str:
    """Which of the harness's variants the file is, from the types of its tensors, or an operator of its own."""
    if any(operator.custom and operator.name == EDGE_TPU_OPERATOR for operator in graph.operators):
        return "edgetpu"
    computed = [tensor.dtype for operator in graph.operators for tensor in operator.outputs]
    weights = {tensor.dtype for operator in graph.operators for tensor in operator.inputs if tensor.constant}
    if "int16" in computed:
        return "int16x8"
    if "int8" in computed or "uint8" in computed:
        return "int8" if _integer_outside(graph) else "full_integer"
    small = weights & {"int8", "uint8", "int4", "int2"}
    if not small:
        return "float16" if "float16" in weights else "float32"
    four = "int8" not in small and "uint8" not in small
    users = {
        operator.name for operator in graph.operators if any(t.constant and t.dtype in small for t in operator.inputs)
    }
    if users == {"DEQUANTIZE"}:
        return "weight_only_int4" if four else "weight_only_int8"
    return "dynamic_range_int4" if four else "dynamic_range"


def _integer_outside(graph: _Graph) -> bool:
    """Whether inputs are quantized; where all are ids, which always are integers, whether outputs are."""
    quantized = any(tensor.dtype in QUANTIZED for tensor in graph.inputs)
    boundary = graph.inputs if quantized else graph.outputs
    return all(tensor.dtype not in FLOATS for tensor in boundary)


def float_operators(graph: _Graph) -> list[str]:
    """The operators of a quantized file that compute in float all the same, sorted; empty for a float file.

    One whose result is float and none of whose operands is quantized; conversions between the two do not count. Where
    only some of a kind do, how many: ``CONV_2D (1 of 3)``.
    """
    if variant_of(graph) in ("float32", "float16"):
        return []
    counts = Counter(operator.name for operator in graph.operators)
    stayed = Counter(operator.name for operator in graph.operators if _is_float(operator))
    return sorted(
        name if count == counts[name] else f"{name} ({count} of {counts[name]})" for name, count in stayed.items()
    )


def _is_float(operator: _Operator) -> bool:
    return (
        operator.name not in ("DEQUANTIZE", "QUANTIZE")
        and any(tensor.dtype in FLOATS for tensor in operator.outputs)
        and not any(tensor.dtype in QUANTIZED for tensor in operator.inputs)
    )


def read_graph(content: bytes, path: Path) -> _Graph:
    """The main graph.

    Raises:
        ModelFileError: the flatbuffer is not intact.
    """
    try:
        from ai_edge_litert import schema_py_generated as schema
    except ModuleNotFoundError as error:
        raise missing("ai-edge-litert", "litert") from error
    try:
        return _Reader(schema, content).graph()
    except ModelFileError:
        raise
    except Exception as error:
        text = f"the model is damaged: its graph cannot be read ({type(error).__name__})"
        raise ModelFileError(text, where=str(path), remedy="Copy or convert it again.") from error


class _Reader:
    """The flatbuffer's accessors, as plain values. Any of them may raise on damaged bytes."""

    def __init__(self, schema: Any, content: bytes) -> None:
        self._model = schema.Model.GetRootAs(content, 0)
        self._types = _names(schema.TensorType)
        self._builtins = _names(schema.BuiltinOperator)
        self._custom_code = schema.BuiltinOperator.CUSTOM
        if self._model.SubgraphsLength() == 0:
            raise ModelFileError("the model is damaged: it has no graph")
        self._subgraph = self._model.Subgraphs(0)

    def graph(self) -> _Graph:
        subgraph = self._subgraph
        tensors = [self._tensor(subgraph.Tensors(index)) for index in range(subgraph.TensorsLength())]
        codes = [self._code(self._model.OperatorCodes(index)) for index in range(self._model.OperatorCodesLength())]
        operators = []
        for index in range(subgraph.OperatorsLength()):
            operator = subgraph.Operators(index)
            name, custom = codes[operator.OpcodeIndex()]
            operators.append(
                _Operator(
                    name,
                    custom,
                    _picked(tensors, operator.Inputs, operator.InputsLength()),
                    _picked(tensors, operator.Outputs, operator.OutputsLength()),
                )
            )
        return _Graph(
            _picked(tensors, subgraph.Inputs, subgraph.InputsLength()),
            _picked(tensors, subgraph.Outputs, subgraph.OutputsLength()),
            tuple(operators),
        )

    def _code(self, code: Any) -> tuple[str, bool]:
        builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if builtin == self._custom_code:
            return (code.CustomCode() or b"CUSTOM").decode(errors="replace"), True
        return self._builtins[builtin], False

    def _tensor(self, tensor: Any) -> _Tensor:
        shape = tuple(tensor.Shape(index) for index in range(tensor.ShapeLength()))
        signature = tuple(tensor.ShapeSignature(index) for index in range(tensor.ShapeSignatureLength()))
        quantization = tensor.Quantization()
        one_scale = quantization is not None and quantization.ScaleLength() == 1
        buffer = self._model.Buffers(tensor.Buffer())
        return _Tensor(
            name=(tensor.Name() or b"").decode(errors="replace"),
            dtype=self._types[tensor.Type()],
            shape=shape,
            signature=signature if len(signature) == len(shape) else shape,
            scale=float(quantization.Scale(0)) if one_scale else 0.0,
            zero_point=int(quantization.ZeroPoint(0)) if one_scale and quantization.ZeroPointLength() == 1 else 0,
            constant=buffer.DataLength() > 0 or buffer.Size() > 1,
        )


def _names(constants: Any) -> dict[int, str]:
    """The names of a schema's enumeration; types in numpy's spelling."""
    lower = constants.__name__ == "TensorType"
    return {
        value: name.lower() if lower else name
        for name, value in vars(constants).items()
        if isinstance(value, int) and not name.startswith("_")
    }


def _picked(tensors: list[_Tensor], index_of: Any, length: int) -> tuple[_Tensor, ...]:
    """The tensors at the indices of a vector; -1 marks an operand that is left out."""
    indices = [index_of(position) for position in range(length)]
    if any(index < -1 or index >= len(tensors) for index in indices):
        raise ModelFileError("the model is damaged: an operator names a tensor that does not exist")
    return tuple(tensors[index] for index in indices if index >= 0)
