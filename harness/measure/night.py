"""What a night on the device farm means: who is to be called, and about what.

A regression is confirmed tonight when the fresh blocks of its pair say so and Benjamini and Hochberg's procedure keeps
it over the whole night. Somebody is called only when a second device of the same model, or the night before, says the
same; what is counted and not sampled (a size, an accuracy on the same samples, a row that does not run) needs no
second witness.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from harness.domain import (
    EVENT_KINDS,
    ComparisonVerdict,
    DatedOutcome,
    KnownFailure,
    Night,
    NightEvent,
    PairOutcome,
)
from harness.measure.known import KnownFailures
from harness.measure.night_findings import Finding, as_known, both_ran, fails_in_both, findings_of
from harness.measure.night_groups import events_of
from harness.measure.night_words import metric_name, plural
from harness.measure.past_nights import PastNights, measured_thing, moment
from harness.measure.sentinel import DeviceDrift, SentinelLevels, device_drifts

REGRESSION, INCONCLUSIVE, PASS = "REGRESSION", "INCONCLUSIVE", "PASS"
PAGE_AFTER = 2
_NO_ANSWER = ("AWAITING", "MISSING", "BASELINE_GONE", "INCONCLUSIVE", "NOT_REACHED")


def decide(
    outcomes: Sequence[PairOutcome],
    *,
    run_id: str,
    name: str,
    now: str,
    baseline: str,
    history: Iterable[DatedOutcome] = (),
    known: Sequence[KnownFailure] = (),
    beside: Sequence[Finding] = (),
    sentinel: Mapping[str, SentinelLevels] | None = None,
    page_after: int = PAGE_AFTER,
    notes: Sequence[str] = (),
    took_s: float | None = None,
) -> Night:
    """Decide a night.

    Args:
        outcomes: what the pairs showed, without sentinels and A/A sets.
        run_id: of tonight; outcomes of it in `history` are left out.
        name: of the sweep.
        now: when the night began, ISO 8601.
        baseline: the name of the pinned reference build.
        history: outcomes of earlier nights against the same baseline, in the order of their nights, the oldest first.
        known: known failures.
        beside: what did not become a pair: MISSING, NEW, NOT_REACHED and BASELINE_GONE.
        sentinel: levels of the sentinel by device.
        page_after: nights in a row that must confirm a regression where no second device does; 1 for at once.
        notes: sentences that the night begins with.
        took_s: how long it took.
    """
    past = PastNights(history, run_id)
    entries = KnownFailures(known, moment(now).date())
    entries.saw([*outcomes, *(finding.outcome for finding in beside)])
    found = [*findings_of(outcomes, past, page_after), *beside, *_gone_since(outcomes, beside, past)]
    findings = [as_known(finding, entries) for finding in found]
    drifts = device_drifts(outcomes, past, sentinel or {})
    events = [*events_of(findings, outcomes), *(_device_event(drift) for drift in drifts if drift.moved)]
    return Night(
        run_id=run_id,
        name=name,
        at=now,
        baseline=baseline,
        verdict=_verdict(findings, outcomes),
        events=tuple(sorted(events, key=_rank)),
        outcomes=tuple(outcomes),
        notes=(*notes, *_notes(outcomes, past, now, drifts), *entries.notes()),
        took_s=took_s,
    )


def _verdict(findings: Sequence[Finding], outcomes: Sequence[PairOutcome]) -> str:
    """PASS only when everything was judged and nothing is worse. A device that drifted is no fault of the build."""
    if any(finding.pages for finding in findings):
        return REGRESSION
    unanswered = any(finding.kind in _NO_ANSWER for finding in findings)
    nothing = not any(both_ran(outcome) for outcome in outcomes)
    return INCONCLUSIVE if unanswered or nothing else PASS


def _gone_since(outcomes: Sequence[PairOutcome], beside: Sequence[Finding], past: PastNights) -> Iterator[Finding]:
    """What ran on the last night and is not there at all tonight."""
    if not past.nights:
        return
    here = {measured_thing(outcome) for outcome in (*outcomes, *(finding.outcome for finding in beside))}
    for outcome in past.nights[0].outcomes.values():
        if measured_thing(outcome) not in here and both_ran(outcome):
            yield Finding("MISSING", outcome, reason=f"it was measured on the night of {past.last_at}")


def _device_event(drift: DeviceDrift) -> NightEvent:
    title, _, signs = drift.text.partition(": ")
    return NightEvent(
        kind="DEVICE",
        title=title,
        series=tuple(dict.fromkeys(outcome.series for outcome in drift.outcomes)),
        devices=(drift.device_id,),
        metric="latency",
        reason=f"{signs}; ratios to the reference, measured in the same minutes, are not affected",
        outcomes=drift.outcomes,
    )


def _rank(event: NightEvent) -> tuple[int, int, str]:
    return EVENT_KINDS.index(event.kind), -len(event.outcomes), event.title


def _notes(outcomes: Sequence[PairOutcome], past: PastNights, now: str, drifts: Sequence[DeviceDrift]) -> Iterator[str]:
    if not past.nights:
        yield "the first night against this baseline: regressions await a second one"
    elif moment(now) < moment(past.latest_at):
        yield (
            f"this night is dated {now}, before an earlier one, {past.latest_at}: a clock was wrong; nights are taken "
            "in the order in which they were measured"
        )
    yield from (drift.text for drift in drifts if not drift.moved)
    failing = sum(map(fails_in_both, outcomes))
    if failing:
        yield f"{plural(failing, 'series')} {'fails' if failing == 1 else 'fail'} in both builds"
    open_metrics = Counter(
        change.metric
        for outcome in outcomes
        for change in outcome.changes
        if change.metric != "latency" and change.verdict is ComparisonVerdict.INCONCLUSIVE
    )
    for metric, count in sorted(open_metrics.items()):
        yield f"{metric_name(metric)} is undecided in {plural(count, 'series')}"
