"""Two speeds in one case: core clusters or clock levels make invocations fall into two groups, which a shift of the
median does not describe."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MIN_INVOCATIONS = 8
MIN_SHARE = 0.25
MIN_SEPARATION = 0.03  # modes nearer than the margin of equality change no verdict
LEAST_EXPLAINED = 0.80


@dataclass(frozen=True)
class Modes:
    """Two groups of invocation medians: their centres in ms and the share of invocations in the slow one."""

    fast_ms: float
    slow_ms: float
    slow_share: float


def find_modes(medians_ms: Sequence[float]) -> Modes | None:
    """The two modes of invocation medians, or None when one mode describes them, or there are fewer than 8.

    Two modes: the best split in two groups of at least 25 % each explains more of the variance of the logarithms than
    `explained_by_chance`, and the groups lie more than 3 % apart.
    """
    count = len(medians_ms)
    if count < MIN_INVOCATIONS:
        return None
    found, explained = _best_split(medians_ms)
    near = found.slow_ms / found.fast_ms - 1.0 <= MIN_SEPARATION
    return None if near or explained < explained_by_chance(count) else found


def halves(medians_ms: Sequence[float]) -> Modes:
    """The best split in two groups of at least 25 % each, whether or not two modes describe the values better than
    one: what to hold against the modes of another arm.

    Raises:
        ValueError: fewer than 2 values.
    """
    if len(medians_ms) < 2:
        raise ValueError("one value cannot be split")
    return _best_split(medians_ms)[0]


def _best_split(medians_ms: Sequence[float]) -> tuple[Modes, float]:
    """The groups, and the share of the variance of the logarithms that they explain."""
    count = len(medians_ms)
    logs = np.sort(np.log(np.asarray(medians_ms, np.float64)))
    least = math.ceil(MIN_SHARE * count)
    within, cut = min((_within(logs[:cut]) + _within(logs[cut:]), cut) for cut in range(least, count - least + 1))
    total = _within(logs)
    modes = Modes(math.exp(logs[:cut].mean()), math.exp(logs[cut:].mean()), (count - cut) / count)
    return modes, 1.0 - within / total if total else 0.0


def explained_by_chance(count: int) -> float:
    """The share of variance that the best split of `count` values of one normal mode explains once in 200 times.

    80 % from 33 values on. Fewer values split well by chance (8 of them reach 80 % three times in ten), so they need
    more: 95 % at 8, 85 % at 20; a fit of simulated 99.5 % quantiles, good to 0.01 from 8 to 30 values.
    """
    return max(LEAST_EXPLAINED, 0.66 + 0.83 / math.sqrt(count))


def _within(logs: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    return float(((logs - logs.mean()) ** 2).sum())
