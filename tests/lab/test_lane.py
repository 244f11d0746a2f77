"""One lane on a device that throttles, gets lost and comes back; store and ledger are real."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event as Flag

import numpy as np
import pytest

from harness.devices.base import Say
from harness.devices.host import HostDevice
from harness.domain import (
    AccuracySettings,
    Case,
    DeviceSettings,
    Evidence,
    Gate,
    InvocationRequest,
    InvocationResult,
    MeasureSettings,
    ModelRef,
    Purpose,
    RunRecord,
    RuntimeRef,
    Status,
    VariantFile,
)
from harness.errors import RestoreError
from harness.events import Event, InvocationFinished, Message
from harness.lab.blocks import torn_blocks, whole_blocks
from harness.lab.interrupt import Interrupt
from harness.lab.lane import Lane, LaneContext
from harness.lab.ledger import Ledger
from harness.lab.rounds import FixedRounds
from harness.lab.tasks import Task
from harness.lab.threads import LaneThread, run_lanes
from harness.store import Store

CASE = Case(ModelRef("m"), "int8")
OTHER = Case(ModelRef("n"), "int8")
GOOD = InvocationResult(Status.DONE, samples_ns=np.full(100, 1_000_000, np.int64))
HOT = replace(GOOD, evidence=Evidence(thermal_status=2))
CRASHED = InvocationResult(Status.CRASHED, error="SIGSEGV")
LOST = InvocationResult(Status.OFFLINE, error="the phone was lost")


class Phone(HostDevice):
    """A device that a test drives."""

    def __init__(self, back: bool = True, busy: bool = False, unrestored: bool = False) -> None:
        super().__init__()
        self.back, self.unrestored, self.gates, self.sessions = back, unrestored, 0, 0

    def wait_reason(self) -> str:
        self.gates += 1
        return ""

    def redo_reason(self, evidence: Evidence) -> str:
        return f"thermal status {evidence.thermal_status}" if evidence.thermal_status else ""

    def recover(self, cancel: Flag) -> bool:
        return self.back

    @contextmanager
    def session(self, settings: DeviceSettings, cpus: tuple[int, ...], say: Say) -> Iterator[None]:  # type: ignore[override]
        self.sessions += 1
        yield
        if self.unrestored:
            raise RestoreError("governor is still performance")


@dataclass
class Scripted:
    """A runtime that gives what a test prepared, the last for ever."""

    results: list[InvocationResult]
    calls: int = 0

    def unsupported_reason(self, case: Case) -> str | None:
        return None

    def invoke(self, request: InvocationRequest, cancel: Flag) -> InvocationResult:
        self.calls += 1
        return self.results.pop(0) if len(self.results) > 1 else self.results[0]


@dataclass
class Bench:
    store: Store
    folder: Path
    events: list[Event] = field(default_factory=list)
    now_s: float = 0.0
    interrupt: Interrupt = field(default_factory=Interrupt)
    post: Callable[[Event], None] | None = None

    def __post_init__(self) -> None:
        run = RunRecord("r", "trial", "", "", "{}", "0", "2026-01-01T00:00:00Z")
        self.store.create_run(run, [(CASE, "adb-1"), (OTHER, "adb-2")])
        self.ledger = Ledger("r", self.store, [CASE, OTHER], "any")
        file = VariantFile("m", "int8", Status.DONE, path="m.tflite")
        for case in (CASE, OTHER):
            self.ledger.attach({("m", "int8"): file, ("n", "int8"): replace(file, model="n")}, None, case)

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def lane(self, phone: Phone, results: Sequence[InvocationResult], settings: DeviceSettings | None = None) -> Lane:
        context = LaneContext(
            self.ledger,
            MeasureSettings(),
            AccuracySettings(),
            self.interrupt,
            self.post or self.events.append,
            self.folder,
            clock=lambda: self.now_s,
            sleep=self.sleep,
            settings=settings or DeviceSettings(gate=Gate(timeout_s=5), offline_timeout_s=30),
        )
        return Lane(phone, {RuntimeRef(): Scripted(list(results))}, context, 1, lambda: False)

    def statuses(self, case: Case = CASE) -> list[tuple[int, int, Status]]:
        records = self.store.invocations("r", case.case_id)
        return [(record.block, record.attempt, record.result.status) for record in records]

    def said(self) -> str:
        return "\n".join(event.text for event in self.events if isinstance(event, Message))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Store.open(tmp_path / "results.sqlite") as store:
        yield Bench(store, tmp_path)


def timing(case: Case, blocks: int) -> list[Task]:
    return [Task(case, Purpose.TIMING, block, 0) for block in range(blocks)]


def test_a_block_that_throttled_is_made_again_after_the_gate_and_both_are_kept(bench: Bench) -> None:
    phone = Phone()
    assert bench.lane(phone, [HOT, GOOD]).run(timing(CASE, 2))
    assert bench.statuses() == [(0, 0, Status.DONE), (0, 1, Status.DONE), (1, 0, Status.DONE)]
    assert phone.gates == 3
    assert "thermal status 2, trying once more" in bench.said()
    assert "1 of 2 blocks were measured again" in bench.ledger.row(CASE).reasons


def test_a_phone_that_always_throttles_is_tried_three_times_a_block(bench: Bench) -> None:
    bench.lane(Phone(), [HOT]).run(timing(CASE, 1))
    assert bench.statuses() == [(0, attempt, Status.DONE) for attempt in range(3)]


def test_the_gate_stands_before_each_block_not_each_invocation(bench: Bench) -> None:
    phone = Phone()
    tasks = [Task(case, Purpose.TIMING, block, order) for block in range(2) for order, case in enumerate((CASE, OTHER))]
    bench.lane(phone, [GOOD]).run(tasks)
    assert phone.gates == 2


def test_what_was_measured_without_the_gate_says_so(bench: Bench) -> None:
    class Hot(Phone):
        def wait_reason(self) -> str:
            return "cooling: 44.0 C, gate 38.0 C"

    bench.lane(Hot(), [HOT]).run(timing(CASE, 1))
    (record,) = bench.store.invocations("r", CASE.case_id)  # once: it would throttle again
    assert record.result.evidence.notes[0].startswith("begun although the gate did not open within 5 s")


def test_a_phone_that_comes_back_goes_on(bench: Bench) -> None:
    assert bench.lane(Phone(), [GOOD, LOST, GOOD]).run(timing(CASE, 3))
    assert bench.statuses() == [
        (0, 0, Status.DONE),
        (1, 0, Status.OFFLINE),
        (1, 1, Status.DONE),
        (2, 0, Status.DONE),
    ]


def test_a_dead_phone_ends_its_lane_and_no_other(bench: Bench) -> None:
    dead = LaneThread(bench.lane(Phone(back=False), [GOOD, LOST]), FixedRounds(timing(CASE, 3)), DeviceSettings())
    alive = LaneThread(bench.lane(Phone(), [GOOD]), FixedRounds(timing(OTHER, 3)), DeviceSettings())
    stop = Flag()
    run_lanes([dead, alive], stop)
    assert not stop.is_set()
    assert (dead.complete, alive.complete) == (False, True)
    assert "did not come back within 30 s" in str(dead.lost)
    assert [status for _, _, status in bench.statuses(OTHER)] == [Status.DONE] * 3
    assert bench.statuses()[-1] == (1, 0, Status.OFFLINE)


def test_a_failed_restore_is_kept_for_the_end(bench: Bench) -> None:
    thread = LaneThread(bench.lane(Phone(unrestored=True), [GOOD]), FixedRounds(timing(CASE, 1)), DeviceSettings())
    run_lanes([thread], Flag())
    assert thread.complete
    assert "governor is still performance" in str(thread.unrestored)


# ---- the arms of a pair ----------------------------------------------------------------------------------------------


def block(number: int = 0) -> list[Task]:
    return [Task(case, Purpose.TIMING, number, order, "a pair") for order, case in enumerate((CASE, OTHER))]


@pytest.mark.parametrize("results", [[HOT, GOOD], [GOOD, HOT, GOOD]])
def test_an_arm_that_throttled_is_made_again_with_its_counterpart(
    bench: Bench, results: list[InvocationResult]
) -> None:
    phone = Phone()
    assert bench.lane(phone, results).run([*block(), *block(1)])
    made_twice = [(0, 0, Status.DONE), (0, 1, Status.DONE), (1, 0, Status.DONE)]
    assert bench.statuses(CASE) == bench.statuses(OTHER) == made_twice
    assert phone.gates == 3, "the second pass waits at the gate as well"
    assert "thermal status 2, measuring both arms of the block again" in bench.said()


def test_a_block_that_always_throttles_is_made_three_times(bench: Bench) -> None:
    assert bench.lane(Phone(), [HOT]).run(block())
    assert bench.statuses(CASE) == bench.statuses(OTHER) == [(0, attempt, Status.DONE) for attempt in range(3)]
    assert bench.said().count("again") == 2


def test_no_block_is_made_again_for_an_arm_that_crashes(bench: Bench) -> None:
    assert bench.lane(Phone(), [HOT, CRASHED]).run(block())
    assert (bench.statuses(CASE), bench.statuses(OTHER)) == ([(0, 0, Status.DONE)], [(0, 0, Status.CRASHED)])


def test_a_phone_that_was_lost_between_the_arms_gives_both_again(bench: Bench) -> None:
    assert bench.lane(Phone(), [GOOD, LOST, GOOD]).run(block())
    assert bench.statuses(CASE) == [(0, 0, Status.DONE), (0, 2, Status.DONE)]
    assert bench.statuses(OTHER) == [(0, 0, Status.OFFLINE), (0, 1, Status.DONE), (0, 2, Status.DONE)]
    assert "lost between the arms" in bench.said()


def test_a_phone_that_was_lost_before_the_block_gives_one(bench: Bench) -> None:
    assert bench.lane(Phone(), [LOST, GOOD]).run(block())
    assert bench.statuses(CASE) == [(0, 0, Status.OFFLINE), (0, 1, Status.DONE)]
    assert bench.statuses(OTHER) == [(0, 0, Status.DONE)]


def test_a_second_pass_that_was_cut_off_is_torn(bench: Bench) -> None:
    def stop_in_the_second_pass(event: Event) -> None:
        bench.events.append(event)
        if sum(isinstance(one, InvocationFinished) for one in bench.events) == 3:
            bench.interrupt.press()

    bench.post = stop_in_the_second_pass
    lane = bench.lane(Phone(), [HOT, GOOD])
    assert not lane.run(block())
    records = [bench.store.invocations("r", case.case_id) for case in (CASE, OTHER)]
    assert [len(arm) for arm in records] == [2, 1]
    assert torn_blocks(*records) == {0}
    bench.interrupt, bench.post = Interrupt(), None
    assert bench.lane(Phone(), [GOOD]).run(block())
    records = [bench.store.invocations("r", case.case_id) for case in (CASE, OTHER)]
    assert [[one.attempt for one in arm] for arm in records] == [[0, 1, 2], [0, 2]]
    assert (torn_blocks(*records), whole_blocks(*records)) == (frozenset(), {0})


def test_a_phone_with_nothing_left_to_do_is_left_alone(bench: Bench) -> None:
    phone = Phone()
    thread = LaneThread(bench.lane(phone, [GOOD]), FixedRounds([]), DeviceSettings())
    run_lanes([thread], Flag())
    assert (thread.complete, phone.sessions) == (True, 0)
