from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.accuracy import TaskSpec
from harness.accuracy.dataset import Dataset
from harness.errors import DatasetError, RecipeError
from harness.prepare.interface import Interface
from harness.prepare.recipe import InputSpec
from harness.prepare.test_split import as_truths, check_classes, write_test_split

TWO = Interface((InputSpec("ids", (3,), "int32"), InputSpec("pixels", (2, 2))), ("end", "start"))


@pytest.mark.parametrize(
    ("task", "values", "first"),
    [
        ("classification", np.array([3, 1], np.uint8), {"label": 3}),
        ("regression", np.array([0.5, 1.5]), {"target": [0.5]}),
        ("regression", np.array([[0.5, 2.0], [1.5, 3.0]]), {"target": [0.5, 2.0]}),
        ("landmarks", np.array([[[1.0, 2.0]], [[3.0, 4.0]]]), {"points": [[1.0, 2.0]]}),
        ("speech", [{"text": "a"}, {"text": "b"}], {"text": "a"}),
        ("custom", np.array([3, 1]), {"label": 3}),
        ("custom", np.array([0.5, 1.5]), {"target": [0.5]}),
        ("custom", np.array([[3, 4], [5, 6]]), {"target": [3, 4]}),
    ],
)
def test_truths_from_arrays_and_mappings(task: str, values: Any, first: dict[str, Any]) -> None:
    truths = as_truths(TaskSpec(task), values, 2, "w")
    assert len(truths) == 2
    assert truths[0] == first


def test_masks_stay_arrays() -> None:
    truth = as_truths(TaskSpec("segmentation"), np.full((2, 3, 3), 255), 2, "w")[0]
    assert truth["mask"].dtype == np.uint8
    assert truth["mask"].shape == (3, 3)


@pytest.mark.parametrize(
    ("task", "values", "what"),
    [
        ("classification", np.zeros(3, np.int64), "must be 2 integers"),
        ("classification", np.zeros(2), "must be 2 integers"),
        ("speech", [{"text": "a"}], "1 truths for 2 test inputs"),
        ("speech", np.zeros((2, 4)), "cannot be one array"),
        ("regression", 5.0, "must be 2 mappings or an array of 2"),
        ("detection", None, "must be 2 mappings"),
    ],
)
def test_truths_that_do_not_fit_are_named(task: str, values: Any, what: str) -> None:
    with pytest.raises(RecipeError, match=what):
        as_truths(TaskSpec(task), values, 2, "w")


def test_the_split_is_a_data_set_with_packed_inputs(tmp_path: Path) -> None:
    inputs = np.arange(14, dtype=np.float32).reshape(2, 7)
    truths = as_truths(TaskSpec("regression"), np.array([0.0, 7.0]), 2, "w")
    write_test_split(tmp_path / "dataset", TWO, inputs, truths, TaskSpec("regression", (("a", "b"),)))
    dataset = Dataset.open(tmp_path / "dataset")
    assert dataset.task == TaskSpec("regression", (("a", "b"),))
    assert dataset.input_shapes == ((3,), (2, 2))
    chunk = dataset.chunk(0)
    assert chunk.inputs.shape == (2, 7)
    assert all(row[0] == truth["target"][0] for row, truth in zip(chunk.inputs, chunk.truths, strict=True))


def test_a_label_that_is_no_class_of_the_model_is_refused() -> None:
    truths = [{"label": 9}, {"label": 10}]
    outputs = np.zeros((2, 10), np.float32)
    with pytest.raises(DatasetError, match="label 10, but the model gives 10 classes"):
        check_classes(TaskSpec("classification"), truths, outputs, "w")
    check_classes(TaskSpec("classification"), truths[:1], outputs, "w")
    check_classes(TaskSpec("custom"), truths, outputs, "w")
