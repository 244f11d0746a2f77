"""Quantiles of one invocation that refuse to be made from too few samples, and how many samples are independent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONFIDENCE = 0.95


def required_samples(q: float, confidence: float = CONFIDENCE) -> int:
    """The fewest independent samples with a finite two-sided interval of the quantile `q` from order statistics.

    The interval from the smallest to the largest of n samples misses the quantile with the chance q^n + (1 - q)^n. At
    95 % this asks for 6 samples for the median, 29 for p90, 59 for p95 and 299 for p99.

    Raises:
        ValueError: `q` is not strictly between 0 and 1.
    """
    if not 0.0 < q < 1.0:
        raise ValueError(f"the quantile {q} is not between 0 and 1")
    tail = 1.0 - confidence
    worst = max(q, 1.0 - q)
    return next(count for count in _candidates(tail, worst) if _both_ends(worst, count) <= tail)


def quantile(samples: NDArray[Any], q: float, *, n_eff: float | None = None) -> float | None:
    """The quantile `q` of the samples of ONE invocation, in their unit; None when there are too few to claim it.

    Args:
        samples: (n,) one invocation.
        q: strictly between 0 and 1.
        n_eff: the number of independent samples, where it is known to be less than n (`effective_count`).

    Raises:
        ValueError: `samples` is not one-dimensional, or `q` out of range.
    """
    samples = np.asarray(samples)
    if samples.ndim != 1:
        raise ValueError("quantiles are of one invocation: a one-dimensional array")
    independent = samples.size if n_eff is None else min(n_eff, samples.size)
    if independent < required_samples(q):
        return None
    return float(np.quantile(samples, q))


def effective_count(samples: NDArray[Any]) -> float:
    """How many independent samples the (n,) autocorrelated samples of one invocation are worth, in [1, n].

    n / (1 + 2 sum rho_k), the sum cut at the first negative sum of a pair (Geyer, Statistical Science 7 (1992) 473).

    Raises:
        ValueError: `samples` is not one-dimensional or empty.
    """
    values = np.asarray(samples, np.float64)
    if values.ndim != 1 or values.size == 0:
        raise ValueError("an effective count needs a one-dimensional array")
    if values.size < 4 or values.max() == values.min():
        return float(values.size)
    return max(1.0, values.size / inflation(autocorrelation(values)))


def inflation(correlation: NDArray[np.float64]) -> float:
    """1 + 2 sum rho_k of (n,) correlations from lag 0 on, cut as in `effective_count`: how many times the variance of a
    mean of correlated samples is that of as many independent ones. At least 1.
    """
    pairs = correlation[: correlation.size // 2 * 2].reshape(-1, 2).sum(axis=1)
    negative = np.flatnonzero(pairs <= 0.0)
    positive = pairs[: negative[0]] if negative.size else pairs
    return max(1.0, 2.0 * float(positive.sum()) - 1.0)


def _both_ends(worst: float, count: int) -> float:
    """The chance that the interval from the smallest to the largest sample misses the quantile."""
    return worst**count + (1.0 - worst) ** count


def _candidates(tail: float, worst: float) -> range:
    start = max(1, math.floor(math.log(tail) / math.log(worst)))
    return range(start, start + 8)


def autocorrelation(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The (n,) autocorrelation of (n,) values that differ, from lag 0 (which is 1) on."""
    centred = values - values.mean()
    spectrum = np.fft.rfft(centred, 1 << (2 * values.size - 1).bit_length())
    covariance = np.fft.irfft(spectrum * np.conj(spectrum))[: values.size]
    result: NDArray[np.float64] = covariance / covariance[0]
    return result
