"""Distances against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.accuracy import output_error


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
