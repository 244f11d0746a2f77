"""Numbers of one case, from its invocations. The sample is the process: nothing here accepts pooled inferences.

The location of a latency is the 20 % trimmed mean of the logarithms of the invocations' medians, its interval the t
interval of Yuen (1974) on them; below five invocations nothing is trimmed and it is Student's. Both hold their level:
see ``docs/measuring.md`` for the simulated coverage at each number of invocations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.measure.invocation import InvocationSummary
from harness.measure.quantiles import effective_count, quantile, required_samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "LatencyEstimate",
    "TrimmedMean",
    "detectable_between_rows",
    "effective_count",
    "estimate_latency",
    "minimum_detectable_effect",
    "quantile",
    "required_samples",
    "trimmed_mean",
]

TRIM = 0.2
CONFIDENCE = 0.95
MDE_ALPHA = 0.01
MDE_POWER = 0.9


@dataclass(frozen=True)
class TrimmedMean:
    """Location, standard error and degrees of freedom of a trimmed mean; `se` is None for a single value."""

    mean: float
    se: float | None
    df: int


@dataclass(frozen=True)
class LatencyEstimate:
    """What the invocations of one case say together, in ms. No interval from one invocation.

    `half_width` is the larger distance from `p50_ms` to an end of the interval, as a share of `p50_ms`.
    """

    p50_ms: float
    p90_ms: float | None
    ci_low_ms: float | None
    ci_high_ms: float | None
    half_width: float | None
    invocations: int


def trimmed_mean(values: NDArray[np.float64], trim: float = TRIM) -> TrimmedMean:
    """The symmetric trimmed mean of (n,) values with Yuen's standard error from the Winsorised deviations.

    Source: Yuen, Biometrika 61 (1974) 165; with h = n - 2 floor(trim n) values left,
    se = s_w sqrt((n - 1) / (h (h - 1))) on h - 1 degrees of freedom.

    Raises:
        ValueError: `values` is empty, not one-dimensional or not finite.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all():
        raise ValueError("a trimmed mean needs a one-dimensional array of finite values")
    count = values.size
    cut = math.floor(trim * count)
    kept = count - 2 * cut
    ordered = np.sort(values)
    mean = float(ordered[cut : count - cut].mean())
    if kept < 2:
        return TrimmedMean(mean, None, 0)
    winsorised = np.clip(values, ordered[cut], ordered[count - cut - 1])
    se = float(winsorised.std(ddof=1)) * math.sqrt((count - 1) / (kept * (kept - 1)))
    # Subtracting a mean from equal values leaves rounding errors, which are no spread.
    return TrimmedMean(mean, 0.0 if winsorised.max() == winsorised.min() else se, kept - 1)


def t_quantile(df: float, probability: float) -> float:
    """The quantile of Student's t distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(df, probability))


def t_two_sided_p(statistic: float, df: float) -> float:
    """The two-sided p value of a t statistic."""
    from scipy.special import stdtr

    return 2.0 * float(stdtr(df, -abs(statistic)))


def estimate_latency(invocations: Sequence[InvocationSummary], confidence: float = CONFIDENCE) -> LatencyEstimate:
    """Latency of a case with a two-sided interval over its invocations.

    `p90_ms` is the median over invocations of their p90, None when one of them was too short to have one.

    Raises:
        TypeError: something else than summaries of single invocations was given.
        ValueError: there are no invocations.
    """
    logs = _log_medians(invocations)
    location = trimmed_mean(logs)
    p50_ms = math.exp(location.mean)
    p90_ms = _typical_p90(invocations)
    if location.se is None:
        return LatencyEstimate(p50_ms, p90_ms, None, None, None, len(logs))
    reach = t_quantile(location.df, 0.5 + confidence / 2) * location.se
    # Two wild invocations can have a reach that exp() cannot hold: the interval is then as good as infinite.
    low, high = math.exp(location.mean - min(reach, 500.0)), math.exp(location.mean + min(reach, 500.0))
    return LatencyEstimate(p50_ms, p90_ms, low, high, high / p50_ms - 1.0, len(logs))


def minimum_detectable_effect(log_differences: NDArray[np.float64]) -> float | None:
    """The smallest relative change that (n,) paired log differences would show 90 times in 100 at alpha 1 %.

    (t + z) times Yuen's standard error, back from logarithms; None below three values. Bursts make it an underestimate.
    """
    if len(log_differences) < 3:
        return None
    return _detectable(trimmed_mean(log_differences))


def detectable_between_rows(invocations: Sequence[InvocationSummary]) -> float | None:
    """The smallest relative change against a second, equally noisy row of as many invocations; None below three."""
    if len(invocations) < 3:
        return None
    location = trimmed_mean(_log_medians(invocations))
    if location.se is None:
        return None
    return _detectable(TrimmedMean(location.mean, location.se * math.sqrt(2.0), location.df))


def _log_medians(invocations: Sequence[InvocationSummary]) -> NDArray[np.float64]:
    if not all(isinstance(invocation, InvocationSummary) for invocation in invocations):
        raise TypeError("statistics work on summaries of invocations, not on inferences (see summarise_invocation)")
    return np.log(np.array([invocation.median_ms for invocation in invocations], np.float64))


def _typical_p90(invocations: Sequence[InvocationSummary]) -> float | None:
    p90s = [invocation.p90_ms for invocation in invocations if invocation.p90_ms is not None]
    return float(np.median(p90s)) if len(p90s) == len(invocations) else None


def _detectable(location: TrimmedMean) -> float | None:
    from scipy.special import ndtri

    if location.se is None:
        return None
    reach = (t_quantile(location.df, 1 - MDE_ALPHA / 2) + float(ndtri(MDE_POWER))) * location.se
    return math.expm1(min(reach, 500.0))
