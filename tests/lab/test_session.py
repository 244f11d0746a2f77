"""Whole sweeps through the lab: real store, leases and processes; only the interpreter with LiteRT is a stand-in."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from harness.devices.host import HostDevice
from harness.domain import Purpose, Status
from harness.errors import DeviceBusyError, NoDeviceError, StoreError, UsageError
from harness.events import Event, InvocationFinished, InvocationStarted, RowUpdated, RunFinished
from harness.lab import SweepOutcome, SweepRequest, current_view, run_sweep
from harness.lab.interrupt import Interrupt
from harness.prepare import prepare
from harness.store import LeaseBook, Store
from harness.sweep import Sweep, parse_sweep
from tests.lab.fake_interpreter import FakeInterpreter, make_interpreter
from tests.lab.phone_bench import library

MODEL = Path(__file__).parent.parent / "data" / "models" / "float32.tflite"
WINDOWS = "min_s: 0.01, max_s: 1, warmup_min_s: 0, warmup_max_s: 1"


@dataclass
class Bench:
    """One test's lab; the model was prepared with its `outputs`."""

    folder: Path
    outputs: Path
    events: list[Event] = field(default_factory=list)
    interrupt: Interrupt = field(default_factory=Interrupt)

    def interpreter(self, **behaviour: str) -> FakeInterpreter:
        return make_interpreter(self.folder, self.outputs, **behaviour)

    def sweep(self, python: Path, backends: str = "[cpu]", measure: str = "") -> Sweep:
        text = (
            f"name: trial\nmodels: [{{file: {MODEL}}}]\nvariants: [float32]\nbackends: {backends}\n"
            f"runtime: {{litert: {{python: {python}}}}}\nmeasure: {{blocks: 3, {WINDOWS}{measure}}}\n"
        )
        return parse_sweep(text, "trial.yaml", known_models=())

    def run(
        self, sweep: Sweep, *, resume: str | None = None, on_event: Callable[[Event], None] = lambda event: None
    ) -> SweepOutcome:
        def post(event: Event) -> None:
            self.events.append(event)
            on_event(event)

        with self.store() as store, LeaseBook.open(self.folder / "leases.sqlite") as leases:
            request = SweepRequest(
                sweep,
                self.folder / "reports",
                self.outputs.parent / "cache",
                jobs=1,
                resume=store.find_run(resume) if resume else None,
            )
            return run_sweep(
                request,
                store=store,
                leases=leases,
                post=post,
                interrupt=self.interrupt,
                write_reports=lambda run_id, directory: None,
            )

    def store(self) -> Store:
        return Store.open(self.folder / "results.sqlite")


@pytest.fixture(scope="session")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a right device answers: the outputs of the model's own check inputs."""
    folder = tmp_path_factory.mktemp("outputs")
    sweep = parse_sweep(f"name: a\nmodels: [{{file: {MODEL}}}]\n", "a.yaml", known_models=())
    (file,) = prepare(
        sweep.models,
        ("float32",),
        cache_dir=folder / "cache",
        jobs=1,
        on_file=lambda file: None,
        on_progress=lambda text: None,
        cancel=threading.Event(),
        timeout_s=60,
    )
    assert file.check_path is not None, file.reason
    with np.load(file.check_path) as archive:
        np.save(folder / "outputs.npy", archive["outputs"])
    return folder / "outputs.npy"


@pytest.fixture
def bench(tmp_path: Path, outputs: Path) -> Bench:
    return Bench(tmp_path, outputs)


def test_a_sweep_measures_every_case_and_keeps_every_invocation(bench: Bench) -> None:
    fake = bench.interpreter()
    outcome = bench.run(bench.sweep(fake.path, "[{cpu: {xnnpack: true}}, {cpu: {xnnpack: false}}]"))
    assert outcome.state == "finished"
    assert [row.status for row in outcome.rows] == [Status.DONE, Status.DONE]
    assert [row.invocations for row in outcome.rows] == [3, 3]
    assert all(row.latency_p50_ms == pytest.approx(1.0, rel=0.02) for row in outcome.rows)
    assert all(row.peak_rss_mib == pytest.approx(20.0) for row in outcome.rows)
    assert len(fake.calls()) == 2 * (1 + 3 + 1 + 1)
    with bench.store() as store:
        timing = [record for record in store.invocations(outcome.run_id) if record.purpose is Purpose.TIMING]
        assert {(record.case_id, record.block) for record in timing} == {
            (row.case_id, block) for row in outcome.rows for block in range(3)
        }
        assert store.rows(outcome.run_id) == outcome.rows
        assert store.find_run("latest").state == "finished"


@pytest.mark.parametrize(
    ("action", "status", "words"),
    [
        ("crash", Status.CRASHED, "SIGSEGV"),
        ("garbage", Status.FAILED, "not JSON"),
        ("hang", Status.TIMEOUT, "no result"),
    ],
)
def test_what_a_child_does_is_a_row_and_the_others_go_on(bench: Bench, action: str, status: Status, words: str) -> None:
    fake = bench.interpreter(builtin__timing=action)
    sweep = bench.sweep(fake.path, "[{cpu: {xnnpack: false}}, {cpu: {xnnpack: true}}]", ", timeout_s: 2.5")
    bad, good = bench.run(sweep).rows
    assert bad.status is status
    assert words in bad.reasons
    assert bad.latency_p50_ms is None
    assert good.status is Status.DONE
    assert good.invocations == 3


def test_a_case_that_fails_twice_is_given_up(bench: Bench) -> None:
    fake = bench.interpreter(xnnpack__timing="crash")
    bench.run(bench.sweep(fake.path))
    assert [purpose for _, _, purpose in fake.calls()] == ["outputs", "timing", "timing"]


def test_a_failed_outputs_pass_stops_the_case_before_it_is_timed(bench: Bench) -> None:
    fake = bench.interpreter(xnnpack__outputs="crash")
    (row,) = bench.run(bench.sweep(fake.path)).rows
    assert row.status is Status.CRASHED
    assert [purpose for _, _, purpose in fake.calls()] == ["outputs"]


def test_an_interrupted_run_resumes_without_repeating_anything(bench: Bench) -> None:
    fake = bench.interpreter()
    sweep = bench.sweep(fake.path, "[{cpu: {xnnpack: true}}, {cpu: {xnnpack: false}}]")

    def stop_after_four(event: Event) -> None:
        finished = [event for event in bench.events if isinstance(event, InvocationFinished)]
        if len(finished) == 4:
            bench.interrupt.press()

    first = bench.run(sweep, on_event=stop_after_four)
    assert first.state == "interrupted"
    assert len(fake.calls()) == 4
    bench.interrupt = Interrupt()
    second = bench.run(sweep, resume=first.run_id)
    assert (second.run_id, second.state) == (first.run_id, "finished")
    assert len(fake.calls()) == 12, "two cases, six invocations each, none twice"
    assert [row.invocations for row in second.rows] == [3, 3]
    assert all(row.reference_error is not None for row in second.rows), "checks of the first session are kept"


def test_the_second_interrupt_kills_the_child_and_stores_nothing_of_it(bench: Bench) -> None:
    fake = bench.interpreter(xnnpack__timing="hang")

    def press_twice(event: Event) -> None:
        if isinstance(event, InvocationStarted) and event.purpose is Purpose.TIMING:
            threading.Timer(0.3, bench.interrupt.press).start()
            threading.Timer(0.6, bench.interrupt.press).start()

    outcome = bench.run(bench.sweep(fake.path), on_event=press_twice)
    assert outcome.state == "interrupted"
    with bench.store() as store:
        assert [record.purpose for record in store.invocations(outcome.run_id)] == [Purpose.OUTPUTS]


def test_a_lost_lease_stops_the_lane_and_the_run_can_be_resumed(bench: Bench) -> None:
    """Another sweep took the device over, as after a long freeze of this machine: nothing further is measured on it."""
    fake = bench.interpreter()
    lost: list[bool] = []

    def take_over(event: Event) -> None:
        if isinstance(event, InvocationFinished) and not lost:
            lost.append(True)
            with bench.store() as store:
                later = store.find_run("latest")
                record = store.invocations(later.run_id)[0]
                store.append_invocation(later.run_id, replace(record, attempt=9), token=2**62)

    with pytest.raises(StoreError, match="stale lease"):
        bench.run(bench.sweep(fake.path), on_event=take_over)
    assert len(fake.calls()) == 2
    with bench.store() as store:
        assert store.find_run("latest").state != "finished"


def test_an_interrupt_before_a_case_began_is_a_row_that_says_so(bench: Bench) -> None:
    fake = bench.interpreter()
    bench.interrupt.press()
    (row,) = bench.run(bench.sweep(fake.path)).rows
    assert row.status is Status.INTERRUPTED
    assert "--resume" in row.reasons
    assert fake.calls() == []


def test_a_second_sweep_on_the_same_device_is_refused(bench: Bench) -> None:
    fake = bench.interpreter()
    with LeaseBook.open(bench.folder / "leases.sqlite") as other:
        other.acquire(HostDevice().device_id)
        with pytest.raises(DeviceBusyError):
            bench.run(bench.sweep(fake.path))
    assert fake.calls() == []


def test_a_sweep_without_a_usable_target_says_why(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(NoDeviceError, match="no target") as caught:
        bench.run(bench.sweep(tmp_path / "no-such-python"))
    assert "no-such-python" in caught.value.remedy


def test_a_model_that_cannot_be_prepared_is_a_row(bench: Bench) -> None:
    fake = bench.interpreter()
    broken = bench.folder / "broken.tflite"
    broken.write_bytes(b"\0" * 100)
    text = f"name: a\nmodels: [{{file: {broken}}}, {{file: {MODEL}}}]\nvariants: [float32]\n"
    text += f"runtime: {{litert: {{python: {fake.path}}}}}\nmeasure: {{blocks: 1, {WINDOWS}}}\n"
    bad, good = bench.run(parse_sweep(text, "a.yaml", known_models=())).rows
    assert bad.status is not Status.DONE
    assert bad.reasons
    assert good.status is Status.DONE


def test_rows_can_be_told_again_from_the_store_alone(bench: Bench) -> None:
    fake = bench.interpreter(builtin__timing="crash")
    sweep = bench.sweep(fake.path, "[{cpu: {xnnpack: true}}, {cpu: {xnnpack: false}}, gpu]")
    outcome = bench.run(sweep)
    with bench.store() as store:
        assert current_view(store, outcome.run_id).rows == outcome.rows


def test_a_case_that_a_device_refuses_names_the_device(bench: Bench) -> None:
    fake = bench.interpreter()
    done, skipped = bench.run(bench.sweep(fake.path, "[cpu, gpu]")).rows
    assert skipped.status is Status.SKIPPED
    assert skipped.device == done.device != ""
    assert "GPU" in skipped.reasons


def interrupted_run(bench: Bench, fake: FakeInterpreter) -> SweepOutcome:
    def stop_after_two(event: Event) -> None:
        if sum(isinstance(event, InvocationFinished) for event in bench.events) == 2:
            bench.interrupt.press()

    outcome = bench.run(bench.sweep(fake.path), on_event=stop_after_two)
    bench.interrupt = Interrupt()
    return outcome


def test_a_run_is_not_resumed_with_another_model_file(bench: Bench) -> None:
    fake = bench.interpreter()
    run_id = interrupted_run(bench, fake).run_id
    with bench.store() as store:
        (file,) = store.view(run_id).files
        store.save_variant_file(run_id, replace(file, sha256="0" * 64))
    with pytest.raises(UsageError, match=r"not the file that run .* has measured") as caught:
        bench.run(bench.sweep(fake.path), resume=run_id)
    assert "without --resume" in caught.value.remedy
    assert len(fake.calls()) == 2


def test_a_run_is_not_resumed_on_a_device_that_changed(bench: Bench) -> None:
    fake = bench.interpreter()
    run_id = interrupted_run(bench, fake).run_id
    with bench.store() as store:
        (facts,) = store.view(run_id).facts
        store.save_facts(run_id, replace(facts, os_build="an older system"))
    with pytest.raises(UsageError, match="os_build 'an older system' is now"):
        bench.run(bench.sweep(fake.path), resume=run_id)
    assert len(fake.calls()) == 2


def test_events_tell_the_whole_run(bench: Bench) -> None:
    fake = bench.interpreter()
    outcome = bench.run(bench.sweep(fake.path))
    assert isinstance(bench.events[-1], RunFinished)
    assert bench.events[-1].rows == outcome.rows
    assert sum(isinstance(event, InvocationFinished) for event in bench.events) == 6
    assert sum(isinstance(event, RowUpdated) for event in bench.events) == 6


@pytest.mark.slow
def test_the_device_runner_measures_this_host_beside_litert(bench: Bench) -> None:
    """One library by two runners: what tells them apart is the runtime alone."""
    text = (
        f"name: trial\nmodels: [{{file: {MODEL}}}]\nvariants: [float32]\n"
        f"runtimes: [litert, {{device_runner: {{library: {library()}}}}}]\n"
        f"measure: {{blocks: 2, {WINDOWS}}}\n"
    )
    outcome = bench.run(parse_sweep(text, "trial.yaml", known_models=()))
    assert [row.status for row in outcome.rows] == [Status.DONE, Status.DONE], outcome.rows
    assert [row.coverage for row in outcome.rows] == ["full", "full"]
    assert all((row.reference_cosine or 0) > 0.9999 for row in outcome.rows)
