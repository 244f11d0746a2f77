"""Classification against scikit-learn, and its rules for ties and NaN."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.accuracy import TaskSpec, open_task
from harness.accuracy.classification import Classification
from harness.errors import TaskError

TASK = Classification()


def scored(scores: Any, labels: Any) -> list[Any]:
    return TASK.score((np.asarray(scores),), [{"label": label} for label in labels])


def figures(scores: Any, labels: Any) -> dict[str, float]:
    return TASK.summarise(scored(scores, labels))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_top_1_and_5_are_those_of_scikit_learn(seed: int) -> None:
    """On scores without ties; labels are drawn towards the high scores so that both matter."""
    sklearn_metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(700, 20))
    labels = np.argmax(scores + rng.normal(0.0, 1.5, scores.shape), axis=1)
    found = figures(scores, labels)
    for k, name in ((1, "top1"), (5, "top5")):
        expected = sklearn_metrics.top_k_accuracy_score(labels, scores, k=k, labels=np.arange(20))
        assert 0.2 < expected < 1.0
        assert found[name] == pytest.approx(expected)
    assert TASK.values(scored(scores, labels)).mean() == pytest.approx(found["top1"])
    assert found["ties_share"] == found["nan_samples"] == 0.0


def test_a_tie_is_not_decided_in_the_models_favour() -> None:
    found = figures(np.array([[3, 3, 1, 0, 0, 0], [3, 2, 1, 0, 0, 0]], np.int8), [0, 0])
    assert (found["top1"], found["top5"], found["ties_share"]) == (0.5, 1.0, 0.5)
    assert figures(np.zeros((4, 10)), range(4))["top5"] == 0.0


@pytest.mark.parametrize("scores", [[-math.inf] * 3, [-math.inf, math.inf, 0.0], [math.inf, 0.0, 0.0]])
def test_a_highest_score_that_is_infinite_is_none(scores: list[float]) -> None:
    """XNNPACK's clamping makes an infinity of a NaN."""
    found = figures(np.array([scores, [5.0, -math.inf, 0.0]]), (0, 0))
    assert (found["top1"], found["nan_samples"]) == (0.5, 1.0)


def test_a_sample_with_a_nan_is_a_miss_and_counted() -> None:
    scores = np.array([[math.nan, 1, 0, 0, 0, 0], [0, math.nan, 1, 0, 0, 0], [0, 1, 0, 0, 0, 0]])
    assert figures(scores, [1, 2, 1]) == {
        "top1": pytest.approx(1 / 3),
        "top5": pytest.approx(1 / 3),
        "ties_share": 0.0,
        "nan_samples": 2.0,
    }


def test_minus_infinity_is_a_score_like_others() -> None:
    assert figures([[-math.inf, 0.0], [-math.inf, -math.inf]], [1, 0])["top1"] == 0.5


def test_more_samples_than_are_ranked_at_once() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(20_000, 4))
    labels = rng.integers(0, 4, 20_000)
    assert figures(scores, labels)["top1"] == float((scores.argmax(axis=1) == labels).mean())


@settings(max_examples=50, deadline=None)
@given(hnp.arrays(np.int8, st.tuples(st.integers(1, 20), st.integers(6, 9))), st.data())
def test_properties(scores: np.ndarray, data: st.DataObject) -> None:
    classes = scores.shape[1]
    labels = np.array(data.draw(st.lists(st.integers(0, classes - 1), min_size=len(scores), max_size=len(scores))))
    records = scored(scores, labels)
    whole = TASK.summarise(records)
    assert whole["top1"] <= whole["top5"]
    # an argmax is right where the label is surely first, or where it shares the first place
    highest = np.take_along_axis(scores, labels[:, None], 1)[:, 0] == scores.max(axis=1)
    assert whole["top1"] + whole["ties_share"] == pytest.approx(float(highest.mean()))
    renamed = np.random.default_rng(0).permutation(classes)
    assert figures(scores[:, renamed], np.argsort(renamed)[labels]) == whole
    shuffled = np.random.default_rng(1).permutation(len(scores))
    assert figures(scores[shuffled], labels[shuffled]) == whole
    cut = len(scores) // 2
    assert scored(scores[:cut], labels[:cut]) + scored(scores[cut:], labels[cut:]) == records


def test_perfect_and_hopeless() -> None:
    assert figures(np.eye(8), range(8))["top1"] == 1.0
    assert figures(-np.eye(8), range(8))["top5"] == 0.0


def test_few_classes_have_no_top5() -> None:
    assert set(figures(np.eye(5), range(5))) == {"top1", "ties_share", "nan_samples"}


@pytest.mark.parametrize(
    ("outputs", "labels", "sentence"),
    [
        ((np.zeros((3, 4)),), [0, 1], "came with 2 truths"),
        ((np.zeros((3, 4)), np.zeros((3, 4))), [0, 1, 2], "one output, this one has 2"),
        ((np.zeros((2, 4, 4)),), [0, 1], "not one score a class"),
        ((np.zeros((2, 1)),), [0, 0], "not one score a class"),
        ((np.zeros(2),), [0, 0], "not one score a class"),
        ((np.zeros((2, 4)),), [0, 4], r"label 4 .* 4 classes \(0 to 3\)"),
        ((np.zeros((2, 4)),), [0, -1], "label -1"),
        ((np.zeros((2, 4)),), [0.0, 1.0], "label 0.0"),
        ((np.zeros((2, 4)),), [True, False], "label True"),
    ],
)
def test_what_does_not_fit_is_refused(outputs: Any, labels: list[Any], sentence: str) -> None:
    with pytest.raises(TaskError, match=sentence):
        TASK.score(outputs, [{"label": label} for label in labels])


def test_a_model_with_another_number_of_classes_is_refused() -> None:
    task = open_task(TaskSpec("classification", (("classes", "1000"),)))
    with pytest.raises(TaskError, match="the model has 1001 classes, the labels count 1000"):
        task.score((np.zeros((1, 1001), np.float32),), [{"label": 3}])


def test_the_sample_without_a_label_is_named_and_nothing_has_no_score() -> None:
    with pytest.raises(TaskError, match="no 'label'") as caught:
        TASK.score((np.zeros((2, 4)),), [{"label": 1}, {}])
    assert caught.value.where == "sample 1 of its chunk"
    assert TASK.score((np.zeros((0, 4)),), []) == []
    with pytest.raises(TaskError, match="no samples"):
        TASK.summarise([])
