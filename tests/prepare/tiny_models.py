"""Tiny .tflite files, made from LiteRT's schema without TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

FLOAT, INT8, STRING = schema.TensorType.FLOAT32, schema.TensorType.INT8, schema.TensorType.STRING


def _tensor(name: str, shape: tuple[int, ...], kind: int, buffer: int, scale: float = 0.0) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.type, tensor.buffer = name.encode(), kind, buffer
    tensor.shape = [max(1, size) for size in shape]
    if any(size < 0 for size in shape):
        tensor.shapeSignature = list(shape)
    if scale:
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [0]
    return tensor


def _buffer(values: np.ndarray[Any, Any] | None = None) -> Any:
    buffer = schema.BufferT()
    if values is not None:
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    return buffer


def write_model(
    path: Path,
    *,
    shape: tuple[int, ...] = (1, 4),
    kind: int = FLOAT,
    scale: float = 0.0,
    inputs: int = 1,
    custom: str = "",
    weights: np.ndarray[Any, Any] | None = None,
) -> Path:
    """`input + weights` (the first two inputs when there are several), or a custom operator."""
    model, graph, operator, code = schema.ModelT(), schema.SubGraphT(), schema.OperatorT(), schema.OperatorCodeT()
    model.version, model.description = 3, b"tiny"
    if custom:
        code.builtinCode, code.customCode = schema.BuiltinOperator.CUSTOM, custom.encode()
        code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    else:
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.ADD
        operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.AddOptions, schema.AddOptionsT()
    code.version = 1
    if weights is None:
        weights = np.ones([1, shape[-1]], np.int8 if kind == INT8 else np.float32)
    model.buffers = [_buffer(), _buffer(weights)]
    names = [f"input_{index}" for index in range(inputs)]
    graph.tensors = [_tensor(name, shape, kind, 0, scale) for name in names]
    graph.tensors += [_tensor("weights", weights.shape, kind, 1, scale), _tensor("output", shape, kind, 0, scale)]
    constant, output = inputs, inputs + 1
    graph.inputs, graph.outputs = list(range(inputs)), [output]
    operator.opcodeIndex, operator.outputs = 0, [output]
    operator.inputs = [0, 1] if inputs > 1 else [0] if custom else [0, constant]
    graph.operators, model.subgraphs, model.operatorCodes = [operator], [graph], [code]
    flatbuffer_utils.write_model(model, str(path))
    return path
