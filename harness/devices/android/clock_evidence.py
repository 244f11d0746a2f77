"""The clock of a measured core while a process ran on it, or of the GPU that worked for it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import fmean, median

from harness.devices.android.run_window import RunWindow
from harness.devices.base import Observed
from harness.domain import DeviceFacts, Evidence
from harness.units import hz_to_ghz, khz_to_ghz

WORKING = 0.5  # of one core: below, the process waits for something else, and the governor lowers the clock
CAP_HELD = 0.95


def with_clock(
    found: Evidence, run: RunWindow | None, observed: Observed, facts: DeviceFacts, notes: list[str]
) -> Evidence:
    """The clock of the first pinned core, the one whose cluster the launcher watches, or else of the GPU.

    The mean comes from `time_in_state`, which misses nothing; only samples can tell both ends apart.
    """
    if not found.cpus:
        return found
    if run is not None and _waited(run):
        return _with_gpu_clock(found, run, notes)
    cpu = found.cpus[0]
    clocks = [] if run is None else [khz for each in run.inside if (khz := each.core(cpu).clock_khz) is not None]
    highest = _highest_khz(cpu, observed, facts)
    mean = _mean_khz(observed.time_in_state)
    source = "time_in_state" if mean is not None else "scaling_cur_freq" if clocks else None
    mean = mean if mean is not None else fmean(clocks) if clocks else None
    start_khz, end_khz = _ends(clocks)
    if mean is not None:
        notes.append(f"mean clock of core {cpu} {khz_to_ghz(mean):.2f} GHz by {source}")
    return replace(
        found,
        clock_source=source,
        clock_start_ghz=None if start_khz is None else khz_to_ghz(start_khz),
        clock_end_ghz=None if end_khz is None else khz_to_ghz(end_khz),
        clock_share=None if mean is None or highest is None else mean / highest,
    )


def _waited(run: RunWindow) -> bool:
    """The process left its core idle most of the time: something else computed."""
    return run.observed.cpu_s is not None and run.observed.cpu_s / run.duration_s < WORKING


def _with_gpu_clock(found: Evidence, run: RunWindow, notes: list[str]) -> Evidence:
    busy = (run.observed.cpu_s or 0.0) / run.duration_s
    notes.append(f"the process kept a core busy for {busy:.0%} of the time: the clock of the CPU does not describe it")
    clocks = [each.gpu_hz for each in run.inside if each.gpu_hz is not None]
    highest = next((each.gpu_max_hz for each in run.inside if each.gpu_max_hz is not None), None)
    start_hz, end_hz = _ends(clocks)
    return replace(
        found,
        clock_source="gpuclk" if clocks else None,
        clock_start_ghz=None if start_hz is None else hz_to_ghz(start_hz),
        clock_end_ghz=None if end_hz is None else hz_to_ghz(end_hz),
        clock_share=fmean(clocks) / highest if clocks and highest else None,
    )


def _mean_khz(time_in_state: Iterable[tuple[int, int]]) -> float | None:
    states = [(khz, ticks) for khz, ticks in time_in_state if khz > 0 and ticks > 0]
    total = sum(ticks for _, ticks in states)
    return sum(khz * ticks for khz, ticks in states) / total if total else None


def _highest_khz(cpu: int, observed: Observed, facts: DeviceFacts) -> int | None:
    known = next((core.max_khz for core in facts.cores if core.index == cpu and core.max_khz), None)
    return known or max((khz for khz, _ in observed.time_in_state if khz > 0), default=None)


def _ends(clocks: Sequence[int]) -> tuple[float | None, float | None]:
    """The medians of the first and the last third; one value tells nothing of a change."""
    if len(clocks) < 2:
        return None, None
    third = max(1, len(clocks) // 3)
    return median(clocks[:third]), median(clocks[-third:])


def with_cap(found: Evidence, run: RunWindow, notes: list[str]) -> Evidence:
    """The limit of the clock before and during the run: a governor of heat lowers it."""
    lowered: list[tuple[int, int, int]] = []
    for cpu in run.cpus:
        caps = [cap for each in run.all if (cap := each.core(cpu).cap_khz) is not None]
        if caps and min(caps) < CAP_HELD * caps[0]:
            lowered.append((min(caps), caps[0], cpu))
    if not lowered:
        return found
    cap_khz, first_khz, cpu = min(lowered)
    notes.append(
        f"the clock limit of core {cpu} was lowered from {khz_to_ghz(first_khz):.2f} to {khz_to_ghz(cap_khz):.2f} GHz "
        "during the run"
    )
    return replace(found, clock_cap_ghz=khz_to_ghz(cap_khz))
