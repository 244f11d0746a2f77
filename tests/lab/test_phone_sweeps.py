"""Whole sweeps on virtual phones: what is measured, what is proven, and what is left behind."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from harness.domain import Status, Verdict
from harness.errors import NoDeviceError, RestoreError
from harness.report.provenance import device_facts
from tests.lab.phone_bench import MODEL, PhoneBench, settled
from tests.phone.fixtures import MakePhone
from tests.phone.phone import VirtualPhone
from tests.phone.server import AdbServer
from tests.phone.soc import REAL_CORES

pytestmark = [pytest.mark.phone, pytest.mark.timeout(240)]

FILES = "data/local/tmp/harness/files"


@pytest.fixture
def bench(tmp_path: Path, adb_server: AdbServer, monkeypatch: pytest.MonkeyPatch) -> PhoneBench:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return PhoneBench(tmp_path, adb_server.address)


def test_a_row_of_a_phone_says_where_at_what_clock_and_how_warm_it_ran(bench: PhoneBench, phone: VirtualPhone) -> None:
    backends = "[{cpu: {cores: big}}, {cpu: {cores: big, xnnpack: false}}]"
    outcome = bench.run(bench.sweep_text(phone, backends=backends))
    assert [row.status for row in outcome.rows] == [Status.DONE, Status.DONE], outcome.rows
    assert [row.coverage for row in outcome.rows] == ["full", "none"]
    with bench.store() as store:
        evidence = [record.result.evidence for record in store.invocations(outcome.run_id) if record.block]
    big = max(phone.soc.cores)
    assert {(seen.cpus, seen.cpus_verified) for seen in evidence} == {((big,), True)}
    assert {seen.clock_source for seen in evidence} == {"time_in_state"}
    for row in outcome.rows:
        assert row.temp_start_c == pytest.approx(38.0, abs=8.0)
        assert (row.reference_cosine or 0) > 0.999
        assert row.device_id == "adb-vphone0001"
    assert settled(phone) == ()


def test_what_was_changed_is_listed_and_put_back(bench: PhoneBench, phone: VirtualPhone) -> None:
    before = settings_of(phone)
    settings = "{animations: false, brightness: 10, governor: performance}"
    outcome = bench.run(bench.sweep_text(phone, blocks=1, settings=settings))
    assert "changed stay_awake: 0 -> 7" in bench.said()
    assert "brightness" in bench.said()
    assert settings_of(phone) == before
    with bench.store() as store:
        (facts,) = store.view(outcome.run_id).facts
    told = dict(device_facts(facts))  # as the report has it
    assert "stay_awake: 0 -> 7" in told["Settings changed"]
    assert "brightness: 102 -> 10" in told["Settings changed"]
    assert "governor: it needs root" in told["Settings not made"]


def settings_of(phone: VirtualPhone) -> dict[str, str]:
    return {path.name: path.read_text() for path in (phone.state_dir / "phone/settings").iterdir()}


def test_a_second_sweep_pushes_nothing(bench: PhoneBench, phone: VirtualPhone) -> None:
    bench.run(bench.sweep_text(phone, blocks=1))
    files = sorted((phone.state_dir / FILES).rglob("*"))
    before = {path: path.stat().st_ino for path in files if path.is_file()}
    assert before
    bench.run(bench.sweep_text(phone, blocks=1))
    after = {path: path.stat().st_ino for path in sorted((phone.state_dir / FILES).rglob("*")) if path.is_file()}
    assert {path: after.get(path) for path in before} == before


# ---- what happens to phones ------------------------------------------------------------------------------------------


def test_adbd_that_dies_in_an_invocation_costs_that_invocation(bench: PhoneBench, phone: VirtualPhone) -> None:
    outcome = bench.run(bench.sweep_text(phone), on_event=bench.during(1, phone.kill_adbd_and_restart, 0.05))
    assert (outcome.state, outcome.rows[0].status, outcome.rows[0].invocations) == ("finished", Status.DONE, 3)
    assert (1, 0, Status.OFFLINE) in bench.statuses(outcome.run_id)
    assert settled(phone) == ()


def test_adbd_that_hangs_is_waited_for(bench: PhoneBench, phone: VirtualPhone) -> None:
    def hang() -> None:
        phone.freeze()
        time.sleep(4.0)
        phone.thaw()

    measure = "min_s: 0.2, max_s: 0.5, warmup_min_s: 0, warmup_max_s: 0.1, timeout_s: 2, memory: false, profile: false"
    text = bench.sweep_text(phone, measure=measure)
    outcome = bench.run(text, on_event=bench.during(1, hang, 0.05))
    assert (outcome.state, outcome.rows[0].status, outcome.rows[0].invocations) == ("finished", Status.DONE, 3)
    assert settled(phone) == ()


@pytest.mark.parametrize("wipe", [False, True])
def test_a_phone_that_restarts_goes_on_set_up_as_before(bench: PhoneBench, phone: VirtualPhone, wipe: bool) -> None:
    text = bench.sweep_text(phone)
    outcome = bench.run(text, on_event=bench.during(1, lambda: phone.reboot(wipe_tmp=wipe, down_s=1.0), 0.05))
    assert (outcome.state, outcome.rows[0].status, outcome.rows[0].invocations) == ("finished", Status.DONE, 3)
    assert "the phone was restarted" in bench.said()
    assert any("offline" in reason for reason in bench.waits())
    assert settled(phone) == ()


def test_a_phone_that_is_unplugged_for_good_stops_no_other(
    bench: PhoneBench, make_phone: MakePhone, adb_server: AdbServer
) -> None:
    first, second = (make_phone(soc=REAL_CORES, libc=True, serial_no=f"P{number}") for number in (1, 2))
    for phone in (first, second):
        phone.connect(adb_server)
    text = bench.sweep_text(first, second, settings="{stay_awake: null, offline_timeout_s: 4}")
    outcome = bench.run(text, on_event=bench.during(1, first.kill, 0.0))
    by_device = {row.device_id: row for row in outcome.rows}
    assert outcome.state == "incomplete"
    assert (by_device["adb-p2"].status, by_device["adb-p2"].invocations) == (Status.DONE, 3)
    assert "lost" in bench.said()
    first.start(first.port)
    first.connect(adb_server)
    resumed = bench.run(text, resume="latest")
    assert (resumed.state, [row.status for row in resumed.rows]) == ("finished", [Status.DONE] * 2)


def test_a_phone_that_is_unplugged_while_changed_is_told_and_put_back_later(
    bench: PhoneBench, phone: VirtualPhone, adb_server: AdbServer
) -> None:
    before = settings_of(phone)
    text = bench.sweep_text(phone, settings="{offline_timeout_s: 2}")
    with pytest.raises(RestoreError, match=r"the phone is away .* still changed: stay_awake: 0 -> 7"):
        bench.run(text, on_event=bench.during(1, phone.kill, 0.0))
    phone.start(phone.port)
    phone.connect(adb_server)
    assert settings_of(phone) != before
    assert bench.run(text, resume="latest").state == "finished"
    assert "put back from an earlier session" in bench.said()
    assert settings_of(phone) == before


def test_a_phone_that_is_not_there_leaves_rows_that_say_so(bench: PhoneBench, phone: VirtualPhone) -> None:
    targets = f'[{{adb: {{serial: "{phone.serial}"}}}}, {{adb: {{serial: nowhere}}}}]'
    outcome = bench.run(bench.sweep_text(blocks=1, targets=targets))
    there, absent = outcome.rows
    assert (there.status, absent.status) == (Status.DONE, Status.OFFLINE)
    assert "no phone fits serial 'nowhere'" in absent.reasons
    with pytest.raises(NoDeviceError, match="nowhere"):
        bench.run(bench.sweep_text(targets="[{adb: {serial: nowhere}}]"))


def test_equal_phones_share_the_models(bench: PhoneBench, make_phone: MakePhone, adb_server: AdbServer) -> None:
    for number in (1, 2):
        make_phone(soc=REAL_CORES, libc=True, serial_no=f"P{number}", model="Pixel 99").connect(adb_server)
    models = f"[{{file: {MODEL}, name: a}}, {{file: {MODEL}, name: b}}]"
    text = bench.sweep_text(blocks=1, models=models, targets="[{any: {model: Pixel 99, count: 2}}]")
    outcome = bench.run(text)
    assert {row.model: row.device_id for row in outcome.rows} == {"a": "adb-p1", "b": "adb-p2"}
    assert {row.status for row in outcome.rows} == {Status.DONE}


# ---- heat ------------------------------------------------------------------------------------------------------------


def test_a_phone_that_throttles_is_measured_again_and_says_so(bench: PhoneBench, phone: VirtualPhone) -> None:
    phone.throttle_after(0.8, cools_in_s=0.5)
    measure = "min_s: 2.5, max_s: 4, warmup_min_s: 0, warmup_max_s: 1, timeout_s: 20, memory: false, profile: false"
    outcome = bench.run(bench.sweep_text(phone, blocks=1, measure=measure))
    (row,) = outcome.rows
    assert row.verdict is Verdict.THROTTLED
    assert "1 of 1 blocks were measured again because the device throttled" in row.reasons
    assert [attempt for _, attempt, _ in bench.statuses(outcome.run_id)] == [0, 1, 2]
    assert any("cooling" in reason for reason in bench.waits())


def test_a_phone_that_stays_hot_is_measured_once_and_marked(bench: PhoneBench, phone: VirtualPhone) -> None:
    phone.set_thermal_status(2)
    outcome = bench.run(bench.sweep_text(phone, settings="{gate: {timeout_s: 1}}"))
    (row,) = outcome.rows
    assert row.verdict is Verdict.THROTTLED
    assert "begun although the gate did not open within 1 s (thermal status moderate)" in row.notes
    assert {attempt for _, attempt, _ in bench.statuses(outcome.run_id)} == {0}
    assert any("thermal status moderate" in reason for reason in bench.waits())


def test_the_gate_holds_a_block_until_the_battery_is_charged(bench: PhoneBench, phone: VirtualPhone) -> None:
    phone.set_battery(level=10)
    started = time.monotonic()

    def charge(event: object) -> None:
        if bench.waits() and time.monotonic() - started > 3:
            phone.set_battery(level=80)

    outcome = bench.run(bench.sweep_text(phone, blocks=1, settings="{gate: {timeout_s: 60}}"), on_event=charge)
    assert outcome.rows[0].status is Status.DONE
    assert any("battery 10 %, gate 20 %" in reason for reason in bench.waits())


def test_a_core_that_is_offline_is_not_chosen(bench: PhoneBench, phone: VirtualPhone) -> None:
    phone.set_core_online(max(phone.soc.cores), False)
    outcome = bench.run(bench.sweep_text(phone, blocks=1, backends="[{cpu: {cores: [1]}}, {cpu: {cores: [0]}}]"))
    gone, there = outcome.rows
    assert (gone.status, there.status) == (Status.SKIPPED, Status.DONE)
    assert "core 1 does not exist, is offline" in gone.reasons


# ---- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a b.tflite", "-rf.tflite", "$(touch x);'\"`id`.tflite", "ünï—код.tflite"])
def test_a_model_file_may_be_called_anything(bench: PhoneBench, phone: VirtualPhone, name: str) -> None:
    path = bench.folder / name
    path.write_bytes(MODEL.read_bytes())
    outcome = bench.run(bench.sweep_text(phone, blocks=1, models=f"[{{file: {json.dumps(str(path))}, name: m}}]"))
    assert outcome.rows[0].status is Status.DONE, outcome.rows[0].reasons
