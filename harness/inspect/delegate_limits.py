"""What delegates ask of an operator beyond its name: each limit is the reason why it is not met, or empty."""

from __future__ import annotations

from collections.abc import Callable

from harness.inspect.model import Graph, Operator

Limit = Callable[[Graph, Operator], str]


def _strides(operator: Operator) -> tuple[int, int]:
    return operator.whole("stride_h", 1), operator.whole("stride_w", 1)


def _dilations(operator: Operator) -> tuple[int, int]:
    return operator.whole("dilation_h", 1), operator.whole("dilation_w", 1)


def _no_activation(_: Graph, operator: Operator) -> str:
    return "a fused activation" if operator.option("activation", "NONE") != "NONE" else ""


def _simple_activation(_: Graph, operator: Operator) -> str:
    activation = operator.option("activation", "NONE")
    return f"a fused {activation}" if activation in ("TANH", "SIGN_BIT") else ""


def _constant_weights(graph: Graph, operator: Operator) -> str:
    """Static filter, or one that a DEQUANTIZE or DENSIFY makes of a constant."""
    index = operator.inputs[1] if len(operator.inputs) > 1 else -1
    if index < 0:
        return "no weights"
    tensor, producer = graph.tensors[index], graph.producers.get(index)
    unpacked = producer is not None and producer.name in ("DEQUANTIZE", "DENSIFY")
    return "" if tensor.constant is not None or unpacked else "weights that are computed"


def _xnnpack_convolution(graph: Graph, operator: Operator) -> str:
    if len(operator.inputs) < 3 or operator.inputs[2] < 0:
        return "no bias"
    return _constant_weights(graph, operator) or _simple_activation(graph, operator)


def _xnnpack_dense(graph: Graph, operator: Operator) -> str:
    return _constant_weights(graph, operator) or _simple_activation(graph, operator)


def _xnnpack_pool(graph: Graph, operator: Operator) -> str:
    one = operator.whole("filter_h") == operator.whole("filter_w") == 1
    if one and _strides(operator) != (1, 1):
        return "1x1 pooling with a stride"
    return _simple_activation(graph, operator)


def _beta_is_one(_: Graph, operator: Operator) -> str:
    return "" if operator.option("beta", 1.0) == 1.0 else "beta is not 1"


def _plain_slice(_: Graph, operator: Operator) -> str:
    masks = ("ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
    return "a mask that changes the rank" if any(operator.whole(name) for name in masks) else ""


def _block_size(_: Graph, operator: Operator) -> str:
    return "" if operator.whole("block_size") > 1 else "a block size of 1"


XNNPACK_LIMITS: dict[str, Limit] = {
    "ADD": _simple_activation,
    "AVERAGE_POOL_2D": _xnnpack_pool,
    "CONV_2D": _xnnpack_convolution,
    "DEPTHWISE_CONV_2D": _xnnpack_convolution,
    "DEPTH_TO_SPACE": _block_size,
    "DIV": _simple_activation,
    "FULLY_CONNECTED": _xnnpack_dense,
    "MAX_POOL_2D": _xnnpack_pool,
    "MUL": _simple_activation,
    "SOFTMAX": _beta_is_one,
    "SPACE_TO_DEPTH": _block_size,
    "STRIDED_SLICE": _plain_slice,
    "SUB": _simple_activation,
}


def _stride_to_three(_: Graph, operator: Operator) -> str:
    return "" if max(_strides(operator)) <= 3 else "a stride above 3"


def _hexagon_depthwise(graph: Graph, operator: Operator) -> str:
    if operator.whole("depth_multiplier", 1) not in (0, 1):
        return "a depth multiplier above 1"
    if max(_dilations(operator)) > 1 and max(_strides(operator)) > 1:
        return "a dilation with a stride"
    filters = graph.tensors_at(operator.inputs[1:2])
    if filters and len(filters[0].shape) == 4 and filters[0].shape[1] < 2:
        return "a filter of height 1"
    return _stride_to_three(graph, operator)


def _hexagon_resize(graph: Graph, operator: Operator) -> str:
    sizes = [tensor.shape[1:3] for tensor in graph.tensors_at(operator.outputs)]
    return "an output above 65x65" if any(max(size, default=0) > 65 for size in sizes) else ""


HEXAGON_LIMITS: dict[str, Limit] = {
    "AVERAGE_POOL_2D": _no_activation,
    "CONV_2D": _stride_to_three,
    "DEPTHWISE_CONV_2D": _hexagon_depthwise,
    "L2_NORMALIZATION": _no_activation,
    "MAX_POOL_2D": _no_activation,
    "RESIZE_BILINEAR": _hexagon_resize,
    "TRANSPOSE_CONV": _stride_to_three,
}


def _same_dilation(_: Graph, operator: Operator) -> str:
    high, wide = _dilations(operator)
    return "" if high == wide else "another dilation in x than in y"


def _edge_tpu_dense(graph: Graph, operator: Operator) -> str:
    if operator.option("weights_format", "DEFAULT") != "DEFAULT":
        return "weights in another than the default format"
    outputs = graph.tensors_at(operator.outputs)
    return "" if all(max(one.shape[:-1], default=1) <= 1 for one in outputs) else "an output of more than one dimension"


def _edge_tpu_softmax(graph: Graph, operator: Operator) -> str:
    for tensor in graph.tensors_at(operator.inputs):
        if max(tensor.shape[:-1], default=1) > 1 or tensor.elements > 16_000:
            return "an input of more than one dimension, or of more than 16,000 elements"
    return ""


EDGE_TPU_LIMITS: dict[str, Limit] = {
    "AVERAGE_POOL_2D": _no_activation,
    "CONCATENATION": _no_activation,
    "CONV_2D": _same_dilation,
    "DEPTHWISE_CONV_2D": _same_dilation,
    "FULLY_CONNECTED": _edge_tpu_dense,
    "MAX_POOL_2D": _no_activation,
    "SOFTMAX": _edge_tpu_softmax,
}
