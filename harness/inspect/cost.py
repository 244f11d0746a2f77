"""Multiply-accumulates and parameters, counted from shapes.

One multiply-accumulate (MAC) is a product added to a sum; biases, activations, poolings and element-wise operators have
none. The count is that of the algorithm as the operator defines it, for the shapes in the file (an open dimension
counts as 1): what a kernel really does (Winograd, skipped zeros, padding) may be less or more.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from harness.inspect.model import FLOATS, QUANTIZED, Graph, Operator, Tensor

_Tensors = list[Tensor | None]
# They multiply and add, or may, and are not counted.
NOT_COUNTED = frozenset(
    {
        "BIDIRECTIONAL_SEQUENCE_LSTM",
        "BIDIRECTIONAL_SEQUENCE_RNN",
        "CALL",
        "CALL_ONCE",
        "COMPLEX_ABS",
        "IF",
        "LOCAL_RESPONSE_NORMALIZATION",
        "RFFT2D",
        "RNN",
        "STABLEHLO_COMPOSITE",
        "STABLEHLO_CONVOLUTION",
        "STABLEHLO_CUSTOM_CALL",
        "STABLEHLO_DOT_GENERAL",
        "STABLEHLO_WHILE",
        "SVDF",
        "UNIDIRECTIONAL_SEQUENCE_RNN",
        "WHILE",
    }
)


def macs_of(graph: Graph, operator: Operator) -> int | None:
    """The multiply-accumulates of one run of `operator`; None where they are not known.

    | operator | formula |
    |---|---|
    | CONV_2D | elements of the output * (filter height * width * input channels of a group) |
    | CONV_3D | elements of the output * (filter depth * height * width * input channels) |
    | DEPTHWISE_CONV_2D | elements of the output * (filter height * width) |
    | TRANSPOSE_CONV | elements of the input * (filter height * width * output channels) |
    | FULLY_CONNECTED | elements of the output * columns of the weights |
    | BATCH_MATMUL | elements of the output * the dimension that is summed over |
    | LSTM, UNIDIRECTIONAL_SEQUENCE_LSTM | elements of all its matrices * batch * steps |
    | element-wise, pooling, reduction, moving data | 0 |
    """
    formula = _FORMULAS.get(operator.name)
    if formula is None:
        return None if operator.custom or operator.name in NOT_COUNTED else 0
    inputs: _Tensors = [graph.tensors[index] if index >= 0 else None for index in operator.inputs]
    outputs = graph.tensors_at(operator.outputs)
    try:
        return formula(operator, inputs, outputs[0])
    except (IndexError, AttributeError):  # too few operands, one that is left out, or too few dimensions
        return None


def _shape(tensor: Tensor | None, rank: int) -> tuple[int, ...]:
    if tensor is None or len(tensor.shape) < rank or min(tensor.shape, default=0) <= 0:
        raise IndexError(rank)
    return tensor.shape


def _elements(tensor: Tensor | None) -> int:
    return prod(_shape(tensor, 1))


def _conv_2d(_: Operator, inputs: _Tensors, output: Tensor) -> int:
    return _elements(output) * prod(_shape(inputs[1], 4)[1:])


def _conv_3d(_: Operator, inputs: _Tensors, output: Tensor) -> int:
    return _elements(output) * prod(_shape(inputs[1], 5)[:4])


def _depthwise(_: Operator, inputs: _Tensors, output: Tensor) -> int:
    return _elements(output) * prod(_shape(inputs[1], 4)[1:3])


def _transpose_conv(_: Operator, inputs: _Tensors, output: Tensor) -> int:
    return _elements(inputs[2]) * prod(_shape(inputs[1], 4)[:3])


def _fully_connected(_: Operator, inputs: _Tensors, output: Tensor) -> int:
    return _elements(output) * _shape(inputs[1], 2)[-1]


def _batch_matmul(operator: Operator, inputs: _Tensors, output: Tensor) -> int:
    left = _shape(inputs[0], 2)
    return _elements(output) * left[-2 if operator.whole("transpose_left") else -1]


def _lstm(operator: Operator, inputs: _Tensors, output: Tensor) -> int:
    data = _shape(inputs[0], 2)
    matrices = sum(tensor.elements for tensor in inputs[1:] if tensor and tensor.constant and len(tensor.shape) == 2)
    return prod(data[:-1]) * matrices


_FORMULAS: dict[str, Callable[[Operator, _Tensors, Tensor], int]] = {
    "CONV_2D": _conv_2d,
    "CONV_3D": _conv_3d,
    "DEPTHWISE_CONV_2D": _depthwise,
    "TRANSPOSE_CONV": _transpose_conv,
    "FULLY_CONNECTED": _fully_connected,
    "BATCH_MATMUL": _batch_matmul,
    "LSTM": _lstm,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
}


def weights_of(graph: Graph, operator: Operator) -> list[Tensor]:
    """The weights that `operator` computes with: constant operands of a float or quantized type, and its biases.

    Weights that a DEQUANTIZE or DENSIFY unpacks belong to the operator that uses them. Shapes, axes and indices
    (integers without a scale) are not weights.
    """
    if operator.name in ("DEQUANTIZE", "DENSIFY") and _unpacks(graph, operator):
        return []
    found = []
    for index in dict.fromkeys(operator.inputs):
        producer = graph.producers.get(index)
        if producer is not None and producer.name in ("DEQUANTIZE", "DENSIFY"):
            found += [tensor for tensor in graph.tensors_at(producer.inputs) if is_weight(tensor)]
        elif index >= 0 and is_weight(graph.tensors[index]):
            found.append(graph.tensors[index])
    return found


def is_weight(tensor: Tensor) -> bool:
    """Whether a tensor is a constant whose values were learned, by its type: float, or an integer with a scale."""
    if tensor.constant is None:
        return False
    return tensor.dtype in FLOATS or tensor.dtype in QUANTIZED or bool(tensor.scales)


def _unpacks(graph: Graph, operator: Operator) -> bool:
    return all(graph.tensors[index].constant is not None for index in operator.inputs if index >= 0) and any(
        graph.consumers.get(index) for index in operator.outputs
    )


def parameters_of(tensors: list[Tensor]) -> int:
    """Elements of `tensors`, those of a shared buffer once."""
    return sum({(tensor.constant.buffer if tensor.constant else -1): tensor.elements for tensor in tensors}.values())


def total_parameters(graphs: tuple[Graph, ...]) -> int:
    """Elements of all weights of a file."""
    weights = [
        tensor
        for graph in graphs
        for operator in graph.operators
        for tensor in graph.tensors_at(operator.inputs)
        if is_weight(tensor)
    ]
    return parameters_of(weights)
