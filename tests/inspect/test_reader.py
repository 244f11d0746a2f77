"""What is read, against LiteRT's own object interface to the schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.inspect._worker import schema_names
from harness.inspect.constants import describe
from harness.inspect.flatbuffer import DamagedError
from harness.inspect.reader import Content, read_content

schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason="needs ai-edge-litert")
from tests.inspect import models  # noqa: E402 - needs the schema

MODELS = Path(__file__).parent.parent / "data" / "models"
FILES = sorted(path.stem for path in MODELS.glob("*.tflite"))


def read(path: Path) -> Content:
    return read_content(path.read_bytes(), schema_names(), describe)


def _theirs(path: Path) -> Any:
    return schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)


@pytest.mark.parametrize("name", FILES)
def test_tensors_and_operators_are_those_of_the_schema(name: str) -> None:
    ours, theirs = read(MODELS / f"{name}.tflite"), _theirs(MODELS / f"{name}.tflite")
    assert len(ours.graphs) == len(theirs.subgraphs)
    graph, other = ours.graphs[0], theirs.subgraphs[0]
    assert list(graph.inputs) == list(other.inputs)
    assert list(graph.outputs) == list(other.outputs)
    types = {value: key.lower() for key, value in vars(schema.TensorType).items() if isinstance(value, int)}
    for tensor, one in zip(graph.tensors, other.tensors, strict=True):
        assert tensor.name == one.name.decode()
        assert tensor.dtype == types[one.type]
        assert list(tensor.shape) == list(one.shape if one.shape is not None else [])
        scales = [] if one.quantization is None or one.quantization.scale is None else list(one.quantization.scale)
        assert list(tensor.scales) == pytest.approx(scales)
        data = theirs.buffers[one.buffer].data
        assert (tensor.constant.size_bytes if tensor.constant else 0) == (0 if data is None else len(data))
    builtins = {value: key for key, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    for operator, one in zip(graph.operators, other.operators, strict=True):
        code = theirs.operatorCodes[one.opcodeIndex]
        assert operator.version == code.version
        assert operator.name == (code.customCode.decode() if operator.custom else builtins[code.builtinCode])
        assert list(operator.inputs) == list(one.inputs)
        assert list(operator.outputs) == list(one.outputs)


def test_options_have_names_and_words(tmp_path: Path) -> None:
    builder = models.Builder()
    data = builder.tensor("x", (1, 8, 8, 4))
    builder.graph.inputs = [data]
    builder.conv("c", data, 4, 3, stride=2)
    options = dict(read(builder.write(tmp_path / "m.tflite")).graphs[0].operators[0].options)
    assert options == {
        "padding": "SAME",
        "stride_w": 2,
        "stride_h": 2,
        "activation": "RELU",
        "dilation_w": 1,
        "dilation_h": 1,
    }


def test_signatures_and_metadata() -> None:
    content = read(MODELS / "float32.tflite")
    assert [(one.key, one.inputs[0][0], one.outputs[0][0]) for one in content.signatures] == [
        ("serving_default", "image", "logits")
    ]
    assert dict(content.metadata)["min_runtime_version"] == 16


def test_an_open_dimension_is_kept() -> None:
    tensor = read(MODELS / "dynamic_batch.tflite").graphs[0].tensors[0]
    assert tensor.signature == (-1, 8, 8, 1)
    assert tensor.shape == (1, 8, 8, 1)
    assert tensor.open


def test_an_operator_on_a_tensor_that_is_not_there(tmp_path: Path) -> None:
    builder = models.Builder()
    data = builder.tensor("x", (1, 4))
    builder.operator(models.BUILTIN.ADD, [data, 7], [data], "AddOptions")
    with pytest.raises(DamagedError, match="a tensor that does not exist"):
        read(builder.write(tmp_path / "m.tflite"))


def test_a_buffer_that_is_not_there(tmp_path: Path) -> None:
    builder = models.Builder()
    builder.tensor("x", (1, 4))
    builder.graph.tensors[0].buffer = 99
    with pytest.raises(DamagedError, match="no buffer 99"):
        read(builder.write(tmp_path / "m.tflite"))


def _metadata(mean: list[float], std: list[float]) -> bytes:
    """A ModelMetadata with the normalisation of the first input, written with the flatbuffers library."""
    import flatbuffers

    builder = flatbuffers.Builder(256)

    def floats(values: list[float]) -> int:
        builder.StartVector(4, len(values), 4)
        for value in reversed(values):
            builder.PrependFloat32(value)
        return int(builder.EndVector())

    def table(fields: int, slot: int, offset: int) -> int:
        builder.StartObject(fields)
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
        return int(builder.EndObject())

    def one(offset: int) -> int:
        builder.StartVector(4, 1, 4)
        builder.PrependUOffsetTRelative(offset)
        return int(builder.EndVector())

    first, second = floats(mean), floats(std)
    builder.StartObject(2)
    builder.PrependUOffsetTRelativeSlot(0, first, 0)
    builder.PrependUOffsetTRelativeSlot(1, second, 0)
    options = builder.EndObject()
    builder.StartObject(2)
    builder.PrependUint8Slot(0, 1, 0)
    builder.PrependUOffsetTRelativeSlot(1, options, 0)
    unit = builder.EndObject()
    root = table(8, 3, one(table(10, 2, one(table(7, 4, one(unit))))))
    builder.Finish(root, b"M001")
    return bytes(builder.Output())


def test_the_normalisation_in_the_metadata(tmp_path: Path) -> None:
    builder = models.Builder()
    builder.graph.inputs = [builder.tensor("x", (1, 8, 8, 3))]
    builder.metadata("TFLITE_METADATA", _metadata([127.5, 0.0, 1.0], [128.0]))
    found = read(builder.write(tmp_path / "m.tflite")).normalisation
    assert [(one.input, one.mean, one.std) for one in found] == [(0, (127.5, 0.0, 1.0), (128.0,))]


@pytest.mark.parametrize("content", [b"", b"xxxxM001", b"\xff\xff\xff\xffM001" + b"\xff" * 40, b"PK"])
def test_metadata_that_cannot_be_read_says_nothing(tmp_path: Path, content: bytes) -> None:
    builder = models.Builder()
    builder.graph.inputs = [builder.tensor("x", (1, 8, 8, 3))]
    builder.metadata("TFLITE_METADATA", content)
    assert read(builder.write(tmp_path / "m.tflite")).normalisation == ()
