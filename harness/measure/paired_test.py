"""Tests of paired log differences: Yuen's, and a sign test for those of a coarse timer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.domain import ComparisonVerdict
from harness.measure.statistics import t_quantile, t_two_sided_p, trimmed_mean

EQUALITY_FACTOR = 1.5
EQUALITY_CONFIDENCE = 0.90
INTERVAL_CONFIDENCE = 0.99


@dataclass(frozen=True)
class PairedTest:
    """A test of the log differences: effect, p value, its 99 % interval, and whether it lies within the equality
    margin."""

    differences: NDArray[np.float64]
    effect: float
    p: float
    interval: tuple[float, float] | None
    equality: tuple[float, float] | None
    quantised: bool

    def verdict(self, min_effect: float, alpha: float) -> ComparisonVerdict:
        """What one look at level `alpha` says; CONTINUE for neither a change of `min_effect` nor equality."""
        if self.p < alpha and abs(math.expm1(self.effect)) >= min_effect:
            return ComparisonVerdict.REGRESSION if self.effect > 0 else ComparisonVerdict.IMPROVEMENT
        margin = math.log1p(EQUALITY_FACTOR * min_effect)
        if self.equality is not None and -margin < self.equality[0] and self.equality[1] < margin:
            return ComparisonVerdict.SAME
        return ComparisonVerdict.CONTINUE


def yuen_test(differences: NDArray[np.float64]) -> PairedTest:
    """Yuen's test of the 20 % trimmed mean of (n,) log differences.

    Raises:
        ValueError: they have no spread.
    """
    location = trimmed_mean(differences)
    se = location.se
    if not se:
        raise ValueError("a t test needs two differing blocks at least")

    def interval(confidence: float) -> tuple[float, float]:
        reach = min(t_quantile(location.df, 0.5 + confidence / 2) * se, 500.0)
        return location.mean - reach, location.mean + reach

    p = t_two_sided_p(location.mean / se, location.df)
    return PairedTest(
        differences, location.mean, p, interval(INTERVAL_CONFIDENCE), interval(EQUALITY_CONFIDENCE), quantised=False
    )


def sign_test(differences: NDArray[np.float64]) -> PairedTest:
    """For differences without spread, as a coarse timer makes them: signs, and order statistics for the intervals."""
    signs = np.sign(differences[differences != 0.0])
    fewer = min(int((signs > 0).sum()), int((signs < 0).sum()))
    p = min(1.0, 2.0 * _binomial_cdf(fewer, signs.size))
    return PairedTest(
        differences,
        trimmed_mean(differences).mean,
        p,
        _median_interval(differences, INTERVAL_CONFIDENCE),
        _median_interval(differences, EQUALITY_CONFIDENCE),
        quantised=True,
    )


def _median_interval(values: NDArray[np.float64], confidence: float) -> tuple[float, float] | None:
    """Distribution-free interval of the median: the outermost order statistics that still hold the confidence."""
    cut = -1
    while _binomial_cdf(cut + 1, values.size) <= (1.0 - confidence) / 2:
        cut += 1
    ordered = np.sort(values)
    return None if cut < 0 else (float(ordered[cut]), float(ordered[values.size - 1 - cut]))


def _binomial_cdf(successes: int, trials: int) -> float:
    """P[X <= successes] of a fair coin."""
    return math.fsum(math.comb(trials, k) for k in range(successes + 1)) / 2.0**trials
