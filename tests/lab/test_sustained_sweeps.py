"""Whole sweeps with sustained passes: on this host with a stand-in for the interpreter, and on a virtual phone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.domain import Purpose, Status
from harness.events import InvocationFinished, RunStarted, SustainedProgress, TasksPlanned
from harness.lab import current_view
from harness.lab.interrupt import Interrupt
from harness.lab.ledger import counts_as_failed
from harness.measure.sustained import sustained_of
from harness.sweep import Sweep
from tests.lab.phone_bench import FAKE_TOOL, PhoneBench
from tests.lab.test_session import Bench, outputs
from tests.phone.files import get, put
from tests.phone.phone import VirtualPhone
from tests.phone.server import AdbServer
from tests.phone.sysfs import GPU

__all__ = ["outputs"]


@pytest.fixture
def bench(tmp_path: Path, outputs: Path) -> Bench:
    return Bench(tmp_path, outputs)


def sustained(sweep: Sweep, seconds: float) -> Sweep:
    """A pass that is shorter than a sweep file may ask for."""
    return replace(sweep, measure=replace(sweep.measure, sustained_s=seconds))


def test_a_sweep_ends_with_a_pass_of_each_case_and_its_row_has_the_figures(bench: Bench) -> None:
    fake = bench.interpreter()
    sweep = sustained(bench.sweep(fake.path, "[{cpu: {xnnpack: true}}, {cpu: {xnnpack: false}}]"), 2.0)
    outcome = bench.run(sweep)
    assert outcome.state == "finished"
    for row in outcome.rows:
        assert row.status is Status.DONE
        assert row.sustained_first_ms == pytest.approx(1.0, rel=0.02)
        assert row.sustained_settled_ms == pytest.approx(1.0, rel=0.02)
        assert row.sustained_ratio == pytest.approx(1.0, abs=0.02)
        assert row.invocations == 3, "slices are no timing invocations"
        assert not counts_as_failed(row, "any")
    with bench.store() as store:
        assert current_view(store, outcome.run_id).rows == outcome.rows
        purposes = [record.purpose for record in store.invocations(outcome.run_id)]
    assert set(purposes[-12:]) == {Purpose.SUSTAINED}
    (start,) = [event for event in bench.events if isinstance(event, RunStarted)]
    (planned,) = [event for event in bench.events if isinstance(event, TasksPlanned)]
    finished = [event for event in bench.events if isinstance(event, InvocationFinished)]
    assert (start.sustained_s, start.total_invocations, planned.total_invocations) == (2.0, 14, 14)
    assert len(finished) == 14


def test_an_interrupted_pass_is_made_anew_by_a_resumed_run(bench: Bench) -> None:
    fake = bench.interpreter()
    sweep = sustained(bench.sweep(fake.path), 2.0)

    def stop(event: object) -> None:
        if isinstance(event, SustainedProgress) and len(fake.calls()) == 9:
            bench.interrupt.press()

    first = bench.run(sweep, on_event=stop)
    assert first.state == "interrupted"
    assert first.rows[0].sustained_first_ms is None
    assert "broken off" in first.rows[0].reasons
    bench.interrupt = Interrupt()
    bench.events.clear()
    second = bench.run(sweep, resume=first.run_id)
    assert second.state == "finished"
    assert second.rows[0].sustained_first_ms is not None
    assert "broken off" not in second.rows[0].reasons
    (start,) = [event for event in bench.events if isinstance(event, RunStarted)]
    assert (start.done_invocations, start.total_invocations) == (6, 1), "slices of the broken pass are not done"
    with bench.store() as store:
        records = [one for one in store.invocations(first.run_id) if one.purpose is Purpose.SUSTAINED]
    assert {record.attempt for record in records} == {0, 1}


def test_a_pass_that_crashes_counts_as_failed_and_leaves_the_latency(bench: Bench) -> None:
    fake = bench.interpreter()
    sweep = sustained(bench.sweep(fake.path), 5.0)

    def break_it(event: object) -> None:
        if isinstance(event, SustainedProgress):
            text = fake.path.read_text(encoding="utf-8")
            fake.path.write_text(text.replace('or "ok"', 'or "crash"'), encoding="utf-8")

    (row,) = bench.run(sweep, on_event=break_it).rows
    assert (row.status, row.invocations) == (Status.DONE, 3)
    assert "the sustained pass failed after" in row.reasons
    assert row.sustained_first_ms is None
    assert counts_as_failed(row, "any")


# ---- a virtual phone -------------------------------------------------------------------------------------------------


@pytest.fixture
def phones(tmp_path: Path, adb_server: AdbServer, monkeypatch: pytest.MonkeyPatch) -> PhoneBench:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return PhoneBench(tmp_path, adb_server.address)


def tool_that_follows_the_clock(folder: Path, core: int, highest_khz: int) -> Path:
    """A stand-in for benchmark_model whose inferences take 200 us at the highest clock of `core`. It waits as one does
    for a GPU, so the clock in the evidence is the GPU's."""
    text = FAKE_TOOL.read_text(encoding="utf-8").replace("output_bytes=3 ", "output_bytes=12 ")
    clock = f"/sys/devices/system/cpu/cpu{core}/cpufreq/scaling_cur_freq"
    line = "say 'INFO: count=50 first=17 curr=21 min=16 max=44 avg=20.5 std=4 p5=16 median=20 p95=31'"
    assert line in text
    count = "count=50 first=$one curr=$one min=$one max=$((one + 1)) avg=$one.5 std=1 p5=$one median=$one p95=$one"
    slow = f'khz=$(cat {clock}); one=$(({highest_khz // 10} / (khz / 2000)))\nsleep 0.5\nsay "INFO: {count}"'
    text = text.replace(line, slow).replace("Inference (avg): 20.5'", 'Inference (avg): \'"$one.5"')
    path = folder / "benchmark_model"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.phone
@pytest.mark.timeout(240)
def test_a_phone_that_throttles_in_the_pass_shows_where_it_settled(phones: PhoneBench, phone: VirtualPhone) -> None:
    core = max(phone.soc.cores)
    highest_khz = max(khz for cluster in phone.soc.clusters if core in cluster.cores for khz in cluster.clocks_khz)
    tool = tool_that_follows_the_clock(phones.folder, core, highest_khz)
    measure = "min_s: 0.2, max_s: 1, warmup_min_s: 0, warmup_max_s: 1, timeout_s: 20, memory: false, profile: false"
    gpu_clock = phone.state_dir / GPU / "gpuclk"
    full_hz = int(get(gpu_clock))

    def heat(event: object) -> None:
        if isinstance(event, SustainedProgress) and event.elapsed_s > 8.0:
            phone.set_clock(core, highest_khz // 2)
            put(gpu_clock, f"{full_hz // 2}\n")
            phone.set_temp(0, 70.0)

    text = phones.sweep_text(
        phone,
        blocks=1,
        runtime=f"{{benchmark_model: {{binary: {tool}}}}}",
        measure=f"{measure}, sustained: 30s",
    )
    outcome = phones.run(text, on_event=heat)
    (row,) = outcome.rows
    assert row.status is Status.DONE, row.reasons
    with phones.store() as store:
        found = sustained_of(store.invocations(outcome.run_id))
    assert found is not None, row.reasons
    assert row.sustained_first_ms == pytest.approx(0.2, rel=0.05)
    assert row.sustained_settled_ms == pytest.approx(0.4, rel=0.05)
    assert row.sustained_ratio == pytest.approx(2.0, rel=0.08)
    assert row.sustained_settled_after_s is not None
    assert 7.0 < row.sustained_settled_after_s < 16.0
    assert found.clock_ratio == pytest.approx(0.5, abs=0.1)
    assert (found.last.temp_c or 0) > (found.first.temp_c or 99) + 10


@pytest.mark.phone
@pytest.mark.timeout(240)
def test_the_runner_on_a_phone_is_kept_under_load(phones: PhoneBench, phone: VirtualPhone) -> None:
    measure = "min_s: 0.2, max_s: 1, warmup_min_s: 0, warmup_max_s: 1, timeout_s: 20, memory: false, profile: false"
    outcome = phones.run(phones.sweep_text(phone, blocks=1, measure=f"{measure}, sustained: 15s"))
    (row,) = outcome.rows
    with phones.store() as store:
        found = sustained_of(store.invocations(outcome.run_id))
    assert found is not None, row.reasons
    assert found.duration_s >= 15.0
    assert (row.sustained_first_ms or 0) > 0
    assert 0.1 < (row.sustained_duty or 0) <= 1.0
    assert all(point.p90_ms is not None and point.temp_c is not None for point in found.points[1:-1])
