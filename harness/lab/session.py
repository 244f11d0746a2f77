"""A sweep from its first step to its reports: prepare, lease, lanes, rows."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import harness
from harness.devices import Device
from harness.devices.affinity import keep_controller_off
from harness.devices.registry import open_device
from harness.domain import Case, DeviceFacts, ResultRow, RunRecord, RuntimeRef, Status, VariantFile
from harness.errors import HarnessError, NoDeviceError, StableError
from harness.events import Event, Message, PrepareStarted, RowUpdated, RunFinished, RunStarted, VariantPrepared
from harness.lab.interrupt import Interrupt
from harness.lab.lane import Lane, LaneContext, utc_now
from harness.lab.ledger import Ledger
from harness.lab.tasks import DoneKey, Task, remaining, tasks_for
from harness.prepare import prepare
from harness.runtimes import Runtime, open_runtime
from harness.store import Lease, LeaseBook, LeaseKeeper, Store
from harness.sweep import Plan, Sweep, estimate_s, expand


@dataclass(frozen=True)
class SweepRequest:
    """What `harness run` asks for. `resume` is the run to continue, or None for a new one."""

    sweep: Sweep
    reports_dir: Path
    cache_dir: Path
    jobs: int
    resume: RunRecord | None = None
    prepare_timeout_s: float = 1800.0


@dataclass(frozen=True)
class SweepOutcome:
    """What came of it. `state` is ``finished`` or ``interrupted``."""

    run_id: str
    state: str
    rows: tuple[ResultRow, ...]
    report_dir: Path


@dataclass
class _Lane:
    """A device with what is to be done on it."""

    device: Device
    facts: DeviceFacts
    cases: list[Case] = field(default_factory=list)
    refused: list[Case] = field(default_factory=list)
    runtimes: dict[RuntimeRef, Runtime] = field(default_factory=dict)
    error: HarnessError | None = None
    complete: bool = False


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

    def run(self) -> SweepOutcome:
        plan = expand(self.sweep)
        lanes, refusals = self._assign(plan)
        if len(refusals) > len(plan.skips) and self.interrupt.cancel.is_set():
            raise KeyboardInterrupt  # a question cut short is no reason to skip a case, and no run has begun yet
        if not lanes:
            raise NoDeviceError(
                "no target of this sweep can be used",
                remedy="; ".join(sorted({reason for _, reason in refusals})) or "Name a target under `targets:`.",
            )
        with ExitStack() as stack:
            held = {lane.device.device_id: stack.enter_context(self._lease(lane.device)) for lane in lanes}
            run = self._open_run(plan, lanes)
            report_dir = self.request.reports_dir / run.run_id
            ledger = Ledger(run.run_id, self.store, self._all_cases(plan), self.sweep.require_coverage)
            done = self._restore(run, ledger)
            self._announce(run, plan, lanes, done)
            files = self._prepare(run, [case for lane in lanes for case in lane.cases])
            self._attach(ledger, lanes, files)
            for case, reason in refusals:
                self._row(ledger.refuse(case, Status.SKIPPED, reason), case)
            scratch = Path(stack.enter_context(TemporaryDirectory(prefix="harness-")))
            self._measure(run, ledger, lanes, held, done, scratch)
            return self._finish(run, ledger, lanes, report_dir)

    # ---- devices ----------------------------------------------------------------------------------------------------

    def _assign(self, plan: Plan) -> tuple[list[_Lane], list[tuple[Case, str]]]:
        """Give every case of the plan a lane, or a reason why it has none."""
        refusals = [(skip.case, skip.reason) for skip in plan.skips]
        lanes: dict[str, _Lane] = {}
        for target in dict.fromkeys(case.target for case in plan.cases):
            device = open_device(target)
            lane = lanes.setdefault(device.device_id, _Lane(device, device.facts()))
            lane.cases += [case for case in plan.cases if case.target == target]
        for lane in lanes.values():
            refusals += self._refuse_unsupported(lane)
        return [lane for lane in lanes.values() if lane.cases], refusals

    def _refuse_unsupported(self, lane: _Lane) -> list[tuple[Case, str]]:
        refused: list[tuple[Case, str]] = []
        for case in lane.cases:
            if case.runtime not in lane.runtimes:
                lane.runtimes[case.runtime] = open_runtime(case.runtime, lane.device, self.interrupt.cancel)
            reason = lane.runtimes[case.runtime].unsupported_reason(case)
            if reason is not None:
                refused.append((case, reason))
        lane.refused = [case for case, _ in refused]
        gone = {case.case_id for case in lane.refused}
        lane.cases = [case for case in lane.cases if case.case_id not in gone]
        return refused

    @contextmanager
    def _lease(self, device: Device) -> Iterator[tuple[Lease, LeaseKeeper]]:
        lease = self.leases.acquire(device.device_id, holder=f"sweep {self.sweep.name}")
        with LeaseKeeper(self.leases, lease) as keeper:
            yield lease, keeper

    # ---- the run ----------------------------------------------------------------------------------------------------

    @staticmethod
    def _all_cases(plan: Plan) -> list[Case]:
        return [*plan.cases, *(skip.case for skip in plan.skips)]

    def _open_run(self, plan: Plan, lanes: Sequence[_Lane]) -> RunRecord:
        if self.request.resume is not None:
            self.store.finish_run(self.request.resume.run_id, "running", None)
            return self.request.resume
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        run = RunRecord(
            run_id=f"{stamp}-{self.sweep.name}-{uuid.uuid4().hex[:4]}",
            name=self.sweep.name,
            sweep_text=self.sweep.text,
            sweep_sha256=self.sweep.sha256,
            settings_json=self.sweep.resolved_json,
            harness_version=harness.__version__,
            started_at=utc_now(),
        )
        device_of = {case.case_id: lane.device.device_id for lane in lanes for case in lane.cases}
        self.store.create_run(run, [(case, device_of.get(case.case_id, "")) for case in self._all_cases(plan)])
        self.store.save_estimate(run.run_id, estimate_s(plan, self.sweep.measure))
        for lane in lanes:
            self.store.save_facts(run.run_id, lane.facts)
        return run

    def _restore(self, run: RunRecord, ledger: Ledger) -> frozenset[DoneKey]:
        if self.request.resume is None:
            return frozenset()
        ledger.restore(self.store.invocations(run.run_id), self.store.checks(run.run_id))
        return self.store.done_keys(run.run_id)

    def _announce(self, run: RunRecord, plan: Plan, lanes: Sequence[_Lane], done: frozenset[DoneKey]) -> None:
        total = sum(len(tasks_for(lane.cases, self.sweep.measure)) for lane in lanes)
        self.post(
            RunStarted(
                run.run_id,
                run.name,
                tuple(self._all_cases(plan)),
                tuple(lane.device.device_id for lane in lanes),
                total - len(done),
                len(done),
                self.sweep.measure.blocks,
                self.clock(),
            )
        )
        for lane in lanes:
            for note in lane.facts.notes:
                self.post(Message("info", note, self.clock(), lane.device.device_id))

    # ---- preparation ------------------------------------------------------------------------------------------------

    def _prepare(self, run: RunRecord, cases: Sequence[Case]) -> dict[tuple[str, str], VariantFile]:
        models = tuple(dict.fromkeys(case.model for case in cases))
        wanted = {(case.model.name, case.variant) for case in cases}
        variants = tuple(dict.fromkeys(case.variant for case in cases))
        self.post(PrepareStarted(len(models) * len(variants), self.clock()))

        def on_file(file: VariantFile) -> None:
            self.store.save_variant_file(run.run_id, file)
            self.post(VariantPrepared(file, self.clock()))

        files = prepare(
            models,
            variants,
            cache_dir=self.request.cache_dir,
            jobs=self.request.jobs,
            on_file=on_file,
            on_progress=lambda text: self.post(Message("info", text, self.clock())),
            cancel=self.interrupt.stop,
            timeout_s=self.request.prepare_timeout_s,
        )
        return {(file.model, file.variant): file for file in files if (file.model, file.variant) in wanted}

    def _attach(self, ledger: Ledger, lanes: Sequence[_Lane], files: Mapping[tuple[str, str], VariantFile]) -> None:
        """Tie files and devices to the cases; a case without a file becomes a row and leaves its lane."""
        for lane in lanes:
            for case in lane.refused:
                ledger.attach(files, lane.facts, case)
            for case in lane.cases:
                ledger.attach(files, lane.facts, case)
                file = ledger[case.case_id].file
                if not self.interrupt.stop.is_set() and (file is None or file.status is not Status.DONE):
                    status, reason = (file.status, file.reason) if file else (Status.FAILED, "no model file")
                    self._row(ledger.refuse(case, status, reason), case)
            lane.cases = [case for case in lane.cases if ledger[case.case_id].refusal is None]

    def _row(self, row: ResultRow, case: Case) -> None:
        self.post(RowUpdated(row, case, True, self.clock()))

    # ---- measurement ------------------------------------------------------------------------------------------------

    def _measure(
        self,
        run: RunRecord,
        ledger: Ledger,
        lanes: Sequence[_Lane],
        held: Mapping[str, tuple[Lease, LeaseKeeper]],
        done: frozenset[DoneKey],
        scratch: Path,
    ) -> None:
        context = LaneContext(
            ledger, self.sweep.measure, self.sweep.accuracy, self.interrupt, self.post, scratch, self.clock
        )
        threads = []
        for lane in lanes:
            lease, keeper = held[lane.device.device_id]
            worker = Lane(lane.device, lane.runtimes, context, lease.token, keeper.lost)
            tasks = remaining(tasks_for(lane.cases, self.sweep.measure), done)
            threads.append(threading.Thread(target=self._guard, args=(lane, worker, tasks), name=lane.device.device_id))
        with keep_controller_off(measured_cpus(lanes)):
            for thread in threads:
                thread.start()
            for thread in threads:
                _join(thread)
        failed = next((lane.error for lane in lanes if lane.error is not None), None)
        if failed is not None:
            raise failed

    def _guard(self, lane: _Lane, worker: Lane, tasks: Sequence[Task]) -> None:
        """Keep an error of one lane for the main thread, and stop the others in order."""
        try:
            lane.complete = worker.run(tasks)
        except HarnessError as error:
            lane.error = error
        except Exception as error:  # the lane's boundary: nothing may vanish with a thread
            lane.error = StableError(
                f"internal error in the lane: {type(error).__name__}: {error}", where=lane.device.device_id
            )
            lane.error.__cause__ = error
        if lane.error is not None:
            self.interrupt.stop.set()

    # ---- the end ----------------------------------------------------------------------------------------------------

    def _finish(self, run: RunRecord, ledger: Ledger, lanes: Sequence[_Lane], report_dir: Path) -> SweepOutcome:
        state = "finished" if all(lane.complete for lane in lanes) else "interrupted"
        rows = ledger.final_rows()
        self.store.finish_run(run.run_id, state, utc_now())
        try:
            self.write_reports(run.run_id, report_dir)
        finally:  # the results table stays on the screen also when the reports could not be written
            self.post(RunFinished(run.run_id, state, rows, str(report_dir), self.clock()))
        return SweepOutcome(run.run_id, state, rows, report_dir)


def measured_cpus(lanes: Sequence[_Lane]) -> tuple[int, ...]:
    """The CPUs of this machine on which cases are measured: the controller's own threads keep off them."""
    chosen: set[int] = set()
    for lane in lanes:
        if lane.facts.kind == "host":
            for case in lane.cases:
                chosen.update(lane.device.choose_cpus(case.backend.cores, case.backend.threads))
    return tuple(sorted(chosen))


def _join(thread: threading.Thread) -> None:
    """Wait in short steps, so that signals reach the main thread."""
    while thread.is_alive():
        thread.join(0.2)
