from __future__ import annotations

import contextlib
import os
import random
from pathlib import Path

import numpy as np
import pytest

from harness.errors import ModelFileError
from harness.prepare import inspect_model

tiny = pytest.importorskip("tests.prepare.tiny_models", reason="needs ai-edge-litert")


def test_a_float_model(tmp_path: Path) -> None:
    path = tiny.write_model(tmp_path / "m.tflite", shape=(1, 8, 8, 3), weights=np.ones((1, 1, 1, 3), np.float32))
    info = inspect_model(path)
    assert info.variant == "float32"
    assert info.unsupported == ""
    assert info.operators == (("ADD", 1),)
    assert info.float_operators == ()
    assert (info.inputs[0].name, info.inputs[0].dtype, info.inputs[0].shape) == ("input_0", "float32", (1, 8, 8, 3))
    assert info.size_bytes == path.stat().st_size
    assert 0 < info.gzip_bytes < info.size_bytes
    assert len(info.sha256) == 64


def test_an_integer_model_has_scales(tmp_path: Path) -> None:
    info = inspect_model(tiny.write_model(tmp_path / "m.tflite", kind=tiny.INT8, scale=0.5))
    assert info.variant == "int8"
    assert (info.inputs[0].dtype, info.inputs[0].scale, info.inputs[0].zero_point) == ("int8", 0.5, 0)


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"kind": 5}, "the input 'input_0' has type string"),
        ({"shape": (1, -1, 4)}, "the input 'input_0' has the open shape 1x?x4"),
        ({"shape": (8, 4)}, "a batch of 8"),
        ({"custom": "MyCustomOp"}, "no kernel for an operator of the model: .*MyCustomOp"),
        ({"custom": "FlexErf"}, "no kernel for an operator"),
    ],
)
def test_intact_models_that_cannot_be_measured_say_why(tmp_path: Path, settings: dict[str, object], what: str) -> None:
    import re

    info = inspect_model(tiny.write_model(tmp_path / "m.tflite", **settings))
    pattern = what if ".*" in what else re.escape(what)
    assert re.search(pattern, info.unsupported), info.unsupported


def test_several_inputs_can_be_measured(tmp_path: Path) -> None:
    info = inspect_model(tiny.write_model(tmp_path / "m.tflite", inputs=2))
    assert info.unsupported == ""
    assert [tensor.name for tensor in info.inputs] == ["input_0", "input_1"]


def test_an_open_batch_is_measured_at_one(tmp_path: Path) -> None:
    info = inspect_model(tiny.write_model(tmp_path / "m.tflite", shape=(-1, 4)))
    assert info.unsupported == ""
    assert info.inputs[0].shape == (1, 4)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "the file is empty"),
        (b"\x1c\x00", "not a TensorFlow Lite model"),
        (b"\x1c\x00\x00\x00TFL3", "truncated"),
        (b"PK\x03\x04" * 100, "not a TensorFlow Lite model"),
        (b"\xff\xff\xff\xffTFL3" + b"\xff" * 200, "damaged"),
        (b"\x00\x00\x00\x00TFL3" + b"\x00" * 200, "damaged"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=what) as caught:
        inspect_model(path)
    assert str(path) in str(caught.value)


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    folder = tmp_path / "folder.tflite"
    folder.mkdir()
    pipe = tmp_path / "pipe.tflite"
    os.mkfifo(pipe)
    for path, what in (
        (folder, "a directory"),
        (pipe, "not a regular file"),
        (tmp_path / "none.tflite", "No such file"),
    ):
        with pytest.raises(ModelFileError, match=what):
            inspect_model(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file(tmp_path: Path) -> None:
    path = tiny.write_model(tmp_path / "m.tflite")
    path.chmod(0)
    with pytest.raises(ModelFileError, match="Permission denied"):
        inspect_model(path)


def test_truncated_anywhere(tmp_path: Path) -> None:
    whole = tiny.write_model(tmp_path / "m.tflite").read_bytes()
    for share in (0.15, 0.4, 0.7, 0.95):
        path = tmp_path / "cut.tflite"
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(ModelFileError):
            inspect_model(path)


def test_random_damage_never_hurts_the_caller(tmp_path: Path) -> None:
    whole, rng = tiny.write_model(tmp_path / "m.tflite").read_bytes(), random.Random(7)
    for _ in range(8):
        damaged = bytearray(whole)
        for _ in range(12):
            damaged[rng.randrange(8, len(damaged))] = rng.randrange(256)
        path = tmp_path / "damaged.tflite"
        path.write_bytes(damaged)
        with contextlib.suppress(ModelFileError):
            assert inspect_model(path, timeout_s=20).size_bytes == len(whole)
