"""Classes of invocations whose course is known."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.measure.warmup import classify, long_run_variance, segment


def course(*stretches: tuple[float, int], spread: float = 0.01, seed: int = 0) -> np.ndarray:
    """Levels with their lengths, as samples in ns with lognormal noise."""
    levels = np.concatenate([np.full(length, level) for level, length in stretches])
    noise = np.exp(np.random.default_rng(seed).normal(0.0, spread, levels.size))
    return np.rint(1e6 * levels * noise).astype(np.int64)


@pytest.mark.parametrize(
    ("stretches", "expected"),
    [
        (((1.0, 400),), "flat"),
        (((1.3, 100), (1.0, 300)), "warmup"),
        (((1.5, 50), (1.2, 50), (1.0, 300)), "warmup"),
        (((1.0, 240), (1.15, 160)), "slowdown"),
        (((1.0, 100), (1.1, 100), (1.2, 100), (1.3, 100)), "slowdown"),
        (((1.3, 300), (1.0, 100)), "unsteady"),
        (((1.0, 100), (1.3, 100), (1.0, 100), (1.3, 100)), "unsteady"),
        (((1.0, 150), (1.3, 150), (1.0, 100)), "unsteady"),
        (((1.0, 200), (1.01, 200)), "flat"),
    ],
)
def test_known_courses(stretches: tuple[tuple[float, int], ...], expected: str) -> None:
    assert classify(course(*stretches)) == expected


def test_the_class_does_not_depend_on_the_number_of_samples() -> None:
    assert classify(course((1.0, 60), (1.2, 40))) == classify(course((1.0, 60_007), (1.2, 40_000))) == "slowdown"


def test_too_few_samples_have_no_class() -> None:
    assert classify(course((1.0, 19))) is None
    assert classify(course((1.0, 20))) == "flat"


def test_a_timer_with_few_values_is_flat() -> None:
    assert classify(np.random.default_rng(0).choice([1000, 1001], 500)) == "flat"
    assert classify(np.full(500, 1000)) == "flat"


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.8])
def test_steady_autocorrelated_noise_is_mostly_flat(rho: float) -> None:
    rng = np.random.default_rng(4)
    flat = 0
    for _ in range(60):
        logs = rng.normal(0.0, 0.03, 1000)
        for index in range(1, logs.size):
            logs[index] = rho * logs[index - 1] + math.sqrt(1 - rho**2) * logs[index]
        flat += classify(np.rint(1e7 * np.exp(logs))) == "flat"
    assert flat >= 57


def test_long_run_variance_of_autoregressive_noise() -> None:
    """sigma^2 (1 + rho) / (1 - rho), and a change of level adds nothing."""
    rng = np.random.default_rng(8)
    values = rng.normal(0.0, 0.1, 20_000)
    for index in range(1, values.size):
        values[index] = 0.6 * values[index - 1] + 0.8 * values[index]
    expected = 0.01 * 1.6 / 0.4
    assert long_run_variance(values) == pytest.approx(expected, rel=0.2)
    values[10_000:] += 3.0
    assert long_run_variance(values) == pytest.approx(expected, rel=0.2)


def brute_force(values: np.ndarray, penalty: float, min_size: int) -> float:
    """The least cost of any segmentation, by trying all."""

    def cost(end: int) -> float:
        if end == 0:
            return -penalty
        starts = [start for start in range(end - min_size + 1) if start == 0 or start >= min_size]
        return min(
            (
                cost(start) + float(((values[start:end] - values[start:end].mean()) ** 2).sum()) + penalty
                for start in starts
            ),
            default=math.inf,
        )

    return cost(values.size)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-5.0, 5.0), min_size=4, max_size=12), st.floats(0.0, 10.0), st.integers(1, 2))
def test_the_segmentation_is_optimal(values: list[float], penalty: float, min_size: int) -> None:
    array = np.array(values)
    ends = segment(array, penalty, min_size)
    parts = np.split(array, ends[:-1])
    cost = sum(float(((part - part.mean()) ** 2).sum()) + penalty for part in parts) - penalty
    assert ends[-1] == array.size
    assert min(part.size for part in parts) >= min_size
    assert cost == pytest.approx(brute_force(array, penalty, min_size), abs=1e-6)


def test_a_hundred_thousand_samples_are_quick() -> None:
    many = course((1.0, 100_000))
    walls_s = []
    for _ in range(5):
        start = time.perf_counter()
        classify(many)
        walls_s.append(time.perf_counter() - start)
    assert min(walls_s) < 0.05
