"""The reader of the few facts of a model file, against LiteRT's own schema and against damage."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ModelFileError
from harness.runtimes.tflite_graph import _graph, read_graph

MODELS = Path(__file__).resolve().parents[1] / "data" / "models"
CONTENT = (MODELS / "int8.tflite").read_bytes()


@pytest.mark.parametrize("name", sorted(path.stem for path in MODELS.glob("*.tflite")))
def test_it_agrees_with_litert(name: str) -> None:
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    path = MODELS / f"{name}.tflite"
    main = schema.Model.GetRootAs(path.read_bytes(), 0).Subgraphs(0)
    graph = read_graph(path)
    assert graph.nodes == main.OperatorsLength()
    for mine, index in zip(graph.inputs, main.InputsAsNumpy(), strict=True):
        tensor = main.Tensors(int(index))
        assert mine.name == tensor.Name().decode()
        assert [abs(size) for size in mine.shape] == [int(size) for size in tensor.ShapeAsNumpy()]
    for mine, index in zip(graph.outputs, main.OutputsAsNumpy(), strict=True):
        quantization = main.Tensors(int(index)).Quantization()
        scales = 0 if quantization is None else quantization.ScaleLength()
        assert mine.scale == (pytest.approx(float(quantization.Scale(0))) if scales == 1 else 0.0)


def test_an_open_dimension_is_minus_one() -> None:
    assert read_graph(MODELS / "dynamic_batch.tflite").inputs[0].shape == (-1, 8, 8, 1)


@given(st.lists(st.tuples(st.integers(0, len(CONTENT) - 1), st.integers(0, 255)), min_size=1, max_size=20))
def test_damage_is_an_error_or_a_graph_and_nothing_else(changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(CONTENT)
    for at, value in changes:
        damaged[at] = value
    check(bytes(damaged))


@given(st.integers(0, len(CONTENT)))
def test_a_cut_file_is_an_error_or_a_graph(length: int) -> None:
    check(CONTENT[:length])


def check(content: bytes) -> None:
    import struct

    try:
        graph = _graph(content)
    except (struct.error, IndexError, ValueError, OverflowError):
        return
    assert graph.nodes <= 1_000_000


def test_errors_name_the_file(tmp_path: Path) -> None:
    (tmp_path / "bad.tflite").write_bytes(b"\x10\0\0\0TFL3" + b"\xff" * 40)
    with pytest.raises(ModelFileError, match="damaged"):
        read_graph(tmp_path / "bad.tflite")
    with pytest.raises(ModelFileError, match="cannot be read"):
        read_graph(tmp_path / "absent.tflite")
