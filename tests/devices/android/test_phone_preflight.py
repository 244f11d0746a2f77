from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.devices.android.facts import Battery, PhoneCore, PhoneFacts
from harness.devices.android.facts_text import parse_facts
from harness.devices.android.phone_preflight import guarantees
from harness.devices.android.temperatures import Temperature, ThermalService
from harness.devices.preflight import Finding
from tests.devices.android.phones import Phone, bare, denied, mediatek, old_snapdragon, output_of, pixel, rooted

NEEDED = {"cat", "chmod", "kill", "mkdir", "mv", "rm", "sleep"}
TOOLS = frozenset(NEEDED | {"df", "nohup", "setsid", "taskset", "timeout", "sha256sum"})
CLOCKS = ("time_in_state", "scaling_cur_freq")
LITTLE = PhoneCore(0, True, False, 300, 2_000_000, limit_khz=2_000_000, governor="performance", clock_sources=CLOCKS)
BIG = replace(LITTLE, index=1, capacity=1024, max_khz=3_000_000, limit_khz=3_000_000)
SKIN = Temperature("skin", "skin", 30.0, "thermalservice")
GOOD = PhoneFacts(
    manufacturer="Example",
    model="One",
    fingerprint="example/one:13/user",
    release="13",
    sdk=33,
    soc_model="SM8550",
    abis=("arm64-v8a",),
    abis_64=("arm64-v8a",),
    booted=True,
    package_manager=True,
    uptime_s=5000.0,
    load_1min=1.0,
    memory_total_mib=8000.0,
    memory_available_mib=4000.0,
    cores=(LITTLE, BIG),
    pinning=True,
    gpu="Adreno (TM) 740",
    thermal=ThermalService(0, False, True, (SKIN,)),
    battery=Battery(80.0, 28.0, 2, ("USB",)),
    wakefulness="Awake",
    settings=(("global low_power", "0"), ("global stay_on_while_plugged_in", "7")),
    storage_free_mib=20000.0,
    storage_writable=True,
    root="su -c",
    tools=TOOLS,
    libraries=("/vendor/lib64/libOpenCL.so", "/vendor/lib64/libcdsprpc.so"),
)


def finding(subject: str, facts: PhoneFacts) -> Finding:
    (found,) = [found for found in guarantees(facts) if found.subject == subject]
    return found


def test_a_good_phone_has_nothing_to_improve() -> None:
    assert [found for found in guarantees(GOOD) if found.state != "ok"] == []


@pytest.mark.parametrize(
    ("subject", "changes", "state", "says", "type_this"),
    [
        ("phone", {"fingerprint": None}, "warning", "fingerprint", "getprop"),
        ("ready", {"booted": False}, "problem", "not finished", "sys.boot_completed"),
        ("ready", {"package_manager": None}, "warning", "package manager", "adb reboot"),
        ("ready", {"uptime_s": 40.0}, "warning", "40 s ago", "Wait"),
        ("cores", {"cores": ()}, "warning", "no core", "cores: [7]"),
        ("cores", {"cores": (LITTLE, replace(BIG, online=False))}, "warning", "1 (offline)", "su -c 'echo 1 >"),
        ("pinning", {"pinning": False}, "warning", "no effect", "taskset 1"),
        ("pinning", {"pinning": False, "cpuset": "/background"}, "warning", "cpuset /background", "taskset 1"),
        ("pinning", {"pinning": False, "tools": TOOLS - {"taskset"}}, "warning", "no taskset", "cores: all"),
        ("pinning", {"pinning": None}, "warning", "could not be tried", "taskset 1"),
        ("clock evidence", {"cores": (LITTLE, replace(BIG, clock_sources=()))}, "warning", "only of cores 0", "su -c"),
        ("clock evidence", {"cores": (), "root": None}, "warning", "UNVERIFIED", "adb root"),
        ("clock control", {"cores": (replace(BIG, governor="walt"),)}, "warning", "walt", "governor: performance"),
        (
            "clock control",
            {"cores": (replace(BIG, governor="walt"),), "root": None},
            "warning",
            "fixed performance",
            "fixed_performance_mode: true",
        ),
        ("clock control", {"cores": (), "root": None, "sdk": 28}, "warning", "no root", "warmup_min_s"),
        ("thermal evidence", {"thermal": ThermalService(0, True, True, (SKIN,))}, "problem", "faked", "reset"),
        ("thermal evidence", {"thermal": ThermalService(0, False, False)}, "warning", "no sensors", "adb reboot"),
        ("thermal evidence", {"thermal": None}, "warning", "battery's 28.0 °C", "gap_s"),
        ("thermal evidence", {"thermal": None, "zones": (SKIN,)}, "ok", "no thermal status", ""),
        ("throttling", {"thermal": ThermalService(3, False, True, (SKIN,))}, "warning", "3 (severe)", "cool"),
        ("throttling", {"thermal": ThermalService(0, cooling=("gpu-0",))}, "warning", "gpu-0", "cool"),
        ("throttling", {"cores": (LITTLE, replace(BIG, limit_khz=1_500_000))}, "warning", "1.50 of 3.00 GHz", "cool"),
        ("throttling", {"thermal": None, "cores": ()}, "warning", "cannot be seen", "adb root"),
        ("battery", {"battery": None}, "warning", "not known", "dumpsys battery"),
        ("battery", {"battery": Battery(80.0, faked=True)}, "problem", "faked", "adb shell dumpsys battery reset"),
        ("battery", {"battery": Battery(12.0)}, "warning", "12 %", "Charge"),
        ("battery saver", {"settings": (("global low_power", "1"),)}, "warning", "on", "put global low_power 0"),
        (
            "battery saver",
            {"settings": (), "unread": (("global low_power", "x"),)},
            "warning",
            "not known",
            "low_power",
        ),
        ("screen", {"wakefulness": "Asleep"}, "warning", "asleep", "svc power stayon true"),
        ("screen", {"wakefulness": None}, "warning", "not known", "dumpsys power"),
        ("storage", {"storage_free_mib": 100.0}, "problem", "100 MiB", "harness devices --clean"),
        ("storage", {"storage_free_mib": None}, "warning", "not known", "df"),
        ("storage", {"storage_writable": False}, "problem", "cannot be written", "ls -ld"),
        ("memory", {"memory_available_mib": 300.0}, "warning", "300 MiB", "am kill-all"),
        ("memory", {"memory_available_mib": None}, "warning", "not known", "meminfo"),
        ("load", {"load_1min": 9.0}, "warning", "9.0", "am kill-all"),
        ("load", {"load_1min": None}, "warning", "not known", "top"),
        ("abi", {"abis_64": ()}, "warning", "no 64-bit", "armeabi-v7a"),
        ("abi", {"abis_64": ("x86_64",)}, "warning", "emulator", "x86-64"),
        ("abi", {"abis": (), "abis_64": ()}, "warning", "not known", "abilist"),
        ("shell tools", {"tools": TOOLS - {"timeout"}}, "warning", "missing: timeout", "Android 8"),
        ("shell tools", {"tools": TOOLS - {"sha256sum"}}, "warning", "missing: sha256sum", "Android 8"),
        ("shell tools", {"tools": TOOLS - {"sha256sum"} | {"md5sum"}}, "ok", "all there", ""),
        ("shell tools", {"tools": frozenset()}, "problem", "cat", "Android 8"),
        ("gpu", {"libraries": ()}, "warning", "no OpenCL", "backend: gl"),
        ("gpu", {"libraries": (), "gpu": None}, "warning", "not known", "SurfaceFlinger"),
        ("gpu", {"libraries": ("/vendor/lib64/egl/libGLES_mali.so",)}, "ok", "libGLES_mali.so", ""),
        ("npu", {}, "ok", "libQnnHtpV73Skel.so", ""),
        ("npu", {"libraries": ()}, "warning", "libcdsprpc.so, was not found", "libcdsprpc.so"),
        ("npu", {"soc_model": "SDM845"}, "ok", "libhexagon_nn_skel_v65.so", ""),
        ("npu", {"soc_model": "SM9999"}, "warning", "unknown architecture", "ro.soc.model"),
        ("npu", {"soc_model": "X", "libraries": ("/vendor/lib64/libneuron_adapter.so",)}, "ok", "MediaTek", ""),
        ("npu", {"soc_model": "X", "libraries": ()}, "ok", "no Hexagon", ""),
        ("nnapi", {"sdk": 35}, "warning", "deprecated", "qnn"),
        ("nnapi", {"sdk": 26}, "ok", "none before", ""),
        ("nnapi", {"sdk": None}, "warning", "not known", "ro.build.version.sdk"),
    ],
)
def test_points(subject: str, changes: dict[str, object], state: str, says: str, type_this: str) -> None:
    found = finding(subject, replace(GOOD, **changes))  # type: ignore[arg-type]
    assert found.state == state
    assert says in found.text
    assert type_this in found.remedy
    assert bool(found.remedy) == (state != "ok")


@pytest.mark.parametrize("phone", [pixel, old_snapdragon, mediatek, denied, bare, rooted])
def test_every_phone_has_every_point_once_and_a_remedy_where_it_is_not_ok(
    phone: Callable[[], Phone],
) -> None:
    found = guarantees(parse_facts(output_of(phone)))
    subjects = [finding.subject for finding in found]
    assert subjects == [finding.subject for finding in guarantees(GOOD)]
    assert len(set(subjects)) == len(subjects)
    assert max(map(len, subjects)) <= 18  # the column of `harness doctor`
    for finding in found:
        assert finding.state in ("ok", "warning", "problem")
        assert bool(finding.remedy) == (finding.state != "ok"), finding
        assert "None" not in finding.text


def test_the_pixel_is_as_good_as_an_unrooted_phone_is() -> None:
    found = {found.subject: found for found in guarantees(parse_facts(output_of(pixel))) if found.state != "ok"}
    assert set(found) == {"clock control"}
    assert "no root" in found["clock control"].text


def test_the_hot_mediatek_is_told_apart() -> None:
    found = {found.subject: found.state for found in guarantees(parse_facts(output_of(mediatek)))}
    assert {subject for subject, state in found.items() if state == "problem"} == {"battery"}
    for subject in ("throttling", "battery saver", "screen", "clock control"):
        assert found[subject] == "warning"


@pytest.mark.parametrize(
    ("root", "line"),
    [
        ("adb", "adb shell 'echo 1 > /sys/devices/system/cpu/cpu1/online'"),
        ("su -c", "adb shell \"su -c 'echo 1 > /sys/devices/system/cpu/cpu1/online'\""),
        ("su 0", "adb shell \"su 0 sh -c 'echo 1 > /sys/devices/system/cpu/cpu1/online'\""),
    ],
)
def test_root_commands_are_in_the_phones_dialect(root: str, line: str) -> None:
    assert finding("cores", replace(GOOD, cores=(LITTLE, replace(BIG, online=False)), root=root)).remedy == line
