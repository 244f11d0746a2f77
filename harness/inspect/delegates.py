"""Which operators a delegate is expected to take: rules read from the delegates' documents and sources, no measurement.

What really happens depends on the release of the delegate, the driver and the chip; `harness run` with a profile pass
shows it. Each table states its source.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.inspect.delegate_limits import EDGE_TPU_LIMITS, HEXAGON_LIMITS, XNNPACK_LIMITS, Limit
from harness.inspect.delegate_operators import (
    EDGE_TPU,
    GPU,
    GPU_NEWER,
    HEXAGON,
    NNAPI,
    XNNPACK_FLOAT,
    XNNPACK_INTEGER,
)
from harness.inspect.model import FLOATS, QUANTIZED, Graph, Operator, Tensor
from harness.operator_names import EDGE_TPU_OPERATOR

EXPECTED, NOT_EXPECTED, UNKNOWN = "expected", "not expected", "unknown"
_EDGE_TPU = "Edge TPU"
_NOT_LISTED = "not in its list of operators"


@dataclass(frozen=True)
class Expectation:
    """What the rule says of one operator, and why."""

    answer: str
    reason: str = ""


_LEFT = Expectation(NOT_EXPECTED, "left on the CPU by edgetpu_compiler")


@dataclass(frozen=True)
class Rules:
    """The rules for one delegate.

    Attributes:
        source: where they were read.
        judge: from a graph, an operator and the kind of its arithmetic to the expectation.
        one_partition: what comes after the first operator that it does not take stays with the CPU, too.
    """

    delegate: str
    source: str
    note: str
    judge: Callable[[Graph, Operator, str], Expectation]
    one_partition: bool = False


def kind_of(graph: Graph, operator: Operator) -> str:
    """The arithmetic: ``float``, ``int8``, ``uint8``, ``int16``, ``int4``, ``dynamic`` (float with integer weights), or
    ``other`` (ids, masks, text).
    """
    inputs, outputs = graph.tensors_at(operator.inputs), graph.tensors_at(operator.outputs)
    data = [tensor for tensor in inputs if tensor.constant is None]
    types = {tensor.dtype for tensor in (*data, *outputs)}
    for name in ("int16", "int8", "uint8", "int4"):
        if name in types:
            return name
    if types & set(FLOATS):
        weights = {tensor.dtype for tensor in inputs if tensor.constant is not None and tensor.scales}
        return "dynamic" if weights & set(QUANTIZED) and operator.name != "DEQUANTIZE" else "float"
    return "other"


def expectations(graph: Graph, rules: Rules) -> tuple[Expectation, ...]:
    """What is expected of each operator of `graph`, in its order."""
    if rules.delegate == _EDGE_TPU and is_compiled(graph):
        return tuple(_custom(rules, operator) or _LEFT for operator in graph.operators)
    found = [
        _custom(rules, operator) or rules.judge(graph, operator, kind_of(graph, operator))
        for operator in graph.operators
    ]
    if not rules.one_partition:
        return tuple(found)
    return tuple(_cut(graph, found))


def is_compiled(graph: Graph) -> bool:
    """Whether `graph` went through ``edgetpu_compiler``, which puts its own operator in the place of what it mapped."""
    return any(one.custom and one.name == EDGE_TPU_OPERATOR for one in graph.operators)


def _custom(rules: Rules, operator: Operator) -> Expectation | None:
    if not operator.custom:
        return None
    if operator.name == EDGE_TPU_OPERATOR:
        answer = EXPECTED if rules.delegate == _EDGE_TPU else NOT_EXPECTED
        return Expectation(answer, "compiled for the Edge TPU")
    return Expectation(NOT_EXPECTED, "a custom operator")


def _cut(graph: Graph, found: list[Expectation]) -> list[Expectation]:
    """One partition only: conversions of the inputs before it do not count."""
    started, ended, result = False, False, []
    for operator, one in zip(graph.operators, found, strict=True):
        if ended and one.answer != NOT_EXPECTED:
            one = Expectation(NOT_EXPECTED, "after an operator that stays on the CPU: the compiler makes one partition")
        elif one.answer == EXPECTED:
            started = True
        elif one.answer == NOT_EXPECTED and (started or operator.name not in ("QUANTIZE", "CAST")):
            ended = True
        result.append(one)
    return result


def _rank(graph: Graph, operator: Operator) -> int:
    tensors = graph.tensors_at((*operator.inputs, *operator.outputs))
    return max((len(tensor.shape) for tensor in tensors), default=0)


def _limited(limits: dict[str, Limit], graph: Graph, operator: Operator) -> Expectation | None:
    limit = limits.get(operator.name)
    reason = limit(graph, operator) if limit is not None else ""
    return Expectation(NOT_EXPECTED, reason) if reason else None


def _listed(names: frozenset[str], operator: Operator) -> Expectation:
    return Expectation(EXPECTED) if operator.name in names else Expectation(NOT_EXPECTED, _NOT_LISTED)


def _xnnpack(graph: Graph, operator: Operator, kind: str) -> Expectation:
    if kind in ("int16", "int4"):
        return Expectation(NOT_EXPECTED, f"{kind} activations")
    if kind == "other":
        listed = operator.name in XNNPACK_FLOAT
        return Expectation(NOT_EXPECTED, "neither float nor 8-bit" if listed else _NOT_LISTED)
    if operator.name in ("DEQUANTIZE", "DENSIFY") and _constant_inputs(graph, operator):
        return Expectation(EXPECTED, "weights that it unpacks itself")
    if kind == "dynamic":
        if operator.name in ("CONV_2D", "FULLY_CONNECTED"):
            limited = _limited(XNNPACK_LIMITS, graph, operator)
            return limited or Expectation(EXPECTED, "dynamic range; older releases do not take it")
        if operator.name in ("DEPTHWISE_CONV_2D", "BATCH_MATMUL", "TRANSPOSE_CONV"):
            return Expectation(UNKNOWN, "dynamic range: depends on the release")
        return Expectation(NOT_EXPECTED, "integer weights with float activations")
    names = XNNPACK_FLOAT if kind == "float" else XNNPACK_INTEGER
    return _limited(XNNPACK_LIMITS, graph, operator) or _listed(names, operator)


def _constant_inputs(graph: Graph, operator: Operator) -> bool:
    return all(tensor.constant is not None for tensor in graph.tensors_at(operator.inputs))


def _gpu(graph: Graph, operator: Operator, kind: str) -> Expectation:
    if operator.name in GPU_NEWER:
        return Expectation(UNKNOWN, "newer GPU delegates only")
    if operator.name not in GPU:
        return Expectation(NOT_EXPECTED, _NOT_LISTED)
    if kind == "int16":
        return Expectation(NOT_EXPECTED, "int16 activations")
    if _rank(graph, operator) > 4:
        return Expectation(NOT_EXPECTED, "a tensor of more than 4 dimensions")
    if kind in ("int8", "uint8"):
        return Expectation(EXPECTED, "computed in float with simulated quantization")
    if kind == "float" or (operator.name in ("DEQUANTIZE", "DENSIFY") and _constant_inputs(graph, operator)):
        return Expectation(EXPECTED)
    return Expectation(UNKNOWN, "dynamic range: depends on the release" if kind == "dynamic" else f"{kind} data")


def _nnapi(graph: Graph, operator: Operator, kind: str) -> Expectation:
    if kind in ("int16", "int4"):
        return Expectation(NOT_EXPECTED, f"{kind} activations")
    if operator.name not in NNAPI:
        return Expectation(NOT_EXPECTED, _NOT_LISTED)
    if _rank(graph, operator) > 4:
        return Expectation(NOT_EXPECTED, "a tensor of more than 4 dimensions")
    if any(tensor.open for tensor in graph.tensors_at((*operator.inputs, *operator.outputs))):
        return Expectation(NOT_EXPECTED, "an open dimension, unless the delegate is told to allow them")
    if kind == "int8":
        return Expectation(EXPECTED, "from Android 11 on; the driver decides")
    if kind == "dynamic":
        return Expectation(UNKNOWN, "dynamic range: only some operators, and the driver decides")
    if kind == "other":
        return Expectation(UNKNOWN, "neither float nor 8-bit: the driver decides")
    return Expectation(EXPECTED, "the driver decides")


def _hexagon(graph: Graph, operator: Operator, kind: str) -> Expectation:
    if kind not in ("int8", "uint8"):
        return Expectation(NOT_EXPECTED, "it computes 8-bit integers only")
    if _rank(graph, operator) > 4:
        return Expectation(NOT_EXPECTED, "a tensor of more than 4 dimensions")
    if operator.name == "QUANTIZE" and any(t.dtype not in ("int8", "uint8") for t in graph.tensors_at(operator.inputs)):
        return Expectation(NOT_EXPECTED, "its QUANTIZE takes 8-bit integers only")
    return _limited(HEXAGON_LIMITS, graph, operator) or _listed(HEXAGON, operator)


def _edge_tpu(graph: Graph, operator: Operator, kind: str) -> Expectation:
    if kind not in ("int8", "uint8"):
        return Expectation(NOT_EXPECTED, "it computes 8-bit integers only")
    tensors = graph.tensors_at((*operator.inputs, *operator.outputs))
    if any(tensor.dtype in FLOATS for tensor in tensors):
        return Expectation(NOT_EXPECTED, "a float operand")
    if any(tensor.open for tensor in tensors):
        return Expectation(NOT_EXPECTED, "an open dimension")
    if any(_outer(tensor) > 1 for tensor in tensors if tensor.constant is None):
        return Expectation(NOT_EXPECTED, "more than three dimensions that are larger than 1")
    return _limited(EDGE_TPU_LIMITS, graph, operator) or _listed(EDGE_TPU, operator)


def _outer(tensor: Tensor) -> int:
    """The largest of the dimensions outside the three innermost."""
    return max(tensor.shape[:-3], default=1)


TABLE: tuple[Rules, ...] = (
    Rules(
        "XNNPACK",
        "tflite/delegates/xnnpack/xnnpack_delegate.cc and README.md of LiteRT, August 2026",
        "the CPU; 8-bit operators where the build has them, as upstream builds do",
        _xnnpack,
    ),
    Rules(
        "GPU",
        "tflite/delegates/gpu/common/model_builder.cc and tools/versioning/gpu_compatibility.cc of LiteRT, August 2026",
        "in float16 unless told otherwise",
        _gpu,
    ),
    Rules(
        "NNAPI",
        "tflite/delegates/nnapi/nnapi_delegate.cc of LiteRT, August 2026",
        "deprecated since Android 15; the driver may refuse, or compute on the CPU",
        _nnapi,
    ),
    Rules(
        "Hexagon",
        "tflite/delegates/hexagon/README.md of LiteRT, August 2026",
        "deprecated; Snapdragon chips with the DSP generations v60 to v66",
        _hexagon,
    ),
    Rules(
        _EDGE_TPU,
        "coral.ai/docs/edgetpu/models-intro, supported operations",
        "the file must go through edgetpu_compiler",
        _edge_tpu,
        one_partition=True,
    ),
)
