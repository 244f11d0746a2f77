"""What tools and phones do wrong in a sweep: the row says what happened, the others go on, nothing is left behind."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from harness.domain import Evidence, Purpose, ResultRow, Status, Verdict
from harness.errors import NoDeviceError
from harness.events import RunStarted
from tests.lab.phone_bench import MODEL, WINDOWS, PhoneBench, library, settled
from tests.phone.fixtures import MakePhone
from tests.phone.phone import VirtualPhone
from tests.phone.server import AdbServer
from tests.phone.soc import REAL_CORES
from tests.runtimes.local_device import fake_tool

pytestmark = [pytest.mark.phone, pytest.mark.timeout(120)]

SHORT = "min_s: 0.1, max_s: 0.4, warmup_min_s: 0, warmup_max_s: 0.1, timeout_s: 2, memory: false, profile: false"
NO_WAIT = "{stay_awake: null, gate: {timeout_s: 1}, offline_timeout_s: 20}"
CACHE = "/data/local/tmp/harness"
ROOT = Path(__file__).resolve().parents[2]
OUTPUT_BYTES = "12"  # of the stand-in: what the model gives for one input


@pytest.fixture
def bench(tmp_path: Path, adb_server: AdbServer, monkeypatch: pytest.MonkeyPatch) -> PhoneBench:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return PhoneBench(tmp_path, adb_server.address)


def tools(*paths: Path) -> str:
    """These programs, and the runner as the case that must not be disturbed."""
    entries = [f"{{benchmark_model: {{binary: {path}}}}}" for path in paths]
    return f"[{', '.join(entries)}, {{device_runner: {{library: {library()}}}}}]"


def by_tool(rows: tuple[ResultRow, ...]) -> dict[str, ResultRow]:
    """Rows by the file name of the tool in the runtime's label."""
    return {row.runtime.rsplit("/", 1)[-1].rstrip(")"): row for row in rows}


def evidence(bench: PhoneBench, run_id: str) -> list[Evidence]:
    with bench.store() as store:
        return [each.result.evidence for each in store.invocations(run_id) if each.purpose is Purpose.TIMING]


# ---- tools -----------------------------------------------------------------------------------------------------------


def test_tools_that_end_badly_each_say_how_and_leave_the_sound_one_alone(
    bench: PhoneBench, phone: VirtualPhone, tmp_path: Path
) -> None:
    ends = {name: fake_tool(tmp_path / f"t/{name}", behaviour=name) for name in ("crash", "killed")}
    endless = {  # without outputs, so that it is the timing pass that meets them
        name: fake_tool(tmp_path / f"t/{name}", behaviour=name, without="output_filepath") for name in ("hang", "flood")
    }
    strange = {"bad_text": fake_tool(tmp_path / "t/bad_text", behaviour="bad_text", output_bytes=OUTPUT_BYTES)}
    strange["bad_text"].chmod(0o644)  # whether a file may be executed here is of no account there
    arm = {"arm": tmp_path / "t/arm"}
    arm["arm"].write_bytes(aarch64_program(tmp_path))
    made = ends | endless | strange | arm
    text = bench.sweep_text(phone, blocks=1, runtime=tools(*made.values()), measure=SHORT, settings=NO_WAIT)
    rows = by_tool(bench.run(text).rows)
    found = {name: (row.status, row.reasons) for name, row in rows.items()}
    for name, status, words in (
        ("crash", Status.CRASHED, "SIGSEGV"),
        ("killed", Status.OOM, "low-memory killer"),
        ("hang", Status.TIMEOUT, "no result after 2 s"),
        ("flood", Status.TIMEOUT, "no result after 2 s"),
        ("arm", Status.SKIPPED, "is a program for AArch64; this device runs x86_64"),
    ):
        assert found[name][0] is status, found[name]
        assert words in found[name][1], found[name]
        assert rows[name].latency_p50_ms is None
    assert rows["bad_text"].verdict is Verdict.WRONG_OUTPUT  # it was read, timed and checked
    assert rows["bad_text"].latency_p50_ms == pytest.approx(0.02)
    assert (rows["libLiteRt.so"].status, rows["libLiteRt.so"].reference_cosine) == (Status.DONE, pytest.approx(1.0))
    assert settled(phone) == ()


def aarch64_program(tmp_path: Path) -> bytes:
    compiler = shutil.which("aarch64-linux-gnu-gcc")
    if compiler is None:
        pytest.skip("no compiler for AArch64")
    source = tmp_path / "main.c"
    source.write_text("int main(void) { return 0; }\n")
    subprocess.run([compiler, "-static", "-o", str(tmp_path / "main"), str(source)], check=True)
    return (tmp_path / "main").read_bytes()


def test_delegates_that_fall_back_and_tools_without_outputs_or_flags(
    bench: PhoneBench, phone: VirtualPhone, tmp_path: Path
) -> None:
    made = [
        fake_tool(tmp_path / "t/silent", behaviour="silent", without="output_filepath"),
        fake_tool(tmp_path / "t/none", behaviour="none", without="output_filepath"),
        fake_tool(tmp_path / "t/refused", behaviour="refused", output_bytes=OUTPUT_BYTES),
        fake_tool(tmp_path / "t/lacks", without="gpu_backend", output_bytes=OUTPUT_BYTES),
        fake_tool(tmp_path / "t/litert", flavour="litert"),
    ]
    text = bench.sweep_text(
        phone, runtime=tools(*made), backends="[{gpu: {backend: cl}}]", measure=SHORT, settings=NO_WAIT
    )
    rows = by_tool(bench.run(text).rows)
    timed = {name: (rows[name].status, rows[name].verdict, rows[name].latency_p50_ms) for name in ("none", "litert")}
    assert timed["none"] == (Status.DONE, Verdict.FELL_BACK, pytest.approx(0.02)), rows["none"].reasons
    assert timed["litert"] == (Status.DONE, Verdict.UNVERIFIED, pytest.approx(0.02)), rows["litert"].reasons
    assert "the outputs were not compared with a reference" in rows["litert"].reasons
    # One that says nothing at all is believed neither way.
    assert (rows["silent"].verdict, rows["silent"].coverage) == (Verdict.UNVERIFIED, "unknown")
    assert rows["refused"].status is Status.FAILED
    assert "Failed to apply GPU delegate" in rows["refused"].reasons
    assert rows["lacks"].status is Status.SKIPPED
    assert "does not know --gpu_backend" in rows["lacks"].reasons
    assert settled(phone) == ()


def test_a_program_that_lost_its_exec_bit_gets_it_back(bench: PhoneBench, phone: VirtualPhone) -> None:
    text = bench.sweep_text(phone, blocks=1, settings=NO_WAIT)
    bench.run(text)
    for path in phone.local(f"{CACHE}/files").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
    assert bench.run(text).rows[0].status is Status.DONE


# ---- connections -----------------------------------------------------------------------------------------------------


def test_an_adb_server_that_somebody_restarts_costs_one_invocation(
    bench: PhoneBench, phone: VirtualPhone, tmp_path: Path
) -> None:
    def restart() -> None:
        server.restart()
        phone.connect(server)

    with AdbServer(tmp_path / "adb") as server:
        phone.connect(server)
        bench.server = server.address
        text = bench.sweep_text(phone, blocks=2, settings=NO_WAIT)
        outcome = bench.run(text, on_event=bench.during(0, restart, 0.05))
    assert (outcome.state, outcome.rows[0].status, outcome.rows[0].invocations) == ("finished", Status.DONE, 2)
    assert (0, 0, Status.OFFLINE) in bench.statuses(outcome.run_id)
    assert settled(phone) == ()


def test_adbd_that_is_frozen_for_good_ends_its_lane_only(
    bench: PhoneBench, make_phone: MakePhone, adb_server: AdbServer
) -> None:
    first, second = (make_phone(soc=REAL_CORES, libc=True, serial_no=f"P{number}") for number in (1, 2))
    for phone in (first, second):
        phone.connect(adb_server)
    settings = "{stay_awake: null, offline_timeout_s: 2}"
    text = bench.sweep_text(
        first, second, blocks=2, measure=SHORT.replace("0.1", "0.6", 1).replace("0.4", "0.8"), settings=settings
    )
    began = time.monotonic()
    outcome = bench.run(text, on_event=bench.during(0, first.freeze, 0.4))
    # What a frozen phone may cost: the deadline of a question to its cache, the way back, the two farewells.
    assert time.monotonic() - began < 80
    rows = {row.device_id: row for row in outcome.rows}
    assert (outcome.state, rows["adb-p2"].status, rows["adb-p2"].invocations) == ("incomplete", Status.DONE, 2)
    assert rows["adb-p1"].status is Status.OFFLINE or "OFFLINE" in rows["adb-p1"].reasons
    assert "the device was lost and did not come back within 2 s" in bench.said()
    first.thaw()
    assert settled(first) == settled(second) == ()


def test_a_full_phone_fails_its_cases_and_the_other_goes_on(
    bench: PhoneBench, make_phone: MakePhone, adb_server: AdbServer
) -> None:
    full = make_phone(soc=REAL_CORES, libc=True, serial_no="FULL", tmp_bytes=1 << 20)
    roomy = make_phone(soc=REAL_CORES, libc=True, serial_no="ROOMY")
    for phone in (full, roomy):
        phone.connect(adb_server)
    outcome = bench.run(bench.sweep_text(full, roomy, blocks=1, settings=NO_WAIT))
    rows = {row.device_id: row for row in outcome.rows}
    assert (rows["adb-full"].status, rows["adb-roomy"].status) == (Status.FAILED, Status.DONE)
    assert "no room on the phone: " in rows["adb-full"].reasons
    assert "harness devices --clean" in rows["adb-full"].reasons
    assert [name for name in full.files(CACHE) if name.startswith("files/")] == []


def test_two_phones_with_one_serial_number_are_two(
    bench: PhoneBench, make_phone: MakePhone, adb_server: AdbServer
) -> None:
    phones = [make_phone(soc=REAL_CORES, libc=True, serial_no="0123456789ABCDEF") for _ in range(2)]
    for phone in phones:
        phone.connect(adb_server)
    outcome = bench.run(bench.sweep_text(*phones, blocks=1, settings=NO_WAIT))
    assert len({row.device_id for row in outcome.rows}) == 2
    assert {row.status for row in outcome.rows} == {Status.DONE}
    with pytest.raises(NoDeviceError, match="2 phones fit serial '0123456789ABCDEF'"):
        bench.run(bench.sweep_text(targets='[{adb: {serial: "0123456789ABCDEF"}}]'))


def test_a_phone_that_is_listed_twice_has_one_lane(
    bench: PhoneBench, phone: VirtualPhone, adb_server: AdbServer
) -> None:
    other = phone.second_listing(adb_server)
    deadline = time.monotonic() + 5.0
    while adb_server.listed().get(other) != "device" and time.monotonic() < deadline:
        time.sleep(0.05)
    models = f"[{{file: {MODEL}, name: a}}, {{file: {MODEL}, name: b}}]"
    text = bench.sweep_text(
        targets="[{any: {model: Virtual Phone 8, count: 2}}]", models=models, blocks=1, settings=NO_WAIT
    )
    outcome = bench.run(text)
    assert [(row.device_id, row.status) for row in outcome.rows] == [("adb-vphone0001", Status.DONE)] * 2
    (started,) = [event for event in bench.events if isinstance(event, RunStarted)]
    assert started.device_ids == ("adb-vphone0001",)


# ---- what the phone does not tell, battery, heat, cores, clocks ------------------------------------------------------


def test_a_phone_that_forbids_all_of_sys_proves_nothing_and_nothing_is_invented(
    bench: PhoneBench, phone: VirtualPhone
) -> None:
    phone.deny(["/sys"])
    tool = fake_tool(bench.folder / "t/litert", flavour="litert")
    outcome = bench.run(bench.sweep_text(phone, runtime=tools(tool), settings=NO_WAIT, measure=SHORT))
    row = by_tool(outcome.rows)["litert"]
    assert (row.status, row.verdict) == (Status.DONE, Verdict.UNVERIFIED)
    assert "nothing is known of the clock in 3 of 3 invocations" in row.reasons
    assert (row.clock_ghz, row.clock_share, row.clock_source) == (None, None, "")
    for seen in evidence(bench, outcome.run_id):
        assert seen.clock_source in (None, "", "add_chain")  # the runner measures it; the phone tells nothing
        assert seen.clock_cap_ghz is None


def test_a_battery_that_falls_in_the_run_holds_up_the_next_block(bench: PhoneBench, phone: VirtualPhone) -> None:
    settings = "{stay_awake: null, gate: {timeout_s: 1}}"
    text = bench.sweep_text(phone, blocks=2, settings=settings, measure=f"{SHORT}, gap_s: 5.5")
    outcome = bench.run(text, on_event=bench.during(0, lambda: phone.set_battery(level=5, charging=False), 0.0))
    assert "battery 5 %, gate 20 %, not charging" in bench.waits()
    (_, late) = evidence(bench, outcome.run_id)
    assert late.battery_pct == 5
    assert any("begun although the gate did not open within 1 s (battery 5 %" in note for note in late.notes)
    assert outcome.rows[0].battery_pct == 5


def test_a_phone_that_never_cools_is_measured_after_the_wait_and_says_so(
    bench: PhoneBench, phone: VirtualPhone
) -> None:
    settings = "{stay_awake: null, gate: {timeout_s: 2}}"
    heat = bench.during(0, lambda: phone.set_temp("cpu-1-7-usr", 70.0), 0.0)
    outcome = bench.run(bench.sweep_text(phone, blocks=2, settings=settings), on_event=heat)
    assert "cooling: 70.0 C, gate 41.0 C (cpu)" in bench.waits()
    (row,) = outcome.rows
    assert (row.status, row.temp_end_c) == (Status.DONE, 70.0)
    assert "the gate did not open within 2 s (cooling: 70.0 C" in row.notes


def test_a_core_that_goes_offline_in_the_run_is_told(bench: PhoneBench, phone: VirtualPhone) -> None:
    big = max(phone.soc.cores)
    text = bench.sweep_text(phone, blocks=2, settings=NO_WAIT, measure=WINDOWS.replace("0.2", "0.8"))
    outcome = bench.run(text, on_event=bench.during(0, lambda: phone.set_core_online(big, False), 0.5))
    (row,) = outcome.rows
    assert row.verdict is not Verdict.TRUSTED
    assert f"pinned cores went offline in 1 of 1 invocations (core {big}): they ran elsewhere" in row.reasons
    assert f"core {big} is offline: the process could not be pinned to it" in row.reasons


def test_a_jump_of_the_host_s_clock_changes_nothing(
    bench: PhoneBench, phone: VirtualPhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, jumped = time.time, threading.Event()
    monkeypatch.setattr(time, "time", lambda: real() + (86_400.0 if jumped.is_set() else 0.0))
    outcome = bench.run(bench.sweep_text(phone, blocks=2, settings=NO_WAIT), on_event=bench.during(0, jumped.set, 0.1))
    assert jumped.is_set()
    assert (outcome.state, outcome.rows[0].status, outcome.rows[0].invocations) == ("finished", Status.DONE, 2)
    assert {status for *_, status in bench.statuses(outcome.run_id)} == {Status.DONE}


def test_deadlines_on_the_way_to_a_phone_are_by_the_monotonic_clock() -> None:
    sources = [path for room in ("devices", "lab") for path in (ROOT / "harness" / room).rglob("*.py")]
    assert len(sources) > 50
    wall = re.compile(r"\btime\.time(_ns)?\(|datetime\.(utcnow|now)\(")
    found = [
        f"{path.name}: {line.strip()}"
        for path in sources
        for line in path.read_text().splitlines()
        if wall.search(line)
    ]
    assert all(".isoformat(" in line for line in found), found  # for the reader of a record, never for a deadline
