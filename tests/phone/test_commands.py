"""Android's commands on the virtual phone hold state and answer in Android's words."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.phone.fixtures import MakePhone
from tests.phone.phone import VirtualPhone
from tests.phone.server import AdbServer
from tests.phone.soc import SOC_1_3_4

COMMANDS = Path(__file__).parent / "commands"
Ask = Callable[[str], str]


@pytest.fixture
def eight(make_phone: MakePhone, adb_server: AdbServer) -> VirtualPhone:
    one = make_phone(soc=SOC_1_3_4)
    one.connect(adb_server)
    return one


@pytest.fixture
def ask(eight: VirtualPhone, adb_server: AdbServer) -> Ask:
    def run(script: str) -> str:
        done = adb_server.shell(eight.serial, script)
        return (done.stdout + done.stderr).decode() + (f"[{done.returncode}]" if done.returncode else "")

    return run


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="no shellcheck (apt-get install shellcheck)")
def test_commands_are_clean_posix_sh() -> None:
    scripts = sorted(str(path) for path in COMMANDS.rglob("*") if path.is_file())
    done = subprocess.run(["shellcheck", "--exclude=SC1091", *scripts], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.phone
def test_settings_are_kept(ask: Ask, eight: VirtualPhone) -> None:
    assert ask("settings get global never_set") == "null\n"
    assert ask("settings put global key 'two words'; settings get global key") == "two words\n"
    assert ask("settings delete global key; settings get global key") == "Deleted 1 rows\nnull\n"
    assert "screen_brightness=102\n" in ask("settings list system")
    assert ask("settings get nowhere key").endswith("[255]")
    ask("svc power stayon usb")
    assert eight.setting("global", "stay_on_while_plugged_in") == "2"
    assert eight.calls()[-1] == "svc settings/global.stay_on_while_plugged_in=2"


@pytest.mark.phone
def test_properties(ask: Ask) -> None:
    assert ask("getprop ro.soc.model; getprop nothing; getprop nothing else") == "SM8350V\n\nelse\n"
    assert ask("setprop debug.x 'a=b'; getprop debug.x") == "a=b\n"
    assert ask("setprop ro.serialno x; getprop ro.serialno").splitlines()[0] == "VPHONE0001"
    assert "[ro.build.version.sdk]: [34]\n" in ask("getprop")


@pytest.mark.phone
def test_battery_says_when_its_updates_are_stopped(ask: Ask, eight: VirtualPhone) -> None:
    eight.set_battery(level=41, temp_c=33.4, charging=False)
    said = ask("dumpsys battery")
    assert {"  level: 41", "  temperature: 334", "  USB powered: false", "  status: 3"} <= set(said.splitlines())
    assert "UPDATES STOPPED" not in said
    assert ask("cat /sys/class/power_supply/battery/capacity") == "41\n"
    stopped = ask("cmd battery set level 5; dumpsys battery")
    assert "  (UPDATES STOPPED -- use 'reset' to restart)\n" in stopped
    assert "  level: 5\n" in stopped
    assert "  level: 41\n" in ask("dumpsys battery reset; dumpsys battery")


@pytest.mark.phone
def test_heat_shows_in_sysfs_and_in_the_thermal_service(ask: Ask, eight: VirtualPhone) -> None:
    eight.set_temp("skin-therm", 44.25)
    eight.set_thermal_status(3)
    said = ask("dumpsys thermalservice")
    assert "Thermal Status: 3\n" in said
    assert "Temperature{mValue=44.2, mType=3, mName=skin-therm, mStatus=3}" in said
    assert ask(f"cat /sys/class/thermal/thermal_zone{eight.zone('skin-therm')}/temp") == "44250\n"
    assert "IsStatusOverride: true" in ask("cmd thermalservice override-status 0; dumpsys thermalservice")
    assert "Thermal Status: 3" in ask("cmd thermalservice reset; dumpsys thermalservice")


@pytest.mark.phone
def test_old_releases_lack_what_came_later(make_phone: MakePhone, adb_server: AdbServer) -> None:
    old = make_phone(sdk=28)
    serial = old.connect(adb_server)
    fixed = adb_server.shell(serial, "cmd power set-fixed-performance-mode-enabled true")
    assert (fixed.returncode, b"Unknown command" in fixed.stderr) == (255, True)
    thermal = adb_server.shell(serial, "dumpsys thermalservice; cmd thermalservice reset")
    assert (thermal.returncode, thermal.stdout) == (20, b"")
    assert adb_server.shell(serial, "getprop ro.build.version.release").stdout == b"9\n"


@pytest.mark.phone
def test_fixed_performance_and_airplane_mode(ask: Ask, eight: VirtualPhone) -> None:
    assert ask("cmd power set-fixed-performance-mode-enabled true; cmd connectivity airplane-mode enable") == ""
    assert ask("cmd connectivity airplane-mode") == "enabled\n"
    assert eight.setting("global", "airplane_mode_on") == "1"
    assert "power fixed_performance=true" in " ".join(eight.calls()).replace("cmd", "power")
    assert ask("cmd nothing") == "cmd: Can't find service: nothing\n[20]"


@pytest.mark.phone
def test_taskset_of_eight_cores_checks_the_mask_and_pins_nothing(ask: Ask, eight: VirtualPhone) -> None:
    before = ask("grep Cpus_allowed_list /proc/self/status")
    assert ask("taskset 80 grep Cpus_allowed_list /proc/self/status") == before
    assert ask("taskset 100 true").endswith("Invalid argument\n[1]")
    assert ask("taskset 0x80 true").endswith("[1]")
    assert ask("nproc; cat /sys/devices/system/cpu/online") == "8\n0-7\n"
    eight.set_core_online(7, False)
    assert ask("nproc; cat /sys/devices/system/cpu/online; taskset 80 true").startswith("7\n0-6\ntaskset: failed")


@pytest.mark.phone
def test_uname_is_the_phones(ask: Ask) -> None:
    assert ask("uname -m; uname -r; uname -sr; uname") == (
        "x86_64\n5.4.210-qgki-g0123456789ab\nLinux 5.4.210-qgki-g0123456789ab\nLinux\n"
    )


@pytest.mark.phone
def test_log_and_keys(ask: Ask) -> None:
    assert ask("logcat -c; log -t bench hello; logcat -d").endswith("I bench: hello\n")
    assert "state=OFF" in ask("input keyevent 26; dumpsys power")
    assert "mWakefulness=Awake" in ask("input keyevent KEYCODE_WAKEUP; dumpsys power")
    assert ask("getenforce; service check battery") == "Enforcing\nService battery: found\n"


@pytest.mark.phone
def test_memory_of_a_process_is_the_real_one(ask: Ask) -> None:
    said = ask("dumpsys meminfo $$")
    assert "MEMINFO in pid" in said
    assert int(said.split("TOTAL PSS:")[1].split()[0]) > 20
    assert ask("dumpsys meminfo 999999").endswith("No process found for: 999999\n")


@pytest.mark.phone
def test_a_stubborn_phone_takes_writes_and_keeps_its_values(make_phone: MakePhone, adb_server: AdbServer) -> None:
    one = make_phone(stubborn=True, rooted=True)
    serial = one.connect(adb_server)
    said = adb_server.shell(serial, "settings put global low_power 1; echo $?; settings get global low_power")
    assert said.stdout == b"0\n0\n"
    governor = "/sys/devices/system/cpu/cpufreq/policy7/scaling_governor"
    script = f"su -c 'echo powersave > {governor}'; sleep 0.3; cat {governor}"
    assert adb_server.shell(serial, script).stdout == b"schedutil\n"


@pytest.mark.phone
def test_reboot_from_the_shell(eight: VirtualPhone, adb_server: AdbServer) -> None:
    before = eight.boot_id
    adb_server.shell(eight.serial, "reboot")
    eight.connect(adb_server)
    assert eight.boot_id != before
