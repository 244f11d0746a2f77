"""What a night says of each series on each device in each metric: the figures, and the event that covers them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.domain import EVENT_KINDS, ComparisonVerdict, MetricChange, Night, NightEvent, PairOutcome

RUN = "run"  # stands for the metric where there are no figures
PAGED = ("REGRESSION", "NEWLY_FAILING")
Place = tuple[str, str]
OPEN = ("DEVICE", "MISSING", "BASELINE_GONE", "AWAITING", "INCONCLUSIVE", "NOT_REACHED", "KNOWN", "NEW")
_OF_A_CHANGE = {
    "REGRESSION": (ComparisonVerdict.REGRESSION,),
    "DEVICE": (ComparisonVerdict.REGRESSION, ComparisonVerdict.IMPROVEMENT),
    "AWAITING": (ComparisonVerdict.REGRESSION,),
    "IMPROVEMENT": (ComparisonVerdict.IMPROVEMENT,),
    "INCONCLUSIVE": (
        ComparisonVerdict.REGRESSION,
        ComparisonVerdict.INCONCLUSIVE,
        ComparisonVerdict.CONTINUE,
        ComparisonVerdict.NOT_COMPARABLE,
    ),
    "KNOWN": (ComparisonVerdict.REGRESSION, ComparisonVerdict.INCONCLUSIVE, ComparisonVerdict.CONTINUE),
}


@dataclass(frozen=True)
class Answer:
    """One series on one device in one metric.

    `metric` is ``run`` where there are no figures; `change` holds the figures, `event` is the gravest that covers them.
    `outcome` is None for a series that an event names and nothing was measured of.
    """

    series: str
    device_id: str
    metric: str
    change: MetricChange | None
    event: NightEvent | None
    outcome: PairOutcome | None

    @property
    def kind(self) -> str:
        """The kind of the event; else the verdict of the figures, ``INCONCLUSIVE`` for a REGRESSION that the night did
        not keep; ``SAME`` for what ran well, and for one build against itself."""
        if self.event is not None:
            return self.event.kind
        if self.change is None or (self.outcome is not None and self.outcome.same_build):
            return "SAME"
        undecided = (ComparisonVerdict.REGRESSION, ComparisonVerdict.CONTINUE)
        return "INCONCLUSIVE" if self.change.verdict in undecided else str(self.change.verdict)

    @property
    def place(self) -> Place:
        """Series and device."""
        return self.series, self.device_id


def answers(night: Night) -> tuple[Answer, ...]:
    """Every answer of a night: those of its outcomes in their order, then what only events name."""
    events = sorted(night.events, key=lambda event: EVENT_KINDS.index(event.kind) if event.kind in EVENT_KINDS else 99)
    outcomes = {(one.series, one.device_id): one for one in _outcomes(night)}
    named = _by_place(events, outcomes)
    found = [answer for place, one in outcomes.items() for answer in _of_outcome(one, named.get(place, []))]
    for event in events:
        if not event.outcomes:
            places = ((series, device) for series in event.series for device in event.devices or ("",))
            found += [
                Answer(*place, RUN, None, event, None) for place in dict.fromkeys(places) if place not in outcomes
            ]
    return tuple(found)


def by_event(found: Iterable[Answer]) -> dict[int, list[Answer]]:
    """The answers by the `id` of the event that covers them: comparing whole events takes long where there are many."""
    groups: dict[int, list[Answer]] = {}
    for answer in found:
        if answer.event is not None:
            groups.setdefault(id(answer.event), []).append(answer)
    return groups


def _outcomes(night: Night) -> Iterator[PairOutcome]:
    yield from night.outcomes
    for event in night.events:
        yield from event.outcomes


def _by_place(events: Sequence[NightEvent], places: Iterable[Place]) -> dict[Place, list[NightEvent]]:
    """The events that name each series and device, by their outcomes or else by name."""
    found: dict[Place, list[NightEvent]] = {}
    for event in events:
        named: Iterable[Place] = ((one.series, one.device_id) for one in event.outcomes)
        if not event.outcomes:
            series, devices = set(event.series), set(event.devices)
            named = (place for place in places if place[0] in series and (not devices or place[1] in devices))
        for place in dict.fromkeys(named):
            found.setdefault(place, []).append(event)
    return found


def _of_outcome(outcome: PairOutcome, ours: Sequence[NightEvent]) -> Iterator[Answer]:
    of_row = next((event for event in ours if _is_of_the_row(event, outcome)), None)
    if of_row is not None or not outcome.changes:
        yield Answer(outcome.series, outcome.device_id, RUN, None, of_row, outcome)
    for change in outcome.changes:
        event = next((one for one in ours if one is not of_row and _covers(one, change)), None)
        yield Answer(outcome.series, outcome.device_id, change.metric, change, event, outcome)


def _is_of_the_row(event: NightEvent, outcome: PairOutcome) -> bool:
    """Whether the event tells of the row as a whole, not of a figure."""
    return event.kind not in _OF_A_CHANGE or not any(_covers(event, change) for change in outcome.changes)


def _covers(event: NightEvent, change: MetricChange) -> bool:
    verdicts: Iterable[ComparisonVerdict] = _OF_A_CHANGE.get(event.kind, ())
    return event.metric in ("", change.metric) and change.verdict in verdicts
