"""Did an invocation run steadily? Offline, from its samples in order of time.

The logarithms of the samples are cut into segments of constant level (least squares with a penalty for each cut), as in
Barrett et al., OOPSLA 2017, with a noise estimate that neither a change of level nor autocorrelation misleads.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SteadyClass = Literal["flat", "warmup", "slowdown", "unsteady"]

LEVEL_CHANGE = 0.02  # levels nearer than this are the same to a reader
MIN_SAMPLES = 20
PENALTY = 3.0  # times the long-run variance times ln n
_BINS = 320  # more points place a change no better than a reader needs
_LEAST_NOISE = 1e-3  # a timer with few distinct values has no spread to estimate
_MAX_CORRELATION = 0.95


def classify(samples: NDArray[Any]) -> SteadyClass | None:
    """The class of the (n,) positive samples of one invocation; None below 20 samples, which show nothing.

    ``flat``: one level. ``warmup``: the last level is (within 2 %) the fastest and holds at least half of the samples.
    ``slowdown``: the last level is more than 2 % slower than the fastest, and holds half of the samples or is the top
    of a steady climb. ``unsteady``: anything else.

    Raises:
        ValueError: `samples` is not one-dimensional.
    """
    samples = np.asarray(samples)
    if samples.ndim != 1:
        raise ValueError("a class is of one invocation: a one-dimensional array")
    if samples.size < MIN_SAMPLES:
        return None
    logs = _downsample(samples)
    ends = segment(logs, penalty=PENALTY * long_run_variance(logs) * math.log(logs.size), min_size=_min_size(logs.size))
    levels, sizes = _merge(logs, ends)
    return _class_of(levels, sizes)


def segment(values: NDArray[np.float64], penalty: float, min_size: int) -> tuple[int, ...]:
    """The ends of the segments that minimise the squared deviations plus `penalty` a cut (exact, O(n^2) in numpy)."""
    count = values.size
    values = values - values.mean()  # keeps the sums small, and so exact
    first, second = _running_sums(values), _running_sums(values**2)
    best = np.full(count + 1, np.inf)
    best[0] = -penalty
    cut = np.zeros(count + 1, np.int64)
    starts = np.arange(count + 1)
    for end in range(min_size, count + 1):
        candidates = slice(end - min_size + 1)
        sums = first[end] - first[candidates]
        sums *= sums
        sums /= end - starts[candidates]
        costs = best[candidates] + second[end]
        costs -= second[candidates]
        costs -= sums
        costs += penalty
        chosen = int(costs.argmin())
        cut[end] = chosen
        best[end] = costs[chosen]
    ends = [count]
    while cut[ends[-1]] > 0:
        ends.append(int(cut[ends[-1]]))
    return tuple(reversed(ends))


def long_run_variance(values: NDArray[np.float64]) -> float:
    """n times the variance of a mean of n values, from differences, so that changes of level do not inflate it.

    For noise x_t = rho x_(t-1) + e_t the differences have the lag-1 autocorrelation -(1 - rho) / 2, which gives rho,
    and the long-run variance is var(difference) (1 + rho) / (2 (1 - rho)^2). Independent noise gives var(difference) /
    2.
    """
    differences = np.diff(values)
    differences = differences - np.median(differences)
    scale = 1.4826 * float(np.median(np.abs(differences)))
    if scale <= 0.0:
        return _LEAST_NOISE**2
    clipped = np.clip(differences, -3 * scale, 3 * scale)
    correlation = float(clipped[1:] @ clipped[:-1]) / float(clipped @ clipped)
    rho = min(max(1.0 + 2.0 * correlation, 0.0), _MAX_CORRELATION)
    return max(scale**2 * (1.0 + rho) / (2.0 * (1.0 - rho) ** 2), _LEAST_NOISE**2)


def _downsample(samples: NDArray[Any]) -> NDArray[np.float64]:
    """Logarithms, as medians of equal bins when there are many; the oldest samples make up for the remainder."""
    width = -(-samples.size // _BINS)
    kept = samples[samples.size % width :]
    bins = np.median(kept.reshape(-1, width), axis=1) if width > 1 else kept
    return np.log(np.asarray(bins, np.float64))


def _min_size(count: int) -> int:
    return min(max(10, count // 20), count // 2)


def _running_sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([[0.0], np.cumsum(values)])


def _merge(logs: NDArray[np.float64], ends: tuple[int, ...]) -> tuple[list[float], list[int]]:
    """Levels (medians of logarithms) and sizes of the segments, neighbours less than 2 % apart taken together."""
    parts = np.split(logs, ends[:-1])
    while len(parts) > 1:
        levels = [float(np.median(part)) for part in parts]
        steps = np.abs(np.diff(levels))
        nearest = int(np.argmin(steps))
        if steps[nearest] >= math.log1p(LEVEL_CHANGE):
            break
        parts[nearest : nearest + 2] = [np.concatenate(parts[nearest : nearest + 2])]
    return [float(np.median(part)) for part in parts], [part.size for part in parts]


def _class_of(levels: list[float], sizes: list[int]) -> SteadyClass:
    if len(levels) == 1:
        return "flat"
    mostly_last = sizes[-1] * 2 >= sum(sizes)
    if levels[-1] > min(levels) + math.log1p(LEVEL_CHANGE):
        climbs = all(later > earlier for earlier, later in pairwise(levels))
        return "slowdown" if mostly_last or climbs else "unsteady"
    return "warmup" if mostly_last else "unsteady"
