"""Scores against scikit-learn, distances against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.accuracy import check_outputs, output_error, tie_share, top_k_accuracy


@pytest.mark.parametrize("k", [1, 2, 5, 9])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_top_k_is_that_of_scikit_learn(k: int, seed: int) -> None:
    """On scores without ties; labels are drawn towards the high scores so that all k matter."""
    sklearn_metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(700, 10))
    labels = np.argmax(scores + rng.normal(0.0, 1.5, scores.shape), axis=1)
    expected = sklearn_metrics.top_k_accuracy_score(labels, scores, k=k, labels=np.arange(10))
    assert 0.3 < expected < 1.0
    assert top_k_accuracy(scores, labels, k) == pytest.approx(expected)


def test_a_tie_is_not_decided_in_the_models_favour() -> None:
    scores = np.array([[3, 3, 1], [3, 2, 1]], np.int8)
    labels = np.array([0, 0])
    assert top_k_accuracy(scores, labels, 1) == 0.5
    assert top_k_accuracy(scores, labels, 2) == 1.0
    assert tie_share(scores, labels) == 0.5
    assert top_k_accuracy(np.zeros((4, 10)), np.arange(4), 5) == 0.0


def test_a_nan_is_never_a_hit_and_beats_no_label_silently() -> None:
    scores = np.array([[math.nan, 1.0, 0.0], [0.0, math.nan, 1.0]])
    assert top_k_accuracy(scores, np.array([0, 2]), 1) == 0.0
    assert top_k_accuracy(scores, np.array([1, 2]), 2) == 1.0


def test_more_samples_than_one_batch() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(20_000, 4))
    labels = rng.integers(0, 4, 20_000)
    assert top_k_accuracy(scores, labels, 1) == float((scores.argmax(axis=1) == labels).mean())


@settings(max_examples=50, deadline=None)
@given(hnp.arrays(np.int8, st.tuples(st.integers(1, 20), st.integers(2, 8))), st.data())
def test_properties_of_top_k(scores: np.ndarray, data: st.DataObject) -> None:
    labels = np.array(
        data.draw(st.lists(st.integers(0, scores.shape[1] - 1), min_size=len(scores), max_size=len(scores)))
    )
    values = [top_k_accuracy(scores, labels, k) for k in range(1, scores.shape[1] + 1)]
    assert values == sorted(values)
    assert values[-1] == 1.0
    order = np.random.default_rng(0).permutation(scores.shape[1])
    renamed = np.argsort(order)[labels]
    assert [top_k_accuracy(scores[:, order], renamed, k) for k in range(1, len(order) + 1)] == values
    assert values[0] + tie_share(scores, labels) == pytest.approx(
        float((np.take_along_axis(scores, labels[:, None], 1)[:, 0] == scores.max(axis=1)).mean())
    )


@pytest.mark.parametrize(
    ("scores", "labels", "k"),
    [
        (np.zeros((3, 4)), np.zeros(2, int), 1),
        (np.zeros(4), np.zeros(4, int), 1),
        (np.zeros((0, 4)), np.zeros(0, int), 1),
        (np.zeros((2, 4)), np.array([0, 4]), 1),
        (np.zeros((2, 4)), np.array([0, -1]), 1),
        (np.zeros((2, 4)), np.array([0.0, 1.0]), 1),
        (np.zeros((2, 4)), np.array([0, 1]), 5),
        (np.zeros((2, 4)), np.array([0, 1]), 0),
    ],
)
def test_what_does_not_fit_is_refused(scores: np.ndarray, labels: np.ndarray, k: int) -> None:
    with pytest.raises(ValueError):
        top_k_accuracy(scores, labels, k)


def test_output_error_by_hand() -> None:
    error = output_error(np.array([[1.0, 2.0], [2.0, 4.0]]), np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert (error.max_abs, error.rmse, error.samples) == (1.0, 0.5, 2)
    assert error.cosine == pytest.approx(27 / math.sqrt(25 * 30))
    assert error.reference_rms == pytest.approx(math.sqrt(30 / 4))


FLOATS = hnp.arrays(
    np.float32, st.tuples(st.integers(1, 5), st.integers(1, 6)), elements=st.floats(-100, 100, width=32)
)


@settings(max_examples=80, deadline=None)
@given(FLOATS, st.floats(0.0625, 16.0), st.integers(0, 99))
def test_properties_of_output_error(reference: np.ndarray, factor: float, seed: int) -> None:
    same = output_error(reference, reference)
    assert (same.max_abs, same.rmse) == (0.0, 0.0)
    assert same.cosine == pytest.approx(1.0)
    outputs = reference + np.random.default_rng(seed).normal(size=reference.shape)
    error = output_error(outputs, reference)
    scaled = output_error(factor * outputs.astype(np.float64), factor * reference.astype(np.float64))
    assert 0.0 <= error.rmse <= error.max_abs * (1 + 1e-12)
    assert -1.0 <= error.cosine <= 1.0
    assert scaled.rmse == pytest.approx(factor * error.rmse)
    assert scaled.cosine == pytest.approx(error.cosine, abs=1e-9)


def test_small_and_large_values_do_not_underflow_or_overflow() -> None:
    tiny = output_error(np.array([[3e-200, 4e-200]]), np.array([[3e-200, 0.0]]))
    assert tiny.rmse == pytest.approx(4e-200 / math.sqrt(2))
    assert tiny.cosine == pytest.approx(0.6)
    assert output_error(np.array([[3e200, 4e200]]), np.array([[3e200, 0.0]])).cosine == pytest.approx(0.6)


def test_zero_outputs() -> None:
    assert output_error(np.zeros((1, 3)), np.zeros((1, 3))).cosine == 1.0
    assert output_error(np.zeros((1, 3)), np.ones((1, 3))).cosine == 0.0


def test_integers_do_not_wrap() -> None:
    assert output_error(np.array([[127]], np.int8), np.array([[-128]], np.int8)).max_abs == 255.0


@pytest.mark.parametrize(
    ("outputs", "reference"),
    [
        (np.zeros((2, 3)), np.zeros((2, 4))),
        (np.zeros((0, 3)), np.zeros((0, 3))),
        (np.array([[math.nan]]), np.zeros((1, 1))),
        (np.zeros((1, 1)), np.array([[math.inf]])),
    ],
)
def test_distances_of_nothing_sensible_are_refused(outputs: np.ndarray, reference: np.ndarray) -> None:
    with pytest.raises(ValueError):
        output_error(outputs, reference)


# ---- the check of a case ---------------------------------------------------------------------------------------------


def test_reference_and_task_together() -> None:
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(8, 10))
    scores = rng.normal(size=(50, 10))
    labels = scores.argmax(axis=1)
    labels[:5] = scores[:5].argmin(axis=1)
    check = check_outputs(reference + 0.01, reference, task_outputs=scores, labels=labels, task="classification")
    assert check.finite
    assert check.reference is not None
    assert check.reference.rmse == pytest.approx(0.01)
    assert check.accuracy is not None
    assert (check.accuracy.metric, check.accuracy.value, check.accuracy.samples) == ("top1", 0.9, 50)
    assert check.accuracy.metrics == {"top1": 0.9, "top5": 0.9, "ties_share": 0.0}


def test_only_what_there_is_evidence_for() -> None:
    check = check_outputs(np.zeros((0, 3)), None)
    assert (check.reference, check.accuracy, check.finite) == (None, None, True)


def test_few_classes_have_no_top5() -> None:
    check = check_outputs(np.zeros((0, 3)), None, task_outputs=np.eye(3), labels=np.arange(3))
    assert check.accuracy is not None
    assert set(check.accuracy.metrics) == {"top1", "ties_share"}


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_values_that_are_not_finite_are_told_and_have_no_distance(bad: float) -> None:
    outputs = np.zeros((2, 3))
    outputs[1, 2] = bad
    check = check_outputs(outputs, np.zeros((2, 3)))
    assert (check.reference, check.finite) == (None, False)
    in_task = check_outputs(np.zeros((2, 3)), np.zeros((2, 3)), task_outputs=outputs, labels=np.array([0, 1]))
    assert not in_task.finite
    assert in_task.reference is not None


def test_singleton_axes_are_no_obstacle_and_images_are() -> None:
    scores = np.eye(6).reshape(6, 1, 1, 6)
    check = check_outputs(np.zeros((0, 6)), None, task_outputs=scores, labels=np.arange(6))
    assert check.accuracy is not None
    assert check.accuracy.value == 1.0
    with pytest.raises(ValueError, match="not one score a class"):
        check_outputs(
            np.zeros((0, 6)), None, task_outputs=np.zeros((6, 4, 4)), labels=np.arange(6), task="segmentation"
        )


def test_half_an_accuracy_task_and_a_wrong_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="labels need outputs"):
        check_outputs(np.zeros((2, 3)), None, labels=np.array([0, 1]))
    with pytest.raises(ValueError, match="do not fit the reference"):
        check_outputs(np.zeros((2, 3)), np.zeros((3, 3)))
