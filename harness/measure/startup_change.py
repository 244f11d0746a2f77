"""How loading the model and the first inference changed: the paired test on each block's own value.

Both are short and noisy: a change counts from 10 % on, and only when it is one that a person could notice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from harness.domain import ComparisonVerdict, InvocationRecord, MetricChange, Purpose
from harness.measure.arm import Arm
from harness.measure.change_rules import STARTUP, STARTUP_SHARE, StartupMetric
from harness.measure.comparison import LOOKS, BlockMedian, Comparison, block_medians, compare_blocks
from harness.measure.latency_change import NOT_INTERLEAVED, is_amount, ratio_of_rows, refusal, with_arms_named
from harness.units import us_to_ms

__all__ = ["STARTUP", "StartupMetric", "judge_startup"]


def judge_startup(
    metric: StartupMetric,
    base: Arm,
    candidate: Arm,
    latency: Comparison | None,
    *,
    noise_floor: float,
    interleaved: bool,
) -> MetricChange | None:
    """The change of `metric`, None when neither arm has it.

    Args:
        metric: which.
        base: the base.
        candidate: the candidate.
        latency: what was said of the latency: this test rests on the same blocks.
        noise_floor: the device's A/A noise as a relative change; the least that counts is max(10 %, noise_floor).
        interleaved: False for stored rows of two runs.
    """
    rows = [getattr(arm.row, metric.column) for arm in (base, candidate)]
    first = _first_block(base, candidate, latency)
    arms = [_values(arm, metric, first) for arm in (base, candidate)]
    known = [is_amount(row) or bool(values) for row, values in zip(rows, arms, strict=True)]
    if not any(known):
        return None
    least = max(STARTUP_SHARE, noise_floor)
    blank = MetricChange(metric.name, ComparisonVerdict.NOT_COMPARABLE, rows[0], rows[1], unit="ms", min_effect=least)
    if reason := refusal(base, candidate):
        return replace(blank, note=reason)
    inconclusive = replace(blank, verdict=ComparisonVerdict.INCONCLUSIVE)
    if not all(known):
        return replace(inconclusive, note=f"the {'candidate' if known[0] else 'base'} does not report it")
    if not interleaved:
        return replace(ratio_of_rows(blank), note=NOT_INTERLEAVED)
    return _tested(metric, inconclusive, *arms)


def _tested(
    metric: StartupMetric, blank: MetricChange, base: Mapping[int, BlockMedian], candidate: Mapping[int, BlockMedian]
) -> MetricChange:
    common = sorted(base.keys() & candidate.keys())
    few = f"{len(common)} blocks tell it of both arms, {LOOKS[0]} are the least for an answer"
    if len(common) < 2:
        return replace(blank, blocks=len(common), note=few)
    try:
        found = compare_blocks(
            list(base.values()), list(candidate.values()), noise_floor=blank.min_effect or STARTUP_SHARE, final=True
        )
    except ValueError as error:  # the records do not tell how the arms were interleaved
        return replace(blank, note=str(error))
    medians = [float(np.median([arm[block].median_ms for block in common])) for arm in (base, candidate)]
    verdict, remark = _worth_it(metric, found, *medians)
    notes = [*map(with_arms_named, found.notes), *([few] if len(common) < LOOKS[0] else []), remark]
    return replace(
        blank,
        verdict=verdict,
        base=medians[0],
        candidate=medians[1],
        ratio=found.ratio,
        ci_low=found.ci_low,
        ci_high=found.ci_high,
        p=found.p,
        mde=found.mde,
        blocks=found.blocks,
        note="; ".join(note for note in notes if note),
    )


def _worth_it(
    metric: StartupMetric, found: Comparison, base_ms: float, candidate_ms: float
) -> tuple[ComparisonVerdict, str]:
    """The verdict, and why it is SAME where the change is too short to count."""
    if found.blocks < LOOKS[0]:
        return found.verdict, ""
    middle_ms = math.sqrt(base_ms * candidate_ms)
    settled = found.verdict in (ComparisonVerdict.REGRESSION, ComparisonVerdict.IMPROVEMENT)
    ends = [found.ratio] if settled else [found.ratio, found.ci_low, found.ci_high]
    largest_ms = max(math.inf if end is None else _apart_ms(middle_ms, end) for end in ends)
    if largest_ms >= metric.floor_ms or found.verdict is ComparisonVerdict.SAME:
        return found.verdict, ""
    return ComparisonVerdict.SAME, f"less than {metric.floor_ms:g} ms apart, which never counts"


def _apart_ms(middle_ms: float, ratio: float) -> float:
    """The distance of two times whose ratio is `ratio` and whose geometric mean is `middle_ms`."""
    return 2.0 * middle_ms * math.sinh(min(abs(math.log(ratio)) / 2.0, 500.0))


def _values(arm: Arm, metric: StartupMetric, first: int) -> dict[int, BlockMedian]:
    """The value of each block from `first` on. What happens in the timed window later is no evidence against it."""
    found: dict[int, BlockMedian] = {}
    for record in arm.last(Purpose.TIMING):
        value_us = getattr(record.result, metric.field)
        if record.block >= first and is_amount(value_us):
            found[record.block] = BlockMedian(record.block, record.order, us_to_ms(value_us))
    return found


def _first_block(base: Arm, candidate: Arm, latency: Comparison | None) -> int:
    """Where the blocks of the latency's verdict begin: those of a screen chose themselves and confirm nothing."""
    if latency is None:
        return 0
    both = sorted(_timed_blocks(base.records) & _timed_blocks(candidate.records))
    return both[-latency.available] if 0 < latency.available < len(both) else 0


def _timed_blocks(records: tuple[InvocationRecord, ...]) -> set[int]:
    return {entry.block for entry in block_medians(records)}
