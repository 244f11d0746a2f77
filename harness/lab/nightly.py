"""A night: the sweep as it is tonight against the pinned build, and the decision what of it is an alarm."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.domain import (
    Baseline,
    ComparisonVerdict,
    DatedOutcome,
    Night,
    PairOutcome,
    ResultRow,
    RunRecord,
    RuntimeRef,
    Status,
)
from harness.errors import DeviceBusyError, UsageError
from harness.events import Message
from harness.lab.around import Around
from harness.lab.interpreters import asked_once, offers_of
from harness.lab.night_history import (
    NIGHTLY,
    dated,
    earlier_nights,
    is_noise,
    noise_records,
    purpose_of,
    sentinel_levels,
)
from harness.lab.night_plan import NightPlan, is_a_a, night_sweep, plan_night
from harness.lab.paired_rounds import OUT_OF_TIME
from harness.lab.pairs import COMPARISON, PairsRequest, PairsResult, policy_of
from harness.lab.pinned_build import load_build
from harness.measure.night import decide
from harness.measure.night_findings import Finding
from harness.measure.night_words import plural
from harness.measure.sentinel import NIGHTS
from harness.store import Store
from harness.sweep import Sweep
from harness.units import format_duration

_TRY_AGAIN_S = 10.0


@dataclass(frozen=True)
class NightRequest:
    """What `harness nightly` asks for. `sweep` has the night's settings in `nightly`; `wait_s` is how long a device is
    waited for that another run holds, `resume` the night to continue."""

    sweep: Sweep
    baseline: Baseline
    reports_dir: Path
    cache_dir: Path
    jobs: int
    wait_s: float = 0.0
    resume: RunRecord | None = None


@dataclass(frozen=True)
class NightResult:
    """What came of it. `state` is that of the run; `history` holds the earlier nights and tonight."""

    night: Night
    state: str
    report_dir: Path
    history: tuple[DatedOutcome, ...]


def planned(request: NightRequest, store: Store, ask: Callable[[RuntimeRef], str] | None = None) -> NightPlan:
    """The plan of the night, after a look at every pinned file.

    Raises:
        StableError: what the pinned build consists of is not known any more.
    """
    build = load_build(request.baseline)
    build.verify(asked_once(ask or offers_of))
    plan = plan_night(request.sweep, build, 0)
    before = earlier_nights(store, request.sweep.name, plan, request.resume)
    return plan_night(request.sweep, build, len(before)) if before else plan


def run_night(
    request: NightRequest,
    around: Around,
    *,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    run: Callable[..., PairsResult],
    ask: Callable[[RuntimeRef], str] | None = None,
) -> NightResult:
    """Measure the night and decide it; outcomes and A/A sets are in the store when it returns.

    Raises:
        UsageError: nothing of the baseline is left to compare with, or the run to continue was made otherwise.
        NoDeviceError, DeviceBusyError, StoreError: as `run_pairs`.
    """
    plan = planned(request, around.store, ask)
    asked = pairs_request(request, plan, around.store)
    for reason in dict.fromkeys(finding.reason for finding in plan.beside if finding.kind == "BASELINE_GONE"):
        left = f"{reason}: what needs it is left out tonight. {_anew(request.baseline)}"
        around.post(Message("warning", left, clock()))
    began_s = clock()
    result = _measured(asked, request, around, run, clock, sleep)
    return _decided(request, plan, result, around.store, clock() - began_s)


# ---- measuring -------------------------------------------------------------------------------------------------------


def pairs_request(request: NightRequest, plan: NightPlan, store: Store) -> PairsRequest:
    """What is to be measured; of a night that is continued with the pairs and the policy that it began with.

    Raises:
        UsageError: nothing is left to compare, or that night was made from another sweep or baseline.
    """
    if not plan.compared:
        gone = next((finding.reason for finding in plan.beside if finding.kind == "BASELINE_GONE"), "")
        raise UsageError(
            f"nothing can be compared with the baseline {request.baseline.name}"
            + (f": {gone}" if gone else ": no case of it is in the sweep"),
            remedy=_anew(request.baseline),
        )
    asked = PairsRequest(
        pairs=plan.pairs,
        sweep=night_sweep(request.sweep),
        policy=plan.policy,
        purpose=NIGHTLY,
        reports_dir=request.reports_dir,
        cache_dir=request.cache_dir,
        jobs=request.jobs,
        budget_s=request.sweep.nightly.budget_s,
        files=plan.files,
    )
    return asked if request.resume is None else _continued(asked, request.resume, store)


def _anew(baseline: Baseline) -> str:
    return f"Put it back, or pin the baseline anew: harness baseline pin SWEEP.yaml --name {baseline.name}"


def _continued(asked: PairsRequest, resume: RunRecord, store: Store) -> PairsRequest:
    settings = store.run_settings(resume.run_id).get(COMPARISON) or {}
    order = [one["base"] for one in settings.get("pairs", ())]
    pairs = {pair.base.case_id: pair for pair in asked.pairs}
    if set(order) == set(pairs) and settings.get("purpose") == NIGHTLY:
        same = tuple(pairs[case_id] for case_id in order)
        again = replace(asked, pairs=same, policy=policy_of(settings), resume=resume)
        if again.sha256 == resume.sweep_sha256:
            return again
    raise UsageError(
        f"the night {resume.run_id} was made from another version of this sweep or of the baseline",
        remedy="Leave --resume away to start anew.",
    )


def unfinished_night(store: Store, sweep: Sweep) -> RunRecord:
    """The newest night of this sweep that did not finish.

    Raises:
        UsageError: there is none.
    """
    for run in store.list_runs():
        if run.name == sweep.name and purpose_of(run) == NIGHTLY:
            if run.state != "finished":
                return run
            break
    raise UsageError("this sweep has no unfinished night to resume", remedy="Leave --resume away to start a new one.")


def _measured(
    asked: PairsRequest,
    request: NightRequest,
    around: Around,
    run: Callable[..., PairsResult],
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> PairsResult:
    """Measure, once every device is free: another night may hold one."""
    until_s, told = clock() + request.wait_s, False
    while True:
        try:
            return run(asked, **vars(around))
        except DeviceBusyError as error:
            if clock() >= until_s or around.interrupt.stop.is_set():
                raise
            if not told:
                text = f"{error.what}; waiting for it, {format_duration(request.wait_s)} at most"
                around.post(Message("warning", text, clock()))
                told = True
            sleep(min(_TRY_AGAIN_S, max(0.0, until_s - clock())))


# ---- deciding --------------------------------------------------------------------------------------------------------


def _decided(request: NightRequest, plan: NightPlan, result: PairsResult, store: Store, took_s: float) -> NightResult:
    run = store.find_run(result.run_id)
    compared = [outcome for outcome in result.outcomes if not is_a_a(outcome.series)]
    not_reached = tuple(_not_reached(compared, result.rows))
    left_out = {finding.outcome.series_id for finding in not_reached}
    outcomes = [_with_reason(outcome, result.rows) for outcome in compared if outcome.series_id not in left_out]
    before = earlier_nights(store, request.sweep.name, plan, run)
    history = [one for night in before for one in dated(night, store.outcomes(night.run_id))]
    if result.state != "interrupted":  # an interrupted night has them when it is continued
        store.add_noise(tuple(noise_records(result.outcomes, run)))
    night = decide(
        outcomes,
        run_id=run.run_id,
        name=request.sweep.name,
        now=run.started_at,
        baseline=request.baseline.name,
        history=history,
        known=request.sweep.nightly.known_failures,
        beside=(*plan.beside, *not_reached),
        sentinel=sentinel_levels(result.rows, [store.rows(one.run_id) for one in before[-NIGHTS:]]),
        page_after=request.sweep.nightly.page_after,
        notes=tuple(_notes(request, result)),
        took_s=took_s,
    )
    return NightResult(night, result.state, result.report_dir, (*history, *dated(run, outcomes)))


def _notes(request: NightRequest, result: PairsResult) -> Iterator[str]:
    pinned = request.baseline.pinned_at[:10]
    yield f"compared with the baseline {request.baseline.name} of {pinned}"
    if result.state != "finished":
        yield f"the run is {result.state}: `harness nightly --resume` continues it"
    equal = sum(outcome.same_build for outcome in result.outcomes if not is_a_a(outcome.series))
    if equal:
        yield f"{plural(equal, 'pair')} of one and the same build on both sides: not judged, they measure the noise"
    for outcome in result.outcomes:
        change = outcome.latency
        if is_noise(outcome) and change is not None and change.ratio is not None:
            false_alarm = change.verdict in (ComparisonVerdict.REGRESSION, ComparisonVerdict.IMPROVEMENT)
            alarm = ": a false alarm, see `harness calibrate`" if false_alarm else ""
            if alarm or is_a_a(outcome.series):
                yield f"{outcome.series} on {outcome.device_id}: {100 * (change.ratio - 1):+.1f} %{alarm}"


def _with_reason(outcome: PairOutcome, rows: Sequence[ResultRow]) -> PairOutcome:
    """`outcome` with the word of a row that has no figures on why that is."""
    ids = (outcome.candidate_case_id, outcome.base_case_id)
    mute = [row for name in ids for row in rows if row.case_id == name and row.status is not Status.DONE]
    told = [row.reasons for row in mute if row.reasons][:1]
    return replace(outcome, notes=(*told, *outcome.notes)) if told else outcome


def _not_reached(outcomes: Sequence[PairOutcome], rows: Sequence[ResultRow]) -> Iterator[Finding]:
    """The pairs that the budget or an interrupt left out."""
    row_of = {row.case_id: row for row in rows}
    for outcome in outcomes:
        both = [row_of.get(case_id) for case_id in (outcome.base_case_id, outcome.candidate_case_id)]
        cut = [row for row in both if row is not None and row.status is Status.INTERRUPTED]
        if not cut and all(row is not None and row.status is Status.SKIPPED for row in both):
            cut = [row for row in both if row is not None and OUT_OF_TIME in row.reasons]
        if cut:
            yield Finding("NOT_REACHED", outcome, reason=cut[0].reasons)
