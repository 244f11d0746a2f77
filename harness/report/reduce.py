"""Samples reduced to what is drawn: a page never carries raw samples."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.domain import InvocationRecord, InvocationResult, Purpose, Status
from harness.measure.clock_rules import CLOCK_HELD, clock_ratio
from harness.measure.noise_rules import FOREIGN_LOAD
from harness.units import ns_to_us, us_to_ms

_QUANTILES = (0.10, 0.25, 0.50, 0.75, 0.90)
_TOGETHER = 256  # arrays sorted at once: some hundred kB


class Spread(NamedTuple):
    """Quantiles of the samples of one invocation, in ms. `doubt` is evidence against it, empty for none."""

    p10_ms: float
    p25_ms: float
    p50_ms: float
    p75_ms: float
    p90_ms: float
    doubt: str = ""


@dataclass(frozen=True)
class Distribution:
    """The finished timing invocations of one case in the order they ran, and how many did not finish.

    `p10s_ms` to `p90s_ms` and `doubts` have an entry for each: a run may have tens of thousands of them.
    """

    p10s_ms: tuple[float, ...]
    p25s_ms: tuple[float, ...]
    p50s_ms: tuple[float, ...]
    p75s_ms: tuple[float, ...]
    p90s_ms: tuple[float, ...]
    doubts: tuple[str, ...]
    unfinished: int = 0

    @property
    def spreads(self) -> tuple[Spread, ...]:
        """The invocations one by one."""
        columns = (self.p10s_ms, self.p25s_ms, self.p50s_ms, self.p75s_ms, self.p90s_ms, self.doubts)
        return tuple(map(Spread, *columns))

    @cached_property
    def p10_ms(self) -> float:
        """Median over the invocations of each one's p10: samples of different processes are never pooled."""
        return statistics.median(self.p10s_ms)

    @cached_property
    def p50_ms(self) -> float:
        """Median over the invocations of each one's median."""
        return statistics.median(self.p50s_ms)

    @cached_property
    def p90_ms(self) -> float:
        """Median over the invocations of each one's p90."""
        return statistics.median(self.p90s_ms)


def distributions(records: Sequence[InvocationRecord]) -> dict[str, Distribution]:
    """What the timing invocations of each case measured, by case id; cases without samples are absent."""
    finished: dict[str, list[int]] = {}
    unfinished: Counter[str] = Counter()
    samples: list[NDArray[np.int64]] = []
    doubts: list[str] = []
    for record in records:
        if record.purpose is not Purpose.TIMING:
            continue
        samples_ns = record.result.samples_ns
        if record.result.status is not Status.DONE:
            unfinished[record.case_id] += 1
        elif samples_ns is not None and samples_ns.size:
            finished.setdefault(record.case_id, []).append(len(samples))
            samples.append(samples_ns)
            doubts.append(doubt_of(record.result))
    columns = [column.tolist() for column in quantiles_ms(samples).T]

    def distribution(case_id: str, places: Sequence[int]) -> Distribution:
        p10, p25, p50, p75, p90 = (tuple(column[place] for place in places) for column in columns)
        return Distribution(p10, p25, p50, p75, p90, tuple(doubts[place] for place in places), unfinished[case_id])

    return {case_id: distribution(case_id, places) for case_id, places in finished.items()}


def doubt_of(result: InvocationResult) -> str:
    """The evidence against one finished invocation, by the rules that judge its case; empty for none."""
    ratio = clock_ratio(result.evidence)
    if ratio is not None and ratio < CLOCK_HELD:
        return "the clock fell"
    if (result.evidence.foreign_load or 0.0) > FOREIGN_LOAD:
        return "other processes ran"
    return "still warming up" if result.warmup_capped else ""


def quantiles_ms(samples: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """p10, p25, p50, p75 and p90 of each of int64[n] nanoseconds, n >= 1, as float64[len(samples), 5] in ms.

    Linear interpolation, as `numpy.quantile`, which costs twenty times as much on the small arrays that are usual here:
    arrays of one size are sorted together, and five places of them read.
    """
    found = np.empty((len(samples), len(_QUANTILES)))
    sizes: dict[int, list[int]] = {}
    for index, one in enumerate(samples):
        sizes.setdefault(one.size, []).append(index)
    for size, places in sizes.items():
        below = np.array([int(share * (size - 1)) for share in _QUANTILES])
        above = np.minimum(below + 1, size - 1)
        rest = np.array([share * (size - 1) for share in _QUANTILES]) - below
        for chunk in (places[begin : begin + _TOGETHER] for begin in range(0, len(places), _TOGETHER)):
            ordered = np.sort(np.stack([samples[index] for index in chunk]), axis=1)
            low_ns, high_ns = ordered[:, below], ordered[:, above]
            found[chunk] = low_ns + rest * (high_ns - low_ns)
    return us_to_ms(1.0) * ns_to_us(1.0) * found
