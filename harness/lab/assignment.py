"""Which device runs which case, and which cases none can run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from harness.devices import Device
from harness.devices.registry import Registry
from harness.domain import Case, DeviceFacts, ModelRef, RuntimeRef, Target
from harness.errors import DeviceError, NoDeviceError, TransientError
from harness.lab.turns import measures_here
from harness.runtimes import Runtime, open_runtime
from harness.sweep import Plan

_AT_ONCE = 32


@dataclass
class LaneCases:
    """A device, its runtimes, the cases it runs, and those it refuses with the reason."""

    device: Device
    facts: DeviceFacts
    cases: list[Case] = field(default_factory=list)
    refused: list[tuple[Case, str]] = field(default_factory=list)
    runtimes: dict[RuntimeRef, Runtime] = field(default_factory=dict)


def assign(
    plan: Plan,
    cancel: Event,
    *,
    cache_dir: Path,
    adb_server: str = "",
    before: Mapping[str, str] | None = None,
    together: Mapping[str, str] | None = None,
) -> tuple[tuple[LaneCases, ...], tuple[tuple[Case, str], ...]]:
    """A lane for each device of the plan's targets with every case in it either to run or refused, and the cases whose
    device is not there with the reason. Devices are opened and asked side by side.

    Args:
        plan: what is to be run.
        cancel: ends the questions to the devices' interpreters.
        cache_dir: where fetched tools and built runners lie.
        adb_server: ``host:port`` of the adb server, empty for the usual one.
        before: the device of each case, by case id, in the run that is resumed: it stays.
        together: names of groups that are to be on one device, by case id; a model's cases where absent.
    """
    registry = Registry(adb_server)
    targets = list(dict.fromkeys(case.target for case in plan.cases))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        opened = dict(zip(targets, pool.map(lambda target: _open(registry, target), targets), strict=True))
        lanes = {device.device_id: LaneCases(device, device.facts()) for one in opened.values() for device in one[0]}
        wanted: dict[str, list[Case]] = {device_id: [] for device_id in lanes}
        absent: list[tuple[Case, str]] = []
        for target, (devices, problem) in opened.items():
            cases = [case for case in plan.cases if case.target == target]
            if problem:
                absent += [(case, problem) for case in cases]
                continue
            for case, device_id in share(
                cases, tuple(device.device_id for device in devices), before or {}, together or {}
            ).items():
                if device_id in wanted:
                    wanted[device_id].append(case)
                else:
                    absent.append((case, f"the run began this case on {device_id}, which is not there"))
        for lost in pool.map(lambda name: _place(lanes[name], wanted[name], cancel, cache_dir), lanes):
            absent += lost
    return tuple(lanes.values()), tuple(absent)


def _open(registry: Registry, target: Target) -> tuple[tuple[Device, ...], str]:
    """The devices of `target`, or none and the reason."""
    try:
        return registry.open(target), ""
    except (NoDeviceError, TransientError, DeviceError) as error:
        return (), error.sentences


def share(
    cases: Sequence[Case], device_ids: Sequence[str], before: Mapping[str, str], together: Mapping[str, str]
) -> dict[Case, str]:
    """The device of each case: a group's or a model's cases on one device, where they can be compared; the devices
    evenly loaded.

    A case that began on a device stays with it.
    """
    groups: dict[ModelRef | str, list[Case]] = {}
    for case in cases:
        groups.setdefault(together.get(case.case_id, case.model), []).append(case)
    load = dict.fromkeys(device_ids, 0)
    chosen: dict[Case, str] = {}
    for group in sorted(groups.values(), key=len, reverse=True):
        known = next((before[case.case_id] for case in group if before.get(case.case_id)), "")
        device_id = known or min(load, key=lambda name: load[name])
        load[device_id] = load.get(device_id, 0) + len(group)
        chosen.update(dict.fromkeys(group, device_id))
    return {case: chosen[case] for case in cases}


def _place(lane: LaneCases, cases: Sequence[Case], cancel: Event, cache_dir: Path) -> list[tuple[Case, str]]:
    """Sort `cases` into those that the device can run and those it refuses; those left when it is lost come back."""
    for number, case in enumerate(cases):
        try:
            if case.runtime not in lane.runtimes:
                lane.runtimes[case.runtime] = open_runtime(case.runtime, lane.device, cancel, cache_dir=cache_dir)
            reason = lane.runtimes[case.runtime].unsupported_reason(case)
        except (TransientError, DeviceError) as error:
            return [(left, str(error)) for left in cases[number:]]
        if reason is None:
            lane.cases.append(case)
        else:
            lane.refused.append((case, reason))
    return []


def measured_cpus(lanes: Sequence[LaneCases]) -> tuple[int, ...]:
    """The CPUs of this machine on which cases are measured: the controller's own threads keep off them."""
    chosen: set[int] = set()
    for lane in lanes:
        if measures_here(lane.device.device_id):
            for case in lane.cases:
                chosen.update(lane.device.choose_cpus(case.backend.cores, case.backend.threads))
    return tuple(sorted(chosen))
