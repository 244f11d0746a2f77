"""The line of telemetry: whole or nothing, and no number that is not in it."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.devices.android.sample import CoreSample, Reading, Sample, parse_line

LINE = (
    "T1 up=12896.32 own=2:3:4:1:0 cpu=0:1704000:1704000:405.26.76.792.36.0.42.38;7:2914000:1747000:- "
    "pol=0:1704000;7:- gpu=585000000:680000000 tz=cpu:BIG:38000;skin:quiet:315;battery:battery:29 slow=12891.30 "
    "st=2 bat=95:285:3:0 hal=0:AP:25.6;3:VIRTUAL-SKIN:31.25;13:SOC:41 ."
)


def test_a_whole_line() -> None:
    assert parse_line(LINE + "\r\n") == Sample(
        uptime_s=12896.32,
        own_ticks=10,
        own_cpu=0,
        cores=(
            CoreSample(0, 1704000, 1704000, (405, 26, 76, 792, 36, 0, 42, 38)),
            CoreSample(7, 2914000, 1747000),
        ),
        policies=((0, 1704000), (7, None)),
        gpu_hz=585000000,
        gpu_max_hz=680000000,
        zones=(Reading("cpu", "BIG", 38.0), Reading("skin", "quiet", 31.5), Reading("battery", "battery", 29.0)),
        slow_uptime_s=12891.3,
        thermal_status=2,
        battery_pct=95,
        battery_c=28.5,
        charging=False,
        plugged=False,
        hal=(Reading("cpu", "AP", 25.6), Reading("skin", "VIRTUAL-SKIN", 31.25), Reading("soc", "SOC", 41.0)),
    )


def test_busy_is_what_is_neither_idle_nor_waiting_for_a_disk() -> None:
    core = CoreSample(0, ticks=(405, 26, 76, 792, 36, 0, 42, 38))
    assert core.busy_ticks == 405 + 26 + 76 + 0 + 42 + 38
    assert core.total_ticks == 405 + 26 + 76 + 792 + 36 + 0 + 42 + 38
    assert (CoreSample(0).busy_ticks, CoreSample(0).total_ticks) == (None, None)


def test_a_line_that_was_cut_is_no_sample() -> None:
    """``up=128`` of ``up=12896.32`` would be a wrong number."""
    assert all(parse_line(LINE[:cut]) is None for cut in range(len(LINE)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("T1", "T2"),
        ("up=12896.32", "up=-"),
        ("up=", "uptime="),
        ("st=2 ", "st=2 st=3 "),
        ("st=2 ", ""),
        (" .", " x"),
        ("up=", "up=-"),
    ],
)
def test_another_version_or_order_is_no_sample(old: str, new: str) -> None:
    assert parse_line(LINE.replace(old, new, 1)) is None


@pytest.mark.parametrize(
    ("old", "new", "field", "value"),
    [
        ("st=2", "st=7", "thermal_status", None),
        ("st=2", "st=-1", "thermal_status", None),
        ("st=2", "st=-", "thermal_status", None),
        ("95:285:3:0", "101:285:3:0", "battery_pct", None),
        ("95:285:3:0", "95:0:3:0", "battery_c", None),
        ("95:285:3:0", "95:285:3", "battery_pct", None),
        ("95:285:3:0", "95:285:2:1", "charging", True),
        ("95:285:3:0", "95:285:5:1", "charging", True),
        ("95:285:3:0", "95:285:-:-", "charging", None),
        ("585000000:", "0:", "gpu_hz", None),
        ("own=2:3:4:1:0", "own=2:3:-:1:0", "own_ticks", None),
        ("hal=0:AP:25.6;3:VIRTUAL-SKIN:31.25;13:SOC:41", "hal=6:V:3.9;0:A:0.0;0:B:NaN;0:C;D:25", "hal", ()),
    ],
)
def test_what_cannot_be_is_unknown(old: str, new: str, field: str, value: object) -> None:
    sample = parse_line(LINE.replace(old, new))
    assert sample is not None
    assert getattr(sample, field) == value


def test_the_hottest_sensor_of_a_kind_is_a_zone_where_there_is_one() -> None:
    sample = parse_line(LINE)
    assert sample is not None
    assert sample.hottest("cpu") == Reading("cpu", "BIG", 38.0)
    assert sample.hottest("cpu", frozenset({"cpu BIG"})) == Reading("cpu", "AP", 25.6)
    assert sample.hottest("battery", frozenset({"battery battery"})) == Reading("battery", "service", 28.5)
    assert sample.hottest("npu") is None


def numbers_of(sample: Sample) -> list[int]:
    """The whole numbers of a sample, as they stand in the line."""
    cores = [value for core in sample.cores for value in (core.index, core.clock_khz, core.cap_khz, *core.ticks)]
    policies = [value for policy in sample.policies for value in policy]
    others = [sample.own_cpu, sample.gpu_hz, sample.gpu_max_hz, sample.thermal_status, sample.battery_pct]
    return [int(value) for value in (*cores, *policies, *others) if value is not None]


def assert_told(sample: Sample, text: str) -> None:
    """Every number of `sample` is in `text`, if only in another unit."""
    found = [float(number) for number in re.findall(r"-?[0-9]+(?:\.[0-9]+)?", text)]
    whole = {int(number) for number in re.findall(r"[0-9]+", text)}
    assert set(numbers_of(sample)) <= whole
    assert sample.uptime_s in found
    assert sample.slow_uptime_s is None or sample.slow_uptime_s in found
    for reading in sample.readings:
        assert any(reading.value_c == pytest.approx(value) for raw in found for value in (raw, raw / 10, raw / 1000))
    if sample.own_ticks is not None:
        own = re.search(r"own=([0-9]+):([0-9]+):([0-9]+):([0-9]+):", text)
        assert own is not None
        assert sample.own_ticks == sum(map(int, own.groups()))


@given(st.text() | st.text(alphabet="T1 upowncltzsbah=0123456789:;.-"))
def test_any_text_is_a_sample_or_nothing(text: str) -> None:
    sample = parse_line(text)
    if sample is not None:
        assert_told(sample, text)


@given(
    st.integers(0, len(LINE)),
    st.integers(0, 12),
    st.text(alphabet="0123456789:;.-= xT\u0661\u00b2_+eE", max_size=12) | st.text(max_size=4),
)
@example(LINE.index("2914000"), 1, "\u0662")  # a digit to Python, not to us
@example(LINE.index("2914000"), 1, "2_")
@example(LINE.index("2914000"), 0, "9" * 12)
def test_a_damaged_line_has_no_number_of_its_own(at: int, removed: int, inserted: str) -> None:
    text = LINE[:at] + inserted + LINE[at + removed :]
    sample = parse_line(text)
    if sample is not None:
        assert_told(sample, text)


ticks = st.lists(st.integers(0, 2**40), min_size=8, max_size=8)
core = st.tuples(st.integers(0, 15), st.integers(1, 10**7), st.integers(1, 10**7), ticks)


@given(
    st.integers(0, 10**9),
    st.lists(core, max_size=16),
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(2000, 149000))),
)
def test_what_is_written_is_read(
    hundredths: int, cores: list[tuple[int, int, int, list[int]]], zones: list[tuple[str, int]]
) -> None:
    cpu = (
        ";".join(f"{index}:{clock}:{cap}:{'.'.join(map(str, counters))}" for index, clock, cap, counters in cores)
        or "-"
    )
    zone = ";".join(f"cpu:{name}:{value}" for name, value in zones) or "-"
    slow = "slow=- st=- bat=-:-:-:- hal=- ."
    line = f"T1 up={hundredths // 100}.{hundredths % 100:02d} own=0:0:0:0:0 cpu={cpu} pol=- gpu=-:- tz={zone} {slow}"
    sample = parse_line(line)
    assert sample is not None
    assert sample.uptime_s == pytest.approx(hundredths / 100)
    assert sample.cores == tuple(
        CoreSample(index, clock, cap, tuple(counters)) for index, clock, cap, counters in cores
    )
    assert sample.zones == tuple(Reading("cpu", name, pytest.approx(value / 1000)) for name, value in zones)
