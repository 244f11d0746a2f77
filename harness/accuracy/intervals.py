"""Intervals and tests for differences between two arms on the same samples. Pure; works on plain arrays.

All intervals are 95 %, all tests two-sided. A difference is always second minus first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

CONFIDENCE = 0.95
RESAMPLES = 2000
_DRAWS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Interval:
    """A difference, its 95 % interval, the p-value of no difference, and how they were found."""

    difference: float
    low: float
    high: float
    p_value: float
    method: str

    def negated(self) -> Interval:
        """The same of first minus second."""
        return Interval(-self.difference, -self.high, -self.low, self.p_value, self.method)


def binary_difference(first: Floats, second: Floats) -> Interval:
    """The difference of two shares, each of 0/1 values (n,) of the same samples.

    The p-value is that of McNemar's exact test: is the direction of the samples that changed that of a fair coin? The
    interval is Wald's with one more sample of either change (Bonett and Price, Adjusted Wald confidence interval
    for a difference of binomial proportions based on paired data, 2012). With few changed samples, as between variants
    of one model, Wald's own interval covers too little, and Newcombe's method 10 is wider.
    """
    from scipy import stats

    count = len(first)
    up, down = int((second > first).sum()), int((second < first).sum())
    p_value = float(stats.binomtest(up, up + down).pvalue) if up + down else 1.0
    share_up, share_down = (up + 1) / (count + 2), (down + 1) / (count + 2)
    middle = share_up - share_down
    reach = _normal_quantile() * math.sqrt((share_up + share_down - middle**2) / (count + 2))
    low, high = max(-1.0, middle - reach), min(1.0, middle + reach)
    return Interval((up - down) / count, low, high, p_value, "exact McNemar test, Bonett-Price interval")


def mean_difference(first: Floats, second: Floats, rng: np.random.Generator, *, resamples: int = RESAMPLES) -> Interval:
    """The difference of two means, each of values (n,) of the same samples, by the paired bootstrap (BCa).

    Samples are drawn with replacement, each with both of its values. Interval and p-value are bias-corrected and
    accelerated (Efron, Better bootstrap confidence intervals, 1987); the p-value is 1 minus the confidence of the
    interval that just excludes 0, so both always agree.
    """
    from scipy.special import ndtr, ndtri

    differences = second - first
    mean = float(differences.mean())
    method = f"paired bootstrap (BCa), {resamples} resamples"
    if not (differences != differences[0]).any():
        return Interval(mean, mean, mean, 1.0 if mean == 0 else 2 / (resamples + 1), method)
    means = _resampled_means(differences, rng, resamples)
    bias, acceleration = float(ndtri(_share_below(means, mean))), _acceleration(differences)

    def corrected(quantile: float) -> float:
        shifted = bias + quantile
        return float(ndtr(bias + shifted / (1 - acceleration * shifted)))

    reach = _normal_quantile()
    low, high = np.quantile(means, [corrected(-reach), corrected(reach)])
    above = float(ndtri(_share_below(means, 0.0))) - bias
    tail = float(ndtr(above / (1 + acceleration * above) - bias))
    return Interval(mean, float(low), float(high), min(1.0, 2 * min(tail, 1 - tail)), method)


def percentile_interval(difference: float, resampled: Floats, method: str) -> Interval:
    """The interval between the percentiles of the differences of resamples (b,)."""
    low, high = np.quantile(resampled, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    rarer = min(int((resampled <= 0).sum()), int((resampled >= 0).sum()))
    p_value = min(1.0, 2 * (1 + rarer) / (len(resampled) + 1))
    return Interval(difference, float(low), float(high), p_value, method)


def _normal_quantile() -> float:
    from scipy.special import ndtri

    return float(ndtri((1 + CONFIDENCE) / 2))


def _resampled_means(values: Floats, rng: np.random.Generator, resamples: int) -> Floats:
    """(resamples,), in parts, so that the memory does not grow with samples times resamples."""
    count = len(values)
    at_once = max(1, _DRAWS_AT_ONCE // count)
    parts = [
        values[rng.integers(0, count, (min(at_once, resamples - start), count))].mean(axis=1)
        for start in range(0, resamples, at_once)
    ]
    return np.concatenate(parts)


def _share_below(means: Floats, value: float) -> float:
    """The share of `means` below `value`, those equal to it counting half; never 0 or 1."""
    count = len(means)
    share = float(((means < value).sum() + 0.5 * (means == value).sum()) / count)
    return min(max(share, 1 / (count + 1)), count / (count + 1))


def _acceleration(values: Floats) -> float:
    """How the spread of the mean changes with the mean, by the jackknife, whose terms have a closed form for a mean."""
    deviations = values - values.mean()
    deviations /= np.abs(deviations).max()
    return float((deviations**3).sum() / (6 * (deviations**2).sum() ** 1.5))
