"""One line of telemetry as a value. Pure; a line that is not whole is nothing, a word that is no number is None."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from harness.devices.android.temperatures import celsius
from harness.units import decidegrees_to_c

_KEYS = ("up", "own", "cpu", "pol", "gpu", "tz", "slow", "st", "bat", "hal")
_WHOLE = re.compile(r"-?\d{1,18}", re.ASCII)
_DECIMAL = re.compile(r"-?\d{1,12}(?:\.\d{1,9})?", re.ASCII)
_WORD = re.compile(r"[\w.+-]{1,64}", re.ASCII)
_CLASSES = ("cpu", "gpu", "npu", "skin", "battery", "soc")
# Android's Temperature types of what computes or limits it; others are modems, chargers, voltages and currents.
_HAL_TYPES = {"0": "cpu", "1": "gpu", "2": "battery", "3": "skin", "9": "npu", "10": "npu", "13": "soc"}
_COUNTERS = 8
_IDLE = slice(3, 5)
_CHARGING, _FULL = 2, 5


@dataclass(frozen=True)
class CoreSample:
    """One measured core: its clock, the highest clock it is allowed, and its counters in ticks.

    `ticks` are user, nice, system, idle, iowait, irq, softirq and steal since boot; empty when the core is offline or
    the counters cannot be read.
    """

    index: int
    clock_khz: int | None = None
    cap_khz: int | None = None
    ticks: tuple[int, ...] = ()

    @property
    def total_ticks(self) -> int | None:
        """All time of the core since boot, None when unknown."""
        return sum(self.ticks) if self.ticks else None

    @property
    def busy_ticks(self) -> int | None:
        """The time in which it did something, None when unknown."""
        return sum(self.ticks) - sum(self.ticks[_IDLE]) if self.ticks else None


@dataclass(frozen=True)
class Reading:
    """A temperature: what kind of thing is measured (``cpu``, ``skin``), by which sensor."""

    kind: str
    name: str
    value_c: float

    @property
    def key(self) -> str:
        """``cpu BIG``."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Sample:
    """What the phone said at one moment; None, or nothing in a tuple, where it did not.

    From `slow_uptime_s` are the thermal status, the battery and `hal`, the temperatures of Android's thermal service.
    `own_ticks` is the CPU time of the telemetry loop and its children since it began, `own_cpu` the core it was on.
    """

    uptime_s: float
    own_ticks: int | None = None
    own_cpu: int | None = None
    cores: tuple[CoreSample, ...] = ()
    policies: tuple[tuple[int, int | None], ...] = ()
    gpu_hz: int | None = None
    gpu_max_hz: int | None = None
    zones: tuple[Reading, ...] = ()
    slow_uptime_s: float | None = None
    thermal_status: int | None = None
    battery_pct: float | None = None
    battery_c: float | None = None
    charging: bool | None = None
    plugged: bool | None = None
    hal: tuple[Reading, ...] = ()

    def core(self, index: int) -> CoreSample:
        """The core `index`, with nothing known of it when it was not asked for."""
        return next((core for core in self.cores if core.index == index), CoreSample(index))

    @property
    def readings(self) -> tuple[Reading, ...]:
        """All temperatures: the kernel's zones, then those of the thermal service, then the battery's."""
        battery = () if self.battery_c is None else (Reading("battery", "service", self.battery_c),)
        return (*self.zones, *self.hal, *battery)

    def hottest(self, kind: str, without: frozenset[str] = frozenset()) -> Reading | None:
        """The hottest sensor of a kind, of the kernel's zones if there is one; `without` are keys to leave out."""
        for source in (self.zones, self.readings):
            fitting = [each for each in source if each.kind == kind and each.key not in without]
            if fitting:
                return max(fitting, key=lambda reading: reading.value_c)
        return None


def parse_line(text: str) -> Sample | None:
    """The sample of a line, None for anything but a whole line of this version. Never raises."""
    words = text.split()
    if len(words) != len(_KEYS) + 2 or words[0] != "T1" or words[-1] != ".":
        return None
    fields = dict(word.partition("=")[::2] for word in words[1:-1])
    uptime_s = _decimal(fields.get("up", ""))
    if tuple(fields) != _KEYS or uptime_s is None or uptime_s < 0:
        return None
    own_ticks, own_cpu = _own(fields["own"])
    gpu_hz, gpu_max_hz = _gpu(fields["gpu"])
    level, tenths, state, plugged = _numbers(fields["bat"], 4)
    return Sample(
        uptime_s=uptime_s,
        own_ticks=own_ticks,
        own_cpu=own_cpu,
        cores=tuple(_cores(fields["cpu"])),
        policies=tuple(_policies(fields["pol"])),
        gpu_hz=gpu_hz,
        gpu_max_hz=gpu_max_hz,
        zones=tuple(_zones(fields["tz"])),
        slow_uptime_s=_decimal(fields["slow"]),
        thermal_status=_within(_whole(fields["st"]), 0, 6),
        battery_pct=_within(level, 0, 100),
        battery_c=None if tenths is None else celsius(decidegrees_to_c(tenths)),
        charging=None if state is None else state in (_CHARGING, _FULL),
        plugged=None if plugged is None else plugged == 1,
        hal=tuple(_hal(fields["hal"])),
    )


def _whole(text: str) -> int | None:
    return int(text) if _WHOLE.fullmatch(text) else None


def _decimal(text: str) -> float | None:
    return float(text) if _DECIMAL.fullmatch(text) else None


def _within(value: int | None, low: int, high: int) -> int | None:
    return value if value is not None and low <= value <= high else None


def _positive(value: int | None) -> int | None:
    return value if value is not None and value > 0 else None


def _numbers(text: str, count: int) -> tuple[int | None, ...]:
    """`count` numbers with colons between them; all None when there are more or fewer."""
    parts = text.split(":")
    return tuple(_whole(part) for part in parts) if len(parts) == count else (None,) * count


def _parts(text: str, count: int) -> Iterator[list[str]]:
    """The items of a list that have `count` parts."""
    return (parts for item in text.split(";") if len(parts := item.split(":")) == count)


def _own(text: str) -> tuple[int | None, int | None]:
    user, system, child_user, child_system, cpu = _numbers(text, 5)
    if user is None or system is None or child_user is None or child_system is None:
        return None, None
    return user + system + child_user + child_system, _within(cpu, 0, 9999)


def _gpu(text: str) -> tuple[int | None, int | None]:
    clock_hz, max_hz = _numbers(text, 2)
    return _positive(clock_hz), _positive(max_hz)


def _cores(text: str) -> Iterator[CoreSample]:
    for index, clock, cap, counters in _parts(text, 4):
        number = _within(_whole(index), 0, 9999)
        if number is not None:
            yield CoreSample(number, _positive(_whole(clock)), _positive(_whole(cap)), _ticks(counters))


def _ticks(text: str) -> tuple[int, ...]:
    values = [_whole(part) for part in text.split(".")]
    known = tuple(value for value in values if value is not None and value >= 0)
    return known if len(values) == len(known) == _COUNTERS else ()


def _policies(text: str) -> Iterator[tuple[int, int | None]]:
    for index, clock in _parts(text, 2):
        number = _within(_whole(index), 0, 9999)
        if number is not None:
            yield number, _positive(_whole(clock))


def _zones(text: str) -> Iterator[Reading]:
    for kind, name, value in _parts(text, 3):
        raw = _whole(value)
        value_c = None if raw is None else celsius(raw)
        if value_c is not None and kind in _CLASSES and _WORD.fullmatch(name):
            yield Reading(kind, name, value_c)


def _hal(text: str) -> Iterator[Reading]:
    for number, name, value in _parts(text, 3):
        kind, read_c = _HAL_TYPES.get(number), _decimal(value)
        value_c = None if read_c is None else celsius(read_c)
        if value_c is not None and kind is not None and _WORD.fullmatch(name):
            yield Reading(kind, name, value_c)
