"""Golden numbers against scipy, and what the statistics refuse."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import mstats

import harness.measure
from harness.measure import (
    InvocationSummary,
    classify,
    estimate_latency,
    invocation_tail,
    quantile,
    summarise_invocation,
)
from harness.measure.statistics import (
    detectable_between_rows,
    effective_count,
    minimum_detectable_effect,
    required_samples,
    trimmed_mean,
)
from tests.measure.build import samples


def summaries(medians_ms: list[float], p90_ms: float | None = 5.0) -> list[InvocationSummary]:
    return [InvocationSummary(100, median, median, p90_ms) for median in medians_ms]


@pytest.mark.parametrize("count", [20, 30])
def test_trimmed_interval_is_scipys_up_to_the_form_of_its_error(count: int) -> None:
    """scipy divides the Winsorised error by 0.6 sqrt(n), Yuen by sqrt(h (h - 1) / (n - 1))."""
    values = np.random.default_rng(count).normal(0.0, 0.02, count)
    location = trimmed_mean(values)
    kept = count - 2 * (count // 5)
    yuen_over_scipy = math.sqrt((count - 1) / (kept * (kept - 1))) * 0.6 * math.sqrt(count)
    low, high = mstats.trimmed_mean_ci(values, limits=(0.2, 0.2), inclusive=(True, True), alpha=0.05)
    reach = stats.t.ppf(0.975, kept - 1) * location.se
    assert location.mean == pytest.approx(stats.trim_mean(values, 0.2))
    assert location.mean == pytest.approx((low + high) / 2)
    assert reach / ((high - low) / 2) == pytest.approx(yuen_over_scipy, rel=1e-9)
    assert 1.0 < yuen_over_scipy < 1.05


@pytest.mark.parametrize("count", [7, 8, 12, 20])
def test_yuen_is_the_trimmed_t_test_of_scipy_against_an_exact_zero(count: int) -> None:
    """ttest_ind(trim=) of a sample against one without spread is the one-sample test, Welch degrees included."""
    values = np.random.default_rng(count).normal(0.01, 0.02, count)
    location = trimmed_mean(values)
    other = np.full(count, 0.0) + np.tile([1e-15, -1e-15], count)[:count]
    test = stats.ttest_ind(values, other, trim=0.2, equal_var=False)
    assert location.mean / location.se == pytest.approx(test.statistic, rel=1e-9)
    assert location.df == pytest.approx(test.df, rel=1e-6)


def test_below_five_invocations_the_interval_is_students() -> None:
    medians_ms = [3.41, 3.52, 3.47, 3.60]
    estimate = estimate_latency(summaries(medians_ms))
    expected = stats.t.interval(0.95, 3, loc=np.mean(np.log(medians_ms)), scale=stats.sem(np.log(medians_ms)))
    assert (estimate.ci_low_ms, estimate.ci_high_ms) == pytest.approx(tuple(np.exp(expected)))


def test_one_invocation_has_no_interval_however_many_inferences() -> None:
    estimate = estimate_latency([summarise_invocation(samples(count=5000))])
    assert (estimate.ci_low_ms, estimate.ci_high_ms, estimate.half_width) == (None, None, None)
    assert estimate.p50_ms == pytest.approx(3.5, rel=0.01)


def test_a_burst_in_one_of_eight_does_not_move_the_number() -> None:
    calm = estimate_latency(summaries([3.50, 3.51, 3.49, 3.52, 3.48, 3.50, 3.51, 3.49]))
    burst = estimate_latency(summaries([3.50, 3.51, 3.49, 3.52, 3.48, 3.50, 3.51, 4.55]))
    assert burst.p50_ms == pytest.approx(calm.p50_ms, rel=0.003)
    assert burst.half_width < 0.02


@pytest.mark.parametrize("count", [3, 4, 5, 6, 8, 12, 20])
@pytest.mark.parametrize("bursts", [0.0, 0.06])
def test_the_interval_covers(count: int, bursts: float) -> None:
    """1500 simulated rows: the true level lies inside the 95 % interval in 92 to 98 of 100."""
    rng = np.random.default_rng(count)
    logs = rng.normal(0.0, 0.018, (1500, count)) + math.log(1.3) * (rng.random((1500, count)) < bursts)
    estimates = [estimate_latency(summaries(list(np.exp(row)))) for row in logs]
    covered = np.mean([estimate.ci_low_ms <= 1.0 <= estimate.ci_high_ms for estimate in estimates])
    assert 0.92 <= covered <= 0.98


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.01, 1e4), min_size=2, max_size=40), st.floats(0.001, 1000.0))
def test_the_interval_holds_the_estimate_and_scales_with_the_unit(medians_ms: list[float], factor: float) -> None:
    estimate = estimate_latency(summaries(medians_ms))
    scaled = estimate_latency(summaries([factor * median for median in medians_ms]))
    assert estimate.ci_low_ms <= estimate.p50_ms <= estimate.ci_high_ms
    assert min(medians_ms) * (1 - 1e-9) <= estimate.p50_ms <= max(medians_ms) * (1 + 1e-9)
    assert scaled.p50_ms == pytest.approx(factor * estimate.p50_ms, rel=1e-9)
    assert scaled.half_width == pytest.approx(estimate.half_width, rel=1e-6, abs=1e-9)


def test_p90_is_the_median_of_the_invocations_and_missing_when_one_has_none() -> None:
    three = [InvocationSummary(100, 3.0, 3.0, p90) for p90 in (3.2, 9.9, 3.4)]
    assert estimate_latency(three).p90_ms == 3.4
    assert estimate_latency([*three, InvocationSummary(10, 3.0, 3.0, None)]).p90_ms is None


@pytest.mark.parametrize(("q", "needed"), [(0.5, 6), (0.9, 29), (0.95, 59), (0.99, 299), (0.1, 29)])
def test_quantiles_refuse_below_a_finite_interval(q: float, needed: int) -> None:
    values = np.random.default_rng(1).normal(100.0, 1.0, needed)
    assert required_samples(q) == needed
    assert quantile(values[:-1], q) is None
    assert quantile(values, q) == pytest.approx(np.quantile(values, q))
    assert quantile(np.repeat(values, 2), q, n_eff=needed - 1) is None
    # independent: the interval from the smallest to the largest value misses the quantile with at most 5 %
    missed = [stats.binom.pmf(0, count, q) + stats.binom.pmf(count, count, q) for count in (needed - 1, needed)]
    assert missed[0] > 0.05 >= missed[1]


@pytest.mark.parametrize("q", [0.0, 1.0, -0.1, math.nan])
def test_quantiles_out_of_range_are_refused(q: float) -> None:
    with pytest.raises(ValueError, match="not between 0 and 1"):
        quantile(np.arange(1, 100), q)


def autoregressive(rho: float, count: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    values = rng.normal(0.0, 1.0, count)
    for index in range(1, count):
        values[index] = rho * values[index - 1] + math.sqrt(1 - rho**2) * values[index]
    return values


@pytest.mark.parametrize(("rho", "tolerance"), [(0.0, 0.1), (0.5, 0.15), (0.8, 0.2)])
def test_effective_count_of_autoregressive_noise(rho: float, tolerance: float) -> None:
    """n (1 - rho) / (1 + rho) in theory."""
    count = 20_000
    assert effective_count(autoregressive(rho, count)) == pytest.approx(count * (1 - rho) / (1 + rho), rel=tolerance)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=200))
def test_effective_count_is_between_one_and_all(values: list[int]) -> None:
    assert 1.0 <= effective_count(np.array(values)) <= len(values)


def test_the_tail_counts_independent_samples() -> None:
    noise = np.exp(0.05 * autoregressive(0.9, 2000))
    correlated = invocation_tail(np.rint(1e6 * noise).astype(np.int64))
    shuffled = invocation_tail(np.rint(1e6 * np.random.default_rng(5).permutation(noise)).astype(np.int64))
    assert correlated.p99_ms is None
    assert correlated.independent_samples < 299 < shuffled.independent_samples
    assert shuffled.p99_ms == pytest.approx(np.quantile(noise, 0.99), rel=1e-3)


def test_mde_by_its_formula() -> None:
    values = np.random.default_rng(11).normal(0.0, 0.026, 20)
    ordered = np.sort(values)
    winsorised = np.clip(values, ordered[4], ordered[15]).std(ddof=1)
    by_hand = (stats.t.ppf(0.995, 11) + stats.norm.ppf(0.9)) * winsorised * math.sqrt(19 / (12 * 11))
    assert minimum_detectable_effect(values) == pytest.approx(math.expm1(by_hand))
    assert minimum_detectable_effect(values[:2]) is None


def test_mde_between_rows_is_that_of_two_independent_ones() -> None:
    medians_ms = list(np.exp(np.random.default_rng(2).normal(1.0, 0.01, 8)))
    single = minimum_detectable_effect(np.log(medians_ms))
    assert math.log1p(detectable_between_rows(summaries(medians_ms))) == pytest.approx(
        math.sqrt(2) * math.log1p(single)
    )
    assert detectable_between_rows(summaries(medians_ms[:2])) is None


def test_pooled_inferences_cannot_be_given_to_any_public_function() -> None:
    """Samples are a parameter of functions of ONE invocation, which refuse more dimensions; others take summaries."""
    pooled = np.stack([samples(seed=seed) for seed in range(3)])
    of_one_invocation = {
        name
        for name in harness.measure.__all__
        if inspect.isfunction(getattr(harness.measure, name))
        and any(
            parameter.startswith("samples")
            for parameter in inspect.signature(getattr(harness.measure, name)).parameters
        )
    }
    assert of_one_invocation == {"classify", "invocation_tail", "quantile", "summarise_invocation"}
    for refuse in (classify, invocation_tail, summarise_invocation, lambda values: quantile(values, 0.5)):
        with pytest.raises(ValueError, match="one-dimensional"):
            refuse(pooled)
    with pytest.raises(TypeError, match="not on inferences"):
        estimate_latency(list(pooled.ravel()))


@pytest.mark.parametrize("bad", [np.array([], np.int64), np.array([5, 0, 3]), np.array([5, -1])])
def test_an_invocation_without_positive_times_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError):
        summarise_invocation(bad)


@pytest.mark.parametrize("bad", [[], [math.nan, 1.0], [[1.0, 2.0]]])
def test_a_trimmed_mean_of_nothing_sensible_is_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError):
        trimmed_mean(np.array(bad))
