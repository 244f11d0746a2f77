"""Regression against scikit-learn."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.accuracy.regression import Regression
from harness.errors import TaskError

TASK = Regression()
EIGHTHS = st.integers(-8000, 8000).map(lambda whole: whole / 8)


def scored(outputs: Any, targets: Any) -> list[Any]:
    return TASK.score((np.asarray(outputs),), [{"target": target} for target in targets])


@pytest.mark.parametrize("k", [1, 4])
def test_the_figures_are_those_of_scikit_learn(k: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    targets = rng.normal(5, 3, (200, k))
    outputs = targets + rng.normal(0.2, 1, (200, k)) * np.arange(1, k + 1)
    assert TASK.summarise(scored(outputs, targets.tolist())) == pytest.approx(
        {
            "rmse": math.sqrt(metrics.mean_squared_error(targets, outputs)),
            "mae": metrics.mean_absolute_error(targets, outputs),
            "r2": metrics.r2_score(targets, outputs),
            "nan_samples": 0.0,
        }
    )


def test_a_constant_target_has_no_r2() -> None:
    assert set(TASK.summarise(scored([[1.0], [2.0]], [[3.0], [3.0]]))) == {"rmse", "mae", "nan_samples"}


def test_a_sample_with_a_nan_has_the_worst_error_of_the_others() -> None:
    records = scored([[1.0, 0.0], [math.nan, 0.0], [0.0, -3.0]], [[0, 0], [0, 0], [0, 1]])
    assert records[1]["error"] is None
    found = TASK.summarise(records)
    assert found["mae"] == pytest.approx((1 + 0 + 1 + 4 + 0 + 4) / 6)
    assert found["rmse"] == pytest.approx(math.sqrt((1 + 1 + 16 + 16) / 6))
    assert found["nan_samples"] == 1.0
    with pytest.raises(TaskError, match="all 1 samples"):
        TASK.summarise(records[1:2])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(EIGHTHS, EIGHTHS), min_size=1, max_size=10), st.integers(0, 9))
def test_properties(pairs: list[tuple[float, float]], seed: int) -> None:
    outputs, targets = np.array(pairs)[:, :1], np.array(pairs)[:, 1:]
    records = scored(outputs, targets)
    whole = TASK.summarise(records)
    assert whole["mae"] <= whole["rmse"] * (1 + 1e-9)
    order = np.random.default_rng(seed).permutation(len(pairs))
    assert TASK.summarise([records[index] for index in order]) == pytest.approx(whole)
    cut = len(pairs) // 2
    assert scored(outputs[:cut], targets[:cut]) + scored(outputs[cut:], targets[cut:]) == records
    perfect = TASK.summarise(scored(targets, targets))
    assert (perfect["rmse"], perfect.get("r2", 1.0)) == (0.0, 1.0)
    assert TASK.values(records) is None


@pytest.mark.parametrize(
    ("outputs", "targets", "sentence"),
    [
        (np.zeros((1, 2)), [[1.0]], "the model has 2 outputs a sample, the target 1"),
        (np.zeros((1, 1)), [[math.nan]], "finite numbers"),
        (np.zeros((1, 1)), [["high"]], "finite numbers"),
        (np.zeros((2, 1)), [[1.0]], "came with 1 truths"),
    ],
)
def test_what_does_not_fit_is_refused(outputs: Any, targets: Any, sentence: str) -> None:
    with pytest.raises(TaskError, match=sentence):
        scored(outputs, targets)


def test_nothing_has_no_error() -> None:
    with pytest.raises(TaskError, match="no samples"):
        TASK.summarise([])
    with pytest.raises(TaskError, match="different numbers"):
        TASK.summarise(scored([[1.0]], [[1.0]]) + scored([[1.0, 2.0]], [[1.0, 2.0]]))
