"""Two builds measured interleaved, and judged: what `harness compare`, `calibrate` and `nightly` rest on.

Such a run is an ordinary run in the store, with the cases of both arms. Its settings have one more key, `comparison`,
with the pairs and the policy, so that it can be judged anew from its records by newer rules.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from harness.domain import (
    AccuracySettings,
    Case,
    DeviceFacts,
    DeviceProfile,
    InvocationRecord,
    Pair,
    PairOutcome,
    ResultRow,
    RunRecord,
    RunView,
)
from harness.errors import UsageError
from harness.events import Event
from harness.lab.accuracy import paired_difference
from harness.lab.blocks import blocks_of, torn_blocks, without
from harness.lab.interrupt import Interrupt
from harness.lab.lane import utc_now
from harness.lab.paired_rounds import PairedRounds, Stopping
from harness.lab.requests import Files, SweepRequest, settings_sha256
from harness.lab.retell import current_view
from harness.lab.rounds import Rounds, RoundsContext
from harness.lab.session import run_sweep
from harness.measure.calibration import in_force, quarantine_reason, threshold_for
from harness.measure.changes import Arm, outcome_of
from harness.measure.stopping import FixedBlocks, Looks, Policy, ScreenThenConfirm, settle
from harness.store import LeaseBook, Store
from harness.store.codec import decode
from harness.sweep import Plan, Sweep

COMPARISON = "comparison"
_POLICIES: dict[str, type[Policy]] = {"looks": Looks, "fixed": FixedBlocks, "screen": ScreenThenConfirm}


@dataclass(frozen=True)
class PairsRequest:
    """Two builds to be compared.

    Attributes:
        pairs: in the order of their importance.
        sweep: the protocol, the settings of the devices and the name; its own cases do not count.
        policy: how many blocks a pair gets.
        purpose: ``compare``, ``calibrate``, ``nightly`` or ``link``.
        resume: the comparison to continue, None for a new one.
        budget_s: no further pairs are begun after so long; None for no limit.
        files: model files that are there already, by model and variant: those of a pinned build.
    """

    pairs: tuple[Pair, ...]
    sweep: Sweep
    policy: Policy
    purpose: str
    reports_dir: Path
    cache_dir: Path
    jobs: int
    resume: RunRecord | None = None
    budget_s: float | None = None
    files: Files = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """What an unfinished run of the same comparison is found by."""
        return settings_sha256(self.sweep, {COMPARISON: comparison_settings(self)})


@dataclass(frozen=True)
class PairsResult:
    """What came of it: as `SweepOutcome`, with the outcomes of the pairs in their order."""

    run_id: str
    state: str
    outcomes: tuple[PairOutcome, ...]
    rows: tuple[ResultRow, ...]
    report_dir: Path


def run_pairs(
    request: PairsRequest,
    *,
    store: Store,
    leases: LeaseBook,
    post: Callable[[Event], None],
    interrupt: Interrupt,
    write_reports: Callable[[str, Path], None],
    clock: Callable[[], float] = time.monotonic,
) -> PairsResult:
    """Measure all pairs interleaved until each is settled; outcomes are in the store before reports are written.

    Raises:
        UsageError: there are no pairs.
        NoDeviceError, DeviceBusyError, StoreError: as `run_sweep`.
    """
    if not request.pairs:
        raise UsageError("there is nothing to compare: no case of the one is in the other")
    kept: list[tuple[PairOutcome, ...]] = []

    def finish(run_id: str, directory: Path) -> None:
        kept.append(_judged(store, store.view(run_id)))  # the rows were summarised a moment ago
        store.save_outcomes(run_id, kept[-1])
        write_reports(run_id, directory)

    deadline_s = None if request.budget_s is None else clock() + request.budget_s
    began = utc_now() if request.resume is None else request.resume.started_at
    stopping = Stopping(request.policy, partial(_noise_floor, profiles_of(store, began), began), deadline_s)
    done = run_sweep(
        _as_sweep(request, stopping),
        store=store,
        leases=leases,
        post=post,
        interrupt=interrupt,
        write_reports=finish,
    )
    return PairsResult(done.run_id, done.state, kept[-1], done.rows, done.report_dir)


def stored_outcomes(store: Store, run_id: str) -> tuple[PairOutcome, ...]:
    """The outcomes of a stored comparison, judged anew from its records; empty for a run that is none."""
    return _judged(store, current_view(store, run_id))


def _judged(store: Store, view: RunView) -> tuple[PairOutcome, ...]:
    settings = json.loads(view.run.settings_json or "{}").get(COMPARISON)
    if settings is None:
        return ()
    judge = _Judge(store, view, policy_of(settings), profiles_of(store, view.run.started_at))
    return tuple(judge.outcome(pair) for pair in pairs_of(settings, view.cases))


def pairs_of(settings: Mapping[str, Any], cases: Sequence[Case]) -> tuple[Pair, ...]:
    """The pairs of a stored comparison, from its settings and the cases of its run."""
    by_id = {case.case_id: case for case in cases}
    return tuple(Pair(by_id[one["base"]], by_id[one["candidate"]], one["series"]) for one in settings["pairs"])


def policy_of(settings: Mapping[str, Any]) -> Policy:
    """The policy of a stored comparison."""
    given = dict(settings["policy"])
    return _POLICIES[given.pop("kind")](**given)


def comparison_settings(request: PairsRequest) -> dict[str, Any]:
    """What a run keeps of being a comparison."""
    kind = next(name for name, policy in _POLICIES.items() if isinstance(request.policy, policy))
    pairs = [
        {"series": pair.series, "base": pair.base.case_id, "candidate": pair.candidate.case_id}
        for pair in request.pairs
    ]
    return {"purpose": request.purpose, "policy": {"kind": kind, **asdict(request.policy)}, "pairs": pairs}


def profiles_of(store: Store, at: str) -> dict[str, DeviceProfile]:
    """What calibration knew at a time, by device id: a run is judged by what was known when it began, also later."""
    return {profile.device_id: profile for profile in store.profiles(at=at)}


def _as_sweep(request: PairsRequest, stopping: Stopping) -> SweepRequest:
    cases = tuple(case for pair in request.pairs for case in (pair.base, pair.candidate))

    def rounds(context: RoundsContext) -> Rounds:
        return PairedRounds(context, request.pairs, stopping)

    return SweepRequest(
        request.sweep,
        request.reports_dir,
        request.cache_dir,
        request.jobs,
        resume=request.resume,
        plan=Plan(cases, ()),
        together={case.case_id: pair.base.model.name for pair in request.pairs for case in (pair.base, pair.candidate)},
        rounds=rounds,
        extra_settings={COMPARISON: comparison_settings(request)},
        files=request.files,
    )


def _noise_floor(
    profiles: Mapping[str, DeviceProfile], now: str, facts: DeviceFacts, pair: Pair, latency_ms: float
) -> float:
    profile = in_force(profiles.get(facts.device_id), facts, now)
    return threshold_for(profile, pair.base.backend.kind, latency_ms)


class _Judge:
    """Makes outcomes of stored records."""

    def __init__(self, store: Store, view: RunView, policy: Policy, profiles: Mapping[str, DeviceProfile]) -> None:
        self._store, self._view, self._policy, self._profiles = store, view, policy, profiles
        self._devices = store.devices(view.run.run_id)
        self._rows = {row.case_id: row for row in view.rows}
        settings = json.loads(view.run.settings_json)
        self._allowed = decode(AccuracySettings, settings.get("accuracy", {}))
        self._files = {(file.model, file.variant): file for file in view.files}
        self._facts = {facts.device_id: facts for facts in view.facts}
        self._records: dict[str, list[InvocationRecord]] = {}
        for record in view.invocations:
            self._records.setdefault(record.case_id, []).append(record)

    def outcome(self, pair: Pair) -> PairOutcome:
        base, candidate = self._arms(pair)
        profile, floor = self._known_noise(pair, base)
        blocks = blocks_of(base.records, candidate.records)
        comparison, stage = settle(self._policy, blocks.base, blocks.candidate, noise_floor=floor, made=blocks.made)
        run_id = self._view.run.run_id
        difference = paired_difference(
            candidate.file,
            self._store.scores(run_id, pair.candidate.case_id),
            self._store.scores(run_id, pair.base.case_id),
        )
        return outcome_of(
            pair.series,
            base,
            candidate,
            comparison,
            stage,
            series_id=pair.series_id,
            noise_floor=floor,
            quarantine=quarantine_reason(profile),
            accuracy=difference,
        )

    def _known_noise(self, pair: Pair, base: Arm) -> tuple[DeviceProfile | None, float]:
        """The calibration of the pair's device as it stood when the run began, and the least change that counts."""
        if base.facts is None:
            return None, 0.0
        profile = in_force(self._profiles.get(base.facts.device_id), base.facts, self._view.run.started_at)
        return profile, threshold_for(profile, pair.base.backend.kind, base.row.latency_p50_ms or 0.0)

    def _arms(self, pair: Pair) -> tuple[Arm, Arm]:
        """Both arms, without the blocks that were cut off while both were made again."""
        base, candidate = self._arm(pair.base), self._arm(pair.candidate)
        torn = torn_blocks(base.records, candidate.records)
        return (
            replace(base, records=without(base.records, torn)),
            replace(candidate, records=without(candidate.records, torn)),
        )

    def _arm(self, case: Case) -> Arm:
        return Arm(
            case=case,
            row=self._rows[case.case_id],
            records=tuple(self._records.get(case.case_id, ())),
            file=self._files.get((case.model.name, case.variant)),
            check=self._view.checks.get(case.case_id),
            facts=self._facts.get(self._devices.get(case.case_id, "")),
            measure=self._view.measure,
            allowed=self._allowed,
        )
