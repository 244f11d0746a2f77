"""Hand-made files with one convolution or dense layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from harness.errors import ModelFileError
from harness.prepare.weights_facts import MAX_CLUSTERS, distinct, facts_of_file, weight_facts

TYPES = schema.TensorType
OPERATORS = schema.BuiltinOperator


def _tensor(shape: tuple[int, ...], kind: int, buffer: int, zero: int | None = None) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.type, tensor.buffer, tensor.shape = b"t", kind, buffer, list(shape)
    if zero is not None:
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [0.5], [zero]
    return tensor


def _operator(code: int, inputs: list[int], output: int) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = code, inputs, [output]
    return operator


def file_of(
    content: bytes,
    shape: tuple[int, ...],
    kind: int,
    *,
    builtin: int = OPERATORS.FULLY_CONNECTED,
    zero: int | None = None,
    cast: bool = False,
) -> bytes:
    """`builtin` of an input and of weights; with `cast` the weights pass a DEQUANTIZE."""
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.buffers = 3, [schema.BufferT(), schema.BufferT()]
    model.buffers[1].data = np.frombuffer(content, np.uint8)
    for code in (builtin, OPERATORS.DEQUANTIZE):
        entry = schema.OperatorCodeT()
        entry.builtinCode, entry.version = code, 1
        entry.deprecatedBuiltinCode = min(code, 127)
        model.operatorCodes = [*(model.operatorCodes or []), entry]
    graph.tensors = [
        _tensor((1, 4), TYPES.FLOAT32, 0),
        _tensor(shape, kind, 1, zero),
        _tensor((1, 4), TYPES.FLOAT32, 0),
        _tensor(shape, TYPES.FLOAT32, 0),
    ]
    graph.inputs, graph.outputs = [0], [2]
    graph.operators = [_operator(0, [0, 3 if cast else 1], 2)]
    if cast:
        graph.operators.insert(0, _operator(1, [1], 3))
    model.subgraphs = [graph]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def test_float_weights_are_counted_in_each_channel() -> None:
    weights = np.zeros((32, 64), np.float32)
    weights[:, :16] = np.repeat([1.0, 2.0, 3.0, 4.0], 4) * np.arange(1, 33)[:, None]  # a scale of its own for each
    facts = weight_facts(file_of(weights.tobytes(), weights.shape, TYPES.FLOAT32))
    assert (facts.sparsity, facts.clusters, facts.clusters_median, facts.weights) == (0.75, 5, 5, 2048)


def test_a_convolution_has_its_channels_first() -> None:
    weights = np.tile(np.arange(4, dtype=np.float32), 512).reshape(2, 16, 16, 4)
    facts = weight_facts(file_of(weights.tobytes(), weights.shape, TYPES.FLOAT32, builtin=OPERATORS.CONV_2D))
    assert (facts.sparsity, facts.clusters) == (0.25, 4)


def test_zero_is_the_zero_point_of_integers() -> None:
    weights = np.full((16, 64), 128, np.uint8)
    weights[:, 32:] = 7
    content = file_of(weights.tobytes(), weights.shape, TYPES.UINT8, zero=128)
    assert weight_facts(content).sparsity == 0.5
    signed = file_of(weights.astype(np.int8).tobytes(), weights.shape, TYPES.INT8, zero=0)
    assert weight_facts(signed).sparsity == 0.0


def test_half_floats_are_seen_through_their_cast() -> None:
    weights = np.tile(np.arange(8, dtype=np.float16), 256).reshape(32, 64)
    facts = weight_facts(file_of(weights.tobytes(), weights.shape, TYPES.FLOAT16, cast=True))
    assert (facts.sparsity, facts.clusters) == (0.125, 8)


def test_four_bits_are_unpacked_low_bits_first_and_signed() -> None:
    packed = np.full(1024, 0x0F, np.uint8)  # -1, then 0
    facts = weight_facts(file_of(packed.tobytes(), (32, 64), TYPES.INT4, zero=0))
    assert (facts.sparsity, facts.clusters, facts.weights) == (0.5, 2, 2048)
    minus_eight_and_seven = weight_facts(file_of(bytes([0x78]) * 1024, (32, 64), TYPES.INT4, zero=-8))
    assert minus_eight_and_seven.sparsity == 0.5


def test_weights_that_are_all_different_are_no_clusters() -> None:
    weights = np.random.default_rng(1).normal(size=(4, 1024)).astype(np.float32)
    facts = weight_facts(file_of(weights.tobytes(), weights.shape, TYPES.FLOAT32))
    assert (facts.sparsity, facts.clusters) == (0.0, None)


def test_small_and_depthwise_weights_and_bare_files_say_nothing() -> None:
    small = np.zeros((8, 16), np.float32)
    depthwise = np.zeros((1, 3, 3, 512), np.float32)
    for content in (
        file_of(small.tobytes(), small.shape, TYPES.FLOAT32),
        file_of(depthwise.tobytes(), depthwise.shape, TYPES.FLOAT32, builtin=OPERATORS.DEPTHWISE_CONV_2D),
        file_of(b"", (32, 64), TYPES.FLOAT32),
    ):
        facts = weight_facts(content)
        assert (facts.sparsity, facts.clusters, facts.clusters_median, facts.weights) == (None, None, None, 0)


def test_damaged_files_are_named_and_files_are_mapped(tmp_path: Path) -> None:
    weights = np.zeros((32, 64), np.float32)
    content = file_of(weights.tobytes(), weights.shape, TYPES.FLOAT32)
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    assert facts_of_file(path) == weight_facts(content)
    with pytest.raises(ModelFileError, match="damaged"):
        weight_facts(content[:60])
    with pytest.raises(ModelFileError, match="damaged"):
        weight_facts(file_of(weights.tobytes(), (32, 65), TYPES.FLOAT32))
    with pytest.raises(ModelFileError, match="cannot be read"):
        facts_of_file(tmp_path / "none.tflite")


def test_counting_ends_beyond_the_limit_and_takes_the_largest_row() -> None:
    assert distinct(np.array([[1, 1, 1], [1, 2, 3], [1, 1, 2]], np.int8)) == 3
    assert distinct(np.zeros((0, 3), np.float32)) == 0
    assert distinct(np.array([[0.0, -0.0]], np.float32)) == 1
    assert distinct(np.arange(10_000, dtype=np.float32).reshape(2, -1)) > MAX_CLUSTERS
