"""The telemetry around one process. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.devices.android.sample import Sample
from harness.devices.base import Observed

LEAST_COVERED = 0.5


@dataclass(frozen=True)
class RunWindow:
    """The telemetry around a process: the last sample before it, those during it, the first one after it."""

    start_s: float
    end_s: float
    before: Sample | None
    inside: tuple[Sample, ...]
    after: Sample | None
    cpus: tuple[int, ...]
    observed: Observed

    @property
    def all(self) -> tuple[Sample, ...]:
        """All of them in order of time."""
        return tuple(each for each in (self.before, *self.inside, self.after) if each is not None)

    @property
    def duration_s(self) -> float:
        """How long the process ran."""
        return self.end_s - self.start_s


def run_window(observed: Observed, samples: Sequence[Sample], cpus: tuple[int, ...]) -> RunWindow | None:
    """The window of a process among `samples`; None when its launcher does not know when it ran."""
    start_s, end_s = observed.started_uptime_s, observed.ended_uptime_s
    if start_s is None or end_s is None or end_s <= start_s:
        return None
    inside = tuple(each for each in samples if start_s <= each.uptime_s <= end_s)
    before = max((each for each in samples if each.uptime_s < start_s), key=lambda each: each.uptime_s, default=None)
    after = min((each for each in samples if each.uptime_s > end_s), key=lambda each: each.uptime_s, default=None)
    return RunWindow(start_s, end_s, before, inside, after, cpus, observed)


def span_of(run: RunWindow) -> tuple[Sample, Sample] | None:
    """The samples just outside the run, or else the outermost inside; None when they say too little of it."""
    samples = run.all
    if len(samples) < 2:
        return None
    first, last = samples[0], samples[-1]
    shared_s = min(last.uptime_s, run.end_s) - max(first.uptime_s, run.start_s)
    longest_s = max(last.uptime_s - first.uptime_s, run.duration_s)
    return (first, last) if shared_s >= LEAST_COVERED * longest_s else None
