"""`device_scripts/facts.sh` on made-up phones, under the shells of phones."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from harness.assets import folder
from harness.devices.android.facts import PhoneFacts
from harness.devices.android.facts_text import parse_facts, read_facts
from harness.errors import ParseError
from tests.devices.android.local_shell import LocalShell
from tests.devices.android.phones import Phone, bare, denied, mediatek, old_snapdragon, output_of, pixel, rooted

SCRIPT = folder("device_scripts") / "facts.sh"
PHONES = (pixel, old_snapdragon, mediatek, denied, bare, rooted)


def _shells() -> list[object]:
    missing = pytest.mark.skip
    return [
        pytest.param(sh, id=sh[0], marks=() if shutil.which(sh[0]) else missing(reason=f"{sh[0]} is not installed"))
        for sh in (("mksh",), ("busybox", "sh"), ("dash",))
    ]


@pytest.fixture(params=_shells())
def sh(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return request.param  # type: ignore[no-any-return]


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing() -> None:
    done = subprocess.run(["shellcheck", "-s", "sh", "-S", "style", str(SCRIPT)], capture_output=True, timeout=60)
    assert done.stdout == b""
    assert done.returncode == 0


Read = Callable[[Callable[[], Phone], "tuple[str, ...]"], PhoneFacts]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    """The facts of a phone by a shell; each pair is run once."""

    @cache
    def facts(phone: Callable[[], Phone], sh: tuple[str, ...]) -> PhoneFacts:
        return phone().facts(tmp_path_factory.mktemp("phone"), sh)

    return facts


@pytest.mark.parametrize("phone", PHONES)
def test_every_shell_reads_the_same(phone: Callable[[], Phone], read: Read, sh: tuple[str, ...]) -> None:
    assert read(phone, sh) == read(phone, ("dash",))


def test_a_pixel(read: Read, sh: tuple[str, ...]) -> None:
    facts = read(pixel, sh)
    assert (facts.model, facts.sdk, facts.booted, facts.abis) == ("Pixel 8", 34, True, ("arm64-v8a",))
    assert [core.capacity for core in facts.cores] == [250] * 4 + [620] * 3 + [1024]
    assert [core.cluster for core in facts.cores] == [0, 0, 0, 0, 4, 4, 4, 7]
    assert [core.name for core in facts.cores[3:]] == ["Cortex-A510", *["Cortex-A715"] * 3, "Cortex-X3"]
    assert facts.cores[7].governors == ("sched_pixel", "powersave", "performance")
    assert facts.cores[0].clock_sources == ("time_in_state", "scaling_cur_freq")
    assert facts.allowed == tuple(range(8))
    assert facts.pinning is True
    assert (facts.gpu, facts.gpu_api) == ("Mali-G715", "OpenGL ES 3.2")
    assert facts.thermal is not None
    assert (facts.thermal.status, facts.thermal.hal_ready, facts.thermal.cooling) == (0, True, ())
    assert {sensor.name: sensor.value_c for sensor in facts.temperatures} == {
        "BIG": 38.5,
        "LITTLE": 36.1,
        "VIRTUAL-SKIN": 31.5,
        "battery": 28.5,
    }
    assert facts.zones == ()
    assert facts.why("zones") == "2 of 2 thermal zones cannot be read"
    assert facts.battery is not None
    assert (facts.battery.level_pct, facts.battery.temp_c, facts.battery.powered) == (95.0, 28.5, ("USB",))
    assert facts.setting("global stay_on_while_plugged_in") == "7"
    assert facts.setting("global airplane_mode_on") is None
    assert facts.why("global airplane_mode_on") == ""
    assert (facts.storage_free_mib, facts.storage_writable) == (51200.0, True)
    assert (facts.root, facts.why("root")) == (None, "; ".join(f"{way}: it is not there" for way in ROOT_WAYS))
    assert facts.has_library("libOpenCL.so", "libOpenCL-pixel.so") == "/vendor/lib64/libOpenCL-pixel.so"
    assert (facts.uptime_s, facts.load_1min, facts.wakefulness) == (4711.25, 2.5, "Awake")


ROOT_WAYS = ("su -c", "su 0", "su root")


def test_an_old_snapdragon(read: Read, sh: tuple[str, ...]) -> None:
    facts = read(old_snapdragon, sh)
    assert facts.soc == "SDM845"
    assert facts.thermal is None
    assert facts.why("thermal") == "it is empty"
    assert {sensor.name: (sensor.kind, sensor.value_c) for sensor in facts.temperatures} == {
        "cpu0-silver-usr": ("cpu", 41.3),
        "cpu3-gold-usr": ("cpu", 45.5),
        "gpu0-usr": ("gpu", 39.9),
        "battery": ("battery", 31.0),
        "xo-therm-adc": ("other", 36.0),
        "quiet-therm-adc": ("skin", 33.1),
        "pa-therm1-adc": ("modem", 34.0),
    }
    assert [core.capacity for core in facts.cores] == [None] * 8
    assert [core.cluster for core in facts.cores] == [0] * 4 + [4] * 4
    assert facts.cores[7].name == "Kryo 3xx Gold"
    assert facts.gpu == "Adreno (TM) 630"


def test_tenths_of_degrees_and_a_faked_battery(read: Read, sh: tuple[str, ...]) -> None:
    facts = read(mediatek, sh)
    assert {sensor.name: (sensor.kind, sensor.value_c) for sensor in facts.zones} == {
        "mtktscpu": ("cpu", 45.2),
        "mtktsbattery": ("battery", 31.0),
        "mtktspa": ("modem", 33.8),
    }
    assert facts.battery is not None
    assert facts.battery.faked
    assert facts.thermal is not None
    assert (facts.thermal.status, facts.thermal.cooling) == (2, ("thermal-cpufreq-2",))
    assert (facts.cores[6].limit_khz, facts.cores[6].max_khz) == (1_530_000, 2_050_000)


def test_what_is_denied_is_no_value(read: Read, sh: tuple[str, ...]) -> None:
    facts = read(denied, sh)
    values = {
        name: value for name, value in vars(facts).items() if name not in ("unread", "cores", "tools", "libraries")
    }
    assert set(values.values()) <= {None, (), False, True}
    assert facts.why("model") == "the phone denies it"
    assert facts.why("battery") == "the phone denies it"
    assert facts.why("boot_id") == "the phone denies it"
    assert facts.why("zones") == "2 of 2 thermal zones cannot be read"
    assert [core.index for core in facts.cores] == list(range(8))
    assert {core.max_khz for core in facts.cores} == {None}
    assert "Permission denied" not in repr(facts)


def test_a_phone_without_tools(read: Read, sh: tuple[str, ...]) -> None:
    facts = read(bare, sh)
    assert facts.tools == frozenset() or facts.tools == {"kill"}  # built into some shells
    assert facts.pinning is False
    assert [core.online for core in facts.cores] == [True] * 4 + [False] * 4
    assert facts.abis_64 == ()
    assert facts.battery is not None
    assert facts.battery.level_pct == 50.0
    assert facts.why("storage_free_mib") == "it is not there"
    assert facts.root is None


def test_root_by_magisk(read: Read, sh: tuple[str, ...]) -> None:
    assert read(rooted, sh).root == "su -c"


@pytest.mark.parametrize("dialect", ["adb", "su 0", "su root"])
def test_other_ways_to_root(tmp_path: Path, dialect: str) -> None:
    assert rooted(dialect).facts(tmp_path).root == dialect


def hasty(phone: Phone, *, timeout: bool) -> Phone:
    """Deadlines of the script last a fraction of a second here."""
    phone.tools = tuple(tool for tool in phone.tools if tool not in ("timeout", "sleep"))
    if timeout:
        phone.commands["timeout"] = f'shift 3; exec {shutil.which("timeout")} -s KILL 0.3 "$@"'
    else:
        phone.commands["timeout"] = ""
        phone.commands["sleep"] = f"exec {shutil.which('sleep')} 0.3"
    return phone


@pytest.mark.parametrize("timeout", [True, False], ids=["timeout", "no timeout"])
def test_a_hanging_service_does_not_hang_the_script(tmp_path: Path, sh: tuple[str, ...], timeout: bool) -> None:
    phone = hasty(pixel(), timeout=timeout)
    phone.commands["dumpsys"] = f"exec {shutil.which('sleep')} 300"
    started = time.monotonic()
    facts = parse_facts(phone.run(tmp_path, sh, timeout_s=100.0))
    assert time.monotonic() - started < 90, "the script's own patience ended it, not ours"
    assert facts.model == "Pixel 8"
    assert facts.why("thermal") == "no answer in time"
    assert facts.why("gpu") == "not asked, because the phone did not answer before"
    # What needs no service is still read.
    assert facts.cores[7].capacity == 1024
    assert facts.storage_free_mib == 51200.0
    assert facts.pinning is True


def test_a_timeout_that_loses_the_exit_status_loses_nothing_else(tmp_path: Path, sh: tuple[str, ...]) -> None:
    phone = pixel()
    phone.tools = tuple(tool for tool in phone.tools if tool != "timeout")
    phone.commands["timeout"] = 'shift 3; "$@"; exit 127'  # as toybox 0.8.9 has it now and then
    assert phone.facts(tmp_path, sh) == parse_facts(output_of(pixel))


@pytest.mark.parametrize("timeout", [True, False], ids=["timeout", "no timeout"])
def test_root_that_asks_its_owner_is_asked_once(tmp_path: Path, sh: tuple[str, ...], timeout: bool) -> None:
    phone = hasty(pixel(), timeout=timeout)
    asked = tmp_path / "asked"
    phone.commands["su"] = f"echo x >>'{asked}'; exec {shutil.which('sleep')} 30"
    facts = parse_facts(phone.run(tmp_path, sh, timeout_s=10.0))
    assert facts.root is None
    assert "no answer in time" in facts.why("root")
    assert asked.read_text() == "x\n"


def test_text_of_the_phone_cannot_pass_for_the_scripts_own(tmp_path: Path, sh: tuple[str, ...]) -> None:
    phone = pixel()
    evil = "x\n@end\n@properties\nro.product.model=other\n|more\n*\n-n\\n$(id)`id` \" ' ; # \\"
    phone.properties["ro.product.device"] = evil
    phone.services["battery"] += "\n@root\nsu -c=0\n@end"
    phone.files["sys/class/thermal/thermal_zone0/type"] = "*\n"
    phone.files["sys/class/thermal/thermal_zone0/temp"] = "31000\n"
    phone.refused = ()
    facts = phone.facts(tmp_path, sh)
    assert facts.device == " ".join(evil.split())
    assert facts.model == "Pixel 8"
    assert facts.root is None
    assert [zone.name for zone in facts.zones] == ["*"]


def test_nothing_on_the_phone_is_changed(tmp_path: Path) -> None:
    phone = pixel()
    phone.run(tmp_path)
    root = tmp_path / "root"
    wanted = {*phone.files, *phone.refused}
    assert {path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir()} == wanted


def test_in_one_round_trip() -> None:
    shell = LocalShell(("dash",))
    facts = read_facts(shell)
    assert len(shell.calls) == 1
    assert len(shell.calls[0].encode()) < 65_000, "adbd takes no longer commands"
    assert facts.kernel


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.9, 0.999])
def test_half_an_output_is_no_facts(keep: float) -> None:
    output = output_of(pixel)
    with pytest.raises(ParseError):
        parse_facts(output[: int(len(output) * keep)])
