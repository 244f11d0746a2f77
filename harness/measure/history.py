"""The history of a series on a device: one ratio a night, chained over re-pinned references, in segments.

A night measures candidate over reference. When the reference is pinned anew, the measured ratio of the new one to the
old carries the chain on; where that was not measured, or where the system, the protocol or the reference's runtime
changed, a new segment begins, and nothing is compared across its border. What changes in the candidate is what a
history is kept for: that starts no segment.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.domain import Baseline, BaselineLink, DatedOutcome, MetricChange
from harness.measure.creep import LEAST_NIGHTS
from harness.measure.history_changes import changes_of
from harness.measure.history_series import Contexts, HistoryPoint, NightContext, Segment, SeriesHistory


def series_histories(
    nights: Sequence[DatedOutcome],
    baselines: Sequence[Baseline] = (),
    contexts: Contexts | None = None,
    *,
    metric: str = "latency",
) -> tuple[SeriesHistory, ...]:
    """The history of every series on every device, in the order of their first night.

    Args:
        nights: outcomes in any order.
        baselines: all versions of the references, whose links chain the ratios; those of another sweep are left out
            where the sweep of a night is known.
        contexts: what was stamped on each night.
        metric: which change of an outcome; links carry on the latency alone.
    """
    groups: dict[tuple[str, str], list[DatedOutcome]] = {}
    for night in sorted(nights, key=lambda one: one.at):
        groups.setdefault((night.outcome.series_id, night.outcome.device_id), []).append(night)
    pinned = sorted(baselines, key=lambda one: one.pinned_at)
    return tuple(_history(group, pinned, contexts or {}, metric) for group in groups.values())


def _history(
    nights: Sequence[DatedOutcome], baselines: Sequence[Baseline], contexts: Contexts, metric: str
) -> SeriesHistory:
    told = [(night, change) for night in nights if (change := _change(night, metric)) is not None]
    points, segments = _chain(told, baselines, contexts)
    found = [change for segment in segments for change in changes_of(points, segment)]
    outcome = nights[-1].outcome
    current = next((one for one in found if one.current), None)
    few = not segments or segments[-1].end - segments[-1].start < LEAST_NIGHTS
    state = ("creeping" if current.creeping else "stepped") if current else "too few nights" if few else "steady"
    return SeriesHistory(
        series_id=outcome.series_id,
        series=outcome.series,
        model=outcome.model,
        variant=outcome.variant,
        backend=outcome.backend,
        device_id=outcome.device_id,
        device_model=outcome.device_model,
        metric=metric,
        points=points,
        segments=segments,
        changes=tuple(found),
        state=state,
        without_ratio=len(nights) - len(told),
    )


def _change(night: DatedOutcome, metric: str) -> MetricChange | None:
    found = next((change for change in night.outcome.changes if change.metric == metric), None)
    ratio = found.ratio if found else None
    return found if ratio is not None and math.isfinite(ratio) and ratio > 0 else None


# ---- the chain -------------------------------------------------------------------------------------------------------


def _chain(
    told: Sequence[tuple[DatedOutcome, MetricChange]], baselines: Sequence[Baseline], contexts: Contexts
) -> tuple[tuple[HistoryPoint, ...], tuple[Segment, ...]]:
    points: list[HistoryPoint] = []
    starts: list[tuple[int, str]] = []
    factor, version = 1.0, 0
    for night, change in told:
        context = contexts.get((night.run_id, night.outcome.candidate_case_id), NightContext())
        ours = [one for one in baselines if _is_ours(one, context)]
        newer = sum(one.pinned_at <= night.at for one in ours)
        step = _link(ours[max(version, 1) : newer], night, change.metric)
        reason = _break(points[-1].context, context, repinned=newer > version) if points else "the first night"
        reason = reason or (step if isinstance(step, str) else "")
        factor = 1.0 if reason or isinstance(step, str) else factor * step
        version = max(newer, version)
        if reason:
            starts.append((len(points), "" if not points else reason))
        reference = f"{ours[newer - 1].name} of {ours[newer - 1].pinned_at[:10]}" if newer else ""
        points.append(_point(night, change, factor, len(starts) - 1, reference, context))
    ends = [*(start for start, _ in starts[1:]), len(points)]
    return tuple(points), tuple(Segment(start, end, reason) for (start, reason), end in zip(starts, ends, strict=False))


def _is_ours(baseline: Baseline, context: NightContext) -> bool:
    """Whether the night was measured against a version of this baseline, as far as is known."""
    if context.baseline:
        return baseline.name == context.baseline
    return not context.sweep or baseline.sweep_name == context.sweep


def _link(pinned: Sequence[Baseline], night: DatedOutcome, metric: str) -> float | str:
    """The product of the links of the references pinned since the night before; a sentence where one is missing."""
    factor = 1.0
    for baseline in pinned:
        link = _link_of(baseline, night) if metric == "latency" else None
        if link is None:
            return f"reference pinned anew on {baseline.pinned_at[:10]} without a measured link"
        factor *= link.ratio
    return factor


def _link_of(baseline: Baseline, night: DatedOutcome) -> BaselineLink | None:
    ours = (night.outcome.series_id, night.outcome.device_id)
    return next((one for one in baseline.links if (one.series_id, one.device_id) == ours and one.ratio > 0), None)


def _break(before: NightContext, now: NightContext, *, repinned: bool) -> str:
    """Why nothing is compared across these two nights; empty where it may be."""
    names = {"os_build": "system build", "protocol": "protocol"}
    if not repinned:
        names["reference_runtime"] = "runtime of the reference"
    for field, name in names.items():
        old, new = getattr(before, field), getattr(now, field)
        if old and new and old != new:
            return f"{name}: {old} → {new}"
    return ""


def _point(
    night: DatedOutcome, change: MetricChange, factor: float, segment: int, reference: str, context: NightContext
) -> HistoryPoint:
    differs = night.outcome.differs
    cause = f"{differs[0].name}: {differs[0].base} → {differs[0].candidate}" if differs else ""
    measured = float(change.ratio or math.nan)
    low, high = (None if end is None else end * factor for end in (change.ci_low, change.ci_high))
    return HistoryPoint(
        night.run_id,
        night.at,
        measured * factor,
        low,
        high,
        measured,
        reference,
        segment,
        change.verdict,
        cause,
        context,
    )
