"""What earlier nights showed, as a night's decision asks for it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from functools import cached_property

from harness.domain import ComparisonVerdict, DatedOutcome, MetricChange, PairOutcome
from harness.units import parse_moment

FALSE_DISCOVERY_RATE = 0.05
SCREEN = "screen"
Key = tuple[str, str]  # what is measured, metric


def measured_thing(outcome: PairOutcome) -> str:
    """The series without its place: what two phones of one model measure alike.

    ``mobilenet_v2 int8 · cpu xnnpack 1 thread · adb serial=1`` has the place third.
    """
    parts = outcome.series.split(" · ")
    return " · ".join(parts[:2] + parts[3:])


def place_of(outcome: PairOutcome) -> str:
    """The kind of device; the device itself where its kind is not known."""
    return outcome.device_model or outcome.device_id


def moment(at: str) -> datetime:
    """An ISO 8601 time as UTC; what cannot be read comes first of all."""
    return parse_moment(at) or datetime.min.replace(tzinfo=timezone.utc)


def is_tested(outcome: PairOutcome, change: MetricChange) -> bool:
    """Whether `change` was tested for: a latency that the screen cleared was not."""
    if change.p is None or not 0.0 <= change.p <= 1.0:
        return False
    return change.metric != "latency" or outcome.stage != SCREEN


def is_worse(outcome: PairOutcome, change: MetricChange) -> bool:
    """Whether `change` is called a regression of the build: one build against itself has none."""
    return change.verdict is ComparisonVerdict.REGRESSION and not outcome.same_build


def discoveries(outcomes: Sequence[PairOutcome], metric: str) -> frozenset[int]:
    """Indices of the outcomes whose change of `metric` survives Benjamini and Hochberg's procedure over the night.

    Each metric is a family of its own, so that many figures of one kind do not make the night blind for another. A
    change without a p value (a size) is no test and always stays.
    """
    from scipy.stats import false_discovery_control

    changes = [(index, outcome, change_of(outcome, metric)) for index, outcome in enumerate(outcomes)]
    told = [(index, outcome, change) for index, outcome, change in changes if change is not None]
    tested = [(index, change.p) for index, outcome, change in told if is_tested(outcome, change)]
    kept = {index for index, _, change in told if change.p is None}
    if tested:
        adjusted = false_discovery_control([p for _, p in tested])
        kept |= {index for (index, _), p in zip(tested, adjusted, strict=True) if p <= FALSE_DISCOVERY_RATE}
    return frozenset(kept)


def change_of(outcome: PairOutcome, metric: str) -> MetricChange | None:
    """The change of one metric."""
    return next((change for change in outcome.changes if change.metric == metric), None)


class PastNights:
    """Earlier nights against the same baseline, the newest first.

    `history` is in the order in which they were measured, the oldest first: dates lie when a clock was wrong.
    """

    def __init__(self, history: Iterable[DatedOutcome], run_id: str) -> None:
        by_run: dict[str, list[DatedOutcome]] = {}
        for dated in history:
            if dated.run_id != run_id:
                by_run.setdefault(dated.run_id, []).append(dated)
        self.nights = tuple(_PastNight(night) for night in reversed(by_run.values()))

    @property
    def last_at(self) -> str:
        """When the last night began, empty when there was none."""
        return self.nights[0].at if self.nights else ""

    @property
    def latest_at(self) -> str:
        """The latest date that any night has, empty when there was none."""
        return max((night.at for night in self.nights), key=moment, default="")

    def regressed_before(self, outcome: PairOutcome, metric: str, nights: int) -> bool:
        """Whether the last `nights` nights that measured this on a device of the same model all confirmed it."""
        key, place = (measured_thing(outcome), metric), place_of(outcome)
        found = [night.confirmed[key, place] for night in self.nights if (key, place) in night.confirmed]
        return len(found) >= nights and all(found[:nights])

    def last(self, outcome: PairOutcome) -> PairOutcome | None:
        """The same on the same device in the last night that had it."""
        key = (measured_thing(outcome), outcome.device_id)
        return next((night.outcomes[key] for night in self.nights if key in night.outcomes), None)

    def failing_since(self, outcome: PairOutcome) -> str:
        """When the first of the nights in a row began on which the candidate did not run; empty for tonight."""
        since = ""
        for night in self.nights:
            before = night.outcomes.get((measured_thing(outcome), outcome.device_id))
            if before is not None:
                if before.candidate_status in ("", "DONE"):
                    break
                since = night.at
        return since

    def base_levels(self, outcome: PairOutcome) -> list[float]:
        """Latencies of the base on the same device, the newest first."""
        key = (measured_thing(outcome), outcome.device_id)
        found = [night.outcomes[key].latency for night in self.nights if key in night.outcomes]
        return [change.base for change in found if change is not None and is_level(change.base)]  # type: ignore[misc]


class _PastNight:
    def __init__(self, dated: Sequence[DatedOutcome]) -> None:
        self.at = dated[0].at
        self._told = [one.outcome for one in dated]
        self.outcomes = {(measured_thing(outcome), outcome.device_id): outcome for outcome in self._told}

    @cached_property
    def confirmed(self) -> dict[tuple[Key, str], bool]:
        """By what, metric and kind of device, for all that was judged: whether a device confirmed a regression."""
        found: dict[tuple[Key, str], bool] = {}
        for metric in {change.metric for outcome in self._told for change in outcome.changes}:
            kept = discoveries(self._told, metric)
            for index, outcome in enumerate(self._told):
                change = change_of(outcome, metric)
                if change is not None and change.verdict is not ComparisonVerdict.NOT_COMPARABLE:
                    at = ((measured_thing(outcome), metric), place_of(outcome))
                    worse = is_worse(outcome, change) and index in kept
                    found[at] = found.get(at, False) or worse
        return found


def is_level(value: float | None) -> bool:
    """Whether `value` can be a latency."""
    return value is not None and math.isfinite(value) and value > 0.0
