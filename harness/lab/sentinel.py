"""The sentinel: a small fixed workload in each block. When it slows down, the device did, and not the model.

Its model file never changes, so its latency is one series over all runs of a device.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event

from harness import assets
from harness.domain import CANDIDATE, Backend, Case, MeasureSettings, ModelRef, RuntimeRef, Target
from harness.errors import DeviceError, TransientError, UsageError
from harness.lab.assignment import LaneCases
from harness.runtimes import open_runtime
from harness.sweep import Plan

SENTINEL = "sentinel"
WINDOW_S = 0.5
WARMUP_S = 0.3


def is_sentinel(case: Case) -> bool:
    """Whether `case` is the sentinel of some device."""
    return case.model.name == SENTINEL


def require_name_free(cases: Iterable[Case]) -> None:
    """
    Raises:
        UsageError: a model has the sentinel's name; it would get its short window, and no place among the pairs.
    """
    if any(map(is_sentinel, cases)):
        raise UsageError(
            f"no model can be called {SENTINEL}: that is the harness's own workload",
            remedy="Give it another name in the sweep: `models: [{file: PATH, name: NAME}]`.",
        )


def sentinel_window(measure: MeasureSettings) -> MeasureSettings:
    """The protocol for the sentinel: as that of the sweep, with a short window."""
    return replace(
        measure,
        min_s=min(measure.min_s, WINDOW_S),
        max_s=min(measure.max_s, 2 * WINDOW_S),
        warmup_min_s=min(measure.warmup_min_s, WARMUP_S),
        warmup_max_s=min(measure.warmup_max_s, 2 * WARMUP_S),
    )


def with_sentinels(plan: Plan, lanes: Sequence[LaneCases], cancel: Event, cache_dir: Path) -> Plan:
    """`plan` with a sentinel for each lane that measures something and can run it; the lanes get theirs."""
    added: list[Case] = []
    for lane in lanes:
        if lane.cases and (case := _place(lane, cancel, cache_dir)) is not None:
            lane.cases.append(case)
            added.append(case)
    return replace(plan, cases=(*plan.cases, *added))


def with_sentinels_of(plan: Plan, lanes: Sequence[LaneCases], stored: Sequence[Case]) -> Plan:
    """`plan` and `lanes` with the sentinels of the run that is continued, and no others.

    Those of a device that is away now have records all the same; one that the run does not know cannot get any.
    """
    known = {case.case_id: case for case in stored if is_sentinel(case)}
    for lane in lanes:
        lane.cases[:] = [case for case in lane.cases if not is_sentinel(case) or case.case_id in known]
    return replace(plan, cases=(*(case for case in plan.cases if not is_sentinel(case)), *known.values()))


def _place(lane: LaneCases, cancel: Event, cache_dir: Path) -> Case | None:
    """The sentinel on the runtime of the base: what is under test must not change it. None where it cannot run."""
    first = next((case for case in lane.cases if case.arm != CANDIDATE), lane.cases[0])
    case = sentinel_case(first.target, lane.device.device_id, first.runtime)
    try:
        if case.runtime not in lane.runtimes:
            lane.runtimes[case.runtime] = open_runtime(case.runtime, lane.device, cancel, cache_dir=cache_dir)
        refused = lane.runtimes[case.runtime].unsupported_reason(case)
    except (TransientError, DeviceError):
        return None
    return None if refused else case


def sentinel_case(target: Target, device_id: str, runtime: RuntimeRef) -> Case:
    """The sentinel of one device: of a target that stands for several, each has its own."""
    place = target if target.kind != "any" else Target("adb", (("serial", device_id),))
    model = ModelRef(SENTINEL, file=str(assets.folder("models") / "sentinel.tflite"))
    return Case(model, "float32", place, Backend(), runtime)
