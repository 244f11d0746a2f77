"""A sweep from its first step to its reports: prepare, lease, lanes, rows."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import harness
from harness.devices import Device
from harness.devices.affinity import keep_controller_off
from harness.domain import (
    Case,
    InvocationRecord,
    OutputsCheck,
    Purpose,
    RunRecord,
    Status,
)
from harness.errors import NoDeviceError, RestoreError
from harness.events import (
    Event,
    Message,
    RunFinished,
    RunStarted,
    TasksPlanned,
)
from harness.lab.accuracy import settle_differences
from harness.lab.assignment import LaneCases, assign, measured_cpus
from harness.lab.costs import startup_costs
from harness.lab.interrupt import Interrupt
from harness.lab.lane import Lane, LaneContext, utc_now
from harness.lab.ledger import Ledger
from harness.lab.preparation import Preparation
from harness.lab.requests import Files, SweepOutcome, SweepRequest, settings_json, settings_sha256
from harness.lab.rounds import FixedRounds, Rounds, RoundsContext
from harness.lab.same import require_same_devices
from harness.lab.sentinel import require_name_free, with_sentinels, with_sentinels_of
from harness.lab.sustained import settled_keys
from harness.lab.tasks import DoneKey, remaining, tasks_for
from harness.lab.threads import LaneThread, run_lanes
from harness.measure.profiles import in_force
from harness.store import Lease, LeaseBook, LeaseKeeper, Store
from harness.sweep import Plan, estimate_s, expand
from harness.sweep.estimate import StartupCosts


def run_sweep(
    request: SweepRequest,
    *,
    store: Store,
    leases: LeaseBook,
    post: Callable[[Event], None],
    interrupt: Interrupt,
    write_reports: Callable[[str, Path], None],
) -> SweepOutcome:
    """Run or continue a sweep; every finished invocation is durable, every case becomes a row.

    Args:
        post: takes events for the display.
        write_reports: called with the run id and the report directory at the end, also after an interrupt.

    Raises:
        NoDeviceError: no target of the sweep is there.
        DeviceBusyError: another sweep holds a device.
        StoreError: results cannot be written.
    """
    return _Session(request, store, leases, post, interrupt, write_reports).run()


class _Session:
    def __init__(
        self,
        request: SweepRequest,
        store: Store,
        leases: LeaseBook,
        post: Callable[[Event], None],
        interrupt: Interrupt,
        write_reports: Callable[[str, Path], None],
    ) -> None:
        self.request, self.store, self.leases, self.post = request, store, leases, post
        self.interrupt, self.write_reports = interrupt, write_reports
        self.sweep = request.sweep
        self.clock = time.monotonic
        self._preparation = Preparation(request, store, interrupt, post, self.clock)
        self._all_cases: list[Case] = []

    def run(self) -> SweepOutcome:
        self.store.on_wait(lambda text: self.post(Message("warning", text, self.clock())))
        plan = self.request.plan or expand(self.sweep)
        require_name_free(plan.cases)
        resumed = self.request.resume
        before = self.store.devices(resumed.run_id) if resumed is not None else {}
        lanes, absent = assign(
            plan,
            self.interrupt.cancel,
            cache_dir=self.request.cache_dir,
            adb_server=self.sweep.adb_server,
            before=before,
            together=self.request.together,
        )
        if self.interrupt.cancel.is_set():
            raise KeyboardInterrupt  # a question cut short is no reason to skip a case, and no run has begun yet
        _require_work(plan, lanes, absent)
        if self.sweep.measure.sentinel:
            plan = with_sentinels(plan, lanes, self.interrupt.cancel, self.request.cache_dir)
            if resumed is not None:
                plan = with_sentinels_of(plan, lanes, self.store.cases(resumed.run_id))
        with ExitStack() as stack:
            held = {lane.device.device_id: stack.enter_context(self._lease(lane)) for lane in lanes if lane.cases}
            run, ledger, done, measured = self._open(plan, lanes)
            self._announce(run, plan, lanes, done)
            files = self._preparation.files(run, lanes, measured)
            self._preparation.attach(ledger, plan, lanes, files)
            for case, reason in absent:
                self._preparation.refuse(ledger, case, Status.OFFLINE, reason)
            scratch = Path(stack.enter_context(TemporaryDirectory(prefix="harness-")))
            ended = self._measure(ledger, lanes, held, done, scratch)
            outcome = self._finish(run, ledger, _state(ended, absent))
        _require_restored(ended)
        return outcome

    @contextmanager
    def _lease(self, lane: LaneCases) -> Iterator[tuple[Lease, LeaseKeeper]]:
        lease = self.leases.acquire(lane.device.device_id, holder=f"sweep {self.sweep.name}")
        with LeaseKeeper(self.leases, lease) as keeper:
            yield lease, keeper

    # ---- the run ----------------------------------------------------------------------------------------------------

    def _open(self, plan: Plan, lanes: Sequence[LaneCases]) -> tuple[RunRecord, Ledger, frozenset[DoneKey], Files]:
        """The run to write to, new or resumed, what is known of its cases, what need not be done again, and the files
        that were measured so far."""
        run = self.request.resume
        if run is None:
            run = self._create(plan, lanes)
            return run, self._ledger(run, plan), frozenset(), {}
        before = self.store.view(run.run_id)
        require_same_devices(before, [lane.facts for lane in lanes])
        ledger = self._ledger(run, plan)
        checks = self.store.checks(run.run_id)
        ledger.restore(before.invocations, checks)
        self.store.finish_run(run.run_id, "running", None)
        files = {(file.model, file.variant): file for file in before.files}
        return run, ledger, _done(self.store.done_keys(run.run_id), checks, before.invocations), files

    def _ledger(self, run: RunRecord, plan: Plan) -> Ledger:
        self._all_cases = _all_cases(plan)
        return Ledger(run.run_id, self.store, self._all_cases, self.sweep.require_coverage, self.sweep.accuracy)

    def _create(self, plan: Plan, lanes: Sequence[LaneCases]) -> RunRecord:
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        run = RunRecord(
            run_id=f"{stamp}-{self.sweep.name}-{uuid.uuid4().hex[:4]}",
            name=self.sweep.name,
            sweep_text=self.sweep.text,
            sweep_sha256=settings_sha256(self.sweep, self.request.extra_settings),
            settings_json=settings_json(self.sweep, self.request.extra_settings),
            harness_version=harness.__version__,
            started_at=utc_now(),
        )
        device_of = {case.case_id: lane.device.device_id for lane in lanes for case in lane.cases}
        self.store.create_run(run, [(case, device_of.get(case.case_id, "")) for case in _all_cases(plan)])
        self.store.save_estimate(run.run_id, estimate_s(plan, self.sweep.measure, self._costs(lanes)))
        for lane in lanes:
            self.store.save_facts(run.run_id, lane.facts)
        return run

    def _costs(self, lanes: Sequence[LaneCases]) -> StartupCosts:
        """What invocations cost on the devices that were calibrated."""
        cases = [case for lane in lanes for case in lane.cases]
        profiles = {
            case.target: in_force(self.store.profile(lane.device.device_id), lane.facts, utc_now())
            for lane in lanes
            for case in lane.cases
        }
        return startup_costs(cases, profiles)

    def _announce(self, run: RunRecord, plan: Plan, lanes: Sequence[LaneCases], done: frozenset[DoneKey]) -> None:
        total = sum(len(tasks_for(lane.cases, self.sweep.measure)) for lane in lanes)
        self.post(
            RunStarted(
                run.run_id,
                run.name,
                tuple(_all_cases(plan)),
                tuple(lane.device.device_id for lane in lanes),
                total - len(done),
                len(done),
                self.sweep.measure.blocks,
                self.clock(),
                self.sweep.measure.sustained_s if self.request.rounds is None else 0.0,  # pairs make no such passes
            )
        )
        for lane in lanes:
            for note in lane.facts.notes:
                self.post(Message("info", note, self.clock(), lane.device.device_id))

    # ---- measurement ------------------------------------------------------------------------------------------------

    def _measure(
        self,
        ledger: Ledger,
        lanes: Sequence[LaneCases],
        held: Mapping[str, tuple[Lease, LeaseKeeper]],
        done: frozenset[DoneKey],
        scratch: Path,
    ) -> Sequence[LaneThread]:
        """Run all lanes side by side to their ends; a lost device leaves its remaining cases as rows that say so."""
        context = LaneContext(
            ledger,
            self.sweep.measure,
            self.sweep.accuracy,
            self.interrupt,
            self.post,
            scratch,
            self.clock,
            settings=self.sweep.settings,
            costs=self._costs(lanes),
        )
        threads: list[LaneThread] = []

        def replanned() -> None:
            self.post(TasksPlanned(sum(thread.rounds.expected for thread in threads), self.clock()))

        for lane in (lane for lane in lanes if lane.cases):
            lease, keeper = held[lane.device.device_id]
            worker = Lane(lane.device, lane.runtimes, context, lease.token, keeper.lost)
            rounds = self._rounds(ledger, lane, done)
            ready = partial(self._keep_facts, ledger.run_id, lane.device)
            threads.append(LaneThread(worker, rounds, self.sweep.settings, ready, replanned))
        replanned()
        with keep_controller_off(measured_cpus(lanes)):
            run_lanes(threads, self.interrupt.stop)
        for thread in threads:
            self._tell_lost(ledger, thread)
        return threads

    def _rounds(self, ledger: Ledger, lane: LaneCases, done: frozenset[DoneKey]) -> Rounds:
        """What `lane` has to do: the tasks of the sweep, or what the request decides as results come in."""
        scored = self._scored(ledger, lane)
        if self.request.rounds is None:
            return FixedRounds(remaining(tasks_for(lane.cases, self.sweep.measure, scored), done))
        context = RoundsContext(
            lane.facts, tuple(lane.cases), self.sweep.measure, ledger, scored, done, self.post, self.clock
        )
        return self.request.rounds(context)

    def _scored(self, ledger: Ledger, lane: LaneCases) -> frozenset[str]:
        """The cases whose files bring a data set, unless the sweep wants no accuracy."""
        if self.sweep.accuracy.samples == 0:
            return frozenset()
        files = {case.case_id: ledger[case.case_id].file for case in lane.cases}
        return frozenset(case_id for case_id, file in files.items() if file is not None and file.data_path)

    def _keep_facts(self, run_id: str, device: Device) -> None:
        """Once more, for now they say what was changed on the device."""
        self.store.save_facts(run_id, device.facts())

    def _tell_lost(self, ledger: Ledger, thread: LaneThread) -> None:
        for error in filter(None, (thread.lost, thread.unrestored)):
            self.post(Message("error", str(error), self.clock(), thread.lane.device.device_id))
        if thread.lost is not None:
            for case in thread.rounds.cases:
                ledger.lose(case, Status.OFFLINE, thread.lost.what)

    # ---- the end ----------------------------------------------------------------------------------------------------

    def _finish(self, run: RunRecord, ledger: Ledger, state: str) -> SweepOutcome:
        report_dir = self.request.reports_dir / run.run_id
        settle_differences(ledger, self._all_cases, self.interrupt.cancel)
        rows = ledger.final_rows()
        self.store.finish_run(run.run_id, state, utc_now())
        try:
            self.write_reports(run.run_id, report_dir)
        finally:  # the results table stays on the screen also when the reports could not be written
            self.post(RunFinished(run.run_id, state, rows, str(report_dir), self.clock()))
        return SweepOutcome(run.run_id, state, rows, report_dir)


def _done(
    keys: frozenset[DoneKey], checks: Mapping[str, OutputsCheck], records: Sequence[InvocationRecord]
) -> frozenset[DoneKey]:
    """Without accuracy passes that gave no accuracy, which a resumed run tries again behind their last chunk, and
    without sustained passes that were broken off, which begin anew."""
    scored = {case_id for case_id, check in checks.items() if check.accuracy is not None}
    kept = settled_keys(keys, records)
    return frozenset(key for key in kept if key[1] is not Purpose.ACCURACY or key[0] in scored)


def _state(lanes: Sequence[LaneThread], absent: Sequence[tuple[Case, str]]) -> str:
    """``finished``; ``incomplete`` when only lost devices keep it from that; else ``interrupted``."""
    if all(lane.complete for lane in lanes):
        return "incomplete" if absent else "finished"
    return "incomplete" if all(lane.complete or lane.lost for lane in lanes) else "interrupted"


def _require_restored(lanes: Sequence[LaneThread]) -> None:
    failed = [lane.unrestored for lane in lanes if lane.unrestored is not None]
    if failed:
        raise RestoreError("; ".join(str(error) for error in failed), remedy="Put it back with: harness restore")


def _all_cases(plan: Plan) -> list[Case]:
    return [*plan.cases, *(skip.case for skip in plan.skips)]


def _require_work(plan: Plan, lanes: Sequence[LaneCases], absent: Sequence[tuple[Case, str]]) -> None:
    if any(lane.cases for lane in lanes):
        return
    reasons = {skip.reason for skip in plan.skips} | {reason for lane in lanes for _, reason in lane.refused}
    reasons |= {reason for _, reason in absent}
    raise NoDeviceError(
        "no target of this sweep can be used",
        remedy="; ".join(sorted(reasons)) or "Name a target under `targets:`.",
    )
