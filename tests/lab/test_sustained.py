"""A sustained pass in a lane: what is asked of the runtime, what is durable, and what a cut or a lost phone costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event as Flag

import numpy as np
import pytest

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
from harness.events import Event, InvocationFinished, InvocationStarted, Message, SustainedProgress
from harness.lab.interrupt import Interrupt
from harness.lab.lane import Lane, LaneContext
from harness.lab.ledger import Ledger
from harness.lab.sustained import (
    FEWEST_SLICES,
    KEPT_SAMPLES,
    LONGEST_WINDOW_S,
    SHORTEST_WINDOW_S,
    placed,
    settled_keys,
    window_s,
)
from harness.lab.tasks import Task, tasks_for
from harness.measure.sustained import sustained_of
from harness.store import Store

CASES = (Case(ModelRef("m"), "int8"), Case(ModelRef("n"), "int8"))
OVERHEAD_S = 1.5
MEASURE = MeasureSettings(sustained_s=300.0)


class Phone(HostDevice):
    """Counts the times that the gate is asked, and comes back when it was lost."""

    def __init__(self, gate: str = "") -> None:
        super().__init__()
        self.gates, self.gate = 0, gate

    def wait_reason(self) -> str:
        self.gates += 1
        return self.gate

    def redo_reason(self, evidence: Evidence) -> str:
        return "it is hot" if evidence.thermal_status else ""

    def recover(self, cancel: Flag) -> bool:
        return True


@dataclass
class Bench:
    """A lane on a made-up clock: a slice takes its window and the overhead, and slows after a minute of load."""

    store: Store
    folder: Path
    now_s: float = 0.0
    fail: dict[int, Status] = field(default_factory=dict)
    on_call: Callable[[int], object] = lambda number: None
    requests: list[InvocationRequest] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    interrupt: Interrupt = field(default_factory=Interrupt)
    lost: Flag = field(default_factory=Flag)
    loaded_s: float = 0.0

    def __post_init__(self) -> None:
        run = RunRecord("r", "trial", "", "", "{}", "0", "2026-01-01T00:00:00Z")
        self.store.create_run(run, [(case, "adb-1") for case in CASES])
        self.restart()

    def restart(self) -> None:
        """As a resumed run has it: a new ledger with what is in the store."""
        self.ledger = Ledger("r", self.store, CASES, "any")
        self.ledger.restore(self.store.invocations("r"), {})
        file = VariantFile("m", "int8", Status.DONE, path="m.tflite")
        for case in CASES:
            self.ledger.attach({("m", "int8"): file, ("n", "int8"): replace(file, model="n")}, None, case)
        self.interrupt = Interrupt()

    def unsupported_reason(self, case: Case) -> str | None:
        return None

    def invoke(self, request: InvocationRequest, cancel: Flag) -> InvocationResult:
        number = len(self.requests)
        self.requests.append(request)
        self.on_call(number)
        if number in self.fail:
            self.now_s += OVERHEAD_S
            return InvocationResult(self.fail[number], error="as the test wants it", wall_s=OVERHEAD_S)
        self.now_s += request.measure.min_s + OVERHEAD_S
        self.loaded_s += request.measure.min_s
        hot = self.loaded_s > 60.0
        one_ns = 13_000_000 if hot else 10_000_000
        samples = np.full(round(request.measure.min_s * 1e9 / one_ns), one_ns, np.int64)
        evidence = Evidence(thermal_status=int(hot), temp_end_c=45.0 if hot else 30.0, notes=("seen",))
        return InvocationResult(Status.DONE, samples_ns=samples, evidence=evidence, log="chatter")

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def run(self, phone: Phone | None = None, measure: MeasureSettings = MEASURE) -> bool:
        """The sustained tasks of both cases, as far as they are not done."""
        context = LaneContext(
            self.ledger,
            measure,
            AccuracySettings(),
            self.interrupt,
            self.events.append,
            self.folder,
            clock=lambda: self.now_s,
            sleep=self.sleep,
            settings=DeviceSettings(gate=Gate(timeout_s=5), offline_timeout_s=30),
        )
        lane = Lane(phone or Phone(), {RuntimeRef(): self}, context, 1, self.lost.is_set)  # type: ignore[dict-item]
        done = settled_keys(self.store.done_keys("r"), self.store.invocations("r"))
        return lane.run([task for task in wanted(measure) if task.key not in done])

    def slices(self, case: Case = CASES[0]) -> list[tuple[int, int, Status]]:
        records = self.store.invocations("r", case.case_id)
        return [(record.attempt, record.block, record.result.status) for record in records]

    def said(self) -> str:
        return "\n".join(event.text for event in self.events if isinstance(event, Message))


def wanted(measure: MeasureSettings) -> list[Task]:
    return [task for task in tasks_for(CASES, measure) if task.purpose is Purpose.SUSTAINED]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Store.open(tmp_path / "results.sqlite") as store:
        yield Bench(store, tmp_path)


def test_the_pass_comes_after_the_profile_and_before_the_accuracy() -> None:
    tasks = tasks_for(CASES, MEASURE, scored={case.case_id for case in CASES})
    assert [task.purpose for task in tasks][-6:] == [
        *[Purpose.PROFILE] * 2,
        *[Purpose.SUSTAINED] * 2,
        *[Purpose.ACCURACY] * 2,
    ]
    assert wanted(replace(MEASURE, sustained_s=0.0)) == []


def test_slices_follow_each_other_until_the_time_is_up(bench: Bench) -> None:
    assert bench.run()
    slices = bench.slices()
    assert slices == [(0, index, Status.DONE) for index in range(len(slices))]
    with_places = [one.result.sustained for one in bench.store.invocations("r", CASES[0].case_id)]
    places = [place for place in with_places if place is not None]
    assert [place.start_s for place in places[1:]] == [place.end_s for place in places[:-1]], "no gap"
    assert places[0].start_s == 0.0
    assert 300.0 <= places[-1].end_s < 302.5
    assert {place.wanted_s for place in places} == {300.0}
    asked = bench.requests[0]
    assert (asked.purpose, asked.measure.min_s, asked.measure.max_s) == (Purpose.TIMING, 10.0, 10.0)
    assert asked.measure.warmup_max_s < 0.5


def test_the_row_tells_the_first_minute_and_where_it_settled(bench: Bench) -> None:
    bench.run()
    found = sustained_of(bench.store.invocations("r", CASES[0].case_id))
    assert found is not None
    assert found.first.ms == pytest.approx(10.0)
    assert found.settled_ms == pytest.approx(13.0)
    assert found.duty == pytest.approx(10.0 / 11.5, abs=0.02)


def test_the_gate_stands_before_each_pass_and_heat_makes_no_slice_again(bench: Bench) -> None:
    phone = Phone()
    bench.run(phone)
    assert phone.gates == 2
    assert {attempt for attempt, _, _ in bench.slices()} == {0}
    assert "trying once more" not in bench.said()


def test_a_pass_that_began_warm_says_so(bench: Bench) -> None:
    bench.run(Phone(gate="cooling: 44.0 C, gate 38.0 C"))
    record = bench.store.invocations("r", CASES[0].case_id)[0]
    assert record.result.evidence.notes[-1].startswith("begun although the gate did not open within 5 s")


def test_a_short_pass_has_twelve_slices_whatever_a_process_costs(bench: Bench) -> None:
    bench.run(measure=replace(MEASURE, sustained_s=60.0))
    assert FEWEST_SLICES <= len(bench.slices()) <= FEWEST_SLICES + 2


def test_the_window_is_ten_seconds_less_where_time_or_the_deadline_is_short() -> None:
    long = replace(MEASURE, sustained_s=1200.0)
    assert window_s(long, 0.0, 0, 1.0) == LONGEST_WINDOW_S
    assert window_s(replace(long, timeout_s=12.0), 0.0, 0, 1.0) == 6.0
    assert window_s(replace(long, sustained_s=36.0), 0.0, 0, 1.0) == pytest.approx(2.0)
    assert window_s(long, 1196.0, 100, 1.0) == pytest.approx(3.0), "the last ends with the pass"
    assert window_s(replace(long, sustained_s=10.0), 0.0, 0, 3.0) == SHORTEST_WINDOW_S


def test_a_pass_is_one_task_for_the_display_with_a_point_for_each_slice(bench: Bench) -> None:
    bench.run()
    started = [event for event in bench.events if isinstance(event, InvocationStarted)]
    finished = [event for event in bench.events if isinstance(event, InvocationFinished)]
    steps = [event for event in bench.events if isinstance(event, SustainedProgress) and event.case == CASES[0]]
    assert [(event.purpose, event.expected_s) for event in started] == [(Purpose.SUSTAINED, 300.0)] * 2
    assert [event.status for event in finished] == [Status.DONE] * 2
    assert finished[0].wall_s >= 300.0
    assert len(steps) == len(bench.slices())
    assert (steps[0].median_ms, steps[-1].median_ms, steps[-1].temp_c) == (10.0, 13.0, 45.0)
    assert steps[-1].elapsed_s == finished[0].wall_s


def test_an_interrupted_pass_begins_anew_and_its_slices_stay(bench: Bench) -> None:
    bench.on_call = lambda number: bench.interrupt.press() if number == 4 else None
    assert not bench.run()
    assert bench.slices() == [(0, index, Status.DONE) for index in range(5)]
    assert "broken off after 58 s" in bench.ledger.row(CASES[0]).reasons
    bench.on_call = lambda number: None
    bench.restart()
    phone = Phone()
    assert bench.run(phone)
    assert phone.gates == 2, "it begins from the cooled state"
    again = [(attempt, block) for attempt, block, _ in bench.slices() if attempt == 1]
    assert again == [(1, block) for block in range(len(again))]
    assert len(bench.slices()) == 5 + len(again)
    found = sustained_of(bench.store.invocations("r", CASES[0].case_id))
    assert found is not None
    assert len(found.points) == len(again)


def test_a_resumed_run_repeats_no_pass_that_came_to_its_end(bench: Bench) -> None:
    bench.run()
    made = len(bench.requests)
    bench.restart()
    assert bench.run()
    assert len(bench.requests) == made


def test_a_slice_that_crashes_ends_its_pass_and_the_next_case_goes_on(bench: Bench) -> None:
    bench.fail = {3: Status.CRASHED}
    assert bench.run()
    assert bench.slices() == [*((0, index, Status.DONE) for index in range(3)), (0, 3, Status.CRASHED)]
    assert "the sustained pass failed after 36 s (CRASHED): as the test wants it" in bench.ledger.row(CASES[0]).reasons
    assert sustained_of(bench.store.invocations("r", CASES[1].case_id)) is not None
    made = len(bench.requests)
    bench.restart()
    assert bench.run()
    assert len(bench.requests) == made, "a second try would crash again"


def test_a_lost_phone_is_waited_for_and_the_pass_begins_anew(bench: Bench) -> None:
    bench.fail = {3: Status.OFFLINE}
    phone = Phone()
    assert bench.run(phone)
    assert bench.slices()[:5] == [
        *((0, index, Status.DONE) for index in range(3)),
        (0, 3, Status.OFFLINE),
        (1, 0, Status.DONE),
    ]
    assert phone.gates == 3
    assert sustained_of(bench.store.invocations("r", CASES[0].case_id)) is not None


def test_a_lost_lease_ends_the_pass_between_two_slices(bench: Bench) -> None:
    bench.on_call = lambda number: bench.lost.set() if number == 2 else None
    assert not bench.run()
    assert len(bench.requests) == 3
    assert "another sweep took over this device" in bench.said()


def test_many_samples_are_thinned_evenly_and_counted_before(bench: Bench) -> None:
    samples = np.arange(1_000_000, 1_100_000, dtype=np.int64)
    result = placed(InvocationResult(Status.DONE, samples_ns=samples, warmup_ns=samples[:9]), 10.0, 120.0, 10.0, 600.0)
    assert result.samples_ns is not None
    assert result.warmup_ns is not None
    assert result.sustained is not None
    assert KEPT_SAMPLES * 0.9 < result.samples_ns.size <= KEPT_SAMPLES
    assert float(np.median(result.samples_ns)) == pytest.approx(float(np.median(samples)), rel=1e-4)
    assert result.warmup_ns.size == 9
    assert result.sustained.inferences == 100_000
    assert result.sustained.busy_s == pytest.approx(105.0, rel=0.01)
    assert placed(result, 10.0, 12.0, 10.0, 600.0).sustained.busy_s == 2.0, "never more than the process lasted"  # type: ignore[union-attr]


def test_the_log_is_kept_once(bench: Bench) -> None:
    bench.run()
    logs = [record.result.log for record in bench.store.invocations("r", CASES[0].case_id)]
    assert logs[0] == "chatter"
    assert set(logs[1:]) == {""}


def test_a_second_press_kills_the_slice_and_stores_nothing_of_it(bench: Bench) -> None:
    bench.fail = {2: Status.INTERRUPTED}
    assert not bench.run()
    assert bench.slices() == [(0, 0, Status.DONE), (0, 1, Status.DONE)]
