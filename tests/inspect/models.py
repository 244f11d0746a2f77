"""Model files of any size and shape, made from LiteRT's schema without TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from numpy.typing import NDArray

BUILTIN, TYPES = schema.BuiltinOperator, schema.TensorType
FLOAT32, INT8, INT32, INT16, FLOAT16 = TYPES.FLOAT32, TYPES.INT8, TYPES.INT32, TYPES.INT16, TYPES.FLOAT16
_ACTIVATIONS = {"NONE": 0, "RELU": 1, "RELU6": 3, "TANH": 4}


class Builder:
    """A graph that grows operator by operator; tensors are named by their index in `tensors`."""

    def __init__(self, seed: int = 3) -> None:
        self.model, self.graph = schema.ModelT(), schema.SubGraphT()
        self.model.version, self.model.description = 3, b"made for a test"
        self.model.buffers, self.model.operatorCodes = [schema.BufferT()], []
        self.graph.tensors, self.graph.operators = [], []
        self.graph.inputs, self.graph.outputs = [], []
        self.model.subgraphs, self.model.metadata = [self.graph], []
        self._codes: dict[tuple[int, int, str], int] = {}
        self._random = np.random.default_rng(seed)

    def tensor(
        self,
        name: str,
        shape: tuple[int, ...],
        kind: int = FLOAT32,
        *,
        scales: tuple[float, ...] = (),
        zero: int = 0,
        axis: int = 0,
        data: NDArray[Any] | None = None,
    ) -> int:
        """A tensor; a constant when it has `data`. A dimension of -1 is open."""
        tensor = schema.TensorT()
        tensor.name, tensor.type, tensor.shape = name.encode("utf-8", "surrogatepass"), kind, [max(1, n) for n in shape]
        if min(shape, default=1) < 0:
            tensor.shapeSignature = list(shape)
        if scales:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = list(scales), [zero] * len(scales)
            tensor.quantization.quantizedDimension = axis
        tensor.buffer = 0 if data is None else self.buffer(data)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def buffer(self, data: NDArray[Any]) -> int:
        buffer = schema.BufferT()
        buffer.data = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
        self.model.buffers.append(buffer)
        return len(self.model.buffers) - 1

    def weights(self, name: str, shape: tuple[int, ...], kind: int = FLOAT32) -> int:
        """A constant with normally distributed values; int8 ones have a scale a channel."""
        if kind == INT8:
            values = self._random.normal(0, 30, shape).clip(-127, 127).astype(np.int8)
            return self.tensor(name, shape, kind, scales=(0.01,) * shape[0], data=values)
        values = (self._random.standard_normal(shape, np.float32) * np.float32(0.05)).astype(
            np.float16 if kind == FLOAT16 else np.float32
        )
        return self.tensor(name, shape, kind, data=values)

    def operator(
        self,
        code: int,
        inputs: list[int],
        outputs: list[int],
        options: str = "",
        *,
        version: int = 1,
        custom: str = "",
        **values: object,
    ) -> int:
        """An operator with its options (``Conv2DOptions``) and their `values`, by the schema's names."""
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = self._code(code, version, custom), inputs, outputs
        if options:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            operator.builtinOptions = getattr(schema, f"{options}T")()
            for name, value in values.items():
                assert hasattr(operator.builtinOptions, name), name
                setattr(operator.builtinOptions, name, _ACTIVATIONS.get(str(value), value))
        self.graph.operators.append(operator)
        return len(self.graph.operators) - 1

    def _code(self, builtin: int, version: int, custom: str) -> int:
        key = (builtin, version, custom)
        if key not in self._codes:
            code = schema.OperatorCodeT()
            code.builtinCode, code.deprecatedBuiltinCode, code.version = builtin, min(builtin, 127), version
            code.customCode = custom.encode() if custom else None
            self._codes[key] = len(self.model.operatorCodes)
            self.model.operatorCodes.append(code)
        return self._codes[key]

    def metadata(self, name: str, content: bytes) -> None:
        entry = schema.MetadataT()
        entry.name, entry.buffer = name.encode(), self.buffer(np.frombuffer(content, np.uint8))
        self.model.metadata.append(entry)

    # ---- layers of the usual kind ----

    def conv(self, name: str, source: int, filters: int, size: int = 1, stride: int = 1, kind: int = FLOAT32) -> int:
        """A convolution with SAME padding and a bias; int8 has scales."""
        _, high, wide, channels = self.graph.tensors[source].shape
        scales = (0.05,) if kind == INT8 else ()
        weights = self.weights(f"{name}/kernel", (filters, size, size, channels), kind)
        if kind == INT8:
            bias = self.tensor(
                f"{name}/bias", (filters,), INT32, scales=(0.0005,) * filters, data=np.zeros(filters, "<i4")
            )
        else:
            bias = self.weights(f"{name}/bias", (filters,))
        out = self.tensor(f"{name}/Relu", (1, -(-high // stride), -(-wide // stride), filters), kind, scales=scales)
        self.operator(
            BUILTIN.CONV_2D,
            [source, weights, bias],
            [out],
            "Conv2DOptions",
            version=3 if kind == INT8 else 1,
            strideW=stride,
            strideH=stride,
            fusedActivationFunction="RELU",
        )
        return out

    def add(self, name: str, left: int, right: int) -> int:
        tensor = self.graph.tensors[left]
        scales = (0.05,) if tensor.type == INT8 else ()
        out = self.tensor(name, tuple(tensor.shape), tensor.type, scales=scales)
        self.operator(BUILTIN.ADD, [left, right], [out], "AddOptions")
        return out

    def concat(self, name: str, sources: list[int]) -> int:
        tensors = [self.graph.tensors[source] for source in sources]
        shape = (*tensors[0].shape[:3], sum(one.shape[3] for one in tensors))
        out = self.tensor(name, tuple(shape), tensors[0].type)
        self.operator(BUILTIN.CONCATENATION, sources, [out], "ConcatenationOptions", axis=3)
        return out

    def write(self, path: Path) -> Path:
        flatbuffer_utils.write_model(self.model, str(path))
        return path


def branching(path: Path, blocks: int = 8) -> Path:
    """Blocks of four branches that are concatenated, and a residual over each: 10 operators a block and the stem."""
    builder = Builder()
    data = builder.tensor("image", (1, 32, 32, 3))
    builder.graph.inputs = [data]
    data = builder.conv("net/stem", data, 16, 3)
    for number in range(blocks):
        name = f"net/mixed_{number}"
        ends = [builder.conv(f"{name}/branch1x1", data, 4)]
        ends.append(builder.conv(f"{name}/branch3x3_b", builder.conv(f"{name}/branch3x3_a", data, 4), 4, 3))
        deep = builder.conv(f"{name}/branch5x5_a", data, 4)
        ends.append(builder.conv(f"{name}/branch5x5_c", builder.conv(f"{name}/branch5x5_b", deep, 4, 3), 4, 3))
        ends.append(builder.conv(f"{name}/branch_pool", data, 4))
        joined = builder.concat(f"{name}/concat", ends)
        data = builder.add(f"{name}/add", joined, data)
    builder.graph.outputs = [data]
    return builder.write(path)


def island(path: Path) -> Path:
    """An int8 convolution, two float operators between DEQUANTIZE and QUANTIZE, an int8 convolution."""
    builder = Builder()
    image = builder.tensor("image", (1, 8, 8, 3), INT8, scales=(1 / 127.5,), zero=-1)
    builder.graph.inputs = [image]
    first = builder.conv("net/first", image, 4, 3, kind=INT8)
    real = builder.tensor("net/real", (1, 8, 8, 4))
    builder.operator(BUILTIN.DEQUANTIZE, [first], [real], version=2)
    tanh = builder.tensor("net/tanh", (1, 8, 8, 4))
    builder.operator(BUILTIN.TANH, [real], [tanh])
    erf = builder.tensor("net/gelu", (1, 8, 8, 4))
    builder.operator(BUILTIN.GELU, [tanh], [erf], "GeluOptions")
    back = builder.tensor("net/back", (1, 8, 8, 4), INT8, scales=(0.05,))
    builder.operator(BUILTIN.QUANTIZE, [erf], [back])
    builder.graph.outputs = [builder.conv("net/second", back, 2, 1, kind=INT8)]
    return builder.write(path)


MARKUP = "</script><img src=x onerror=\"document.title='owned'\">[bold]\x1b[31m\u202e<b>&\n// end"


def hostile_names(path: Path) -> Path:
    """Names that try to be markup, terminal commands and code."""
    builder = Builder()
    data = builder.tensor(MARKUP, (1, 8, 8, 3), INT8, scales=(1 / 128,))
    builder.graph.inputs = [data]
    builder.graph.name = MARKUP.encode()
    builder.model.description = MARKUP.encode()
    data = builder.conv(f"net/{MARKUP}", data, 4, 3, kind=INT8)
    out = builder.tensor(f"{MARKUP}/out", (1, 8, 8, 4), INT8, scales=(0.05,))
    builder.operator(BUILTIN.CUSTOM, [data], [out], custom=f"Op{MARKUP}")
    builder.graph.outputs = [out]
    builder.metadata(MARKUP, b"x")
    return builder.write(path)


def large(path: Path, size_mb: int = 180) -> Path:
    """A float32 file of about `size_mb` MB in residual blocks, 4 operators each, like a ResNet of 101 layers."""
    builder = Builder()
    data = builder.tensor("image", (1, 28, 28, 256))
    builder.graph.inputs = [data]
    per_block = (256 * 256 * 2 + 9 * 256 * 256) * 4
    for number in range(max(1, round(size_mb * 1e6 / per_block))):
        name = f"resnet/conv{1 + number // 16}_block{1 + number % 16}"
        inner = builder.conv(f"{name}_1_conv", data, 256)
        inner = builder.conv(f"{name}_2_conv", inner, 256, 3)
        inner = builder.conv(f"{name}_3_conv", inner, 256)
        data = builder.add(f"{name}_add", inner, data)
    builder.graph.outputs = [data]
    return builder.write(path)
