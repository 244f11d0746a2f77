"""Which device runs which case, and which cases none can run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from harness.devices import Device
from harness.devices.registry import open_devices
from harness.domain import Case, DeviceFacts, ModelRef, RuntimeRef
from harness.errors import DeviceError, DeviceOfflineError, NoDeviceError
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


@dataclass
class Assignment:
    """The lanes, and the cases whose device is not there, with the reason."""

    lanes: dict[str, LaneCases] = field(default_factory=dict)
    absent: list[tuple[Case, str]] = field(default_factory=list)

    def lane(self, device: Device) -> LaneCases:
        """The lane of `device`; a device that several targets name has one."""
        if device.device_id not in self.lanes:
            self.lanes[device.device_id] = LaneCases(device, device.facts())
        return self.lanes[device.device_id]


def assign(
    plan: Plan, cancel: Event, *, cache_dir: Path, adb_server: str = "", before: Mapping[str, str] | None = None
) -> tuple[tuple[LaneCases, ...], tuple[tuple[Case, str], ...]]:
    """A lane for each device of the plan's targets with every case in it either to run or refused, and the cases whose
    device is not there with the reason.

    Args:
        plan: what is to be run.
        cancel: ends the questions to the devices' interpreters.
        cache_dir: where fetched tools and built runners lie.
        adb_server: ``host:port`` of the adb server, empty for the usual one.
        before: the device of each case, by case id, in the run that is resumed: it stays.
    """
    made = Assignment()
    for target in dict.fromkeys(case.target for case in plan.cases):
        cases = [case for case in plan.cases if case.target == target]
        try:
            lanes = [made.lane(device) for device in open_devices(target, adb_server)]
        except (NoDeviceError, DeviceOfflineError, DeviceError) as error:
            made.absent += [(case, " ".join(filter(None, (error.what + ".", error.remedy)))) for case in cases]
            continue
        for case, device_id in share(cases, tuple(lane.device.device_id for lane in lanes), before or {}).items():
            if device_id in made.lanes:
                _place(made.lanes[device_id], case, cancel, cache_dir)
            else:
                made.absent.append((case, f"the run began this case on {device_id}, which is not there"))
    return tuple(made.lanes.values()), tuple(made.absent)


def share(cases: Sequence[Case], device_ids: Sequence[str], before: Mapping[str, str]) -> dict[Case, str]:
    """The device of each case: a model's cases on one device, where they can be compared; the devices evenly loaded.

    A case that began on a device stays with it.
    """
    groups: dict[ModelRef, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.model, []).append(case)
    load = dict.fromkeys(device_ids, 0)
    chosen: dict[Case, str] = {}
    for group in sorted(groups.values(), key=len, reverse=True):
        known = next((before[case.case_id] for case in group if before.get(case.case_id)), "")
        device_id = known or min(load, key=lambda name: load[name])
        load[device_id] = load.get(device_id, 0) + len(group)
        chosen.update(dict.fromkeys(group, device_id))
    return {case: chosen[case] for case in cases}


def _place(lane: LaneCases, case: Case, cancel: Event, cache_dir: Path) -> None:
    if case.runtime not in lane.runtimes:
        lane.runtimes[case.runtime] = open_runtime(case.runtime, lane.device, cancel, cache_dir=cache_dir)
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
