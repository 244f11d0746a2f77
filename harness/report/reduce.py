"""Samples reduced to what is drawn: a page never carries raw samples."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.domain import InvocationRecord, Purpose, Status
from harness.units import ns_to_us, us_to_ms

_QUANTILES = (0.10, 0.25, 0.50, 0.75, 0.90)


@dataclass(frozen=True)
class Spread:
    """Quantiles of the samples of one invocation, in ms."""

    block: int
    p10_ms: float
    p25_ms: float
    p50_ms: float
    p75_ms: float
    p90_ms: float


@dataclass(frozen=True)
class Distribution:
    """The finished timing invocations of one case in the order they ran."""

    spreads: tuple[Spread, ...]

    @property
    def p10_ms(self) -> float:
        """Median over the invocations of each one's p10: samples of different processes are never pooled."""
        return statistics.median(spread.p10_ms for spread in self.spreads)

    @property
    def p90_ms(self) -> float:
        """Median over the invocations of each one's p90."""
        return statistics.median(spread.p90_ms for spread in self.spreads)


def distributions(records: Sequence[InvocationRecord]) -> dict[str, Distribution]:
    """What the timing invocations of each case measured, by case id; cases without samples are absent."""
    spreads: dict[str, list[Spread]] = {}
    for record in records:
        samples_ns = record.result.samples_ns
        timed = record.purpose is Purpose.TIMING and record.result.status is Status.DONE
        if timed and samples_ns is not None and samples_ns.size:
            spreads.setdefault(record.case_id, []).append(Spread(record.block, *quantiles_ms(samples_ns)))
    return {case_id: Distribution(tuple(found)) for case_id, found in spreads.items()}


def quantiles_ms(samples_ns: NDArray[np.int64]) -> list[float]:
    """p10, p25, p50, p75 and p90 of int64[n] nanoseconds, n >= 1, in ms, with linear interpolation.

    One sort and five reads: `numpy.quantile` costs ten times as much on the small arrays that are usual here.
    """
    ordered = np.sort(samples_ns)
    last = ordered.size - 1
    found = []
    for share in _QUANTILES:
        below = int(share * last)
        above = min(below + 1, last)
        low_ns, high_ns = float(ordered[below]), float(ordered[above])
        found.append(us_to_ms(ns_to_us(low_ns + (share * last - below) * (high_ns - low_ns))))
    return found
