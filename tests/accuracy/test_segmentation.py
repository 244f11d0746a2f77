"""Segmentation against scikit-learn."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.accuracy import TaskSpec, open_task
from harness.accuracy.segmentation import Segmentation
from harness.errors import TaskError

TASK = Segmentation()


def scored(logits: Any, masks: Any, task: Segmentation = TASK) -> list[Any]:
    return task.score((np.asarray(logits),), [{"mask": mask} for mask in masks])


def drawn(seed: int, count: int = 6, classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are often right, and masks with an ignored border; the last class is nowhere."""
    rng = np.random.default_rng(seed)
    masks = rng.integers(0, classes - 1, (count, 8, 9)).astype(np.uint8)
    logits = rng.normal(size=(count, 8, 9, classes)) + 1.5 * (masks[..., None] == np.arange(classes))
    logits[..., -1] = -100
    masks[:, 0] = 255
    return logits.astype(np.float32), masks


@pytest.mark.parametrize("seed", [0, 1])
def test_the_figures_are_those_of_scikit_learn(seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    logits, masks = drawn(seed)
    truth, predicted = masks[masks != 255], logits.argmax(axis=3)[masks != 255]
    found = TASK.summarise(scored(logits, masks))
    assert found["miou"] == pytest.approx(metrics.jaccard_score(truth, predicted, average="macro"))
    assert found["pixel_accuracy"] == pytest.approx(metrics.accuracy_score(truth, predicted))
    table = metrics.confusion_matrix(truth, predicted)
    assert found["miou"] == pytest.approx(
        np.mean(np.diag(table) / (table.sum(axis=0) + table.sum(axis=1) - np.diag(table)))
    )
    assert 0.2 < found["miou"] < 0.9


def test_unions_are_summed_before_they_are_divided() -> None:
    """Class 1 is one pixel right in one image, three wrong in another: 1 of 4, not the mean of 1 and 0."""
    masks = [np.array([[1, 0]], np.uint8), np.array([[1, 1, 1, 0]], np.uint8)]
    outputs = [np.eye(2)[[[1, 0]]], np.eye(2)[[[0, 0, 0, 0]]]]
    records = [scored([output], [mask])[0] for output, mask in zip(outputs, masks, strict=True)]
    assert TASK.summarise(records)["miou"] == pytest.approx((1 / 4 + 2 / 5) / 2)


def test_a_prediction_on_an_ignored_pixel_does_not_count() -> None:
    logits = np.eye(3)[[[0, 1, 2]]]
    found = TASK.summarise(scored([logits], [np.array([[0, 1, 255]], np.uint8)]))
    assert (found["miou"], found["pixel_accuracy"]) == (1.0, 1.0)
    task = open_task(TaskSpec("segmentation", (("ignore", "0"),)))
    assert task.summarise(task.score((logits[None],), [{"mask": np.array([[0, 1, 1]])}]))["miou"] == pytest.approx(0.25)


def test_a_sample_with_a_nan_has_no_pixel_right() -> None:
    logits, masks = drawn(0, count=2)
    logits[1, 3, 3, 3] = math.nan
    records = scored(logits, masks)
    assert sum(records[1]["union"]) == records[1]["pixels"] == 63
    found = TASK.summarise(records)
    assert found["nan_samples"] == 1.0
    alone = TASK.summarise(records[:1])
    assert found["pixel_accuracy"] == pytest.approx(alone["pixel_accuracy"] / 2)
    assert found["miou"] < alone["miou"]
    assert TASK.summarise(records[1:])["miou"] == 0.0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99), st.integers(1, 5))
def test_properties(seed: int, count: int) -> None:
    logits, masks = drawn(seed, count)
    records = scored(logits, masks)
    whole = TASK.summarise(records)
    order = np.random.default_rng(seed).permutation(count)
    assert TASK.summarise([records[index] for index in order]) == pytest.approx(whole)
    renamed = np.random.default_rng(seed).permutation(5)
    new_masks = np.where(masks == 255, 255, np.argsort(renamed)[np.minimum(masks, 4)])
    assert TASK.summarise(scored(logits[..., renamed], new_masks)) == pytest.approx(whole)
    cut = count // 2
    assert scored(logits[:cut], masks[:cut]) + scored(logits[cut:], masks[cut:]) == records
    perfect = np.eye(5)[np.where(masks == 255, 0, masks)]
    assert TASK.summarise(scored(perfect, masks))["miou"] == 1.0
    assert json.loads(json.dumps(records)) == records
    assert TASK.values(records) is None


@pytest.mark.parametrize(
    ("logits", "mask", "sentence"),
    [
        (np.zeros((1, 2, 2)), np.zeros((2, 2), np.uint8), "not class scores"),
        (np.zeros((1, 2, 2, 1)), np.zeros((2, 2), np.uint8), "not class scores"),
        (np.zeros((1, 2, 2, 3)), np.zeros((4, 4), np.uint8), r"the mask has the shape \(4, 4\), the output \(2, 2\)"),
        (np.zeros((1, 2, 2, 3)), np.zeros((2, 2)), "float64, not class indices"),
        (np.zeros((1, 2, 2, 3)), np.full((2, 2), 3, np.uint8), "the class 3, the model has classes 0 to 2"),
        (np.zeros((1, 2, 2, 3)), np.full((2, 2), -1), "the class -1"),
    ],
)
def test_what_does_not_fit_is_refused(logits: Any, mask: Any, sentence: str) -> None:
    with pytest.raises(TaskError, match=sentence):
        scored(logits, [mask])


def test_nothing_to_score() -> None:
    with pytest.raises(TaskError, match="no samples"):
        TASK.summarise([])
    with pytest.raises(TaskError, match="all pixels"):
        TASK.summarise(scored(np.zeros((1, 2, 2, 3)), [np.full((2, 2), 255, np.uint8)]))
    with pytest.raises(TaskError, match="the model has 3 classes, the masks 21"):
        Segmentation(classes=21).score((np.zeros((1, 2, 2, 3)),), [{"mask": np.zeros((2, 2), np.uint8)}])
