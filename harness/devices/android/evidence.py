"""What was seen around one process on a phone, from what its launcher observed and the telemetry beside it. Pure.

What nobody saw is None. Sentences for the reader are in `notes`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from harness.devices.android.clock_evidence import with_cap, with_clock
from harness.devices.android.run_window import RunWindow, run_window, span_of
from harness.devices.android.sample import CoreSample, Reading, Sample
from harness.devices.android.telemetry import own_load
from harness.devices.base import Observed
from harness.domain import DeviceFacts, Evidence
from harness.units import ticks_to_s

# Of what computes first; the battery is slow and far from it.
TEMPERATURES = ("cpu", "soc", "skin", "gpu", "battery")
STALE_S = 30.0
SILENT_S = 3.0


def evidence_of(
    observed: Observed,
    samples: Sequence[Sample],
    cpus: Sequence[int],
    facts: DeviceFacts,
    flat: frozenset[str] = frozenset(),
) -> Evidence:
    """The evidence on one process.

    Args:
        observed: what its launcher saw.
        samples: telemetry in order of time, from `Telemetry.window` or more.
        cpus: the cores it was to be pinned to.
        facts: of the phone, for the highest clocks and capacities.
        flat: keys of sensors that never change (`gate.flat_sensors`): they say nothing.
    """
    notes: list[str] = []
    verified = bool(cpus) and observed.cpus is not None and set(observed.cpus) == set(cpus)
    if not verified:
        notes.append(_mask_note(observed, cpus))
    found = Evidence(cpus=tuple(cpus), cpus_verified=verified)
    run = run_window(observed, samples, tuple(cpus))
    if run is None:
        notes.append("it is not known when the process ran: telemetry cannot be assigned to it")
        found = replace(found, offline_cpus=_offline(observed, (), cpus))
    else:
        notes += _gaps(run)
        offline = _offline(observed, run.inside, cpus)
        found = replace(
            found,
            foreign_load=_foreign_load(run) if verified and not offline else None,
            telemetry_load=_telemetry_load(run, facts),
            thermal_status=_thermal_status(run),
            battery_pct=next((each.battery_pct for each in reversed(run.all) if each.battery_pct is not None), None),
            offline_cpus=offline,
        )
        found = _with_temperatures(with_cap(found, run, notes), run, flat, notes)
    found = with_clock(found, run, observed, facts, notes)
    notes += [f"core {cpu} went offline during the run" for cpu in found.offline_cpus]
    return replace(found, notes=tuple(notes))


# ---- where and when --------------------------------------------------------------------------------------------------


def _mask_note(observed: Observed, cpus: Sequence[int]) -> str:
    if not cpus:
        return "it was not pinned to any core"
    asked = ", ".join(map(str, cpus))
    if observed.cpus is None:
        return f"the process's own affinity mask could not be read: cores {asked} were asked for"
    return f"the process's own affinity mask is {', '.join(map(str, observed.cpus))}, not {asked} as asked"


def _gaps(run: RunWindow) -> list[str]:
    if not run.inside:
        return [f"telemetry is missing: no sample in the window of {run.duration_s:.1f} s"]
    times = [run.start_s, *(each.uptime_s for each in run.inside), run.end_s]
    longest_s = max(later - earlier for earlier, later in pairwise(times))
    if longest_s < SILENT_S or longest_s < run.duration_s / 2:
        return []
    return [f"telemetry was silent for {longest_s:.1f} s of {run.duration_s:.1f} s"]


def _offline(observed: Observed, inside: Sequence[Sample], cpus: Sequence[int]) -> tuple[int, ...]:
    """Pinned cores that were not online at the end, or that had no counters while others had."""
    gone = set(cpus) - set(observed.online) if observed.online is not None else set()
    for sample in inside:
        seen = {core.index: bool(core.ticks) for core in sample.cores}
        if any(seen.values()):
            gone |= {cpu for cpu in cpus if not seen.get(cpu, True)}
    return tuple(sorted(gone))


# ---- heat and load ---------------------------------------------------------------------------------------------------


def _with_temperatures(found: Evidence, run: RunWindow, flat: frozenset[str], notes: list[str]) -> Evidence:
    """Of the sensor that is hottest at the end, among those nearest to what computes."""
    samples = [each for each in run.all if run.start_s - SILENT_S <= each.uptime_s <= run.end_s + SILENT_S]
    if not samples:
        return found
    first = run.before if run.before in samples and run.before is not None else samples[0]
    last = run.inside[-1] if run.inside else samples[-1]
    end = next((each for kind in TEMPERATURES if (each := last.hottest(kind, flat)) is not None), None)
    stubbed = sorted({each.key for each in last.readings} & flat)
    if stubbed:
        notes.append(f"sensors that never change are left out: {', '.join(stubbed)}")
    if end is None:
        return found
    start = next((each for each in first.readings if each.key == end.key), None)
    notes.append(f"temperature of {_sensor(end)}")
    return replace(found, temp_start_c=None if start is None else start.value_c, temp_end_c=end.value_c)


def _sensor(reading: Reading) -> str:
    return f"{reading.name} ({reading.kind})"


def _thermal_status(run: RunWindow) -> int | None:
    """The highest status that was asked for during the run or just around it."""
    known = [
        each.thermal_status
        for each in (*run.inside, *_one(run.after), *([] if run.inside else _one(run.before)))
        if each.thermal_status is not None
        and each.slow_uptime_s is not None
        and each.slow_uptime_s >= run.start_s - STALE_S
        and each.uptime_s <= run.end_s + STALE_S
    ]
    return max(known, default=None)


def _one(sample: Sample | None) -> Iterator[Sample]:
    if sample is not None:
        yield sample


def _foreign_load(run: RunWindow) -> float | None:
    """(busy time of the pinned cores - CPU time of the process) / time of these cores.

    Where the samples do not enclose the run, the process is taken to have worked evenly.
    """
    ends = span_of(run)
    if ends is None or run.observed.cpu_s is None:
        return None
    first, last = ends
    passed = [_passed(first.core(cpu), last.core(cpu)) for cpu in run.cpus]
    busy, total = sum(ticks for ticks, _ in passed), sum(ticks for _, ticks in passed)
    if any(all_ticks <= 0 or busy_ticks < 0 for busy_ticks, all_ticks in passed):
        return None
    shared_s = min(last.uptime_s, run.end_s) - max(first.uptime_s, run.start_s)
    own_s = run.observed.cpu_s * min(1.0, shared_s / run.duration_s)
    return min(1.0, max(0.0, (ticks_to_s(busy) - own_s) / ticks_to_s(total)))


def _passed(first: CoreSample, last: CoreSample) -> tuple[int, int]:
    """The busy ticks and all ticks of a core between two samples, 0 and 0 where one of them does not know."""
    if first.busy_ticks is None or first.total_ticks is None or last.busy_ticks is None or last.total_ticks is None:
        return 0, 0
    return last.busy_ticks - first.busy_ticks, last.total_ticks - first.total_ticks


def _telemetry_load(run: RunWindow, facts: DeviceFacts) -> float | None:
    """What observing took, as a share of one core of the measured kind: a second of a little core is less work."""
    ends = span_of(run)
    load = None if ends is None else own_load(*ends)
    if load is None or ends is None or not run.cpus:
        return load
    capacity = {core.index: core.capacity for core in facts.cores}
    own_cpu = ends[1].own_cpu
    observer = None if own_cpu is None else capacity.get(own_cpu)
    measured = max((capacity.get(cpu) or 0 for cpu in run.cpus), default=0)
    return load * observer / measured if observer and measured and observer < measured else load
