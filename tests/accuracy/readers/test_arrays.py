"""Arrays of recipes and of .npz files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.accuracy import ImagePreprocessing, TaskSpec
from harness.accuracy.dataset import Dataset, write_dataset
from harness.accuracy.readers import ArraySource, Reader, open_reader
from harness.errors import DatasetError

INPUTS = np.arange(12, dtype=np.float32).reshape(3, 4)


def opened(path: Path, task: str, preprocessing: ImagePreprocessing | None = None) -> Reader:
    return open_reader("npz", path, {}, preprocessing=preprocessing, task=TaskSpec(task))


def truths(reader: Any) -> list[Any]:
    return [reader.sample(index).truth for index in range(len(reader))]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (np.array([2, 0, 1]), [{"label": 2}, {"label": 0}, {"label": 1}]),
        ([2, np.int8(0), 1], [{"label": 2}, {"label": 0}, {"label": 1}]),
        (np.array([0.5, 1.0, 2.0]), [{"target": [0.5]}, {"target": [1.0]}, {"target": [2.0]}]),
        (np.eye(3)[:, :2], [{"target": [1.0, 0.0]}, {"target": [0.0, 1.0]}, {"target": [0.0, 0.0]}]),
        ([{"text": "a"}, {"text": "b"}, {"text": "c"}], [{"text": "a"}, {"text": "b"}, {"text": "c"}]),
    ],
)
def test_truths_as_people_write_them(given: Any, expected: list[Any]) -> None:
    source = ArraySource(INPUTS, given)
    assert truths(source) == expected
    assert [source.sample(n).sample_id for n in range(3)] == ["0", "1", "2"]
    np.testing.assert_array_equal(source.sample(1).inputs[0], INPUTS[1])


def test_several_inputs_and_ids() -> None:
    source = ArraySource((INPUTS, INPUTS[:, :1]), [0, 1, 2], ["x", "y", "z"])
    assert [array.shape for array in source.sample(2).inputs] == [(4,), (1,)]
    assert source.sample(2).sample_id == "z"


@pytest.mark.parametrize(
    ("inputs", "given"),
    [
        (INPUTS, [0, 1]),
        ((INPUTS, INPUTS[:2]), [0, 1, 2]),
        (INPUTS[:0], []),
        (INPUTS, [True, False, True]),
        (INPUTS, ["a", "b", "c"]),
        (INPUTS, np.eye(3, dtype=np.int64)),
        (INPUTS, np.int64(3)),
        (INPUTS, None),
        (np.float32(1), [0]),
    ],
)
def test_arrays_that_do_not_fit_are_refused(inputs: Any, given: Any) -> None:
    with pytest.raises(DatasetError):
        ArraySource(inputs, given)


def test_the_fingerprint_follows_the_arrays() -> None:
    first = ArraySource(INPUTS, [0, 1, 2]).fingerprint()
    assert ArraySource(INPUTS.copy(), [0, 1, 2]).fingerprint() == first
    changed = INPUTS.copy()
    changed[2, 3] += 1e-6
    others = {
        ArraySource(changed, [0, 1, 2]).fingerprint(),
        ArraySource(INPUTS, [0, 1, 3]).fingerprint(),
        ArraySource(INPUTS, [0, 1, 2], ["a", "b", "c"]).fingerprint(),
        ArraySource(INPUTS.reshape(3, 2, 2), [0, 1, 2]).fingerprint(),
    }
    assert len(others | {first}) == 4 + (changed[2, 3] != INPUTS[2, 3])


CASES: list[tuple[str, dict[str, Any], Any]] = [
    ("classification", {"labels": np.array([4, 5, 6])}, {"label": 5}),
    ("regression", {"targets": np.array([[1.0], [2.0], [3.0]])}, {"target": [2.0]}),
    ("custom", {"labels": np.array([4, 5, 6])}, {"label": 5}),
    (
        "landmarks",
        {"points": np.arange(12.0).reshape(3, 2, 2), "boxes": np.arange(12.0).reshape(3, 4)},
        {"points": [[4, 5], [6, 7]], "box": [4, 5, 6, 7]},
    ),
    ("landmarks", {"points": np.arange(12.0).reshape(3, 2, 2)}, {"points": [[4, 5], [6, 7]]}),
    ("speech", {"texts": np.array(["a", "b c", "d"]), "frames": np.array([1, 2, 3])}, {"text": "b c", "frames": 2}),
    (
        "detection",
        {"boxes": np.arange(24.0).reshape(3, 2, 4), "labels": np.array([[0, 1], [-1, 2], [-1, -1]])},
        {"boxes": [[12, 13, 14, 15]], "labels": [2], "crowd": [False]},
    ),
]


@pytest.mark.parametrize(("task", "arrays", "second"), CASES)
@pytest.mark.parametrize("layout", ["npz", "folder"])
def test_npz_has_the_truths_of_the_task(
    tmp_path: Path, task: str, arrays: dict[str, Any], second: Any, layout: str
) -> None:
    arrays = {"inputs": INPUTS, **arrays}
    path = tmp_path / "data"
    if layout == "npz":
        np.savez(path, **arrays)
        path = tmp_path / "data.npz"
    else:
        path.mkdir()
        for name, array in arrays.items():
            np.save(path / name, array)
    reader = opened(path, task)
    assert reader.sample(1).truth == second
    info = write_dataset(reader, TaskSpec(task), tmp_path / "out", samples=None, say=lambda done, total: None)
    chunk = Dataset.open(tmp_path / "out").chunk(0)
    assert info.sample_count == 3
    assert dict(zip(chunk.ids, chunk.truths, strict=True))["1"] == second


def test_npz_masks_stay_arrays(tmp_path: Path) -> None:
    masks = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    np.savez(tmp_path / "data.npz", inputs=INPUTS, masks=masks, ids=np.array(["x", "y", "z"]))
    sample = opened(tmp_path / "data.npz", "segmentation").sample(2)
    np.testing.assert_array_equal(sample.truth["mask"], masks[2])
    assert sample.sample_id == "z"


def test_npz_with_several_inputs(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", input_1=INPUTS[:, :1], input_0=INPUTS, labels=np.arange(3))
    shapes = [array.shape for array in opened(tmp_path / "data.npz", "classification").sample(0).inputs]
    assert shapes == [(4,), (1,)]
    np.savez(tmp_path / "gap.npz", input_2=INPUTS[:, :1], input_0=INPUTS, labels=np.arange(3))
    with pytest.raises(DatasetError, match="found input_0, input_2, labels"):
        opened(tmp_path / "gap.npz", "classification")


def test_raw_pixels_are_normalised(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (3, 4, 5, 3)).astype(np.uint8)
    np.savez(tmp_path / "data.npz", inputs=pixels, labels=np.arange(3))
    steps = ImagePreprocessing(4, 5, mean=(100.0,), std=(50.0,))
    reader = opened(tmp_path / "data.npz", "classification", steps)
    write_dataset(reader, TaskSpec("classification"), tmp_path / "out", samples=None, say=lambda done, total: None)
    chunk = Dataset.open(tmp_path / "out").chunk(0)
    expected = (pixels[[int(name) for name in chunk.ids]] - 100.0) / 50.0
    np.testing.assert_allclose(chunk.inputs, expected, atol=1e-5)
    with pytest.raises(DatasetError, match=r"the images have the shape \(4, 5, 3\), the model wants \(8, 8, 3\)"):
        opened(tmp_path / "data.npz", "classification", ImagePreprocessing(8, 8))


def test_npz_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, inputs=INPUTS)
    with pytest.raises(DatasetError, match="for the task classification; found inputs"):
        opened(path, "classification")
    with pytest.raises(DatasetError, match="for the task question_answering"):
        opened(path, "question_answering")
    np.savez(path, inputs=INPUTS, labels=np.arange(2))
    with pytest.raises(DatasetError, match=r"`labels` has the shape \(2,\); there are 3 inputs"):
        opened(path, "classification")
    np.savez(path, inputs=INPUTS[:0], labels=np.arange(0))
    with pytest.raises(DatasetError, match="with samples"):
        opened(path, "classification")
    np.savez(path, inputs=np.array([object()]), labels=np.arange(1))
    with pytest.raises(DatasetError, match="cannot be read"):
        opened(path, "classification")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DatasetError, match="cannot be read"):
        opened(path, "classification")
    np.save(tmp_path / "one.npy", INPUTS)
    with pytest.raises(DatasetError, match="cannot be read"):
        opened(tmp_path / "one.npy", "classification")
    with pytest.raises(DatasetError, match=r"found .*data\.npz"):
        opened(tmp_path / "gone.npz", "classification")


def test_the_fingerprint_of_files_follows_them(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", inputs=INPUTS, labels=np.arange(3))
    reader = opened(tmp_path / "data.npz", "classification")
    before = reader.fingerprint()
    np.savez(tmp_path / "data.npz", inputs=INPUTS, labels=np.arange(3)[::-1])
    assert reader.fingerprint() != before
