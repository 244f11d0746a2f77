"""What is known of a series on a device over its nights: points, segments, changes, and how they are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.domain import ComparisonVerdict
from harness.measure.creep import LEAST_NIGHTS

STATES = ("creeping", "stepped", "steady", "too few nights")


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
