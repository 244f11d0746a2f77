"""From what was observed and the telemetry beside it to the evidence on one invocation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.devices.android.evidence import evidence_of
from harness.devices.android.sample import CoreSample, Reading, Sample
from harness.devices.base import Observed
from harness.domain import Core, DeviceFacts

BIG_KHZ = 2914000
FACTS = DeviceFacts(
    "adb-1",
    "adb",
    "Phone",
    cores=(
        Core(0, capacity=256, max_khz=1704000),
        Core(6, capacity=1024, max_khz=BIG_KHZ),
        Core(7, capacity=1024, max_khz=BIG_KHZ),
    ),
)
OBSERVED = Observed(cpus=(7,), online=tuple(range(8)), started_uptime_s=100.0, ended_uptime_s=110.0, cpu_s=9.5)


def counters(busy: int, idle: int) -> tuple[int, ...]:
    return (busy, 0, 0, idle, 0, 0, 0, 0)


def sample(at_s: float, busy_s: float = 0.0, clock_khz: int | None = BIG_KHZ, **fields: Any) -> Sample:
    """At `at_s` core 7 has been busy for `busy_s` since 99 s."""
    ticks = counters(round(100 * busy_s), round(100 * (at_s - 99.0 - busy_s)))
    values: dict[str, Any] = {
        "uptime_s": at_s,
        "own_ticks": round(4 * (at_s - 99.0)),
        "own_cpu": 0,
        "cores": (CoreSample(7, clock_khz, BIG_KHZ, ticks),),
        "zones": (Reading("cpu", "BIG", 38.0 + at_s - 99.0), Reading("skin", "SKIN", 30.0)),
        "slow_uptime_s": at_s,
        "thermal_status": 0,
        "battery_pct": 85.0,
    }
    return Sample(**values | fields)


def run(
    busy_share: float = 0.95, seconds: Sequence[float] = tuple(range(99, 112)), **fields: Any
) -> tuple[Sample, ...]:
    """A sample a second, core 7 busy with that share from 100 s to 110 s and idle before and after."""
    return tuple(sample(at, busy_share * (min(max(at, 100.0), 110.0) - 100.0), **fields) for at in seconds)


def test_a_quiet_run_on_one_big_core() -> None:
    found = evidence_of(OBSERVED, run(), (7,), FACTS)
    assert (found.cpus, found.cpus_verified, found.offline_cpus) == ((7,), True, ())
    assert found.foreign_load == pytest.approx(0.0, abs=0.001)
    assert (found.clock_source, found.clock_share) == ("scaling_cur_freq", 1.0)
    assert (found.clock_start_ghz, found.clock_end_ghz) == (2.914, 2.914)
    assert (found.temp_start_c, found.temp_end_c) == (38.0, 49.0)
    assert (found.thermal_status, found.battery_pct) == (0, 85.0)
    assert (found.clock_cap_ghz, found.wait_share) == (None, None)
    assert found.notes == ("temperature of BIG (cpu)", "mean clock of core 7 2.91 GHz by scaling_cur_freq")


def test_a_process_on_other_cores_is_not_verified_and_its_load_is_unknown() -> None:
    found = evidence_of(replace(OBSERVED, cpus=(0, 1, 7)), run(), (7,), FACTS)
    assert not found.cpus_verified
    assert found.foreign_load is None
    assert found.notes[0] == "the process's own affinity mask is 0, 1, 7, not 7 as asked"
    unread = evidence_of(replace(OBSERVED, cpus=None), run(), (7,), FACTS)
    assert not unread.cpus_verified
    assert "could not be read" in unread.notes[0]


def test_nothing_asked_is_nothing_verified() -> None:
    found = evidence_of(replace(OBSERVED, cpus=()), run(), (), FACTS)
    assert not found.cpus_verified
    assert found.notes[0] == "it was not pinned to any core"
    assert found.clock_share is None


# ---- load ------------------------------------------------------------------------------------------------------------


def test_foreign_load_is_what_the_process_did_not_take() -> None:
    """9.8 s of 12 s were busy, 7 s of them its own."""
    found = evidence_of(replace(OBSERVED, cpu_s=7.0), run(0.98), (7,), FACTS)
    assert found.foreign_load == pytest.approx(2.8 / 12.0, abs=0.002)


def test_foreign_load_of_several_cores_is_their_share() -> None:
    def both(at: float, busy: float) -> tuple[CoreSample, ...]:
        return tuple(
            CoreSample(cpu, BIG_KHZ, BIG_KHZ, counters(round(100 * busy), round(100 * (at - 99 - busy))))
            for cpu in (6, 7)
        )

    samples = [sample(99.0, cores=both(99.0, 0.0)), sample(105.0), sample(111.0, cores=both(111.0, 9.0))]
    found = evidence_of(replace(OBSERVED, cpus=(6, 7), cpu_s=12.0), samples, (6, 7), FACTS)
    assert found.foreign_load == pytest.approx(6.0 / 24.0)


def test_samples_within_the_run_alone_give_its_share() -> None:
    found = evidence_of(replace(OBSERVED, cpu_s=8.0), run(1.0, range(101, 110)), (7,), FACTS)
    assert found.foreign_load == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize("seconds", [(), (105,), (104, 107), (10, 300)])
def test_too_few_samples_of_a_run_give_no_load(seconds: Sequence[float]) -> None:
    assert evidence_of(OBSERVED, run(seconds=seconds), (7,), FACTS).foreign_load is None


def test_without_cpu_time_or_counters_no_load_is_known() -> None:
    assert evidence_of(replace(OBSERVED, cpu_s=None), run(), (7,), FACTS).foreign_load is None
    blind = [replace(each, cores=()) for each in run()]
    assert evidence_of(OBSERVED, blind, (7,), FACTS).foreign_load is None


def test_the_cost_of_watching_is_counted_in_cores_like_the_measured_one() -> None:
    """4 ticks a second of a core with a quarter of the capacity."""
    assert evidence_of(OBSERVED, run(), (7,), FACTS).telemetry_load == pytest.approx(0.01, rel=0.05)
    same = evidence_of(OBSERVED, run(own_cpu=7), (7,), FACTS)
    assert same.telemetry_load == pytest.approx(0.04, rel=0.05)
    unknown = evidence_of(OBSERVED, run(), (7,), replace(FACTS, cores=()))
    assert unknown.telemetry_load == pytest.approx(0.04, rel=0.05)


# ---- clock -----------------------------------------------------------------------------------------------------------


def test_time_in_state_gives_the_mean_and_samples_the_ends() -> None:
    observed = replace(OBSERVED, time_in_state=((500000, 0), (1457000, 250), (BIG_KHZ, 750)))
    clocks = [BIG_KHZ] * 6 + [1457000] * 7
    samples = [sample(at, clock_khz=clock) for at, clock in zip(range(99, 112), clocks, strict=True)]
    found = evidence_of(observed, samples, (7,), FACTS)
    assert found.clock_source == "time_in_state"
    assert found.clock_share == pytest.approx((0.25 * 1457000 + 0.75 * BIG_KHZ) / BIG_KHZ)
    assert (found.clock_start_ghz, found.clock_end_ghz) == (2.914, 1.457)
    assert "mean clock of core 7 2.55 GHz by time_in_state" in found.notes


def test_a_mean_says_nothing_of_the_ends() -> None:
    """A start and an end made of one mean would prove that the clock held."""
    found = evidence_of(replace(OBSERVED, time_in_state=((BIG_KHZ, 1000),)), (), (7,), FACTS)
    assert (found.clock_share, found.clock_start_ghz, found.clock_end_ghz) == (1.0, None, None)


def test_the_idle_clock_after_the_run_is_not_its_end() -> None:
    samples = [sample(99.5, clock_khz=500000), *run(seconds=(101, 104, 107)), sample(110.5, clock_khz=500000)]
    found = evidence_of(OBSERVED, samples, (7,), FACTS)
    assert (found.clock_start_ghz, found.clock_end_ghz) == (2.914, 2.914)


def test_unreadable_clocks_are_unknown() -> None:
    found = evidence_of(OBSERVED, run(clock_khz=None), (7,), FACTS)
    assert (found.clock_source, found.clock_share, found.clock_start_ghz) == (None, None, None)


def test_the_highest_clock_is_the_tables_where_the_facts_have_none() -> None:
    observed = replace(OBSERVED, time_in_state=((1000000, 500), (2000000, 500), (2500000, 0)))
    assert evidence_of(observed, (), (7,), replace(FACTS, cores=())).clock_share == pytest.approx(0.6)
    assert evidence_of(OBSERVED, run(), (7,), replace(FACTS, cores=())).clock_share is None


def test_a_waiting_process_is_judged_by_the_clock_of_the_gpu() -> None:
    """A governor lowers the clock of a core that only waits: that is no throttling."""
    observed = replace(OBSERVED, cpu_s=1.0, time_in_state=((500000, 900), (BIG_KHZ, 100)))
    samples = [
        replace(each, gpu_hz=500_000_000 if each.uptime_s < 105 else 400_000_000, gpu_max_hz=500_000_000)
        for each in run(0.1)
    ]
    found = evidence_of(observed, samples, (7,), FACTS)
    assert (found.clock_source, found.clock_start_ghz, found.clock_end_ghz) == ("gpuclk", 0.5, 0.4)
    assert found.clock_share == pytest.approx((5 * 0.5 + 6 * 0.4) / 11 / 0.5)
    blind = evidence_of(observed, run(0.1), (7,), FACTS)
    assert (blind.clock_source, blind.clock_share, blind.clock_start_ghz) == (None, None, None)
    assert any("busy for 10% of the time" in note for note in blind.notes)


def test_a_limit_that_is_lowered_during_the_run() -> None:
    samples = [
        replace(each, cores=(replace(each.cores[0], cap_khz=BIG_KHZ if each.uptime_s < 104 else 1747000),))
        for each in run()
    ]
    found = evidence_of(OBSERVED, samples, (7,), FACTS)
    assert found.clock_cap_ghz == 1.747
    assert "the clock limit of core 7 was lowered from 2.91 to 1.75 GHz during the run" in found.notes


def test_a_limit_that_was_set_before_is_no_finding() -> None:
    samples = [replace(each, cores=(replace(each.cores[0], cap_khz=1747000),)) for each in run()]
    assert evidence_of(OBSERVED, samples, (7,), FACTS).clock_cap_ghz is None


# ---- heat, absence ---------------------------------------------------------------------------------------------------


def test_the_sensor_nearest_to_what_computes_is_taken() -> None:
    hal = (Reading("skin", "SKIN", 33.0), Reading("cpu", "CPU7", 61.0))
    found = evidence_of(OBSERVED, run(zones=(Reading("skin", "quiet", 31.0),), hal=hal), (7,), FACTS)
    assert (found.temp_start_c, found.temp_end_c) == (61.0, 61.0)
    assert "temperature of CPU7 (cpu)" in found.notes
    battery = evidence_of(OBSERVED, run(zones=(), battery_c=28.5), (7,), FACTS)
    assert battery.temp_end_c == 28.5
    assert evidence_of(OBSERVED, run(zones=()), (7,), FACTS).temp_end_c is None


def test_a_sensor_that_never_changes_is_unknown() -> None:
    found = evidence_of(OBSERVED, run(zones=(Reading("cpu", "STUB", 25.0),)), (7,), FACTS, frozenset({"cpu STUB"}))
    assert (found.temp_start_c, found.temp_end_c) == (None, None)
    assert "sensors that never change are left out: cpu STUB" in found.notes


def test_the_highest_status_counts() -> None:
    samples = [replace(each, thermal_status=2 if 103 < each.uptime_s < 106 else 0) for each in run()]
    assert evidence_of(OBSERVED, samples, (7,), FACTS).thermal_status == 2


def test_an_old_status_is_unknown() -> None:
    assert evidence_of(OBSERVED, run(slow_uptime_s=50.0), (7,), FACTS).thermal_status is None
    assert evidence_of(OBSERVED, run(slow_uptime_s=None, thermal_status=None), (7,), FACTS).thermal_status is None


def test_no_sample_in_the_window() -> None:
    found = evidence_of(OBSERVED, (), (7,), FACTS)
    assert found.notes == ("telemetry is missing: no sample in the window of 10.0 s",)
    assert (found.foreign_load, found.temp_end_c, found.thermal_status, found.battery_pct) == (None, None, None, None)
    assert (found.telemetry_load, found.clock_share) == (None, None)
    far = evidence_of(OBSERVED, run(seconds=(10, 20)), (7,), FACTS)
    assert (far.temp_start_c, far.temp_end_c) == (None, None)


def test_a_silence_is_told() -> None:
    found = evidence_of(OBSERVED, run(seconds=(99, 100, 101, 108, 109, 110, 111)), (7,), FACTS)
    assert "telemetry was silent for 7.0 s of 10.0 s" in found.notes


def test_a_process_of_unknown_time_has_no_telemetry() -> None:
    observed = Observed(cpus=(7,), online=(0, 1), time_in_state=((BIG_KHZ, 10),))
    found = evidence_of(observed, run(), (7,), FACTS)
    assert (found.foreign_load, found.temp_end_c) == (None, None)
    assert (found.clock_share, found.offline_cpus) == (1.0, (7,))
    assert found.notes[0].startswith("it is not known when the process ran")


def test_a_core_that_went_offline() -> None:
    at_end = evidence_of(replace(OBSERVED, online=(0, 1, 2)), run(), (7,), FACTS)
    assert at_end.offline_cpus == (7,)
    assert "core 7 went offline during the run" in at_end.notes
    assert at_end.foreign_load is None
    samples = [
        replace(
            each, cores=(CoreSample(6, ticks=counters(1, 1)), CoreSample(7)) if each.uptime_s == 104 else each.cores
        )
        for each in run()
    ]
    assert evidence_of(OBSERVED, samples, (7,), FACTS).offline_cpus == (7,)
    unreadable = [replace(each, cores=(CoreSample(7, BIG_KHZ),)) for each in run()]
    assert evidence_of(OBSERVED, unreadable, (7,), FACTS).offline_cpus == ()


@given(
    st.lists(st.tuples(st.floats(90, 120), st.floats(0, 20), st.booleans(), st.booleans()), max_size=12),
    st.none() | st.floats(0, 40),
    st.none() | st.floats(95, 105),
    st.none() | st.floats(100, 115),
)
def test_whatever_was_seen_shares_are_shares(
    seen: list[tuple[float, float, bool, bool]], cpu_s: float | None, start_s: float | None, end_s: float | None
) -> None:
    samples = sorted(
        (
            sample(at, busy, clock_khz=BIG_KHZ if clock else None, zones=()) if known else Sample(at)
            for at, busy, clock, known in seen
        ),
        key=lambda each: each.uptime_s,
    )
    found = evidence_of(
        replace(OBSERVED, cpu_s=cpu_s, started_uptime_s=start_s, ended_uptime_s=end_s), samples, (7,), FACTS
    )
    assert found.foreign_load is None or 0.0 <= found.foreign_load <= 1.0
    assert found.clock_share is None or 0.0 < found.clock_share <= 1.0
    assert found.temp_end_c is None
