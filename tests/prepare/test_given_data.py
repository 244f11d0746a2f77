from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.accuracy import TaskSpec
from harness.errors import RecipeError
from harness.prepare.given_data import MAX_CALIBRATION, GivenData, read_given_data
from harness.prepare.interface import Interface
from harness.prepare.recipe import InputSpec

SHAPE = (4, 4, 1)
ONE = Interface((InputSpec("image", SHAPE),), ("output",))
TWO = Interface((InputSpec("ids", (3,), "int32"), InputSpec("pixels", (2, 2))), ("output",))


def test_files_are_read_and_cast(tmp_path: Path) -> None:
    np.save(tmp_path / "rep.npy", np.ones((3, *SHAPE), np.float64))
    np.savez(tmp_path / "test.npz", inputs=np.zeros((5, *SHAPE), np.float32), labels=np.arange(5, dtype=np.uint8))
    options = {"representative": str(tmp_path / "rep.npy"), "test_data": str(tmp_path / "test.npz")}
    data = read_given_data(options, ONE, None)
    assert data.calibration.dtype == np.float32
    assert data.task == TaskSpec("classification")
    assert data.truths == tuple({"label": label} for label in range(5))


def test_calibration_is_limited() -> None:
    data = GivenData.checked(
        np.zeros((MAX_CALIBRATION + 5, 2)), None, None, None, Interface((InputSpec("x", (2,)),), ("y",)), where="w"
    )
    assert len(data.calibration) == MAX_CALIBRATION


@pytest.mark.parametrize(
    ("arrays", "what"),
    [
        ({"inputs": np.zeros((0, *SHAPE)), "labels": np.zeros(0, np.int64)}, "must be float32"),
        ({"inputs": np.zeros((2, 3, 3, 1)), "labels": np.zeros(2, np.int64)}, "must be float32"),
        ({"inputs": np.full((2, *SHAPE), np.nan), "labels": np.zeros(2, np.int64)}, "NaN or infinite"),
        ({"inputs": np.zeros((2, *SHAPE)), "labels": np.zeros(3, np.int64)}, "labels must be 2 integers"),
        ({"inputs": np.zeros((2, *SHAPE)), "labels": np.zeros(2)}, "labels must be 2 integers"),
        ({"inputs": np.zeros((2, *SHAPE))}, "no array 'labels'"),
    ],
)
def test_bad_test_data_is_named(tmp_path: Path, arrays: dict[str, np.ndarray], what: str) -> None:
    path = tmp_path / "test.npz"
    np.savez(path, **arrays)
    with pytest.raises(RecipeError, match=what) as caught:
        read_given_data({"test_data": str(path)}, ONE, None)
    assert caught.value.where == str(path)


def test_pickles_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "evil.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(RecipeError, match="cannot be read"):
        read_given_data({"representative": str(tmp_path / "evil.npy")}, ONE, None)


@pytest.mark.parametrize("text", ["1", "a,b", "1,0", "0,inf", ""])
def test_bad_input_range(text: str) -> None:
    with pytest.raises(RecipeError, match="input_range"):
        read_given_data({"input_range": text}, ONE, None)


def test_several_inputs_are_packed_from_arrays_by_name_or_from_packed_ones(tmp_path: Path) -> None:
    ids, pixels = np.arange(6).reshape(2, 3), np.arange(8.0).reshape(2, 2, 2)
    np.savez(tmp_path / "named.npz", pixels=pixels, ids=ids)
    np.savez(tmp_path / "packed.npz", inputs=np.concatenate([ids, pixels.reshape(2, 4)], axis=1))
    for name in ("named", "packed"):
        data = read_given_data({"representative": str(tmp_path / f"{name}.npz")}, TWO, None)
        assert data.calibration.tolist() == [[0, 1, 2, 0, 1, 2, 3], [3, 4, 5, 4, 5, 6, 7]]


def test_synthetic_samples_of_several_inputs_have_small_ids() -> None:
    samples = read_given_data({"input_range": "-1,1"}, TWO, None).calibration
    ids, pixels = TWO.unpack(samples)
    assert ids.dtype == np.int32
    assert set(ids.ravel().tolist()) == {0, 1}
    assert pixels.min() < -0.5


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ((np.zeros((2, 3)),), "are 1 arrays; one for each of ids, pixels is needed"),
        ((np.zeros((2, 3)), np.zeros((2, 3, 2))), "of 'pixels' must be float32"),
        ((np.zeros((2, 3)), np.zeros((1, 2, 2))), "different numbers: 2, 1"),
        (np.zeros((2, 6)), "must be float32"),
    ],
)
def test_inputs_that_do_not_fit_are_named(values: Any, what: str) -> None:
    with pytest.raises(RecipeError, match=what):
        GivenData.checked(values, None, None, None, TWO, where="w")
