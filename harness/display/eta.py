"""How much is left and how long it takes: pure.

What remains is counted per case, valued by the expected times that the lab gives, and corrected by how the lane's own
wall time compared with its expected time so far (waits, start-up and slow devices are in that ratio).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from harness.display.state import Activity, CaseWork, DashboardState, Lane
from harness.domain import Case, Purpose

_MIN_RATIO, _MAX_RATIO = 0.1, 20.0


@dataclass(frozen=True)
class Remaining:
    """What is left: `invocations`, expected seconds by device, uncorrected (None when nothing is known yet), and the
    seconds of sustained passes, which end by the clock."""

    invocations: int
    expected_s: Mapping[str, float] | None
    sustained_s: Mapping[str, float]


@dataclass(frozen=True)
class _Mean:
    timing_s: float
    side_s: float


@lru_cache(maxsize=8)
def remaining(state: DashboardState) -> Remaining:
    """Invocations and expected seconds that are left in `state`."""
    if state.end is not None:
        return Remaining(0, {}, {})
    side_per_case = _side_per_case(state)
    left = {case.case_id: _left(state, case, side_per_case) for case in state.cases}
    sustained_s, passes = _sustained(state)
    counted = sum(timing + side for timing, side in left.values()) + passes
    bound = max(0, state.total_invocations - state.finished_invocations)
    # Blocks finished before a resume are not known by case; the total is.
    scale = min(1.0, bound / counted) if counted else 0.0
    mean = _mean(state.work)
    if mean is None:
        return Remaining(round(counted * scale), None, sustained_s)
    by_device: dict[str, float] = dict.fromkeys(state.lanes, 0.0)
    for case in state.cases:
        timing, side = left[case.case_id]
        work = state.work.get(case.case_id, CaseWork())
        seconds = timing * _or(work.timing_expected_s, mean.timing_s) + side * _or(work.side_expected_s, mean.side_s)
        for device_id, share in _shares(state, case, work):
            by_device[device_id] = by_device.get(device_id, 0.0) + seconds * scale * share
    return Remaining(round(counted * scale), by_device, sustained_s)


def _sustained(state: DashboardState) -> tuple[dict[str, float], int]:
    """Seconds of the sustained passes that are not over, by device, and how many they are."""
    by_device: dict[str, float] = {}
    if not state.sustained_s > 0:
        return by_device, 0
    works = [(case, state.work.get(case.case_id, CaseWork())) for case in state.cases]
    left = [(case, work) for case, work in works if not (work.closed or work.sustained_done)]
    for case, work in left:
        for device_id, share in _shares(state, case, work):
            by_device[device_id] = by_device.get(device_id, 0.0) + state.sustained_s * share
    return by_device, len(left)


def _side_per_case(state: DashboardState) -> int:
    if not state.cases:
        return 0
    each = round((state.total_invocations + state.done_before) / len(state.cases))
    return max(0, each - state.blocks - (state.sustained_s > 0))


def _left(state: DashboardState, case: Case, side_per_case: int) -> tuple[int, int]:
    """Timing and other invocations that `case` still needs."""
    work = state.work.get(case.case_id, CaseWork())
    if work.closed:
        return 0, 0
    return max(0, state.blocks - work.timing_done), max(0, side_per_case - work.side_done)


def _mean(work: Mapping[str, CaseWork]) -> _Mean | None:
    timing = [item.timing_expected_s for item in work.values() if item.timing_expected_s is not None]
    side = [item.side_expected_s for item in work.values() if item.side_expected_s is not None]
    if not timing and not side:
        return None
    return _Mean(_average(timing or side), _average(side or timing))


def _average(values: list[float]) -> float:
    return sum(values) / len(values)


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _shares(state: DashboardState, case: Case, work: CaseWork) -> list[tuple[str, float]]:
    """Which device does the work of `case`; spread evenly over those it may be while that is not known."""
    if work.device_id:
        return [(work.device_id, 1.0)]
    names = [name for name in state.lanes if name.startswith(case.target.kind)] or list(state.lanes)
    return [(name, 1 / len(names)) for name in names]


def ratio(lane: Lane) -> float:
    """Observed wall time over expected time of the lane's finished invocations; 1 before the first."""
    if lane.began_s is None or lane.last_s is None or lane.expected_done_s <= 0:
        return 1.0
    return min(_MAX_RATIO, max(_MIN_RATIO, (lane.last_s - lane.began_s) / lane.expected_done_s))


def lane_eta_s(state: DashboardState, lane: Lane, now_s: float) -> float | None:
    """Seconds until the lane is through; None while unknown."""
    found = remaining(state)
    if found.expected_s is None:
        return None
    seconds = found.expected_s.get(lane.device_id, 0.0) * _corrected_ratio(state, lane)
    seconds += found.sustained_s.get(lane.device_id, 0.0)
    if lane.activity is Activity.RUNNING and lane.purpose is Purpose.SUSTAINED and lane.since_s is not None:
        seconds -= min(max(0.0, now_s - lane.since_s), lane.expected_s)
    elif lane.activity is Activity.RUNNING and lane.since_s is not None:
        seconds -= min(max(0.0, now_s - lane.since_s), lane.expected_s * ratio(lane))
    return max(0.0, seconds)


def sustained_share(lane: Lane) -> float:
    """How far the sustained pass of `lane` was at its last slice, in [0, 1]."""
    if not lane.sustained:
        return 0.0
    last = lane.sustained[-1]
    share = last.elapsed_s / last.wanted_s if last.wanted_s > 0 else 0.0
    return min(1.0, max(0.0, share)) if math.isfinite(share) else 0.0


def _corrected_ratio(state: DashboardState, lane: Lane) -> float:
    """The lane's ratio, or the mean of the others for a lane that has finished nothing."""
    if lane.expected_done_s > 0:
        return ratio(lane)
    others = [ratio(other) for other in state.lanes.values() if other.expected_done_s > 0]
    return _average(others) if others else 1.0


def eta_s(state: DashboardState, now_s: float) -> float | None:
    """Seconds until the slowest lane is through; None while unknown."""
    if state.end is not None:
        return 0.0
    lanes = [lane_eta_s(state, lane, now_s) for lane in state.lanes.values()]
    known = [value for value in lanes if value is not None]
    return max(known) if known else None


def done_invocations(state: DashboardState) -> int:
    """Finished invocations, those before a resume included."""
    return state.done_before + state.finished_invocations


def progress(state: DashboardState) -> float:
    """The share of all invocations that is done, in [0, 1]; with sustained passes, of their time: one of them takes as
    long as hundreds of others."""
    if state.end is not None and state.end.state == "finished":
        return 1.0
    if state.sustained_s > 0 and (share := _share_of_time(state)) is not None:
        return share
    done, left = done_invocations(state), remaining(state).invocations
    return done / (done + left) if done + left else 0.0


def _share_of_time(state: DashboardState) -> float | None:
    """Expected seconds that are done over all, in this session; None while too little is known."""
    left = remaining(state)
    if state.end is not None or left.expected_s is None:
        return None
    running_s = sum(sustained_share(lane) * lane.expected_s for lane in map(_in_pass, state.lanes.values()) if lane)
    done_s = sum(lane.expected_done_s for lane in state.lanes.values()) + running_s
    all_s = done_s - running_s + sum(left.expected_s.values()) + sum(left.sustained_s.values())
    share = done_s / all_s if all_s > 0 else math.nan
    return min(1.0, max(0.0, share)) if math.isfinite(share) else None


def _in_pass(lane: Lane) -> Lane | None:
    return lane if lane.activity is Activity.RUNNING and lane.purpose is Purpose.SUSTAINED else None


def planned_invocations(state: DashboardState) -> int:
    """All invocations as now planned: what is done and what is left."""
    return done_invocations(state) + remaining(state).invocations
