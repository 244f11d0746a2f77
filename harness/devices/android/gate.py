"""May the next block begin, and should the last one be made again? Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from harness.devices.android.sample import Reading, Sample
from harness.domain import THERMAL_STATUSES, Evidence, Gate

GATED = ("cpu", "skin", "battery")
# Once it waits, a phone has to be this much better than the gate, or the next block would end what has just begun.
RELEASE_C = 1.0
RELEASE_PCT = 2.0
# A sensor that has not moved for so long while models ran is a stub. Skin and battery are slow by nature.
FLAT_S = {"cpu": 60.0, "gpu": 60.0, "npu": 60.0, "soc": 60.0}
FLAT_SLOW_S = 900.0
FLAT_SAMPLES = 20
CLOCK_HELD = 0.95


@dataclass(frozen=True)
class Baseline:
    """The phone at the start: the typical temperature of the hottest sensor of each gated kind, in C.

    `flat` are the keys of sensors that never change: "unknown", not "cool".
    """

    temps_c: tuple[tuple[str, float], ...] = ()
    flat: frozenset[str] = field(default=frozenset())

    def temp_c(self, kind: str) -> float | None:
        """The temperature of `kind` at the start, None when unknown."""
        return dict(self.temps_c).get(kind)


def baseline_of(samples: Sequence[Sample], flat: frozenset[str] = frozenset()) -> Baseline:
    """The start as these samples show it; without samples nothing is known."""
    temps = {}
    for kind in GATED:
        known = [reading.value_c for each in samples if (reading := each.hottest(kind, flat)) is not None]
        if known:
            temps[kind] = median(known)
    return Baseline(tuple(temps.items()), flat)


def flat_sensors(samples: Iterable[Sample]) -> frozenset[str]:
    """The keys of sensors that said the same all the time, over long enough to tell."""
    still: dict[str, _Still] = {}
    moved: set[str] = set()
    for sample in samples:
        for reading in sample.readings:
            key = reading.key
            if key in moved:
                continue
            known = still.setdefault(key, _Still(reading, sample.uptime_s))
            if reading.value_c != known.reading.value_c:
                moved.add(key)
            known.last_s, known.count = sample.uptime_s, known.count + 1
    return frozenset(key for key, known in still.items() if key not in moved and known.long_enough)


@dataclass
class _Still:
    """A sensor that has not moved yet."""

    reading: Reading
    first_s: float
    last_s: float = 0.0
    count: int = 0

    @property
    def long_enough(self) -> bool:
        least_s = FLAT_S.get(self.reading.kind, FLAT_SLOW_S)
        return self.count >= FLAT_SAMPLES and self.last_s - self.first_s >= least_s


def wait_reason(gate: Gate, start: Baseline, now: Sample, *, waiting: bool = False) -> str:
    """Why the block should not begin, or an empty text when it may.

    A temperature, status or charge that is not known does not hold a block up: no waiting would make it known.

    Args:
        gate: what the sweep asks for.
        start: the phone before the first block.
        now: the latest sample.
        waiting: this gate was closed at the last look; it opens a little below where it closes.
    """
    if now.thermal_status:
        return f"thermal status {_status(now.thermal_status)}"
    hot = [found for kind in GATED if (found := _too_hot(gate, start, now, kind, waiting)) is not None]
    if hot:
        worst = max(hot)
        return f"cooling: {worst.now_c:.1f} C, gate {worst.limit_c:.1f} C ({worst.kind})"
    least_pct = min(100.0, gate.min_battery_pct + (RELEASE_PCT if waiting else 0.0))
    if now.battery_pct is not None and now.battery_pct < least_pct:
        unplugged = "" if now.plugged is not False else ", not charging"
        return f"battery {now.battery_pct:.0f} %, gate {least_pct:.0f} %{unplugged}"
    return ""


@dataclass(frozen=True, order=True)
class _Excess:
    """How far a kind of sensor is above its gate, both in C."""

    above_c: float
    kind: str
    now_c: float
    limit_c: float


def _too_hot(gate: Gate, start: Baseline, now: Sample, kind: str, waiting: bool) -> _Excess | None:
    start_c, reading = start.temp_c(kind), now.hottest(kind, start.flat)
    relative_c = None if start_c is None else start_c + gate.rise_c
    limits = [limit for limit in (relative_c, gate.max_temp_c) if limit is not None]
    if reading is None or not limits:
        return None
    limit_c = min(limits) - (min(RELEASE_C, gate.rise_c / 2.0) if waiting else 0.0)
    above_c = reading.value_c - limit_c
    return _Excess(above_c, kind, reading.value_c, limit_c) if above_c > 0 else None


def throttled_reason(evidence: Evidence) -> str:
    """What shows that an invocation was throttled, so that it is worth another attempt; else an empty text."""
    if evidence.thermal_status:
        return f"thermal status {_status(evidence.thermal_status)}"
    if evidence.clock_cap_ghz is not None:
        return f"the clock limit was lowered to {evidence.clock_cap_ghz:.2f} GHz"
    start_ghz, end_ghz = evidence.clock_start_ghz, evidence.clock_end_ghz
    if start_ghz and end_ghz is not None and end_ghz < CLOCK_HELD * start_ghz:
        return f"the clock fell from {start_ghz:.2f} to {end_ghz:.2f} GHz"
    return ""


def _status(level: int) -> str:
    return THERMAL_STATUSES[level] if 0 <= level < len(THERMAL_STATUSES) else str(level)
