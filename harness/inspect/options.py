"""The options of operators that matter to speed, accuracy or a delegate, by TensorFlow Lite's schema.

`FIELDS` gives for each table of options: the option's name, the field's number, struct's type of it, its default.
Source: ``schema.fbs``, version 3 (fields are only ever appended).
"""

from __future__ import annotations

from harness.inspect.flatbuffer import Table

PADDING = {0: "SAME", 1: "VALID"}
ACTIVATION = {0: "NONE", 1: "RELU", 2: "RELU_N1_TO_1", 3: "RELU6", 4: "TANH", 5: "SIGN_BIT"}
WEIGHTS_FORMAT = {0: "DEFAULT", 1: "SHUFFLED4x16INT8"}
_WORDS = {"padding": PADDING, "activation": ACTIVATION, "weights_format": WEIGHTS_FORMAT}
_Fields = tuple[tuple[str, int, str, float], ...]

_ACTIVATION_ONLY: _Fields = (("activation", 0, "b", 0),)
_STRIDES: _Fields = (("padding", 0, "b", 0), ("stride_w", 1, "i", 0), ("stride_h", 2, "i", 0))
FIELDS: dict[str, _Fields] = {
    "Conv2DOptions": (*_STRIDES, ("activation", 3, "b", 0), ("dilation_w", 4, "i", 1), ("dilation_h", 5, "i", 1)),
    "DepthwiseConv2DOptions": (
        *_STRIDES,
        ("depth_multiplier", 3, "i", 0),
        ("activation", 4, "b", 0),
        ("dilation_w", 5, "i", 1),
        ("dilation_h", 6, "i", 1),
    ),
    "Conv3DOptions": (
        ("padding", 0, "b", 0),
        ("stride_d", 1, "i", 0),
        ("stride_w", 2, "i", 0),
        ("stride_h", 3, "i", 0),
        ("activation", 4, "b", 0),
    ),
    "Pool2DOptions": (*_STRIDES, ("filter_w", 3, "i", 0), ("filter_h", 4, "i", 0), ("activation", 5, "b", 0)),
    "TransposeConvOptions": (*_STRIDES, ("activation", 3, "b", 0)),
    "FullyConnectedOptions": (
        ("activation", 0, "b", 0),
        ("weights_format", 1, "b", 0),
        ("keep_dims", 2, "b", 0),
        ("asymmetric_inputs", 3, "b", 0),
    ),
    "BatchMatMulOptions": (("transpose_left", 0, "b", 0), ("transpose_right", 1, "b", 0)),
    "ConcatenationOptions": (("axis", 0, "i", 0), ("activation", 1, "b", 0)),
    "SoftmaxOptions": (("beta", 0, "f", 0),),
    "AddOptions": _ACTIVATION_ONLY,
    "SubOptions": _ACTIVATION_ONLY,
    "MulOptions": _ACTIVATION_ONLY,
    "DivOptions": _ACTIVATION_ONLY,
    "L2NormOptions": _ACTIVATION_ONLY,
    "ResizeBilinearOptions": (("align_corners", 2, "b", 0), ("half_pixel_centers", 3, "b", 0)),
    "ResizeNearestNeighborOptions": (("align_corners", 0, "b", 0), ("half_pixel_centers", 1, "b", 0)),
    "ReducerOptions": (("keep_dims", 0, "b", 0),),
    "StridedSliceOptions": (
        ("begin_mask", 0, "i", 0),
        ("end_mask", 1, "i", 0),
        ("ellipsis_mask", 2, "i", 0),
        ("new_axis_mask", 3, "i", 0),
        ("shrink_axis_mask", 4, "i", 0),
    ),
    "LeakyReluOptions": (("alpha", 0, "f", 0),),
    "SpaceToDepthOptions": (("block_size", 0, "i", 0),),
    "DepthToSpaceOptions": (("block_size", 0, "i", 0),),
    "GatherOptions": (("axis", 0, "i", 0), ("batch_dims", 1, "i", 0)),
    "PackOptions": (("values", 0, "i", 0), ("axis", 1, "i", 0)),
    "UnpackOptions": (("num", 0, "i", 0), ("axis", 1, "i", 0)),
    "SplitOptions": (("splits", 0, "i", 0),),
    "LSTMOptions": (("activation", 0, "b", 0), ("cell_clip", 1, "f", 0), ("proj_clip", 2, "f", 0)),
    "UnidirectionalSequenceLSTMOptions": (("activation", 0, "b", 0), ("time_major", 3, "b", 0)),
    "GeluOptions": (("approximate", 0, "b", 0),),
    "WhileOptions": (("cond_graph", 0, "i", 0), ("body_graph", 1, "i", 0)),
    "IfOptions": (("then_graph", 0, "i", 0), ("else_graph", 1, "i", 0)),
}


def read_options(kind: str, table: Table | None) -> tuple[tuple[str, int | float | str], ...]:
    """Names and values of the options in `table`, which is of the schema's type `kind`.

    Raises:
        DamagedError: the table leads nowhere.
    """
    if table is None:
        return ()
    return tuple(
        (name, _value(name, table.number(number, code, default)))
        for name, number, code, default in FIELDS.get(kind, ())
    )


def _value(name: str, value: float) -> int | float | str:
    words = _WORDS.get(name)
    if words is not None:
        return words.get(int(value), f"unknown ({value})")
    return value
