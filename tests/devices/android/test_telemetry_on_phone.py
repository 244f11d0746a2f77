"""Telemetry through a real adbd: from the phone's files to the evidence on a process."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event

import pytest

from harness.devices.android.connection import Connection
from harness.devices.android.evidence import evidence_of
from harness.devices.android.gate import baseline_of, wait_reason
from harness.devices.android.sample import Sample
from harness.devices.android.server import AdbServer
from harness.devices.android.telemetry import Telemetry
from harness.devices.base import Watch
from harness.domain import Core, DeviceFacts, Gate
from tests.phone.fixtures import MakePhone
from tests.phone.phone import VirtualPhone
from tests.phone.server import AdbServer as Server
from tests.phone.soc import REAL_CORES

pytestmark = pytest.mark.phone
DEADLINE_S = 20.0
CPU = REAL_CORES.cores[-1]


def connection(phone: VirtualPhone, server: Server) -> Connection:
    return Connection(AdbServer(port=server.port), phone.serial)


def seen(watched: Telemetry, fits: Callable[[Sample], bool]) -> Sample:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        sample = watched.latest()
        if sample is not None and fits(sample):
            return sample
        time.sleep(0.02)
    raise AssertionError(f"no such sample; the last one is {watched.latest()}")


def test_a_phone_says_what_it_does(make_phone: MakePhone, adb_server: Server) -> None:
    phone = make_phone()
    phone.connect(adb_server)
    watched = Telemetry(connection(phone, adb_server), [7], observer_cpu=0, interval_s=0.1, slow_every=3)
    watched.start()
    sample = seen(watched, lambda each: each.slow_uptime_s is not None and each.own_ticks is not None)
    assert sample.core(7).clock_khz is not None
    assert sample.core(7).cap_khz is not None
    assert [number for number, _ in sample.policies] == [0, 4, 7]
    kinds = {reading.kind for reading in sample.zones}
    assert {"cpu", "gpu", "battery", "skin"} <= kinds
    assert {reading.kind for reading in sample.hal} >= {"cpu", "skin", "battery"}
    assert (sample.thermal_status, sample.battery_pct) == (0, 95)
    start = baseline_of(watched.samples())
    phone.set_temp("cpu-1-7-usr", 71.5)
    phone.set_thermal_status(2)
    phone.set_battery(level=14)
    hot = seen(watched, lambda each: each.thermal_status == 2 and each.battery_pct == 14)
    assert wait_reason(Gate(), start, hot) == "thermal status moderate"
    phone.set_thermal_status(0)
    cooling = seen(watched, lambda each: each.thermal_status == 0)
    assert wait_reason(Gate(), start, cooling).startswith("cooling: 71.5 C, gate ")
    watched.close()
    deadline = time.monotonic() + DEADLINE_S
    while any("sleep" in line for line in phone.processes()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any("sleep" in line for line in phone.processes())  # nothing is left running


def test_denied_files_are_unknown(make_phone: MakePhone, adb_server: Server) -> None:
    phone = make_phone()
    phone.deny(["/sys/class/thermal", "/sys/devices/system/cpu/cpufreq"])
    phone.connect(adb_server)
    watched = Telemetry(connection(phone, adb_server), [7], interval_s=0.1)
    watched.start()
    sample = seen(watched, lambda each: each.slow_uptime_s is not None)
    watched.close()
    assert (sample.zones, sample.core(7).clock_khz) == ((), None)
    assert sample.hottest("cpu") is not None  # from the thermal service
    assert watched.unread_lines == 0


def test_evidence_on_a_real_process(phone: VirtualPhone, adb_server: Server) -> None:
    wire = connection(phone, adb_server)
    watched = Telemetry(wire, [CPU], observer_cpu=REAL_CORES.cores[0], interval_s=0.2, slow_every=4)
    watched.start()
    seen(watched, lambda each: True)
    spin = ("sh", "-c", "i=0; while [ $i -lt 1500000 ]; do i=$((i+1)); done")
    result = wire.run(spin, stdin=b"", env={}, timeout_s=60.0, cancel=Event(), watch=Watch(cpus=(CPU,)))
    observed = result.observed
    assert result.returncode == 0
    assert observed is not None
    assert observed.started_uptime_s is not None
    assert observed.ended_uptime_s is not None
    assert watched.wait_past(observed.ended_uptime_s, DEADLINE_S)
    window = watched.window(observed.started_uptime_s, observed.ended_uptime_s)
    facts = DeviceFacts("adb-1", "adb", "Phone", cores=(Core(CPU, max_khz=2995200),))
    found = evidence_of(observed, window, (CPU,), facts)
    watched.close()
    assert found.cpus_verified
    assert found.foreign_load is not None
    assert found.clock_share is not None
    assert found.temp_end_c is not None
    assert (found.thermal_status, found.battery_pct, found.offline_cpus) == (0, 95.0, ())
    assert found.telemetry_load is not None
    assert not any("missing" in note for note in found.notes)


def test_it_comes_back_with_the_phone(make_phone: MakePhone, adb_server: Server) -> None:
    phone = make_phone()
    phone.connect(adb_server)
    wire = connection(phone, adb_server)
    watched = Telemetry(wire, [7], interval_s=0.1)
    watched.start()
    seen(watched, lambda each: True)
    phone.kill_adbd_and_restart()
    deadline = time.monotonic() + DEADLINE_S
    while watched.alive and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not watched.alive
    phone.connect(adb_server)
    assert wire.reconnect(DEADLINE_S, Event())
    before = len(watched.samples())
    watched.start()
    seen(watched, lambda each: len(watched.samples()) > before)
    watched.close()
