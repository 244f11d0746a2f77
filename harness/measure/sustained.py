"""A sustained pass: the latency of the first minute, and where it settles when the device is hot.

One pass is one heating-up of one device. The intervals here hold the scatter between its slices, and nothing of
another day or another device.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.domain import Evidence, InvocationRecord, Purpose, Status, SustainedSlice
from harness.measure.invocation import summarise_result
from harness.measure.statistics import CONFIDENCE, TrimmedMean, t_quantile, trimmed_mean
from harness.measure.warmup import LEVEL_CHANGE
from harness.units import format_duration

FIRST_S = 60.0
FIRST_SHARE = 0.25  # of a short pass
LAST_SHARE = 1 / 3
LEAST_SLICES = 6
DRIFT_ERRORS = 2.5
SUSTAINED_FAILED = "the sustained pass failed"
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_LEVEL = math.log1p(LEVEL_CHANGE)


@dataclass(frozen=True)
class SustainedPoint:
    """One slice: its place in seconds since the pass began, its median, and what the device said."""

    start_s: float
    end_s: float
    median_ms: float
    p90_ms: float | None = None
    clock_ghz: float | None = None
    clock_share: float | None = None
    temp_c: float | None = None
    thermal_status: int | None = None

    @property
    def middle_s(self) -> float:
        """Half way through."""
        return (self.start_s + self.end_s) / 2


@dataclass(frozen=True)
class SustainedLevel:
    """What several slices say together: exp of the trimmed mean of the logarithms of their medians, and the medians of
    the rest. `slices` counts them; `reach` is half the 95 % interval of the logarithm."""

    ms: float
    reach: float
    slices: int
    p90_ms: float | None
    clock_ghz: float | None
    clock_share: float | None
    temp_c: float | None


@dataclass(frozen=True)
class Sustained:
    """What a whole sustained pass showed.

    Attributes:
        points: the slices, in order.
        wanted_s, duration_s: how long it was to be, and was.
        first: the first minute, or the first quarter of a pass under 4 minutes; first_s is its length.
        last: the last third.
        settled: the last third was flat.
        drift: relative change over the last third, along its line.
        ratio, ratio_low, ratio_high: `last` over `first` with a 95 % interval (Yuen 1974).
        slowed_after_s: from when on several slices in a row were slower than the first minute by more than 2 % and more
            than the scatter explains; None when there were none.
        settled_after_s: when the last such run elsewhere than where it settled was over, 0 when there was none; None
            when it did not settle.
        duty: the share of the time in which inferences ran; restarting the process takes the rest.
        thermal_status: Android's highest level, None where unknown; hot_after_s is when it first was above none.
        notes: remarks on the slices, each once; of those that differ in their numbers alone the first.
    """

    points: tuple[SustainedPoint, ...]
    wanted_s: float
    duration_s: float
    first_s: float
    first: SustainedLevel
    last: SustainedLevel
    settled: bool
    drift: float
    ratio: float
    ratio_low: float
    ratio_high: float
    slowed_after_s: float | None
    settled_after_s: float | None
    duty: float
    thermal_status: int | None
    hot_after_s: float | None
    notes: tuple[str, ...] = ()

    @property
    def settled_ms(self) -> float | None:
        """The latency where it settled; None when it did not."""
        return self.last.ms if self.settled else None

    @property
    def clock_ratio(self) -> float | None:
        """The clock of the last third over that of the first minute, None where unknown."""
        pairs = ((self.last.clock_share, self.first.clock_share), (self.last.clock_ghz, self.first.clock_ghz))
        return next((last / first for last, first in pairs if last is not None and first), None)


# ---- from records ----------------------------------------------------------------------------------------------------


def last_pass(records: Iterable[InvocationRecord]) -> tuple[InvocationRecord, ...]:
    """The slices of the last sustained pass among the records of one case, in order. A pass that was broken off and
    made anew is not in it."""
    slices = [record for record in records if record.purpose is Purpose.SUSTAINED]
    newest = max((record.attempt for record in slices), default=0)
    return tuple(sorted((one for one in slices if one.attempt == newest), key=lambda one: one.block))


def is_complete(slices: Sequence[InvocationRecord]) -> bool:
    """Whether a pass came to its end: its last slice was good and ended when the time was up."""
    if not slices or slices[-1].result.status is not Status.DONE:
        return False
    place = slices[-1].result.sustained
    return place is not None and place.end_s >= place.wanted_s


def pass_failure(records: Iterable[InvocationRecord]) -> str:
    """Why the last sustained pass of a case gives no figures, as a sentence; empty when it does or was never begun."""
    slices = last_pass(records)
    if not slices:
        return ""
    result, place = slices[-1].result, slices[-1].result.sustained
    after = format_duration(place.end_s) if place is not None else "its start"
    if result.status is not Status.DONE:
        detail = f": {' '.join(result.error.split())}" if result.error else ""
        return f"{SUSTAINED_FAILED} after {after} ({result.status}){detail}"
    if not is_complete(slices):
        return f"the sustained pass was broken off after {after} and does not count"
    count = len(_points(slices))
    if count < LEAST_SLICES:
        return f"the sustained pass has {count} slices, {LEAST_SLICES} are the least: make `sustained` longer"
    return ""


def sustained_of(records: Iterable[InvocationRecord]) -> Sustained | None:
    """What the last sustained pass among the records of one case showed; None when there is none, or it says nothing
    (see `pass_failure`)."""
    slices = last_pass(records)
    points = _points(slices)
    if not is_complete(slices) or len(points) < LEAST_SLICES:
        return None
    places = [one.result.sustained for one in slices if one.result.sustained is not None]
    notes = {_NUMBER.sub("#", note): note for one in reversed(slices) for note in one.result.evidence.notes}
    return _judged(points, places, tuple(reversed(notes.values())))


def unsettled_note(found: Sustained) -> str:
    """A remark on a pass that did not settle; empty for one that did."""
    if found.settled:
        return ""
    return (
        f"sustained: not settled within {format_duration(found.wanted_s)}: the last third changed by "
        f"{found.drift:+.1%} and was {found.ratio:.2f} times the first {format_duration(found.first_s)}"
    )


def _points(slices: Sequence[InvocationRecord]) -> tuple[SustainedPoint, ...]:
    made = ((one.result.sustained, summarise_result(one.result), one.result.evidence) for one in slices)
    return tuple(
        SustainedPoint(
            place.start_s,
            place.end_s,
            summary.median_ms,
            summary.p90_ms,
            _clock_ghz(seen),
            seen.clock_share,
            seen.temp_end_c,
            seen.thermal_status,
        )
        for place, summary, seen in made
        if place is not None and summary is not None and summary.median_ms > 0
    )


def _clock_ghz(seen: Evidence) -> float | None:
    ends = [clock for clock in (seen.clock_start_ghz, seen.clock_end_ghz) if clock is not None]
    return sum(ends) / len(ends) if ends else None


# ---- judging ---------------------------------------------------------------------------------------------------------


def _judged(points: tuple[SustainedPoint, ...], places: Sequence[SustainedSlice], notes: tuple[str, ...]) -> Sustained:
    duration_s, wanted_s = places[-1].end_s, places[-1].wanted_s
    first_s = min(FIRST_S, FIRST_SHARE * duration_s)
    first = [point for point in points if point.middle_s < first_s]
    first = first if len(first) > 1 else list(points[:2])
    last = [point for point in points if point.middle_s >= (1 - LAST_SHARE) * duration_s]
    last = last if len(last) > 1 else list(points[-2:])
    logs = _logs(points)
    noise = _noise(logs)
    drift, error = _drift(last, noise)
    settled = not (abs(drift) >= _LEVEL and abs(drift) > DRIFT_ERRORS * error)
    ratio, low, high = _ratio(first, last)
    beginning, ending, least = _level(first), _level(last), max(_LEVEL, 2 * noise)
    statuses = [point.thermal_status for point in points if point.thermal_status is not None]
    return Sustained(
        points=points,
        wanted_s=wanted_s,
        duration_s=duration_s,
        first_s=first_s,
        first=beginning,
        last=ending,
        settled=settled,
        drift=math.expm1(drift),
        ratio=ratio,
        ratio_low=low,
        ratio_high=high,
        slowed_after_s=_slowed_after_s(points, logs - math.log(beginning.ms), least),
        settled_after_s=_settled_after_s(points, logs - math.log(ending.ms), least) if settled else None,
        duty=min(1.0, sum(place.busy_s for place in places) / duration_s),
        thermal_status=max(statuses, default=None),
        hot_after_s=next((point.start_s for point in points if point.thermal_status), None),
        notes=notes,
    )


def _logs(points: Sequence[SustainedPoint]) -> NDArray[np.float64]:
    return np.log(np.array([point.median_ms for point in points], np.float64))


def _level(points: Sequence[SustainedPoint]) -> SustainedLevel:
    location = trimmed_mean(_logs(points))
    return SustainedLevel(
        math.exp(location.mean),
        _reach(location),
        len(points),
        _median(points, lambda point: point.p90_ms),
        _median(points, lambda point: point.clock_ghz),
        _median(points, lambda point: point.clock_share),
        _median(points, lambda point: point.temp_c),
    )


def _median(points: Sequence[SustainedPoint], of: Callable[[SustainedPoint], float | None]) -> float | None:
    known = [value for point in points if (value := of(point)) is not None]
    return float(np.median(known)) if known else None


def _drift(points: Sequence[SustainedPoint], noise: float) -> tuple[float, float]:
    """Change of the logarithm along the line through `points` (Theil 1950, Sen 1968: the median of the slopes of all
    pairs), and its standard error from the `noise` between neighbours of the whole pass, which no drift inflates."""
    times = np.array([point.middle_s for point in points], np.float64)
    logs = _logs(points)
    one, other = np.triu_indices(len(points), 1)
    slopes = (logs[other] - logs[one]) / (times[other] - times[one])
    span_s = float(times[-1] - times[0])
    error = noise / math.sqrt(float(((times - times.mean()) ** 2).sum()))
    return float(np.median(slopes)) * span_s, error * span_s


def _ratio(first: Sequence[SustainedPoint], last: Sequence[SustainedPoint]) -> tuple[float, float, float]:
    """Last over first, with Yuen's interval for two samples of unequal spread (Welch's degrees of freedom)."""
    one, other = trimmed_mean(_logs(first)), trimmed_mean(_logs(last))
    ratio = other.mean - one.mean
    reach = _reach(one, other)
    return math.exp(ratio), math.exp(ratio - reach), math.exp(ratio + reach)


def _reach(*estimates: TrimmedMean) -> float:
    """Half the interval of the sum or difference of independent `estimates`."""
    parts = [(estimate.se or 0.0) ** 2 for estimate in estimates]
    total = sum(parts)
    if total <= 0.0:
        return 0.0
    freedom = total**2 / sum(part**2 / max(1, one.df) for part, one in zip(parts, estimates, strict=True))
    return min(t_quantile(freedom, 0.5 + CONFIDENCE / 2) * math.sqrt(total), 500.0)


def _noise(logs: NDArray[np.float64]) -> float:
    """Standard deviation of a slice, from differences of neighbours: neither a level nor a slope inflates it."""
    differences = np.diff(logs)
    spread = float(np.median(np.abs(differences - np.median(differences))))
    return 1.4826 * spread / math.sqrt(2.0)


def _slowed_after_s(points: Sequence[SustainedPoint], off: NDArray[np.float64], least: float) -> float | None:
    """The start of the first run of slices that are all slower than the first minute; `off` is their distance to it."""
    run = _run_length(len(points))
    slower = np.convolve(off > least, np.ones(run), "valid") >= run
    return points[int(np.argmax(slower))].start_s if slower.any() else None


def _settled_after_s(points: Sequence[SustainedPoint], off: NDArray[np.float64], least: float) -> float:
    """The end of the last run of slices that all lie elsewhere; `off` is their distance to where it settled."""
    run = _run_length(len(points))
    elsewhere = np.flatnonzero(np.convolve(np.abs(off) > least, np.ones(run), "valid") >= run)
    return points[int(elsewhere[-1]) + run - 1].end_s if elsewhere.size else 0.0


def _run_length(count: int) -> int:
    """How many slices in a row are no accident."""
    return 2 if count < 24 else 3
