"""Two stored runs side by side. They were not interleaved, so a difference may be the device's: nothing here is a
verdict. What stands out is to be measured interleaved; what is exact (sizes, how rows ended) is told as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.domain import ContextDifference, RunRecord, Verdict
from harness.measure.change_rules import (
    LATENCY_SHARE,
    MEMORY_MIB,
    MEMORY_SHARE,
    SIZE_SHARE,
    STARTUP,
    STARTUP_SHARE,
)
from harness.measure.stored_rows import Matched, StoredKey
from harness.measure.table_compare import TableComparison, compare_tables

Values = NDArray[np.float64]
WRONG = Verdict.WRONG_OUTPUT.value
LISTED = 40  # pairs that a person reads through


@dataclass(frozen=True)
class StoredMetric:
    """What is read of each row: `name` and `stat` in the store, and when a difference stands out.

    `share` is the least relative change, `amount` the least in `unit`; both must be met.
    """

    name: str
    stat: str
    label: str
    unit: str
    share: float
    amount: float = 0.0


LATENCY = StoredMetric("latency", "p50", "latency", "ms", LATENCY_SHARE)
METRICS = (
    LATENCY,
    *(StoredMetric(one.name, "p50", one.name.replace("_", " "), "ms", STARTUP_SHARE, one.floor_ms) for one in STARTUP),
    StoredMetric("peak_rss", "value", "peak memory", "MiB", MEMORY_SHARE, MEMORY_MIB),
    StoredMetric("pss", "value", "PSS", "MiB", MEMORY_SHARE, MEMORY_MIB),
    StoredMetric("model_size", "value", "model size", "MB", SIZE_SHARE),
    StoredMetric("accuracy", "value", "accuracy", "", 0.0),
)


@dataclass(frozen=True, eq=False)
class Column:
    """One metric of all pairs: (n,) values of the base and the candidate, NaN where missing, their ratio, and which
    stand out. `ratio` of the accuracy is a difference."""

    metric: StoredMetric
    base: Values
    candidate: Values
    ratio: Values
    apart: NDArray[np.bool_]


@dataclass(frozen=True)
class StoredRuns:
    """Both runs as they lie in the store.

    Attributes:
        values: (base, candidate) of each pair, by (metric, stat); the intervals of the latency as ``ci_low``,
            ``ci_high``. Pairs are those of `matched`, `alike` first.
        reasons: why a pair is not comparable at all, by its place.
        other_data: places of the pairs whose accuracies are of other tasks or data sets.
        differs: what differs between the runs as a whole.
    """

    base: RunRecord
    candidate: RunRecord
    matched: Matched
    values: Mapping[tuple[str, str], tuple[Values, Values]]
    reasons: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    other_data: frozenset[int] = frozenset()
    differs: tuple[ContextDifference, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class StoredComparison:
    """What two stored runs show.

    Attributes:
        pairs: the rows that both have.
        changed: places of the pairs in which something stands out, the largest change of latency first.
        newly_failing, newly_passing: places of the pairs that ended otherwise, or whose outputs are wrong in one run.
        geometric_mean: of the latency ratios, NaN without any.
        mde: of each pair, the smallest relative change of the latency that would show in a second run of the same
            noise nine times in ten; NaN where it is not known.
    """

    runs: StoredRuns
    pairs: tuple[tuple[StoredKey, StoredKey], ...]
    columns: tuple[Column, ...]
    changed: tuple[int, ...]
    newly_failing: tuple[int, ...]
    newly_passing: tuple[int, ...]
    geometric_mean: float
    mde: Values

    @property
    def is_short(self) -> bool:
        """Whether each pair can be listed."""
        return len(self.pairs) <= LISTED

    @property
    def compared(self) -> int:
        """How many latency ratios there are."""
        return int(np.isfinite(self.columns[0].ratio).sum())

    @property
    def unchanged(self) -> int:
        """How many comparable pairs show nothing."""
        told = {*self.changed, *self.newly_failing, *self.newly_passing, *self.runs.reasons}
        return len(self.pairs) - len(told)


def compare_stored(runs: StoredRuns) -> StoredComparison:
    """Compare two stored runs row by row."""
    pairs = (*runs.matched.alike, *runs.matched.other)
    refused = np.zeros(len(pairs), np.bool_)
    refused[list(runs.reasons)] = True
    done = [np.array([_is_done(pair[side]) for pair in pairs], np.bool_) for side in (0, 1)]
    wrong = [np.array([pair[side].verdict == WRONG for pair in pairs], np.bool_) for side in (0, 1)]
    passes = [done[side] & ~wrong[side] for side in (0, 1)]
    timed = ~refused & ~wrong[0] & ~wrong[1]
    latency = _latency(runs, timed)
    columns = [Column(LATENCY, *_pair(runs, LATENCY), latency.ratio, latency.apart)]
    columns += [_column(runs, metric, timed if metric.unit == "ms" else ~refused) for metric in METRICS[1:-1]]
    columns.append(_accuracy(runs, ~refused))
    stands_out = np.any([column.apart for column in columns], axis=0) & done[0] & done[1]
    sizes = np.nan_to_num(np.abs(np.log(np.where(latency.ratio > 0, latency.ratio, 1.0))))
    changed = np.flatnonzero(stands_out)
    return StoredComparison(
        runs,
        pairs,
        tuple(columns),
        tuple(int(place) for place in changed[np.argsort(-sizes[changed], kind="stable")]),
        _places(passes[0] & ~passes[1]),
        _places(~passes[0] & passes[1]),
        latency.geometric_mean,
        _mde(runs, np.isfinite(latency.ratio)),
    )


def _is_done(key: StoredKey) -> bool:
    return key.status == "DONE"


def _places(flags: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(int(place) for place in np.flatnonzero(flags))


def _pair(runs: StoredRuns, metric: StoredMetric, stat: str = "") -> tuple[Values, Values]:
    missing = np.full(len(runs.matched.alike) + len(runs.matched.other), np.nan)
    return runs.values.get((metric.name, stat or metric.stat), (missing, missing))


def _latency(runs: StoredRuns, usable: NDArray[np.bool_]) -> TableComparison:
    base, candidate = _pair(runs, LATENCY)
    low, high = _pair(runs, LATENCY, "ci_low"), _pair(runs, LATENCY, "ci_high")
    return compare_tables(
        np.where(usable, base, np.nan),
        candidate,
        interval_a_ms=(low[0], high[0]),
        interval_b_ms=(low[1], high[1]),
        min_effect=LATENCY.share,
    )


def _mde(runs: StoredRuns, usable: NDArray[np.bool_]) -> Values:
    """Each row tells what would show against a second row of its own noise; the variances of the two average."""
    base, candidate = (
        np.log1p(np.maximum(side, 0.0) / 100.0) for side in _pair(runs, LATENCY, "minimum_detectable_effect")
    )
    return np.where(usable, np.expm1(np.hypot(base, candidate) / np.sqrt(2.0)), np.nan)


def _column(runs: StoredRuns, metric: StoredMetric, usable: NDArray[np.bool_]) -> Column:
    base, candidate = _pair(runs, metric)
    table = compare_tables(np.where(usable, base, np.nan), candidate, min_effect=metric.share)
    far = np.abs(np.nan_to_num(candidate - base)) >= metric.amount
    return Column(metric, base, candidate, table.ratio, table.apart & far)


def _accuracy(runs: StoredRuns, usable: NDArray[np.bool_]) -> Column:
    """Differences, only of what was scored on the same data; any is one of the same samples."""
    metric = METRICS[-1]
    base, candidate = _pair(runs, metric)
    usable = usable.copy()
    usable[list(runs.other_data)] = False
    difference = np.where(usable, candidate - base, np.nan)
    return Column(metric, base, candidate, difference, np.abs(np.nan_to_num(difference)) > _rounding(base))


def _rounding(values: ArrayLike) -> Values:
    """What adding the same scores in another order may change."""
    return np.asarray(1e-9 * np.maximum(1.0, np.abs(np.nan_to_num(values))), np.float64)
