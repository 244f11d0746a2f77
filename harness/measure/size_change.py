"""How memory and the model file changed: amounts that hardly vary, so a rule takes the place of a test."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from harness.domain import ComparisonVerdict, MetricChange, Purpose
from harness.measure.arm import Arm
from harness.measure.change_rules import MEMORY_MIB, MEMORY_SHARE, SIZE_SHARE
from harness.measure.comparability import memory_reasons
from harness.measure.latency_change import failures, is_amount
from harness.units import bytes_to_mb

MEMORY = ("peak_rss", "pss")
_SHARED = "PSS also changes with the other processes that share its pages; the peak RSS decides"


def judge_memory(metric: str, base: Arm, candidate: Arm) -> MetricChange | None:
    """The change of ``peak_rss`` or ``pss``, of the memory pass; None when neither arm has it.

    It counts when it is larger than both 5 % of the smaller amount and 2 MiB; of PSS, which other processes move by
    sharing pages or not, a change is shown and is no verdict.
    """
    column = f"{metric}_mib"
    one, other = (_amount(getattr(arm.row, column)) for arm in (base, candidate))
    if one is None and other is None:
        return None
    blank = MetricChange(metric, ComparisonVerdict.NOT_COMPARABLE, one, other, "MiB")
    if reason := failures(base, candidate) or "; ".join(memory_reasons(base, candidate)):
        return replace(blank, note=reason)
    processes = min(_processes(arm, column) for arm in (base, candidate))
    change = _judged(replace(blank, blocks=processes), MEMORY_SHARE, MEMORY_MIB)
    if metric == "pss" and change.verdict is not ComparisonVerdict.SAME and change.ratio is not None:
        return replace(change, verdict=ComparisonVerdict.INCONCLUSIVE, note=f"{change.note}; {_SHARED}")
    return change


def judge_model_size(base: Arm, candidate: Arm) -> MetricChange | None:
    """The change of the model file, which is exact; None when neither arm has one. It counts beyond 1 %."""
    one, other = (_amount(_size_mb(arm)) for arm in (base, candidate))
    if one is None and other is None:
        return None
    blank = MetricChange("model_size", ComparisonVerdict.NOT_COMPARABLE, one, other, "MB")
    return _judged(blank, SIZE_SHARE, 0.0)


def _judged(change: MetricChange, share: float, amount: float) -> MetricChange:
    one, other = change.base, change.candidate
    if one is None or other is None:
        lacking = "base" if one is None else "candidate"
        note = f"it was not measured of the {lacking}"
        return replace(change, verdict=ComparisonVerdict.INCONCLUSIVE, note=note)
    smaller = min(one, other)
    least = max(share * smaller, amount)
    counts = abs(other - one) > least
    worse = ComparisonVerdict.REGRESSION if other > one else ComparisonVerdict.IMPROVEMENT
    rule = f"counts beyond {share:.0%}" + (f" and {amount:g} {change.unit}" if amount else "")
    return replace(
        change,
        verdict=worse if counts else ComparisonVerdict.SAME,
        ratio=other / one,
        min_effect=least / smaller,
        note=rule,
    )


def _amount(value: float | None) -> float | None:
    return value if is_amount(value) else None


def _size_mb(arm: Arm) -> float | None:
    if arm.file is not None and arm.file.size_bytes:
        return bytes_to_mb(arm.file.size_bytes)
    return arm.row.model_size_mb


def _processes(arm: Arm, field: str) -> int:
    """How many processes of the memory pass tell `field`."""
    told: Collection[float | None] = [getattr(record.result, field) for record in arm.last(Purpose.MEMORY)]
    return sum(map(is_amount, told))
