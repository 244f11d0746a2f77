"""How the latency of a pair changed: the paired test's word, or what two stored rows allow to say."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TypeGuard

from harness.domain import ComparisonVerdict, MetricChange, Purpose, ResultRow, Status, Verdict
from harness.measure.arm import Arm
from harness.measure.comparability import timing_reasons
from harness.measure.comparison import LOOKS, MIN_EFFECT, Comparison
from harness.measure.summary import last_attempts
from harness.measure.table_compare import compare_tables

NOT_INTERLEAVED = "the arms did not run interleaved, so a difference may be the device's"
MORE_FAILURES = 2  # of the candidate than of the base: one may be the machine's
_NOT_OF_THE_BUILD = (Status.OFFLINE, Status.INTERRUPTED)
_DOUBTED = (Verdict.FELL_BACK, Verdict.THROTTLED)
_VERDICT_WORDS = {Verdict.FELL_BACK: "fell back", Verdict.THROTTLED: "was throttled"}
_ARM = {"A": "the base", "B": "the candidate"}


def refusal(base: Arm, candidate: Arm) -> str:
    """Why no times of the two may be compared, as one text; empty when they may."""
    return failures(base, candidate) or wrong_outputs(base, candidate) or "; ".join(timing_reasons(base, candidate))


def failures(base: Arm, candidate: Arm) -> str:
    """Which arm was not measured, and why; empty when both were."""
    named = (("base", base), ("candidate", candidate))
    return "; ".join(f"the {name} is {arm.row.status}{_because(arm)}" for name, arm in named if not arm.is_done)


def wrong_outputs(base: Arm, candidate: Arm) -> str:
    """Which of the arms give wrong outputs; empty when neither does."""
    if base.is_wrong and candidate.is_wrong:
        return f"both arms give wrong outputs, so their speeds mean nothing{_because(candidate)}"
    if not base.is_wrong and not candidate.is_wrong:
        return ""
    name, arm = ("base", base) if base.is_wrong else ("candidate", candidate)
    return f"the {name} gives wrong outputs, so its speed means nothing{_because(arm)}"


def judge_latency(
    base: Arm, candidate: Arm, comparison: Comparison | None, *, noise_floor: float, interleaved: bool
) -> MetricChange:
    """The change of the median latency.

    Args:
        base: the base.
        candidate: the candidate.
        comparison: what the paired test says; None when there were too few blocks, and for stored rows.
        noise_floor: the device's A/A noise as a relative change.
        interleaved: False for stored rows of two runs, which give no verdict but INCONCLUSIVE.
    """
    blank = MetricChange(
        "latency",
        ComparisonVerdict.NOT_COMPARABLE,
        base.row.latency_p50_ms,
        candidate.row.latency_p50_ms,
        "ms",
        min_effect=max(MIN_EFFECT, noise_floor),
    )
    if reason := refusal(base, candidate):
        return replace(blank, note=reason)
    remarks = _remarks(base, candidate)
    if not interleaved:
        return _of_rows(blank, base.row, candidate.row, remarks)
    if comparison is None:
        note = f"fewer than two blocks hold both arms, {LOOKS[0]} are the least for an answer"
        return replace(blank, verdict=ComparisonVerdict.INCONCLUSIVE, note=_joined(note, *remarks))
    verdict, doubts = _held_back(comparison.verdict, base, candidate)
    return replace(
        blank,
        verdict=verdict,
        ratio=comparison.ratio,
        ci_low=comparison.ci_low,
        ci_high=comparison.ci_high,
        p=comparison.p,
        mde=comparison.mde,
        min_effect=comparison.min_effect,
        blocks=comparison.blocks,
        note=_joined(*map(with_arms_named, comparison.notes), *_few(comparison), *doubts, *remarks),
    )


def ratio_of_rows(change: MetricChange) -> MetricChange:
    """`change` with the ratio of two stored figures, where there are two: INCONCLUSIVE, whatever it is."""
    ratio = change.candidate / change.base if is_amount(change.base) and is_amount(change.candidate) else None
    return replace(change, verdict=ComparisonVerdict.INCONCLUSIVE, ratio=ratio)


def is_amount(value: float | None) -> TypeGuard[float]:
    """Whether `value` was measured; nothing that is measured here is zero."""
    return value is not None and math.isfinite(value) and value > 0


def with_arms_named(note: str) -> str:
    """`note` with "the base" and "the candidate" for the arms A and B of the test."""
    return re.sub(r"\barm ([AB])\b", lambda found: _ARM[found[1]], note)


def _of_rows(blank: MetricChange, base: ResultRow, candidate: ResultRow, remarks: list[str]) -> MetricChange:
    """The ratio of two p50 with their 95 % intervals combined: the reaches of the logarithms add as squares do."""
    change = ratio_of_rows(blank)
    if change.ratio is None:
        return replace(change, note=_joined(NOT_INTERLEAVED, "a latency is missing", *remarks))
    low, high = _combined(change.ratio, base, candidate)
    apart = _are_apart(change, base, candidate)
    found = f"the two intervals are {'apart' if apart else 'not apart'}"
    advice = "measure both builds interleaved in one run to settle it"
    note = _joined(NOT_INTERLEAVED, found, advice, *remarks)
    return replace(change, ci_low=low, ci_high=high, mde=detectable_of_rows(base, candidate), note=note)


def _are_apart(change: MetricChange, base: ResultRow, candidate: ResultRow) -> bool:
    intervals = [_interval(row) for row in (base, candidate)]
    found = compare_tables(
        [base.latency_p50_ms or math.nan],
        [candidate.latency_p50_ms or math.nan],
        interval_a_ms=([intervals[0][0]], [intervals[0][1]]),
        interval_b_ms=([intervals[1][0]], [intervals[1][1]]),
        min_effect=change.min_effect or MIN_EFFECT,
    )
    return bool(found.apart[0])


def _interval(row: ResultRow) -> tuple[float, float]:
    """The row's interval in ms, NaN where it has none."""
    low, high = row.latency_ci_low_ms, row.latency_ci_high_ms
    return (math.nan if low is None else low, math.nan if high is None else high)


def _combined(ratio: float, base: ResultRow, candidate: ResultRow) -> tuple[float | None, float | None]:
    """Method of variance estimates recovery for a ratio (Zou and Donner, Statistics in Medicine 27 (2008) 1693)."""
    down_base, up_base = _reaches(base)
    down, up = _reaches(candidate)
    low, high = math.hypot(down, up_base), math.hypot(up, down_base)
    if math.isnan(low) or math.isnan(high):
        return None, None
    return ratio * math.exp(-min(low, 500.0)), ratio * math.exp(min(high, 500.0))


def _reaches(row: ResultRow) -> tuple[float, float]:
    """How far the interval reaches down and up in logarithms, NaN where there is none."""
    low, high = _interval(row)
    middle = row.latency_p50_ms
    if not (is_amount(middle) and is_amount(low) and is_amount(high)):
        return math.nan, math.nan
    return math.log(middle / low), math.log(high / middle)


def detectable_of_rows(base: ResultRow, candidate: ResultRow) -> float | None:
    """Each row tells what would show against a second row of its own noise; the variances of the two average."""
    known = [row.minimum_detectable_effect_pct for row in (base, candidate)]
    reaches = [math.log1p(value / 100.0) for value in known if is_amount(value)]
    return math.expm1(math.hypot(*reaches) / math.sqrt(2.0)) if len(reaches) == 2 else None


def _few(comparison: Comparison) -> list[str]:
    if comparison.blocks >= LOOKS[0] or comparison.verdict is not ComparisonVerdict.INCONCLUSIVE:
        return []
    return [f"{comparison.blocks} blocks hold both arms, {LOOKS[0]} are the least for an answer"]


def _remarks(base: Arm, candidate: Arm) -> list[str]:
    """What to know of the rows although their times are compared."""
    found = []
    for name, arm in (("base", base), ("candidate", candidate)):
        if arm.row.verdict in _DOUBTED:
            found.append(f"the {name} {_VERDICT_WORDS[arm.row.verdict]}{_because(arm)}")
    return found


def _held_back(verdict: ComparisonVerdict, base: Arm, candidate: Arm) -> tuple[ComparisonVerdict, list[str]]:
    """The verdict of the blocks, INCONCLUSIVE where it would clear a candidate that it should not; and why."""
    doubts = []
    if verdict is ComparisonVerdict.IMPROVEMENT and _fell_back(candidate) and not _fell_back(base):
        doubts.append("what was asked for did not run, so that it wins nothing")
    (failed, _), (fails, of) = (_failed(arm) for arm in (base, candidate))
    if verdict in (ComparisonVerdict.SAME, ComparisonVerdict.IMPROVEMENT) and fails - failed >= MORE_FAILURES:
        doubts.append(f"{fails} of {of} timing invocations of the candidate failed, {failed} of the base")
    return (ComparisonVerdict.INCONCLUSIVE if doubts else verdict), doubts


def _failed(arm: Arm) -> tuple[int, int]:
    """How many blocks' invocations failed, and of how many; what a lost device spoilt is not the build's."""
    tried = last_attempts([record for record in arm.records if record.purpose is Purpose.TIMING])
    told = [record.result.status for record in tried if record.result.status not in _NOT_OF_THE_BUILD]
    return sum(status is not Status.DONE for status in told), len(told)


def _fell_back(arm: Arm) -> bool:
    return arm.row.verdict is Verdict.FELL_BACK


def _because(arm: Arm) -> str:
    return f" ({arm.leading_reason})" if arm.leading_reason else ""


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
