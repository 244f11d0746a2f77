"""What each pair of a night shows, one finding for each thing to be told, before they are grouped by cause."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.domain import ComparisonVerdict, MetricChange, PairOutcome
from harness.measure.known import FAILURE, KnownFailures
from harness.measure.night_words import evidence, metric_name, place_word
from harness.measure.past_nights import PastNights, discoveries, is_worse, measured_thing, place_of

# Counted or compared on the same samples: a second look would say the same.
DETERMINISTIC = ("model_size", "accuracy")
_ALERTS = ("REGRESSION", "AWAITING", "NEWLY_FAILING", "MISSING", "INCONCLUSIVE")
_FAILED = ("FAILED", "CRASHED", "TIMEOUT", "OOM", "UNSUPPORTED")


@dataclass(frozen=True)
class Finding:
    """Something that one pair shows. `kind` is one of `EVENT_KINDS`; `pages` says that somebody is to be called."""

    kind: str
    outcome: PairOutcome
    change: MetricChange | None = None
    reason: str = ""
    link: str = ""

    @property
    def pages(self) -> bool:
        """Whether it turns the night into a REGRESSION."""
        return self.kind in ("REGRESSION", "NEWLY_FAILING")

    @property
    def metric(self) -> str:
        """The metric that changed; ``failure`` for a row that does not run."""
        return self.change.metric if self.change is not None else FAILURE


def both_ran(outcome: PairOutcome) -> bool:
    """Whether there are times of both builds to compare. A size is known of a build that crashed, too."""
    if outcome.base_status or outcome.candidate_status:
        return (outcome.base_status, outcome.candidate_status) == ("DONE", "DONE")
    return outcome.latency is not None and outcome.latency.verdict is not ComparisonVerdict.NOT_COMPARABLE


def findings_of(outcomes: Sequence[PairOutcome], past: PastNights, page_after: int) -> tuple[Finding, ...]:
    """Everything that the pairs of a night show, known failures too."""
    metrics = {change.metric for outcome in outcomes for change in outcome.changes}
    kept = {metric: discoveries(outcomes, metric) for metric in metrics}
    tonight = _confirmations(outcomes, kept)
    found: list[Finding] = []
    for index, outcome in enumerate(outcomes):
        found += _of_rows(outcome, past)
        if both_ran(outcome) and not outcome.same_build:  # what one build shows against itself is noise
            found += _of_changes(index, outcome, kept, tonight, past, page_after)
    return tuple(found)


# ---- rows ------------------------------------------------------------------------------------------------------------


def _of_rows(outcome: PairOutcome, past: PastNights) -> Iterator[Finding]:
    """What the statuses of the two arms say, beside the figures."""
    before = past.last(outcome)
    ran_before = before is not None and (before.candidate_status == "DONE" or both_ran(before))
    if both_ran(outcome):
        if before is not None and before.candidate_status in _FAILED:
            yield Finding("NEWLY_PASSING", outcome, reason=f"it was {before.candidate_status} on the last night")
        return
    base, candidate = outcome.base_status, outcome.candidate_status
    if candidate in _FAILED:
        yield from _failing(outcome, past, ran_before)
    elif candidate == "DONE" and base in _FAILED:
        if ran_before:
            yield Finding("INCONCLUSIVE", outcome, reason=f"the reference does not run any more: {base}")
        else:
            yield Finding("NEWLY_PASSING", outcome, reason=f"the reference does not run: {base}")
    elif candidate == "DONE" and not base:
        yield Finding("NEW", outcome, reason="the baseline does not have it")
    elif candidate == "DONE":
        yield Finding("INCONCLUSIVE", outcome, reason=f"the reference was not measured: {base}")
    else:
        yield Finding(
            "MISSING", outcome, reason=_why(outcome, f"the candidate was not measured: {candidate or 'no row'}")
        )


def _failing(outcome: PairOutcome, past: PastNights, ran_before: bool) -> Iterator[Finding]:
    status = outcome.candidate_status
    if outcome.base_status == "DONE":
        since = past.failing_since(outcome)
        told = f"since the night of {since}" if since else "the reference runs"
        yield Finding("NEWLY_FAILING", outcome, reason=_why(outcome, f"{status}, {told}"))
    elif ran_before:
        why = f"neither build runs any more: {outcome.base_status or 'no row'} and {status}"
        yield Finding("MISSING", outcome, reason=_why(outcome, why))


def fails_in_both(outcome: PairOutcome) -> bool:
    """Whether neither build runs: nothing that tonight changed."""
    return outcome.base_status in _FAILED and outcome.candidate_status in _FAILED


def _why(outcome: PairOutcome, text: str) -> str:
    return "; ".join([text, *outcome.notes[:1]])


# ---- figures ---------------------------------------------------------------------------------------------------------

Confirmations = Mapping[tuple[str, str, str], set[str]]


def _confirmations(outcomes: Sequence[PairOutcome], kept: Mapping[str, frozenset[int]]) -> Confirmations:
    """By what, metric and kind of device: the devices that confirmed a regression tonight."""
    found: dict[tuple[str, str, str], set[str]] = {}
    for index, outcome in enumerate(outcomes):
        for change in outcome.changes:
            if is_worse(outcome, change) and index in kept[change.metric]:
                key = (measured_thing(outcome), change.metric, place_of(outcome))
                found.setdefault(key, set()).add(outcome.device_id)
    return found


def _of_changes(
    index: int,
    outcome: PairOutcome,
    kept: Mapping[str, frozenset[int]],
    tonight: Confirmations,
    past: PastNights,
    page_after: int,
) -> Iterator[Finding]:
    if outcome.latency is None or outcome.latency.verdict is ComparisonVerdict.NOT_COMPARABLE:
        why = outcome.latency.note if outcome.latency is not None else "no latency was judged"
        yield Finding("INCONCLUSIVE", outcome, outcome.latency, why)
    for change in outcome.changes:
        survives = index in kept[change.metric]
        if change.verdict is ComparisonVerdict.REGRESSION:
            yield _regression(outcome, change, survives, tonight, past, page_after)
        elif change.verdict is ComparisonVerdict.IMPROVEMENT and survives:
            yield Finding("IMPROVEMENT", outcome, change, evidence(change))
        elif _undecided(change):
            yield Finding("INCONCLUSIVE", outcome, change, change.note or "the blocks gave no answer")


def _undecided(change: MetricChange) -> bool:
    """Whether an answer is missing that the night is for: the others often have none, and are no reason to wait."""
    return change.metric == "latency" and change.verdict in (ComparisonVerdict.INCONCLUSIVE, ComparisonVerdict.CONTINUE)


def _regression(
    outcome: PairOutcome,
    change: MetricChange,
    survives: bool,
    tonight: Confirmations,
    past: PastNights,
    page_after: int,
) -> Finding:
    told = evidence(change)
    if not survives:
        why = f"{told}: one such p value is to be expected among those of tonight"
        return Finding("INCONCLUSIVE", outcome, change, why)
    if change.metric in DETERMINISTIC:
        return Finding("REGRESSION", outcome, change, told)
    others = tonight[measured_thing(outcome), change.metric, place_of(outcome)] - {outcome.device_id}
    if others:
        return Finding("REGRESSION", outcome, change, f"{told}; also on {', '.join(sorted(others))}")
    if past.regressed_before(outcome, change.metric, page_after - 1):
        nights = "" if page_after <= 1 else "; also on the night before" if page_after == 2 else "; also before"
        return Finding("REGRESSION", outcome, change, told + nights)
    witness = f"a second {place_word(outcome)} or the next night"
    why = f"{told}: {witness} decides whether the {metric_name(change.metric)} changed"
    return Finding("AWAITING", outcome, change, why)


# ---- known failures --------------------------------------------------------------------------------------------------


def as_known(finding: Finding, known: KnownFailures) -> Finding:
    """`finding` as KNOWN where an entry covers it; where that has expired, with a word on it."""
    if finding.kind not in _ALERTS:
        return finding
    entry = known.covering(finding.outcome, finding.metric)
    if entry is None:
        return finding
    if known.has_expired(entry):
        told = f"it was known until {entry.expires} ({entry.reason}): the entry has expired"
        return replace(finding, reason="; ".join(filter(None, [finding.reason, told])), link=entry.link)
    return replace(finding, kind="KNOWN", reason=f"{entry.reason} (until {entry.expires})", link=entry.link)
