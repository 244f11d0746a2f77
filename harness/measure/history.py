"""The history of a series on a device: one ratio a night, chained over re-pinned references, in segments.

A night measures candidate over reference. When the reference is pinned anew, the measured ratio of the new one to the
old carries the chain on; where that was not measured, or where the system, the protocol or the reference's runtime
changed, a new segment begins, and nothing is compared across its border. What changes in the candidate is what a
history is kept for: that starts no segment.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.domain import Baseline, BaselineLink, ComparisonVerdict, DatedOutcome, MetricChange
from harness.measure.creep import (
    BASELINE_NIGHTS,
    LEAST_NIGHTS,
    RECENT_NIGHTS,
    CreepTest,
    Split,
    creep_test,
    locate_change,
)

STATES = ("creeping", "stepped", "steady", "too few nights")
_WINDOW = BASELINE_NIGHTS + RECENT_NIGHTS
_NIGHTS_AFTER = 30  # tell a slope from a step
_CAUSES = {
    "candidate_file": "model file",
    "candidate_runtime": "runtime",
    "harness_version": "harness",
    "git_commit": "commit",
}


@dataclass(frozen=True)
class NightContext:
    """What was stamped on one night of a series; empty where it is not known. The first three divide segments, `sweep`
    and `baseline` (its name) find the references, the others are where a change may come from."""

    os_build: str = ""
    protocol: str = ""
    reference_runtime: str = ""
    sweep: str = ""
    baseline: str = ""
    candidate_file: str = ""
    candidate_runtime: str = ""
    harness_version: str = ""
    git_commit: str = ""


Contexts = Mapping[tuple[str, str], NightContext]
"""By run id and the case id of the candidate."""


@dataclass(frozen=True)
class HistoryPoint:
    """One night of a series. `ratio` and its interval are against the first reference of the segment, `measured` is
    against that of the night, `reference` (``name of 2026-03-01``); `cause` is the likeliest stamped difference."""

    run_id: str
    at: str
    ratio: float
    ci_low: float | None
    ci_high: float | None
    measured: float
    reference: str
    segment: int
    verdict: ComparisonVerdict
    cause: str = ""
    context: NightContext = NightContext()


@dataclass(frozen=True)
class Segment:
    """Nights that may be compared: from the index `start` to before `end`; `reason` says why it began."""

    start: int
    end: int
    reason: str = ""


@dataclass(frozen=True)
class HistoryChange:
    """A change of the level. Its first night is `first` at the earliest and `last` at the latest (indices of points),
    most likely `best`; the alarm came at `found`.

    `shift` is relative. `current` says that the last night still raises the alarm; `returned` is the night from which
    the former level held again. `causes` are the stamps that changed in the range.
    """

    first: int
    best: int
    last: int
    found: int
    shift: float
    creeping: bool
    current: bool = False
    returned: int | None = None
    causes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SeriesHistory:
    """One series on one device for one metric. `state` is one of STATES, of the last night; `without_ratio` counts the
    nights that gave none."""

    series_id: str
    series: str
    model: str
    variant: str
    backend: str
    device_id: str
    device_model: str
    metric: str
    points: tuple[HistoryPoint, ...]
    segments: tuple[Segment, ...]
    changes: tuple[HistoryChange, ...]
    state: str
    without_ratio: int = 0

    @property
    def current(self) -> HistoryChange | None:
        """The change that the last night raises an alarm for."""
        return next((change for change in reversed(self.changes) if change.current), None)

    @property
    def slower(self) -> bool:
        """Whether the last night's alarm is one of getting worse: more time, memory or size."""
        return self.current is not None and self.current.shift > 0

    @property
    def nights(self) -> int:
        """How many nights the last segment has."""
        return self.segments[-1].end - self.segments[-1].start if self.segments else 0

    def day(self, index: int) -> str:
        """The date of a point."""
        return self.points[index].at[:10]

    def words(self) -> str:
        """The state in words: ``stepped +5.1 % between 2026-03-03 and 2026-03-05``."""
        change = self.current
        if change is None and self.nights < LEAST_NIGHTS:
            return f"{self.nights} of {LEAST_NIGHTS} nights{' of the segment' if len(self.segments) > 1 else ''}"
        if change is None:
            return "steady"
        return f"{self.state} {100 * change.shift:+.1f} % {self.when(change)}"

    def when(self, change: HistoryChange) -> str:
        """``since 2026-03-03`` or ``between 2026-03-03 and 2026-03-05``: the first night of a change."""
        first, last = self.day(change.first), self.day(change.last)
        if change.creeping:
            return f"since about {self.day(change.best)}"
        return f"since {first}" if first == last else f"between {first} and {last}"


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
    found = [change for segment in segments for change in _changes(points, segment)]
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


# ---- changes ---------------------------------------------------------------------------------------------------------


def _changes(points: Sequence[HistoryPoint], segment: Segment) -> list[HistoryChange]:
    """All changes of a segment: the nights that raise the alarm, joined, and each located."""
    logs = [math.log(point.ratio) for point in points[segment.start : segment.end]]
    found = []
    for first, last, test in _alarms(logs):
        begin = max(0, first + 1 - _WINDOW)
        split = locate_change(logs[begin : min(last, first + _NIGHTS_AFTER) + 1])
        change = _placed(split, begin, first, test, current=last == len(logs) - 1)
        change = replace(change, returned=_returned(logs, change, last))
        found.append(_shifted(change, segment.start))
    return [replace(change, causes=_causes(points, segment, change)) for change in found]


def _alarms(logs: Sequence[float]) -> list[tuple[int, int, CreepTest]]:
    """The first and the last index of each stretch of nights with an alarm in one direction; pauses of up to 14 nights
    belong to it."""
    found: list[tuple[int, int, CreepTest]] = []
    for index in range(LEAST_NIGHTS - 1, len(logs)):
        test = creep_test(logs[max(0, index + 1 - _WINDOW) : index + 1])
        if test is None or not test.direction:
            continue
        if found and found[-1][2].direction == test.direction and index - found[-1][1] <= RECENT_NIGHTS:
            found[-1] = (found[-1][0], index, found[-1][2])
        else:
            found.append((index, index, test))
    return found


def _placed(split: Split, begin: int, found: int, test: CreepTest, *, current: bool) -> HistoryChange:
    """The located change; where the split tells of another, older one, the nights that raised the alarm."""
    if split.shift * test.direction > 0:
        places = (begin + split.first, begin + split.best, begin + split.last)
        return HistoryChange(*places, found, split.shift, split.creeping, current)
    first = found - test.nights + 1
    return HistoryChange(first, first, found, found, test.shift, False, current)


def _returned(logs: Sequence[float], change: HistoryChange, last: int) -> int | None:
    """The night from which the former level held again, if the alarm ended because of that."""
    rest = logs[change.best : last + 1 + RECENT_NIGHTS]
    if change.current or change.creeping or len(rest) < 6:
        return None
    back = locate_change(rest)
    undone = back.shift * change.shift < 0 and abs(back.shift) > abs(change.shift) / 2
    return change.best + back.best if undone else None


def _shifted(change: HistoryChange, start: int) -> HistoryChange:
    places = {name: getattr(change, name) + start for name in ("first", "best", "last", "found")}
    return replace(change, **places, returned=None if change.returned is None else change.returned + start)


def _causes(points: Sequence[HistoryPoint], segment: Segment, change: HistoryChange) -> tuple[str, ...]:
    """What of the candidate's stamps changed from before the range of nights to its end."""
    before = max(segment.start, change.first - 1)
    return tuple(_stamps(points[before].context, points[change.last].context))


def _stamps(before: NightContext, now: NightContext) -> list[str]:
    pairs = [(name, getattr(before, field), getattr(now, field)) for field, name in _CAUSES.items()]
    return [f"{name} {old[:24]} → {new[:24]}" for name, old, new in pairs if old and new and old != new]
