"""One device's lane: it takes the tasks of its device in order and makes each durable before the next begins."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path

from harness.devices.base import Device
from harness.domain import (
    AccuracySettings,
    Case,
    DeviceSettings,
    InvocationRecord,
    InvocationRequest,
    InvocationResult,
    MeasureSettings,
    Purpose,
    RuntimeRef,
    Status,
    VariantFile,
)
from harness.errors import DatasetError, DeviceOfflineError, TaskError, UsageError
from harness.events import AccuracyProgress, Event, InvocationFinished, InvocationStarted, Message, RowUpdated, Waiting
from harness.lab.accuracy import AccuracyPass
from harness.lab.interrupt import Interrupt
from harness.lab.ledger import Ledger
from harness.lab.outputs import OutputsPass, read_check, write_inputs
from harness.lab.sentinel import is_sentinel, sentinel_window
from harness.lab.sustained import SustainedPass
from harness.lab.tasks import MAX_ATTEMPTS, REDO, Task, attempts_allowed, together
from harness.lab.turns import Turns, measures_here
from harness.lab.waiting import Waiter
from harness.measure import median_ms
from harness.runtimes.base import Runtime
from harness.sweep import expected_invocation_s
from harness.sweep.estimate import StartupCosts, expected_startup_s
from harness.units import format_duration


def utc_now() -> str:
    """Now, ISO 8601 UTC with milliseconds."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class LaneContext:
    """What every lane of a run shares."""

    ledger: Ledger
    measure: MeasureSettings
    accuracy: AccuracySettings
    interrupt: Interrupt
    post: Callable[[Event], None]
    scratch: Path
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    settings: DeviceSettings = field(default_factory=DeviceSettings)
    costs: StartupCosts = field(default_factory=dict)
    turns: Turns = field(default_factory=Turns)


NO_TURN = InvocationResult(Status.INTERRUPTED)
NO_FILE = InvocationResult(Status.FAILED, error="there is no model file for this case")


class DeviceLostError(DeviceOfflineError):
    """A device did not come back in time; its lane ends, the others go on."""


class Lane:
    """Runs tasks on one device. `token` is the fencing token of its lease, `lost` says when the lease is gone."""

    def __init__(
        self,
        device: Device,
        runtimes: dict[RuntimeRef, Runtime],
        context: LaneContext,
        token: int,
        lost: Callable[[], bool],
    ) -> None:
        self.device, self._runtimes, self._context, self._token, self._lost = device, runtimes, context, token, lost
        self._waiter = Waiter(device, context.settings, context.interrupt, context.post, context.clock, context.sleep)
        self._gated: int | None = None  # the block for which the gate was passed
        self._ungated = ""  # why the present block began without the gate
        self._block_turn: ExitStack | None = None  # the turn on the host's cores, while it is a whole block's
        self._spoilt = ""  # why both arms of the present block are to be made again
        self._came_further = False  # whether the present accuracy pass scored a chunk

    def run(self, tasks: Sequence[Task], first_index: int = 0) -> bool:
        """Do `tasks` until the end, an interrupt, or the loss of the lease; true when it came to the end.

        Raises:
            StoreError: a result could not be made durable; nothing further is measured.
            DeviceLostError: the device did not come back in time.
        """
        index = first_index
        for group in together(tasks):
            if not self._do_together(group, index):
                return False
            index += len(group)
        return True

    def _do_together(self, tasks: Sequence[Task], first_index: int) -> bool:
        """Make one task, or the arms of a block: where one of these met another device than the others, all of them
        once more; false when it was cut off."""
        ledger = self._context.ledger
        for made in range(1, REDO + 2):
            self._spoilt = ""
            attempt = max(ledger[task.case.case_id].next_attempt(task) for task in tasks)  # see harness.lab.blocks
            if len(tasks) > 1 and not self._pass_gate(tasks[0]):  # nobody waits for the core meanwhile
                return False
            with self._turn_of_block(tasks) as mine:
                if not mine or not self._do_each(tasks, first_index, attempt):
                    return False
            if not self._spoilt or made > REDO or not all(ledger[task.case.case_id].succeeded(task) for task in tasks):
                break
            self._gated = None  # once more through the gate
            self.say("warning", f"{tasks[0].pair}: {self._spoilt}, measuring both arms of the block again")
        return True

    def _do_each(self, tasks: Sequence[Task], first_index: int, attempt: int) -> bool:
        """One task after the other; false when it was cut off."""
        for index, task in enumerate(tasks, first_index):
            if self._context.interrupt.stop.is_set() or self._taken_over():
                return False
            if not self._context.ledger[task.case.case_id].given_up() and not self._do(task, index, attempt):
                return False
        return True

    def _taken_over(self) -> bool:
        if self._lost():
            self.say("error", "another sweep took over this device; stopping here, finished results are kept")
        return self._lost()

    def _do(self, task: Task, index: int, attempt: int) -> bool:
        """Make one task's invocation, with its retries from number `attempt` on; false when it was cut off by an
        interrupt."""
        tries = 0
        while tries < MAX_ATTEMPTS:
            if not self._pass_gate(task):
                return False
            self._came_further = False
            result = self._attempt(task, index, attempt)
            if result.status is Status.INTERRUPTED:
                return False
            # A pass of hours may be cut off often: while it comes further, that is not held against the case.
            attempt, tries = attempt + 1, 1 if self._came_further else tries + 1
            why = self._why_again(task, result, tries)
            if result.status is Status.OFFLINE:
                self._give_turn_back()
                if not self._waiter.for_device():
                    return self._leave(task)
            if not why:
                break
            self.say("warning", f"{task.case.label}: {why}, trying once more")
        self._update_row(task.case)
        if task.purpose is Purpose.TIMING and self._context.measure.gap_s:
            self._context.sleep(self._context.measure.gap_s)
        return True

    def _pass_gate(self, task: Task) -> bool:
        """Wait before the first invocation of each block and before each sustained pass until the device is as it was;
        false on an interrupt."""
        new_block = task.purpose is Purpose.TIMING and self._gated != task.block
        if new_block or task.purpose is Purpose.SUSTAINED:
            self._ungated = self._waiter.for_gate()
            self._gated = task.block
            if self._ungated:
                self.say("warning", self._ungated)
        return not self._context.interrupt.stop.is_set()

    def _why_again(self, task: Task, result: InvocationResult, tries: int) -> str:
        """Why an invocation is to be made once more, or an empty text."""
        if tries < attempts_allowed(result.status):
            if task.pair and task.order and result.status is Status.OFFLINE:
                self._spoilt = "the device was lost between the arms"
            return f"{result.status} in the {task.purpose} pass"
        # A phone that did not cool within the gate's patience would not do better now.
        throttled = (
            task.purpose is Purpose.TIMING and result.status is Status.DONE and tries <= REDO and not self._ungated
        )
        reason = self.device.redo_reason(result.evidence) if throttled else ""
        if task.pair:  # again with its whole block, or not at all
            self._spoilt = f"{task.case.label}: {reason}" if reason else self._spoilt
            return ""
        if reason:
            self._gated = None  # once more through the gate
        return reason

    def _leave(self, task: Task) -> bool:
        self._update_row(task.case)
        if self._context.interrupt.stop.is_set():
            return False
        waited = format_duration(self._context.settings.offline_timeout_s)
        raise DeviceLostError(f"the device was lost and did not come back within {waited}", where=self.device.device_id)

    def _attempt(self, task: Task, index: int, attempt: int) -> InvocationResult:
        context = self._context
        startup_s = expected_startup_s(task.case, context.costs)
        expected_s = expected_invocation_s(context.measure, task.purpose, startup_s=startup_s)
        context.post(
            InvocationStarted(
                self.device.device_id, task.case, task.purpose, task.block, index, expected_s, context.clock()
            )
        )
        make = self._sustain if task.purpose is Purpose.SUSTAINED else self._single
        result = make(task, attempt)
        self._post_finished(task, index, result)
        return result

    def _single(self, task: Task, attempt: int) -> InvocationResult:
        """One process; durable when this returns."""
        context = self._context
        with self._turn(task.case) as mine:
            started_at = utc_now()
            made, result = self._invoke(task) if mine else (None, NO_TURN)
        if self._ungated and task.purpose is Purpose.TIMING:
            notes = (*result.evidence.notes, self._ungated)
            result = replace(result, evidence=replace(result.evidence, notes=notes))
        # The check first: killed between the writes, a resumed run repeats the pass instead of missing its check.
        if made is not None and result.status is Status.DONE:
            result = self._judged(task.case, made, result)
        record = InvocationRecord(task.case.case_id, task.purpose, task.block, task.order, attempt, started_at, result)
        if result.status is not Status.INTERRUPTED:
            context.ledger.record(record, self._token)
        return result

    def _sustain(self, task: Task, attempt: int) -> InvocationResult:
        """A sustained pass; each of its processes is durable before the next begins."""
        context, case = self._context, task.case
        request = self._request(task)
        if request is None:
            return NO_FILE

        def record(index: int, started_at: str, result: InvocationResult) -> None:
            made = InvocationRecord(case.case_id, task.purpose, index, task.order, attempt, started_at, result)
            context.ledger.record(made, self._token)

        def invoke(request: InvocationRequest) -> InvocationResult:
            with self._turn(case) as mine:
                return self._runtimes[case.runtime].invoke(request, context.interrupt.cancel) if mine else NO_TURN

        return SustainedPass(
            self.device.device_id,
            case,
            request,
            invoke,
            record,
            context.post,
            context.clock,
            utc_now,
            lambda: context.interrupt.stop.is_set() or self._taken_over(),
            self._ungated,
        ).run()

    @contextmanager
    def _turn_of_block(self, tasks: Sequence[Task]) -> Iterator[bool]:
        """The arms of a block have one turn: nothing runs between them. What stands alone takes turns by itself."""
        if len(tasks) < 2:
            yield True
            return
        with ExitStack() as turn:
            mine = turn.enter_context(self._turn(*(task.case for task in tasks)))
            self._block_turn = turn
            try:
                yield mine
            finally:
                self._block_turn = None

    def _give_turn_back(self) -> None:
        """Others may measure while a lost device is waited for; what is left of the block takes turns one by one."""
        if self._block_turn is not None:
            self._block_turn.close()
            self._block_turn = None

    def _turn(self, *cases: Case) -> AbstractContextManager[bool]:
        """While no other lane measures on the CPUs of `cases`, if they are of this host; false after an interrupt."""
        if self._block_turn is not None:
            return nullcontext(True)
        context, device_id = self._context, self.device.device_id
        cpus: set[int] = set()
        for case in cases if measures_here(device_id) else ():
            with suppress(UsageError):  # the runtime makes a row of it
                cpus.update(self.device.choose_cpus(case.backend.cores, case.backend.threads))
        return context.turns.of(
            cpus, context.interrupt.stop, lambda reason: context.post(Waiting(device_id, reason, context.clock()))
        )

    def _invoke(self, task: Task) -> tuple[OutputsPass | None, InvocationResult]:
        file, request = self._context.ledger[task.case.case_id].file, self._request(task)
        if file is None or request is None:
            return None, NO_FILE
        made: OutputsPass | None = None
        if task.purpose is Purpose.OUTPUTS:
            made = write_inputs(file, self._context.scratch, task.case.case_id)
            request = replace(request, inputs_path=str(made.inputs_path), outputs_path=str(made.outputs_path))
        if task.purpose is Purpose.ACCURACY:
            return None, self._score(task.case, file, request)
        return made, self._runtimes[task.case.runtime].invoke(request, self._context.interrupt.cancel)

    def _request(self, task: Task) -> InvocationRequest | None:
        """What is asked of the runtime; None for a case without a model file."""
        file = self._context.ledger[task.case.case_id].file
        if file is None or file.path is None:
            return None
        return InvocationRequest(
            task.purpose,
            file.path,
            task.case.backend,
            task.case.runtime,
            self._window(task.case),
            seed=self._context.measure.seed,
        )

    def _window(self, case: Case) -> MeasureSettings:
        measure = self._context.measure
        return sentinel_window(measure) if is_sentinel(case) else measure

    def _score(self, case: Case, file: VariantFile, request: InvocationRequest) -> InvocationResult:
        context = self._context

        def progress(samples: int, total: int) -> None:
            self._came_further = True
            context.post(AccuracyProgress(self.device.device_id, case, samples, total, context.clock()))

        try:
            scoring = AccuracyPass(case, file, context.accuracy.samples, context.ledger, self._token)
            return scoring.run(self._runtimes[case.runtime], request, progress, context.interrupt)
        except (DatasetError, TaskError) as error:
            where = f"{error.where}: " if error.where else ""
            return InvocationResult(Status.FAILED, error=f"{where}{error.sentences}")

    def _judged(self, case: Case, made: OutputsPass, result: InvocationResult) -> InvocationResult:
        """`result`, FAILED when what came back cannot be the outputs of this model at all."""
        file = self._context.ledger[case.case_id].file
        assert file is not None
        try:
            check = read_check(file, made)
            if check is not None:
                self._context.ledger.set_check(case, check)
        except ValueError as error:
            return replace(result, status=Status.FAILED, error=f"these are not the outputs of this model: {error}")
        finally:
            made.inputs_path.unlink(missing_ok=True)
            made.outputs_path.unlink(missing_ok=True)
        return result

    def _post_finished(self, task: Task, index: int, result: InvocationResult) -> None:
        self._context.post(
            InvocationFinished(
                self.device.device_id,
                task.case,
                task.purpose,
                task.block,
                index,
                result.status,
                result.error,
                median_ms(result),
                result.evidence.clock_end_ghz,
                result.evidence.temp_end_c,
                result.wall_s,
                self._context.clock(),
            )
        )

    def _update_row(self, case: Case) -> None:
        row = self._context.ledger.row(case)
        final = row.invocations >= self._context.measure.blocks or bool(self._context.ledger[case.case_id].given_up())
        self._context.post(RowUpdated(row, case, final, self._context.clock()))

    def say(self, level: str, text: str) -> None:
        """Post a line of this device for the event log."""
        self._context.post(Message(level, text, self._context.clock(), self.device.device_id))
