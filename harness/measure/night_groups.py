"""One alert for one cause: a model that changed in many places, or a device on which most models changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.domain import NightEvent, PairOutcome
from harness.measure.night_findings import Finding, both_ran
from harness.measure.night_words import (
    how_it_changed,
    likeliest_cause,
    listed,
    metric_name,
    plural,
    shared_difference,
    subject,
    where,
)

MIN_MODELS = 3  # on a device, before "most of them" says something about the device

Models = Mapping[str, frozenset[str]]  # by device
_ABSENT = {
    "MISSING": ("{what} is missing", "{count} are missing"),
    "NOT_REACHED": ("{what} was not reached", "{count} were not reached"),
    "BASELINE_GONE": ("the baseline of {what} is gone", "the baseline of {count} is gone"),
    "NEW": ("{what} is new", "{count} are new"),
    "INCONCLUSIVE": ("{what} is undecided", "{count} are undecided"),
    "NEWLY_FAILING": ("{what} fails", "{count} fail"),
    "NEWLY_PASSING": ("{what} runs again", "{count} run again"),
    "KNOWN": ("{what}: known failure", "{count}: known failure"),
}


@dataclass(frozen=True)
class Cause:
    """Findings that have one cause. `scope` is ``model``, ``device`` (the device is suspected) or ``build`` (what all
    models share)."""

    scope: str
    findings: tuple[Finding, ...]

    @property
    def outcomes(self) -> tuple[PairOutcome, ...]:
        """Of its findings, each once."""
        return tuple(dict.fromkeys(finding.outcome for finding in self.findings))


def events_of(findings: Sequence[Finding], outcomes: Sequence[PairOutcome]) -> Iterator[NightEvent]:
    """The events of a night, one for each cause, in no particular order."""
    judged = models_by_device(one for one in outcomes if both_ran(one))
    every = models_by_device([*outcomes, *(finding.outcome for finding in findings)])
    worse = [
        finding for finding in findings if finding.change is not None and finding.kind in ("REGRESSION", "AWAITING")
    ]
    for cause in causes(worse, judged):
        yield _changed(cause, "REGRESSION" if any(one.pages for one in cause.findings) else "AWAITING", judged)
    for cause in causes([finding for finding in findings if finding.kind == "IMPROVEMENT"], judged):
        yield _changed(cause, "IMPROVEMENT", judged)
    for kind in _ABSENT:
        found = [finding for finding in findings if finding.kind == kind]
        for group in _sorted_out(kind, found, every):
            yield _plain(kind, group)


def models_by_device(outcomes: Iterable[PairOutcome]) -> Models:
    """The models of each device."""
    found: dict[str, set[str]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.device_id, set()).add(outcome.model)
    return {device: frozenset(models) for device, models in found.items()}


def causes(findings: Sequence[Finding], judged: Models) -> tuple[Cause, ...]:
    """`findings` by cause; `judged` are the models that were compared on each device."""
    if not findings:
        return ()
    shifted = _shifted(findings, judged)
    if not shifted:
        return _by_model(findings)
    models = frozenset[str]().union(*shifted.values())
    everywhere = [one for one in findings if one.outcome.model in models]
    here = [one for one in findings if one.outcome.device_id in shifted]
    if len(shifted) > 1 or _is_of_the_build(here, shifted, judged):
        rest = [one for one in findings if one.outcome.model not in models]
        return (Cause("build", tuple(everywhere)), *_by_model(rest))
    return (Cause("device", tuple(here)), *_by_model([one for one in findings if one.outcome.device_id not in shifted]))


def _shifted(findings: Sequence[Finding], judged: Models) -> Models:
    """The devices on which most models changed, with these models."""
    changed = models_by_device(finding.outcome for finding in findings)
    return {
        device: models
        for device, models in changed.items()
        if len(models) >= MIN_MODELS and 2 * len(models) > len(judged.get(device, models))
    }


def _is_of_the_build(findings: Sequence[Finding], shifted: Models, judged: Models) -> bool:
    """Whether the one device of `shifted` is only where a change of the build shows: no other device measured these
    models, and the builds differ in something that all of them share."""
    ((device, models),) = shifted.items()
    elsewhere = any(other != device and models & theirs for other, theirs in judged.items())
    return not elsewhere and shared_difference([finding.outcome for finding in findings])


def _by_model(findings: Sequence[Finding]) -> tuple[Cause, ...]:
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.outcome.model, []).append(finding)
    return tuple(Cause("model", tuple(group)) for group in groups.values())


# ---- events ----------------------------------------------------------------------------------------------------------


def _changed(cause: Cause, kind: str, judged: Models) -> NightEvent:
    """The event of a change that was measured."""
    changes = [(finding.outcome, finding.change) for finding in cause.findings if finding.change is not None]
    how = how_it_changed(changes)
    if cause.scope == "model":
        title = f"{subject(cause.outcomes)} is {how} {where(cause.outcomes)}"
    else:
        models = {outcome.model for outcome in cause.outcomes}
        measured = frozenset[str]().union(*(judged.get(one.device_id, frozenset()) for one in cause.outcomes)) | models
        title = f"{len(models)} of {plural(len(measured), 'model')} are {how} {where(cause.outcomes)}"
    metrics = {change.metric for _, change in changes}
    return _event(
        "DEVICE" if cause.scope == "device" else kind,
        title,
        cause.findings,
        reason="; ".join(filter(None, [_suspect(cause), likeliest_cause(cause.outcomes), _told(cause.findings)])),
        metric=metrics.pop() if len(metrics) == 1 else "",
    )


def _suspect(cause: Cause) -> str:
    if cause.scope == "device":
        return (
            "most models changed on this device and on no other: suspect the device or its system, and look at its "
            "A/A set and at the reference"
        )
    return "most models changed: suspect what they share" if cause.scope == "build" else ""


def _plain(kind: str, findings: Sequence[Finding]) -> NightEvent:
    """The event of something that is not a measured change."""
    outcomes = tuple(dict.fromkeys(finding.outcome for finding in findings))
    one, many = _ABSENT[kind]
    count = f"{len(outcomes)} series of {listed(outcome.model for outcome in outcomes)}"
    text = one.format(what=outcomes[0].series) if len(outcomes) == 1 else many.format(count=count)
    place = f" {where(outcomes)}" if outcomes[0].device_id and outcomes[0].device_id not in text else ""
    metrics = {finding.change.metric for finding in findings if finding.change is not None}
    return _event(
        kind, text + place, findings, reason=_told(findings), metric=metrics.pop() if len(metrics) == 1 else ""
    )


def _sorted_out(kind: str, findings: Sequence[Finding], every: Models) -> Iterator[Sequence[Finding]]:
    """Groups of findings of one kind that are told together."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    whole = _shifted(findings, every)
    for finding in findings:
        device, model = finding.outcome.device_id, finding.outcome.model
        if kind in ("NOT_REACHED", "BASELINE_GONE", "NEW"):
            key: tuple[str, ...] = (finding.reason,)
        elif kind == "KNOWN":
            key = (finding.reason, finding.link)
        elif kind == "INCONCLUSIVE" or device in whole:
            key = ("device", device)
        else:
            key = ("model", model)
        groups.setdefault(key, []).append(finding)
    yield from groups.values()


def _told(findings: Sequence[Finding]) -> str:
    """The reasons; each with its series where there are several."""
    reasons: dict[str, list[str]] = {}
    for finding in findings:
        metric = f", {metric_name(finding.change.metric)}" if finding.change is not None else ""
        reasons.setdefault(finding.reason, []).append(f"{finding.outcome.series}{metric}")
    if len(reasons) == 1:
        return next(iter(reasons))
    told = [f"{listed(series, 2)}: {reason}" for reason, series in reasons.items() if reason]
    return "; ".join(told[:3]) + (f"; and {len(told) - 3} more reasons" if len(told) > 3 else "")


def _event(kind: str, title: str, findings: Sequence[Finding], *, reason: str, metric: str) -> NightEvent:
    outcomes = tuple(dict.fromkeys(finding.outcome for finding in findings))
    return NightEvent(
        kind=kind,
        title=title,
        series=tuple(dict.fromkeys(outcome.series for outcome in outcomes)),
        devices=tuple(dict.fromkeys(outcome.device_id for outcome in outcomes if outcome.device_id)),
        metric=metric,
        reason=reason,
        link=next((finding.link for finding in findings if finding.link), ""),
        outcomes=outcomes,
    )
