"""Intervals and tests against published examples, scipy, and their promise: how often they hold the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.accuracy.intervals import Interval, binary_difference, mean_difference, percentile_interval


def pairs(both: int, only_first: int, only_second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    counts = [both, only_first, only_second, neither]
    return np.repeat([1.0, 1.0, 0.0, 0.0], counts), np.repeat([1.0, 0.0, 1.0, 0.0], counts)


def test_a_published_example_of_two_culture_media() -> None:
    """Armitage and Berry, Statistical Methods in Medical Research: 20, 12, 2, 16; the exact test gives P = 0.0129."""
    found = binary_difference(*pairs(20, 12, 2, 16))
    assert found.difference == pytest.approx(-0.2)
    assert found.p_value == pytest.approx(0.0129, abs=5e-5)


def test_a_published_example_of_the_interval() -> None:
    """Airway hyper-responsiveness before and after transplantation (Bentur et al., 2009): 1, 1, 7, 12. Bonett-Price
    by hand: 8/23 against 2/23, and z = 1.96 times the root of (10/23 - (6/23) ** 2) / 23.
    """
    found = binary_difference(*pairs(1, 1, 7, 12))
    reach = 1.959964 * math.sqrt((10 / 23 - (6 / 23) ** 2) / 23)
    assert (found.low, found.high) == pytest.approx((6 / 23 - reach, 6 / 23 + reach), abs=1e-6)
    assert (found.low, found.high) == pytest.approx((0.013, 0.508), abs=5e-4)
    assert found.p_value == pytest.approx(2 * sum(math.comb(8, k) for k in (0, 1)) / 2**8)


def test_without_changes_the_interval_still_has_a_width() -> None:
    found = binary_difference(*pairs(90, 0, 0, 10))
    assert (found.difference, found.p_value) == (0.0, 1.0)
    assert found.low == -found.high
    assert 0.01 < found.high < 0.04


def coverage(count: int, only_first: float, only_second: float) -> float:
    """How often the interval holds the truth: summed over all tables, weighted by their probability."""
    up, down = np.meshgrid(np.arange(count + 1), np.arange(count + 1), indexing="ij")
    shares = np.array([only_second, only_first, 1 - only_first - only_second])
    weights = stats.multinomial.pmf(np.stack([up, down, np.maximum(count - up - down, 0)], -1), count, shares)
    weights = np.where(up + down <= count, weights, 0.0)
    covered = 0.0
    for u, d in zip(*np.nonzero(weights > 1e-7), strict=True):
        found = binary_difference(*pairs(count - u - d, d, u, 0))
        covered += weights[u, d] * (found.low <= only_second - only_first <= found.high)
    return covered


@pytest.mark.parametrize(
    ("count", "only_first", "only_second"), [(50, 0.1, 0.2), (100, 0.02, 0.04), (300, 0.01, 0.005), (300, 0.004, 0.0)]
)
def test_the_interval_of_shares_holds_the_truth_as_often_as_it_says(
    count: int, only_first: float, only_second: float
) -> None:
    assert coverage(count, only_first, only_second) >= 0.945


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.integers(0, 40)] * 4).filter(lambda counts: sum(counts) > 0))
def test_properties_of_the_difference_of_shares(counts: tuple[int, int, int, int]) -> None:
    first, second = pairs(*counts)
    found = binary_difference(first, second)
    assert found.difference == pytest.approx(second.mean() - first.mean())
    assert -1 <= found.low <= found.difference <= found.high <= 1
    assert binary_difference(second, first) == found.negated()
    assert 0 < found.p_value <= 1


def skewed(seed: int, count: int, mean: float) -> tuple[np.ndarray, np.ndarray]:
    """Values whose differences are mostly small and sometimes large, with the expected difference `mean`."""
    rng = np.random.default_rng(seed)
    first = rng.gamma(2.0, 3.0, count)
    return first, first + rng.exponential(1.0, count) - 1.0 + mean


@pytest.mark.parametrize(("count", "sigma"), [(80, 0.5), (12, 1.5)])
def test_the_interval_of_means_is_that_of_scipy(count: int, sigma: float) -> None:
    first = np.random.default_rng(0).normal(size=count)
    second = first + np.random.default_rng(4).lognormal(0.0, sigma, count)
    found = mean_difference(first, second, np.random.default_rng(1), resamples=50_000)
    expected = stats.bootstrap(
        (second - first,), np.mean, n_resamples=50_000, method="BCa", rng=np.random.default_rng(2)
    ).confidence_interval
    assert found.difference == pytest.approx(float((second - first).mean()))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=0.02)


def test_in_parts_or_at_once_it_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = skewed(0, 50, 0.2)
    whole = mean_difference(first, second, np.random.default_rng(1))
    monkeypatch.setattr("harness.accuracy.intervals._DRAWS_AT_ONCE", 3000)
    assert mean_difference(first, second, np.random.default_rng(1)) == whole


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 999), st.floats(-1.0, 1.0))
def test_interval_and_p_value_agree(seed: int, mean: float) -> None:
    first, second = skewed(seed, 30, mean)
    found = mean_difference(first, second, np.random.default_rng(seed))
    if not 0.045 < found.p_value < 0.055:
        assert (found.p_value < 0.05) == (found.low > 0 or found.high < 0)
    assert found.low <= found.difference <= found.high


@pytest.mark.parametrize("mean", [0.0, 0.5])
def test_the_interval_of_means_holds_the_truth_and_finds_no_difference_where_none_is(mean: float) -> None:
    results = [
        mean_difference(*skewed(seed, 100, mean), np.random.default_rng(seed), resamples=400) for seed in range(400)
    ]
    assert np.mean([found.low <= mean <= found.high for found in results]) >= 0.92
    found_one = np.mean([found.p_value < 0.05 for found in results])
    assert found_one <= 0.08 if mean == 0.0 else found_one >= 0.95


def test_the_same_change_everywhere() -> None:
    values = np.array([1.0, 2.0, 4.0])
    rng = np.random.default_rng(0)
    same = mean_difference(values, values, rng)
    assert (same.difference, same.low, same.high, same.p_value) == (0.0, 0.0, 0.0, 1.0)
    moved = mean_difference(values, values + 1.0, rng)
    assert (moved.low, moved.high) == (1.0, 1.0)
    assert moved.p_value < 0.01


def test_percentiles_by_hand() -> None:
    found = percentile_interval(0.5, np.linspace(-0.1, 0.9, 101), "by hand")
    assert found == Interval(0.5, pytest.approx(-0.075), pytest.approx(0.875), pytest.approx(2 * 12 / 102), "by hand")
    assert found.negated().low == pytest.approx(-0.875)
