"""Calibrations: store and leases are real. Where processes count, so are they, and only the interpreter with LiteRT is
a stand-in; elsewhere the lab is one that writes at once what a simulated device would have given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.content import canonical_json
from harness.devices.host import HostDevice
from harness.domain import InvocationRecord, InvocationResult, Purpose, RunRecord, Status, Target
from harness.errors import NoDeviceError, StableError
from harness.events import Event, InvocationFinished, Message, RunFinished
from harness.lab.calibrate import CalibrationRequest, CalibrationResult, calibration_sweep, run_calibration, the_device
from harness.lab.interrupt import Interrupt
from harness.lab.pairs import PairsRequest, PairsResult, comparison_settings
from harness.store import LeaseBook, Store
from harness.sweep import Sweep, parse_sweep
from tests.lab.fake_interpreter import FakeInterpreter, make_interpreter
from tests.lab.test_session import MODEL, WINDOWS, outputs  # noqa: F401  # the fixture

NOW = "2026-07-20T12:00:00.000+00:00"
EACH = 2 * (1 + 8)  # both arms: the outputs pass, and 8 blocks


@dataclass
class FakeLab:
    """In place of `run_pairs`: latencies around `latency_ms` with 1 % between processes, written to the store. Runs
    from number `lost_from` on lose their device; a resumed one finishes."""

    latency_ms: float = 5.0
    now: str = NOW
    lost_from: int = 1000
    interrupt: Interrupt = field(default_factory=Interrupt)
    asked: list[PairsRequest] = field(default_factory=list)

    def run(self, request: PairsRequest, *, store: Store, post: Callable[[Event], None], **others: Any) -> PairsResult:
        self.asked.append(request)
        if request.resume is not None:
            store.finish_run(request.resume.run_id, "finished", self.now)
            return PairsResult(request.resume.run_id, "finished", (), (), Path())
        settings = {"comparison": comparison_settings(request)}
        number = len(store.list_runs())
        run = RunRecord(f"run{number}", "calibrate", "", request.sha256, canonical_json(settings), "1", self.now)
        facts = the_device(request.sweep)
        cases = [case for pair in request.pairs for case in (pair.base, pair.candidate)]
        store.create_run(run, [(case, facts.device_id) for case in cases])
        store.save_facts(run.run_id, facts)
        rng = np.random.default_rng(number)
        for block in range(8):
            for order, case in enumerate(cases):
                level_ns = 1e6 * self.latency_ms * rng.lognormal(0.0, 0.01)
                samples_ns = (level_ns * rng.uniform(0.99, 1.01, 200)).astype(np.int64)
                result = InvocationResult(Status.DONE, samples_ns=samples_ns, wall_s=4.0)
                record = InvocationRecord(case.case_id, Purpose.TIMING, block, order, 1, self.now, result)
                store.append_invocation(run.run_id, record, token=1)
        state = "incomplete" if number >= self.lost_from else "finished"
        store.finish_run(run.run_id, state, self.now)
        return PairsResult(run.run_id, state, (), (), Path())


@dataclass
class Bench:
    """One test's lab. Times are those of the events' clock."""

    folder: Path
    outputs: Path
    events: list[Event] = field(default_factory=list)
    interrupt: Interrupt = field(default_factory=Interrupt)

    def interpreter(self, **behaviour: str) -> FakeInterpreter:
        return make_interpreter(self.folder, self.outputs, **behaviour)

    def sweep(self, python: Path) -> Sweep:
        text = (
            f"name: trial\nmodels: [{{file: {MODEL}}}]\nvariants: [float32]\n"
            f"runtime: {{litert: {{python: {python}}}}}\nmeasure: {{{WINDOWS}}}\n"
        )
        return calibration_sweep(parse_sweep(text, "trial.yaml", known_models=()), Target("host"), 8)

    def store(self) -> Store:
        return Store.open(self.folder / "results.sqlite")

    def calibrate(
        self, sweep: Sweep, comparisons: int, on_event: Callable[[Event], None] = lambda event: None
    ) -> CalibrationResult:
        def post(event: Event) -> None:
            self.events.append(event)
            on_event(event)

        self.interrupt = Interrupt()
        request = CalibrationRequest(sweep, comparisons, 8, self.folder / "reports", self.folder / "cache", jobs=1)
        with self.store() as store, LeaseBook.open(self.folder / "leases.sqlite") as leases:
            return run_calibration(request, store=store, leases=leases, post=post, interrupt=self.interrupt)

    def simulated(
        self, sweep: Sweep, comparisons: int, *, run: FakeLab | None = None, now: str = NOW
    ) -> CalibrationResult:
        """The same on a lab that measures nothing."""
        lab = run or FakeLab()
        request = CalibrationRequest(sweep, comparisons, 8, self.folder / "reports", self.folder / "cache", jobs=1)
        with self.store() as store, LeaseBook.open(self.folder / "leases.sqlite") as leases:
            return run_calibration(
                request,
                store=store,
                leases=leases,
                post=self.events.append,
                interrupt=lab.interrupt,
                now=lambda: now,
                run=replace(lab, now=now).run,
            )

    def told(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def bench(tmp_path: Path, outputs: Path) -> Bench:  # noqa: F811
    return Bench(tmp_path, outputs)


def test_comparisons_are_independent_and_none_is_made_twice_after_ctrl_c(bench: Bench) -> None:
    fake = bench.interpreter()
    sweep = bench.sweep(fake.path)

    def stop_in_the_second(event: Event) -> None:
        if len(bench.told(InvocationFinished)) == EACH + 5:
            bench.interrupt.stop.set()

    first = bench.calibrate(sweep, 2, stop_in_the_second)
    assert (first.state, first.comparisons, first.profile) == ("interrupted", 1, None)
    assert len(fake.calls()) == EACH + 5
    with bench.store() as store:
        assert len(store.noise(the_device(sweep).device_id)) == 1, "what is finished counts already"
    second = bench.calibrate(sweep, 2)
    assert (second.state, second.comparisons) == ("finished", 2)
    assert len(fake.calls()) == 2 * EACH + 1, "both arms of the block that was cut in two are made again"
    with bench.store() as store:
        runs = store.list_runs()
        assert [run.state for run in runs] == ["finished", "finished"]
        noise = store.noise(the_device(sweep).device_id)
        assert store.profile(the_device(sweep).device_id) == second.profile
        orders = [[(one.case_id, one.block, one.order) for one in store.invocations(run.run_id)] for run in runs]
    assert {record.run_id for record in noise} == {run.run_id for run in runs}
    assert all(abs(record.effect) < 0.01 and record.blocks == 8 for record in noise)
    assert {record.origin for record in noise} == {"calibrate"}
    assert sorted(orders[0]) != sorted(orders[1]), "the arms are tossed anew"
    assert second.profile is not None
    (one,) = second.profile.classes
    assert (one.comparisons, one.false_alarms, one.noise_floor) == (2, 0, 0.02)
    assert one.inference_s == pytest.approx(0.001, rel=0.02)
    assert one.within_sd == pytest.approx(0.01 / 3**0.5, rel=0.2), "uniform within 1 %"


def test_models_that_do_not_run_end_it_at_once_with_the_reason(bench: Bench) -> None:
    fake = bench.interpreter(xnnpack="crash")
    with pytest.raises(StableError, match="nothing to learn") as caught:
        bench.calibrate(bench.sweep(fake.path), 30)
    assert "SIGSEGV" in str(caught.value)
    assert len(fake.calls()) <= 4


def test_the_costs_and_the_spread_are_in_the_profile(bench: Bench) -> None:
    """4 s of wall time hold a window of 200 inferences of 5 ms and a warm-up of 0 s by the protocol."""
    result = bench.simulated(bench.sweep(Path("none")), 12)
    assert result.profile is not None
    (one,) = result.profile.classes
    assert (one.model_class, one.comparisons) == ("cpu 1 to 10 ms", 12)
    assert one.inference_s == pytest.approx(0.005, rel=0.02)
    assert one.invocation_s == pytest.approx(3.0, rel=0.02)
    assert one.process_sd == pytest.approx(0.01, rel=0.3)
    assert 8 * 2 * 4.0 <= dict(one.seconds_for)[0.10] < 10 * 2 * 4.0
    assert result.profile.os_build == the_device(bench.sweep(Path("none"))).os_build


def test_a_series_at_the_border_of_two_classes_is_in_one(bench: Bench) -> None:
    result = bench.simulated(bench.sweep(Path("none")), 5, run=FakeLab(latency_ms=1.0))
    assert result.profile is not None
    (one,) = result.profile.classes
    assert one.comparisons == 5
    assert one.process_sd is not None


def test_a_crash_before_the_profile_costs_no_measurement(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = bench.sweep(Path("none"))
    with monkeypatch.context() as broken:
        broken.setattr(Store, "add_noise", lambda store, records: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            bench.simulated(sweep, 1)
    lab = FakeLab()
    result = bench.simulated(sweep, 1, run=lab)
    assert lab.asked == []
    assert result.profile is not None
    assert result.profile.classes[0].comparisons == 1
    with bench.store() as store:
        assert len(store.list_runs()) == 1


def test_a_second_calibration_measures_anew_and_adds_to_what_is_known(bench: Bench) -> None:
    bench.simulated(bench.sweep(Path("none")), 2)
    again = bench.simulated(bench.sweep(Path("none")), 2, now="2026-07-21T12:00:00.000+00:00")
    with bench.store() as store:
        assert len(store.list_runs()) == 4
    assert again.profile is not None
    assert again.profile.classes[0].comparisons == 4


@pytest.mark.parametrize(("day", "runs"), [(26, 2), (28, 4)])
def test_what_was_left_more_than_a_week_ago_is_not_continued(bench: Bench, day: int, runs: int) -> None:
    sweep = bench.sweep(Path("none"))
    left = bench.simulated(sweep, 2, run=FakeLab(lost_from=1))
    assert (left.state, left.comparisons, left.profile) == ("incomplete", 1, None)
    done = bench.simulated(sweep, 2, now=f"2026-07-{day}T12:00:00.000+00:00")
    assert (done.state, done.comparisons) == ("finished", 2)
    with bench.store() as store:
        assert len(store.list_runs()) == runs


def test_comparisons_of_another_system_do_not_count(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.simulated(bench.sweep(Path("none")), 1)
    facts = HostDevice.facts
    monkeypatch.setattr(HostDevice, "facts", lambda device: replace(facts(device), os_build="updated"))
    updated = bench.simulated(bench.sweep(Path("none")), 1, now="2026-07-21T12:00:00.000+00:00")
    assert updated.profile is not None
    assert updated.profile.os_build == "updated"
    assert updated.profile.classes[0].comparisons == 1


def test_old_noise_does_not_count(bench: Bench) -> None:
    bench.simulated(bench.sweep(Path("none")), 1)
    later = bench.simulated(bench.sweep(Path("none")), 1, now="2026-10-30T12:00:00.000+00:00")
    assert later.profile is not None
    assert later.profile.classes[0].comparisons == 1


def test_the_time_is_told_before_and_the_number_with_each(bench: Bench) -> None:
    bench.simulated(bench.sweep(Path("none")), 2)
    texts = [event.text for event in bench.told(Message) if isinstance(event, Message)]
    assert "2 comparisons of float32 float32 · cpu xnnpack 1 thread · host with itself, 8 blocks each" in texts[0]
    assert [text.split(",")[0] for text in texts[1:]] == ["comparison 1 of 2", "comparison 2 of 2"]
    (finished,) = bench.told(RunFinished)
    assert isinstance(finished, RunFinished)
    assert (finished.state, bench.events[-1]) == ("finished", finished)


def test_a_target_that_is_nobody(bench: Bench) -> None:
    sweep = replace(bench.sweep(Path("none")), targets=(Target("edgetpu"),))
    with pytest.raises(NoDeviceError):
        bench.calibrate(sweep, 1)
