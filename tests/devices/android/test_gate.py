"""When a block may begin, and when an invocation is worth another attempt."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.devices.android.gate import Baseline, baseline_of, flat_sensors, throttled_reason, wait_reason
from harness.devices.android.sample import Reading, Sample
from harness.domain import Evidence, Gate

GATE = Gate(rise_c=3.0, min_battery_pct=20.0)
START = Baseline((("cpu", 35.0), ("skin", 30.0), ("battery", 28.0)))


def sample(cpu: float = 35.0, skin: float = 30.0, battery: float = 28.0, at_s: float = 0.0, **fields: Any) -> Sample:
    zones = (Reading("cpu", "BIG", cpu), Reading("cpu", "LITTLE", cpu - 2.0), Reading("skin", "SKIN", skin))
    values: dict[str, Any] = {"thermal_status": 0, "battery_pct": 80.0, "battery_c": battery}
    return Sample(at_s, zones=zones, **values | fields)


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (sample(), ""),
        (sample(cpu=38.0), ""),
        (sample(cpu=41.0), "cooling: 41.0 C, gate 38.0 C (cpu)"),
        (sample(skin=33.4), "cooling: 33.4 C, gate 33.0 C (skin)"),
        (sample(battery=35.0), "cooling: 35.0 C, gate 31.0 C (battery)"),
        (sample(cpu=39.0, skin=39.0), "cooling: 39.0 C, gate 33.0 C (skin)"),
        (sample(thermal_status=1), "thermal status light"),
        (sample(thermal_status=6), "thermal status shutdown"),
        (sample(battery_pct=14.0), "battery 14 %, gate 20 %"),
        (sample(battery_pct=14.0, plugged=True), "battery 14 %, gate 20 %"),
        (sample(battery_pct=14.0, plugged=False), "battery 14 %, gate 20 %, not charging"),
        (sample(battery_pct=20.0), ""),
    ],
)
def test_why_a_block_waits(now: Sample, reason: str) -> None:
    assert wait_reason(GATE, START, now) == reason


def test_the_ceiling_counts_when_it_is_lower_or_the_start_is_unknown() -> None:
    ceiling = Gate(max_temp_c=36.0)
    assert wait_reason(ceiling, START, sample(cpu=37.0)) == "cooling: 37.0 C, gate 36.0 C (cpu)"
    assert wait_reason(ceiling, Baseline(), sample(cpu=37.0)) == "cooling: 37.0 C, gate 36.0 C (cpu)"
    assert wait_reason(ceiling, Baseline(), sample(cpu=35.9)) == ""
    assert wait_reason(Gate(max_temp_c=90.0), START, sample(cpu=39.0)) == "cooling: 39.0 C, gate 38.0 C (cpu)"


def test_what_is_unknown_holds_nothing_up() -> None:
    assert wait_reason(GATE, START, Sample(0.0)) == ""
    assert wait_reason(GATE, Baseline(), sample(cpu=80.0)) == ""


def test_a_closed_gate_opens_a_little_lower() -> None:
    assert wait_reason(GATE, START, sample(cpu=37.5)) == ""
    assert wait_reason(GATE, START, sample(cpu=37.5), waiting=True) == "cooling: 37.5 C, gate 37.0 C (cpu)"
    assert wait_reason(GATE, START, sample(cpu=37.0), waiting=True) == ""
    assert wait_reason(GATE, START, sample(battery_pct=21.0), waiting=True) == "battery 21 %, gate 22 %"
    assert wait_reason(GATE, START, sample(battery_pct=22.0), waiting=True) == ""
    assert wait_reason(Gate(min_battery_pct=100.0), START, sample(battery_pct=100.0), waiting=True) == ""


def test_a_gate_without_a_rise_can_open() -> None:
    assert wait_reason(Gate(rise_c=0.0), START, sample(), waiting=True) == ""


@given(st.lists(st.floats(37.05, 37.95), min_size=2, max_size=30))
def test_a_temperature_near_the_gate_does_not_make_it_flap(temps: list[float]) -> None:
    waiting, changes = True, 0
    for temp in temps:
        closed = bool(wait_reason(GATE, START, sample(cpu=temp), waiting=waiting))
        changes += closed != waiting
        waiting = closed
    assert changes == 0


def test_the_start_is_the_typical_hottest_of_each_kind() -> None:
    samples = [sample(cpu=value, skin=30.0 + index) for index, value in enumerate((35.0, 90.0, 36.0))]
    start = baseline_of(samples)
    assert (start.temp_c("cpu"), start.temp_c("skin"), start.temp_c("battery")) == (36.0, 31.0, 28.0)
    assert start.temp_c("gpu") is None
    assert baseline_of([]) == Baseline()


# ---- sensors that are stubs ------------------------------------------------------------------------------------------


def watched(seconds: int, **fields: Any) -> list[Sample]:
    return [sample(cpu=35.0 + at % 2, at_s=float(at), **fields) for at in range(seconds)]


def test_a_sensor_that_never_moves_is_flat() -> None:
    stub = (Reading("cpu", "STUB", 25.0), Reading("gpu", "G3D", 25.0))
    samples = [Sample(float(at), zones=(*stub, Reading("cpu", "BIG", 30.0 + at % 3))) for at in range(70)]
    assert flat_sensors(samples) == {"cpu STUB", "gpu G3D"}


def test_skin_and_battery_have_more_time() -> None:
    assert flat_sensors(watched(800)) == frozenset()
    assert flat_sensors(watched(1000)) == {"skin SKIN", "battery service"}


def test_a_short_or_thin_look_tells_nothing() -> None:
    cool = [Sample(float(at), zones=(Reading("cpu", "BIG", 30.0),)) for at in range(50)]
    assert flat_sensors(cool) == frozenset()
    thin = [Sample(10.0 * at, zones=(Reading("cpu", "BIG", 30.0),)) for at in range(19)]
    assert flat_sensors(thin) == frozenset()
    assert flat_sensors([]) == frozenset()


def test_a_flat_sensor_is_not_coolness() -> None:
    """A stub that says 25 C must neither set the start nor hide what another sensor says."""
    flat = frozenset({"cpu STUB"})
    samples = [Sample(0.0, zones=(Reading("cpu", "STUB", 60.0), Reading("cpu", "BIG", 35.0)))]
    start = baseline_of(samples, flat)
    assert start.temp_c("cpu") == 35.0
    now = Sample(9.0, zones=(Reading("cpu", "STUB", 60.0), Reading("cpu", "BIG", 36.0)))
    assert wait_reason(GATE, start, now) == ""
    hot = Sample(9.0, zones=(Reading("cpu", "STUB", 60.0), Reading("cpu", "BIG", 50.0)))
    assert wait_reason(GATE, start, hot) == "cooling: 50.0 C, gate 38.0 C (cpu)"


# ---- redo ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (Evidence(), ""),
        (Evidence(thermal_status=0, clock_start_ghz=2.9, clock_end_ghz=2.8), ""),
        (Evidence(thermal_status=2), "thermal status moderate"),
        (Evidence(clock_cap_ghz=1.747), "the clock limit was lowered to 1.75 GHz"),
        (Evidence(clock_start_ghz=2.9, clock_end_ghz=2.2), "the clock fell from 2.90 to 2.20 GHz"),
        (Evidence(clock_start_ghz=0.0, clock_end_ghz=2.2), ""),
        (Evidence(clock_start_ghz=2.9), ""),
    ],
)
def test_what_is_worth_another_attempt(evidence: Evidence, reason: str) -> None:
    assert throttled_reason(evidence) == reason
