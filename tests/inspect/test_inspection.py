"""Files read by the child process, as `harness inspect` does it."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import ModelFileError
from harness.inspect import inspect_file

pytest.importorskip("ai_edge_litert", reason="needs ai-edge-litert")
from harness.prepare import inspect_model
from tests.inspect import models

MODELS = Path(__file__).parent.parent / "data" / "models"


@pytest.mark.parametrize("name", ["float32", "int8", "full_integer", "int16x8", "custom_operator", "string_input"])
def test_it_agrees_with_the_preparation(name: str) -> None:
    ours, theirs = inspect_file(MODELS / f"{name}.tflite", gzip=True), inspect_model(MODELS / f"{name}.tflite")
    assert (ours.size_bytes, ours.sha256, ours.variant) == (theirs.size_bytes, theirs.sha256, theirs.variant)
    assert ours.gzip_bytes == pytest.approx(theirs.gzip_bytes, abs=4)
    assert ours.float_operators == theirs.float_operators
    assert bool(ours.cannot_run) == bool(theirs.unsupported)
    assert [one.name for one in ours.inputs] == [one.name for one in theirs.inputs]
    assert [one.scale for one in ours.outputs] == pytest.approx([one.scale for one in theirs.outputs])


def test_gzip_is_only_computed_when_asked_for() -> None:
    assert inspect_file(MODELS / "float32.tflite").gzip_bytes is None


def test_a_file_that_litert_refuses_is_looked_into_all_the_same() -> None:
    file = inspect_file(MODELS / "custom_operator.tflite")
    assert "no kernel for an operator of the model" in file.cannot_run
    assert "NoSuchOperator" in file.cannot_run
    assert file.main.operators[1].custom


def test_operators_whose_shapes_are_nonsense_do_not_hurt(tmp_path: Path) -> None:
    builder = models.Builder()
    data = builder.tensor("x", (1, 8, 8, 3))
    builder.graph.inputs = [data]
    builder.conv("c", data, 4, 3)
    builder.graph.outputs = [3]
    builder.graph.tensors[1].shape = [2**31 - 1] * 4
    file = inspect_file(builder.write(tmp_path / "m.tflite"))
    assert "its shape needs" in file.main.tensors[1].constant.note  # type: ignore[union-attr]
    assert file.cannot_run


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "the file is empty"),
        (b"PK\x03\x04" * 100, "not a TensorFlow Lite model"),
        (b"\xff\xff\xff\xffTFL3" + b"\xff" * 200, "damaged"),
        (b"\x00\x00\x00\x00TFL3" + b"\x00" * 200, "damaged"),
    ],
)
def test_what_is_no_model_is_refused_with_its_place(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=what) as caught:
        inspect_file(path)
    assert caught.value.where == str(path)
    assert caught.value.what.count(str(path)) == 0


def test_damage_never_hurts_the_caller(tmp_path: Path) -> None:
    whole, rng = (MODELS / "int8.tflite").read_bytes(), random.Random(11)
    path = tmp_path / "damaged.tflite"
    for _ in range(6):
        damaged = bytearray(whole)
        for _ in range(12):
            damaged[rng.randrange(8, len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged)
        with contextlib.suppress(ModelFileError):
            assert inspect_file(path, timeout_s=30).size_bytes == len(whole)


def test_memory_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(b"x")
    code = (
        "import sys; from pathlib import Path; from harness.inspect import _worker\n"
        "_worker._bound_memory(Path(sys.argv[1]))\n"
        "try: bytearray(_worker.MEMORY_BYTES)\n"
        "except MemoryError: print('refused')\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=60, check=True, env=environment
    )
    assert done.stdout == "refused\n"


def test_names_survive_whatever_they_are(tmp_path: Path) -> None:
    file = inspect_file(models.hostile_names(tmp_path / "m.tflite"))
    assert file.inputs[0].name == models.MARKUP
    assert file.main.operators[1].name == f"Op{models.MARKUP}"
