"""The command line with phones, as a person uses it: real processes, a real adb server, virtual phones."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command_line import MODELS, CommandLine
from tests.lab.phone_bench import library
from tests.phone.fixtures import MakePhone
from tests.phone.phone import VirtualPhone
from tests.phone.server import AdbServer, free_port
from tests.phone.soc import REAL_CORES

pytestmark = [pytest.mark.phone, pytest.mark.timeout(120)]

WriteSweep = Callable[..., str]
MEASURE = "min_s: 0.3, max_s: 0.6, warmup_min_s: 0, warmup_max_s: 0.1, timeout_s: 5, memory: false, profile: false"


@pytest.fixture(autouse=True)
def private_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("HARNESS_RESTORE", raising=False)


@pytest.fixture
def sweep(tmp_path: Path, adb_server: AdbServer) -> WriteSweep:
    def write(phone: VirtualPhone, blocks: int = 4, settings: str = "{animations: false, brightness: 10}") -> str:
        (tmp_path / "phone.yaml").write_text(
            f"name: small\nadb_server: {adb_server.address}\nmodels: [{{file: {MODELS}/float32.tflite}}]\n"
            f'variants: [float32]\ntargets: [{{adb: {{serial: "{phone.serial}"}}}}]\n'
            f"runtime: {{device_runner: {{library: {library()}}}}}\n"
            f"measure: {{blocks: {blocks}, {MEASURE}}}\nsettings: {settings}\n"
        )
        return "phone.yaml"

    return write


def settings_of(phone: VirtualPhone) -> dict[str, str]:
    return {path.name: path.read_text() for path in (phone.state_dir / "phone/settings").iterdir()}


def settled(phone: VirtualPhone) -> tuple[str, ...]:
    deadline = time.monotonic() + 20.0
    while phone.processes() and time.monotonic() < deadline:
        time.sleep(0.05)
    return phone.processes()


def wait_for(condition: Callable[[], object], what: str, within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def start(harness: CommandLine, phone: VirtualPhone, path: str) -> subprocess.Popen[str]:
    """A sweep that has changed the phone and measures."""
    before = settings_of(phone)
    child = harness.start("run", path, "--display", "plain")
    wait_for(lambda: child.poll() is not None or (settings_of(phone) != before and phone.busy()), "it did not begin")
    assert child.poll() is None, child.communicate()
    return child


def test_a_sweep_that_is_killed_is_undone_by_restore_and_goes_on_by_resume(
    harness: CommandLine, sweep: WriteSweep, phone: VirtualPhone, adb_server: AdbServer
) -> None:
    before, server = settings_of(phone), ("--adb-server", adb_server.address)
    child = start(harness, phone, sweep(phone, blocks=6))
    time.sleep(0.5)  # into the invocations
    child.kill()
    child.communicate()
    assert settings_of(phone) != before
    restored = harness("restore", *server)
    assert restored.returncode == 0, restored.stderr
    assert "everything is back" in restored.stdout
    assert "brightness: 10 -> 102" in restored.stdout
    assert settings_of(phone) == before
    assert settled(phone) == ()
    again = harness("restore", *server, "--json")
    assert [one["state"] for one in json.loads(again.stdout)["phones"] if one["device"] == "adb-vphone0001"] == [
        "clean"
    ]
    resumed = harness("run", "phone.yaml", "--resume", "--display", "plain")
    assert resumed.returncode == 0, resumed.stderr
    assert "finished" in resumed.stdout
    assert settings_of(phone) == before
    assert settled(phone) == ()


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_leaves_the_phone_as_it_was(
    harness: CommandLine, sweep: WriteSweep, phone: VirtualPhone, times: int
) -> None:
    before = settings_of(phone)
    child = start(harness, phone, sweep(phone, blocks=40))
    for _ in range(times):
        child.send_signal(signal.SIGINT)
        time.sleep(0.1)
    began = time.monotonic()
    out, err = child.communicate(timeout=30)
    assert time.monotonic() - began < 15
    assert child.returncode == 130, err
    assert "go on with  harness run phone.yaml --resume" in out
    assert settings_of(phone) == before
    assert settled(phone) == ()


def test_while_a_sweep_runs_others_can_look_and_cannot_touch(
    harness: CommandLine, sweep: WriteSweep, make_phone: MakePhone, adb_server: AdbServer
) -> None:
    phone, other = (make_phone(soc=REAL_CORES, libc=True, serial_no=f"C{number}") for number in (1, 2))
    for one in (phone, other):
        one.connect(adb_server)
    server = ("--adb-server", adb_server.address)
    child = start(harness, phone, sweep(phone, blocks=200))
    try:
        assert {"adb-c1", "adb-c2"} <= states(harness("devices", *server, "--json")).keys()
        findings = json.loads(harness("doctor", phone.serial, *server, "--json").stdout)
        assert [item["state"] for item in findings["adb-c1"] if item["subject"] == "pinning"] == ["ok"]

        cleaning = harness("devices", "--clean", *server, "--json")
        assert cleaning.returncode == 3
        cleaned = states(cleaning)
        assert f"process {child.pid} on " in cleaned["adb-c1"]["not_cleaned"]
        assert "(harness run phone.yaml)" in cleaned["adb-c1"]["not_cleaned"]
        assert cleaned["adb-c2"]["not_cleaned"] == ""

        restoring = harness("restore", phone.serial, *server)
        assert (restoring.returncode, "in use" in restoring.stdout) == (3, True)

        second = harness("run", "phone.yaml", "--display", "plain")
        assert second.returncode == 3
        assert f"in use by process {child.pid} on " in second.stderr
        assert "for sweep small" in second.stderr
        assert child.poll() is None
    finally:
        child.kill()
        child.communicate()


def states(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, str]]:
    """What `devices --json` printed, by id or serial."""
    return {one.get("device_id") or one["serial"]: one for one in json.loads(done.stdout)}


def test_phones_that_cannot_be_used_are_listed_with_what_to_do(
    harness: CommandLine, sweep: WriteSweep, make_phone: MakePhone, adb_server: AdbServer
) -> None:
    shy, gone = make_phone(authorized=False, serial_no="SHY"), make_phone(serial_no="GONE")
    adb_server.ask(f"host:connect:{shy.serial}")
    gone.connect(adb_server)
    gone.kill()
    wait_for(lambda: adb_server.listed().get(gone.serial) == "offline", "it is still listed as there")
    server = ("--adb-server", adb_server.address)
    listed = states(harness("devices", *server, "--json"))
    assert (listed[shy.serial]["state"], listed[gone.serial]["state"]) == ("unauthorized", "offline")
    assert "accept the question about USB debugging" in listed[shy.serial]["remedy"]
    doctor = harness("doctor", shy.serial, *server)
    assert (doctor.returncode, "accept the question" in doctor.stdout) == (1, True)
    run = harness("run", sweep(shy))
    assert (run.returncode, "has not allowed this computer" in run.stderr) == (3, True)
    run = harness("run", sweep(gone))
    assert (run.returncode, "does not answer" in run.stderr) == (3, True)


@pytest.mark.parametrize(("address", "code"), [("127.0.0.3:1", 3), ("nonsense:x", 2)])
def test_a_wrong_address_of_an_adb_server(harness: CommandLine, address: str, code: int) -> None:
    for command in ("devices", "doctor", "restore"):
        done = harness(command, "--adb-server", address)
        assert done.returncode == code, done.stdout
        assert address in done.stderr
        assert "Traceback" not in done.stderr


def test_without_adbutils_the_host_works_and_phones_say_what_to_install(
    harness: CommandLine, sweep: WriteSweep, sweep_file: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "block").mkdir()
    (tmp_path / "block/sitecustomize.py").write_text(BLOCKER)
    path = f"{harness.environment['PYTHONPATH']}:{tmp_path / 'block'}"

    def run(line: str) -> subprocess.CompletedProcess[str]:
        # A port where nothing listens: adb itself is not to be started either.
        server = {"ANDROID_ADB_SERVER_ADDRESS": "127.0.0.1", "ANDROID_ADB_SERVER_PORT": str(free_port())}
        return harness.shell(line, PYTHONPATH=path, **server)

    install = 'pip install "on-device-benchmark-harness[android]"'
    devices = run("devices")
    assert (devices.returncode, "host-" in devices.stdout, install in devices.stderr) == (0, True, True)
    assert len(json.loads(run("devices --json").stdout)) == 1
    doctor = run("doctor")
    assert (doctor.returncode, install in doctor.stdout) == (0, True)
    named = run("doctor nobody")
    assert (named.returncode, install in named.stderr) == (3, True)
    host = run(f"run {sweep_file(blocks=1)} --display plain")
    assert host.returncode == 0, host.stderr
    (tmp_path / "adb.yaml").write_text(
        f"models: [{{file: {MODELS}/float32.tflite}}]\nvariants: [float32]\ntargets: [adb]\n"
    )
    for line in ("run adb.yaml", "restore"):
        done = run(line)
        assert (done.returncode, install in done.stderr) == (2, True), done.stderr


BLOCKER = """\
import sys


class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "adbutils":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Blocker())
"""
