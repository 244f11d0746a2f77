"""What a night on the device farm showed."""

from __future__ import annotations

from dataclasses import dataclass

from harness.domain.comparisons import PairOutcome

EVENT_KINDS = (
    "REGRESSION",  # confirmed twice: somebody is called
    "DEVICE",  # a device changed, not the models on it
    "NEWLY_FAILING",
    "MISSING",
    "BASELINE_GONE",
    "AWAITING",  # confirmed tonight, waits for a second device or the next night
    "INCONCLUSIVE",
    "NOT_REACHED",  # the time budget was used up
    "KNOWN",
    "IMPROVEMENT",
    "NEWLY_PASSING",
    "NEW",
)


@dataclass(frozen=True)
class NightEvent:
    """One thing to be told: one alert for one cause, however many series it shows in.

    Attributes:
        kind: one of EVENT_KINDS.
        title: a sentence, such as ``mobilenet_v2 is 8 % slower on 2 devices``.
        series, devices: where it shows.
        metric: which metric changed, empty where that is not the point.
        reason: the likeliest cause, the failure's reason, or why it is not an alert.
        link: a person's reference, of a known failure.
    """

    kind: str
    title: str
    series: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    metric: str = ""
    reason: str = ""
    link: str = ""
    outcomes: tuple[PairOutcome, ...] = ()


@dataclass(frozen=True)
class Night:
    """A nightly run after its decision. `verdict` is ``REGRESSION``, ``INCONCLUSIVE`` or ``PASS``; events are ordered
    as in EVENT_KINDS."""

    run_id: str
    name: str
    at: str
    baseline: str
    verdict: str
    events: tuple[NightEvent, ...] = ()
    outcomes: tuple[PairOutcome, ...] = ()
    notes: tuple[str, ...] = ()
    took_s: float | None = None
