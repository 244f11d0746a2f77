"""Settings, lease and `harness restore` through a real adbd, mksh and toybox."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.devices.android.batch import Root
from harness.devices.android.connection import Connection
from harness.devices.android.journal import Journal
from harness.devices.android.phone_lease import PhoneLease
from harness.devices.android.restore import Phone, put_back
from harness.devices.android.server import AdbServer
from harness.devices.android.settings import Applied, apply
from harness.devices.android.shell import Shell
from harness.domain import DeviceSettings
from harness.errors import DeviceBusyError, DeviceOfflineError, InvocationTimeoutError, RestoreError
from harness.holder import Process
from tests.phone.fixtures import MakePhone
from tests.phone.phone import VirtualPhone
from tests.phone.server import AdbServer as Server

pytestmark = pytest.mark.phone
SU: Root = ("su", "-c")
EVERYTHING = DeviceSettings(
    governor="performance",
    clock_khz="max",
    fixed_performance_mode=True,
    airplane_mode=True,
    animations=False,
    battery_saver=True,
    brightness=40,
)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "restore")


def wire(phone: VirtualPhone, server: Server) -> Connection:
    return Connection(AdbServer(port=server.port), phone.serial)


def make(connection: Shell, settings: DeviceSettings, journal: Journal, **other: Any) -> Applied:
    given = {"identity": "adb-vphone0001", "root": None, "sdk": 34, "over_tcp": False}
    return apply(connection, settings, journal=journal, **{**given, **other})


def state(phone: VirtualPhone) -> dict[str, str]:
    """Settings, governors and clock limits."""
    files = [*(phone.state_dir / "phone/settings").iterdir()]
    folders = (phone.state_dir / "sys/devices/system/cpu/cpufreq").iterdir()
    names = ("scaling_governor", "scaling_min_freq", "scaling_max_freq")
    files += [folder / name for folder in folders for name in names]
    return {str(file.relative_to(phone.state_dir)): file.read_text().strip() for file in files}


def harness(journal: Journal, server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness", "restore", "--adb-server", server.address, *arguments],
        env={**os.environ, "HARNESS_RESTORE": str(journal.folder)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_a_rooted_phone_is_set_and_put_back(make_phone: MakePhone, adb_server: Server, journal: Journal) -> None:
    phone = make_phone(rooted=True)
    phone.connect(adb_server)
    before = state(phone)
    applied = make(wire(phone, adb_server), EVERYTHING, journal, root=SU)
    assert applied.not_made == ()
    assert "governor:policy7: schedutil -> performance" in applied.changed
    assert "fixed_performance_mode: on" in applied.changed
    assert phone.setting("system", "screen_brightness") == "40"
    assert phone.setting("global", "airplane_mode_on") == "1"
    applied.restore()
    assert state(phone) == before
    assert not (phone.local("/data/local/tmp/harness") / "changed").exists()


def test_a_stubborn_phone_is_caught(make_phone: MakePhone, adb_server: Server, journal: Journal) -> None:
    phone = make_phone(rooted=True, stubborn=True)
    phone.connect(adb_server)
    before = state(phone)
    applied = make(wire(phone, adb_server), replace(EVERYTHING, fixed_performance_mode=None), journal, root=SU)
    assert applied.changed == ()
    assert {sentence.partition(":")[0] for sentence in applied.not_made} >= {"stay_awake", "governor", "brightness"}
    applied.restore()
    assert state(phone) == before


def test_harness_restore_after_a_crash(make_phone: MakePhone, adb_server: Server, journal: Journal) -> None:
    phone = make_phone(rooted=True)
    phone.connect(adb_server)
    before = state(phone)
    make(wire(phone, adb_server), EVERYTHING, journal, root=SU)
    done = harness(journal, adb_server)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "brightness: 40 -> 102" in done.stdout
    assert state(phone) == before
    again = harness(journal, adb_server, "--json")
    assert again.returncode == 0
    (report,) = json.loads(again.stdout)["phones"]
    assert (report["state"], report["changed"]) == ("clean", [])


def test_another_host_restores_by_the_marker(
    make_phone: MakePhone, adb_server: Server, journal: Journal, tmp_path: Path
) -> None:
    phone = make_phone()
    phone.connect(adb_server)
    before = state(phone)
    make(wire(phone, adb_server), replace(DeviceSettings(), brightness=40), journal)
    done = harness(Journal(tmp_path / "elsewhere"), adb_server, "VPHONE0001")
    assert done.returncode == 0, done.stdout + done.stderr
    assert state(phone) == before


def test_a_failed_restore_exits_non_zero_and_says_what_to_do(
    make_phone: MakePhone, adb_server: Server, journal: Journal
) -> None:
    phone = make_phone()
    phone.connect(adb_server)
    applied = make(wire(phone, adb_server), replace(DeviceSettings(), brightness=40), journal)
    (phone.state_dir / "phone/stubborn").touch()
    with pytest.raises(RestoreError, match="brightness: it stays 40, it was 102"):
        applied.restore()
    done = harness(journal, adb_server)
    assert done.returncode == 1
    assert "settings put system screen_brightness 102" in done.stdout
    (phone.state_dir / "phone/stubborn").unlink()
    assert harness(journal, adb_server).returncode == 0


def test_a_phone_in_use_is_left_alone(make_phone: MakePhone, adb_server: Server, journal: Journal) -> None:
    phone = make_phone()
    phone.connect(adb_server)
    make(wire(phone, adb_server), replace(DeviceSettings(), brightness=40), journal)
    other = PhoneLease(wire(phone, adb_server), "x", holder="night", process=Process("lab2", "b", "n", 7, 7))
    other.acquire()
    with pytest.raises(DeviceBusyError, match=r"process 7 on lab2 \(night\)"):
        PhoneLease(wire(phone, adb_server), "x").acquire()
    done = harness(journal, adb_server)
    assert done.returncode == 3
    assert "in use" in done.stdout
    assert phone.setting("system", "screen_brightness") == "40"
    other.release()
    assert harness(journal, adb_server).returncode == 0
    assert phone.setting("system", "screen_brightness") == "102"


@pytest.mark.parametrize("wiped", [False, True])
def test_after_a_reboot(make_phone: MakePhone, adb_server: Server, journal: Journal, wiped: bool) -> None:
    phone = make_phone(rooted=True)
    phone.connect(adb_server)
    before = state(phone)
    applied = make(wire(phone, adb_server), EVERYTHING, journal, root=SU)
    phone.reboot(wipe_tmp=wiped)
    phone.connect(adb_server)
    restored = applied.restore()
    assert {"governor:policy7", "clock:policy7", "fixed_performance_mode"} <= set(restored.rebooted)
    assert state(phone) == before


def test_a_phone_that_dies_while_it_is_set(make_phone: MakePhone, adb_server: Server, journal: Journal) -> None:
    phone = make_phone()
    phone.connect(adb_server)
    before = state(phone)
    connection = wire(phone, adb_server)
    asked: list[str] = []

    class Dying:
        def shell(self, script: str, **options: Any) -> Any:
            asked.append(script)
            if "settings put" in script:
                phone.freeze()
                options["timeout_s"] = 1.0
            return connection.shell(script, **options)

    with pytest.raises((DeviceOfflineError, InvocationTimeoutError)):
        make(Dying(), replace(DeviceSettings(), brightness=40), journal)
    assert any("settings put" in script for script in asked)
    phone.thaw()
    phone.connect(adb_server)
    put_back(Phone(wire(phone, adb_server), "adb-vphone0001"), journal).check("phone")
    assert state(phone) == before
    assert journal.contents().entries == ()


def test_a_full_phone_is_left_as_it_is(make_phone: MakePhone, adb_server: Server, journal: Journal) -> None:
    phone = make_phone(tmp_bytes=1 << 16)
    phone.connect(adb_server)
    before = state(phone)
    wire(phone, adb_server).shell("cat /dev/zero > /data/local/tmp/filler")
    with pytest.raises(Exception, match="nothing is changed") as failed:
        make(wire(phone, adb_server), replace(DeviceSettings(), brightness=40), journal)
    assert type(failed.value).__name__ == "StorageFullError"
    assert state(phone) == before
    assert journal.contents().entries == ()
