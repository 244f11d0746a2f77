"""What changed between two builds: each metric judged by its own rule, and all of it put together.

| metric | what it rests on | what counts |
|---|---|---|
| latency | the paired test of interleaved blocks | 2 %, or the device's noise |
| init, first inference | the same test on each block's value | 10 %, and 1 ms or 0.2 ms |
| peak RSS, PSS | the memory pass | 5 % and 2 MiB |
| model size | the file | 1 % |
| accuracy | the same samples | what the sweep allows, or an interval without 0 |
"""

from __future__ import annotations

from dataclasses import replace

from harness.domain import AccuracyDifference, ComparisonVerdict, MetricChange, PairOutcome
from harness.measure.accuracy_change import judge_accuracy
from harness.measure.arm import Arm
from harness.measure.causes import context_differences, same_build
from harness.measure.comparability import data_reasons, timing_reasons
from harness.measure.comparison import Comparison
from harness.measure.latency_change import judge_latency
from harness.measure.size_change import MEMORY, judge_memory, judge_model_size
from harness.measure.startup_change import STARTUP, judge_startup

__all__ = ["Arm", "judge_changes", "outcome_of"]

_OF_THE_DEVICE = ("latency", *(metric.name for metric in STARTUP))
_SETTLED = (ComparisonVerdict.REGRESSION, ComparisonVerdict.IMPROVEMENT, ComparisonVerdict.SAME)


def judge_changes(
    base: Arm,
    candidate: Arm,
    latency: Comparison | None,
    *,
    noise_floor: float = 0.0,
    interleaved: bool = True,
    accuracy: AccuracyDifference | None = None,
) -> tuple[MetricChange, ...]:
    """Every metric that at least one arm has, the latency first and always.

    Args:
        base: the base.
        candidate: the candidate.
        latency: the paired test of the timing blocks (`harness.measure.stopping.settle`), None where there is none.
        noise_floor: the device's A/A noise as a relative change.
        interleaved: False for stored rows of two runs: their times get no verdict but INCONCLUSIVE.
        accuracy: the candidate's loss against the base sample by sample, where the samples were compared.
    """
    changes = [
        judge_latency(base, candidate, latency, noise_floor=noise_floor, interleaved=interleaved),
        *(
            judge_startup(metric, base, candidate, latency, noise_floor=noise_floor, interleaved=interleaved)
            for metric in STARTUP
        ),
        *(judge_memory(metric, base, candidate) for metric in MEMORY),
        judge_model_size(base, candidate),
        judge_accuracy(base, candidate, accuracy),
    ]
    return tuple(change for change in changes if change is not None)


def outcome_of(
    pair_series: str,
    base: Arm | None,
    candidate: Arm | None,
    comparison: Comparison | None,
    stage: str,
    *,
    series_id: str,
    noise_floor: float = 0.0,
    quarantine: str = "",
    interleaved: bool = True,
    accuracy: AccuracyDifference | None = None,
) -> PairOutcome:
    """All that a pair showed on one device.

    Args:
        pair_series: the pair's name for people.
        base: None for an arm that has no row.
        candidate: the same.
        comparison: as for `judge_changes`.
        stage: of the comparison, from `harness.measure.stopping.settle`.
        series_id: the pair's.
        noise_floor: as for `judge_changes`.
        quarantine: why the device's verdicts are not believed: those on its times become INCONCLUSIVE.
        interleaved: as for `judge_changes`.
        accuracy: as for `judge_changes`.

    Raises:
        ValueError: neither arm is there.
    """
    known = base or candidate
    if known is None:
        raise ValueError(f"{pair_series} has neither a base nor a candidate")
    blank = replace(_identity(pair_series, series_id, known), interleaved=interleaved, stage=stage)
    if base is None or candidate is None:
        return _of_one_arm(blank, base, candidate)
    changes = judge_changes(
        base, candidate, comparison, noise_floor=noise_floor, interleaved=interleaved, accuracy=accuracy
    )
    return replace(
        blank,
        base_case_id=base.row.case_id,
        candidate_case_id=candidate.row.case_id,
        base_status=base.row.status.value,
        candidate_status=candidate.row.status.value,
        changes=tuple(_held_back(change, quarantine) for change in changes) if quarantine else changes,
        differs=context_differences(base, candidate, ratio=changes[0].ratio),
        notes=(*timing_reasons(base, candidate), *data_reasons(base, candidate), *_quarantined(quarantine)),
        same_build=same_build(base, candidate),
    )


def _identity(series: str, series_id: str, arm: Arm) -> PairOutcome:
    row = arm.row
    device_model = arm.facts.model if arm.facts is not None else row.device
    return PairOutcome(
        series_id, series, row.model, row.variant, row.backend, row.device_id, device_model, "", "", interleaved=True
    )


def _of_one_arm(blank: PairOutcome, base: Arm | None, candidate: Arm | None) -> PairOutcome:
    """A case without its counterpart: nothing to compare, and said so."""
    note = "the candidate has no row" if candidate is None else "the base has no row"
    change = MetricChange(
        "latency",
        ComparisonVerdict.NOT_COMPARABLE,
        None if base is None else base.row.latency_p50_ms,
        None if candidate is None else candidate.row.latency_p50_ms,
        "ms",
        note=note,
    )
    return replace(
        blank,
        base_case_id="" if base is None else base.row.case_id,
        candidate_case_id="" if candidate is None else candidate.row.case_id,
        base_status="" if base is None else base.row.status.value,
        candidate_status="" if candidate is None else candidate.row.status.value,
        changes=(change,),
        notes=(note,),
    )


def _quarantined(reason: str) -> list[str]:
    return [f"the device is in quarantine: {reason}"] if reason else []


def _held_back(change: MetricChange, reason: str) -> MetricChange:
    """A verdict on times of a device that is not believed; what was found stays in the figures and the note."""
    if change.metric not in _OF_THE_DEVICE or change.verdict not in _SETTLED:
        return change
    parts = (*_quarantined(reason), f"it would be {change.verdict}", change.note)
    note = "; ".join(part for part in parts if part)
    return replace(change, verdict=ComparisonVerdict.INCONCLUSIVE, note=note)
