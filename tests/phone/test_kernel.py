"""What the virtual phone's kernel shows: cores, clocks, time, denials; and what root may write."""

import time
from pathlib import Path

import pytest

from tests.phone import sysfs
from tests.phone.files import get, put, ranges
from tests.phone.fixtures import MakePhone
from tests.phone.phone import VirtualPhone
from tests.phone.server import AdbServer
from tests.phone.soc import REAL_CORES, SOC_1_3_4

POLICY7 = "/sys/devices/system/cpu/cpufreq/policy7"


@pytest.mark.parametrize(("numbers", "text"), [((), ""), ((3,), "3"), ((0, 1, 2), "0-2"), ((0, 2, 3, 7), "0,2-3,7")])
def test_cpu_lists(numbers: tuple[int, ...], text: str) -> None:
    assert ranges(numbers) == text


def test_a_file_changes_in_place(tmp_path: Path) -> None:
    path = tmp_path / "value"
    put(path, "12345\n")
    with path.open() as held:
        put(path, "9\n")
        assert held.read() == "9\n"
    assert path.stat().st_mode & 0o777 == 0o444
    path.chmod(0)
    put(path, "10\n")
    assert get(path) == "10"
    assert path.stat().st_mode & 0o777 == 0


def test_states_of_the_clock_are_lines() -> None:
    assert sysfs.time_in_state({300: 1, 600: 25}) == "300 1\n600 25"


@pytest.mark.phone
def test_topology(make_phone: MakePhone, adb_server: AdbServer) -> None:
    serial = make_phone(soc=SOC_1_3_4).connect(adb_server)
    script = (
        "cd /sys/devices/system/cpu; cat cpu[0-7]/cpu_capacity cpu*/cpufreq/cpuinfo_max_freq; ls -d cpufreq/policy*"
    )
    words = adb_server.shell(serial, script).stdout.decode().split()
    assert words[:8] == ["325"] * 4 + ["790"] * 3 + ["1024"]
    assert words[8:16] == ["1804800"] * 4 + ["2496000"] * 3 + ["2995200"]
    assert words[16:] == ["cpufreq/policy0", "cpufreq/policy4", "cpufreq/policy7"]


@pytest.mark.phone
def test_pinning_is_real_on_the_cores_of_this_machine(phone: VirtualPhone, adb_server: AdbServer) -> None:
    big = REAL_CORES.cores[-1]
    done = adb_server.shell(phone.serial, f"taskset {1 << big:x} grep Cpus_allowed_list /proc/self/status")
    assert done.stdout.split() == [b"Cpus_allowed_list:", str(big).encode()]


@pytest.mark.phone
def test_time_passes_at_the_clock_that_is_set(make_phone: MakePhone, adb_server: AdbServer) -> None:
    one = make_phone(soc=SOC_1_3_4)
    serial = one.connect(adb_server)
    one.set_clock(7, 1401600)

    def ticks() -> int:
        states = adb_server.shell(serial, f"cat {POLICY7}/stats/time_in_state").stdout.decode()
        return int(states.split("\n1401600 ")[1].split()[0])

    before, started = ticks(), time.monotonic()
    time.sleep(0.6)
    passed, expected = ticks() - before, (time.monotonic() - started) * 100
    assert expected - 30 < passed < expected + 30


@pytest.mark.phone
def test_only_root_writes_governors_and_the_clock_follows(make_phone: MakePhone, adb_server: AdbServer) -> None:
    one = make_phone(soc=SOC_1_3_4, rooted=True)
    serial = one.connect(adb_server)
    one.set_clock(7, 844800)
    refused = adb_server.shell(serial, f"echo performance > {POLICY7}/scaling_governor")
    assert b"Permission denied" in refused.stderr
    done = adb_server.shell(serial, f"su -c 'id -u; echo performance > {POLICY7}/scaling_governor'")
    if b"su: Operation not permitted" in done.stderr:
        pytest.skip("this kernel allows no nested user namespaces")
    assert (done.returncode, done.stdout) == (0, b"0\n")
    time.sleep(0.3)
    assert adb_server.shell(serial, f"cat {POLICY7}/scaling_governor").stdout == b"performance\n"
    assert one.clock(7) == 2995200
    adb_server.shell(serial, f"su 0 sh -c 'echo 1958400 > {POLICY7}/scaling_max_freq'")
    time.sleep(0.3)
    assert one.clock(7) == 1958400
    one.reboot()
    assert get(one.state_dir / POLICY7[1:] / "scaling_governor") == "schedutil"


@pytest.mark.phone
def test_there_is_no_su_unless_rooted(phone: VirtualPhone, adb_server: AdbServer) -> None:
    assert adb_server.shell(phone.serial, "su -c id").returncode == 127


@pytest.mark.phone
def test_denied_files_cannot_be_read(make_phone: MakePhone, adb_server: AdbServer) -> None:
    one = make_phone(soc=SOC_1_3_4)
    serial = one.connect(adb_server)
    one.deny(["/sys/class/thermal/*", f"{POLICY7}/scaling_cur_freq"])
    script = f"cat /sys/class/thermal/thermal_zone0/temp {POLICY7}/scaling_cur_freq {POLICY7}/scaling_max_freq"
    done = adb_server.shell(serial, script)
    assert done.stderr.count(b"Permission denied") == 2
    assert done.stdout == b"2995200\n"


@pytest.mark.phone
def test_a_busy_phone_throttles_and_recovers(make_phone: MakePhone, adb_server: AdbServer) -> None:
    one = make_phone(soc=SOC_1_3_4)
    serial = one.connect(adb_server)
    one.throttle_after(0.3, cools_in_s=0.2, program="sleep 1.2")
    clock = f"cat {POLICY7}/scaling_cur_freq"
    script = f"sleep 1.2 & sleep 0.9; {clock}; dumpsys thermalservice | grep ' Status:'; sleep 1; {clock}"
    done = adb_server.shell(serial, script)
    assert done.stdout.decode().splitlines() == ["1497600", "Thermal Status: 3", "2995200"]
