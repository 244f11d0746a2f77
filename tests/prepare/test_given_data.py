from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.errors import RecipeError
from harness.prepare.given_data import MAX_CALIBRATION, GivenData, read_given_data

SHAPE = (4, 4, 1)


def test_files_are_read_and_cast(tmp_path: Path) -> None:
    np.save(tmp_path / "rep.npy", np.ones((3, *SHAPE), np.float64))
    np.savez(tmp_path / "test.npz", inputs=np.zeros((5, *SHAPE), np.float32), labels=np.arange(5, dtype=np.uint8))
    options = {"representative": str(tmp_path / "rep.npy"), "test_data": str(tmp_path / "test.npz")}
    data = read_given_data(options, SHAPE)
    assert data.calibration.dtype == np.float32
    assert data.task == "classification"
    assert data.test_labels is not None
    assert data.test_labels.dtype == np.int64


def test_calibration_is_limited() -> None:
    data = GivenData.checked(np.zeros((MAX_CALIBRATION + 5, 2)), None, None, None, (2,), where="w")
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
        read_given_data({"test_data": str(path)}, SHAPE)
    assert caught.value.where == str(path)


def test_pickles_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "evil.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(RecipeError, match="cannot be read"):
        read_given_data({"representative": str(tmp_path / "evil.npy")}, SHAPE)


@pytest.mark.parametrize("text", ["1", "a,b", "1,0", "0,inf", ""])
def test_bad_input_range(text: str) -> None:
    with pytest.raises(RecipeError, match="input_range"):
        read_given_data({"input_range": text}, SHAPE)
