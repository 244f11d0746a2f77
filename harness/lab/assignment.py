"""Which device runs which case, and which cases none can run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Event

from harness.devices import Device
from harness.devices.registry import open_device
from harness.domain import Case, DeviceFacts, RuntimeRef
from harness.runtimes import Runtime, open_runtime
from harness.sweep import Plan


@dataclass
class LaneCases:
    """A device, its runtimes, the cases it runs, and those it refuses with the reason."""

    device: Device
    facts: DeviceFacts
    cases: list[Case] = field(default_factory=list)
    refused: list[tuple[Case, str]] = field(default_factory=list)
    runtimes: dict[RuntimeRef, Runtime] = field(default_factory=dict)


def assign(plan: Plan, cancel: Event) -> tuple[LaneCases, ...]:
    """A lane for each device of the plan's targets, with every case in it either to run or refused.

    Args:
        cancel: ends the questions to the devices' interpreters.

    Raises:
        NoDeviceError: a target has no device.
    """
    lanes: dict[str, LaneCases] = {}
    for target in dict.fromkeys(case.target for case in plan.cases):
        device = open_device(target)
        lane = lanes.setdefault(device.device_id, LaneCases(device, device.facts()))
        for case in plan.cases:
            if case.target == target:
                _place(lane, case, cancel)
    return tuple(lanes.values())


def _place(lane: LaneCases, case: Case, cancel: Event) -> None:
    if case.runtime not in lane.runtimes:
        lane.runtimes[case.runtime] = open_runtime(case.runtime, lane.device, cancel)
    reason = lane.runtimes[case.runtime].unsupported_reason(case)
    if reason is None:
        lane.cases.append(case)
    else:
        lane.refused.append((case, reason))


def measured_cpus(lanes: Sequence[LaneCases]) -> tuple[int, ...]:
    """The CPUs of this machine on which cases are measured: the controller's own threads keep off them."""
    chosen: set[int] = set()
    for lane in lanes:
        if lane.facts.kind == "host":
            for case in lane.cases:
                chosen.update(lane.device.choose_cpus(case.backend.cores, case.backend.threads))
    return tuple(sorted(chosen))
