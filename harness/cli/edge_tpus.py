"""The Edge TPUs that `harness devices` and `harness doctor` look at."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from harness.cli.phones import Unreachable
from harness.errors import NoDeviceError

if TYPE_CHECKING:
    from harness.devices.preflight import Finding
    from harness.domain import DeviceFacts

NAME = "edgetpu"


def edge_tpu_facts() -> tuple[DeviceFacts, ...]:
    """What is attached, ready to be driven."""
    from harness.devices.edgetpu.find import all_edge_tpus, root_of

    return tuple(device.facts() for device in all_edge_tpus(root_of(os.environ)))


def edge_tpus_without_driver() -> tuple[Unreachable, ...]:
    """PCIe modules that the kernel lists and nothing can open."""
    from harness.devices.edgetpu.find import LOAD_DRIVER, root_of
    from harness.devices.edgetpu.sysfs import look

    there = look(root_of(os.environ)).driverless
    return tuple(Unreachable(f"Edge TPU {address}", "no driver", LOAD_DRIVER) for address in there)


def examine(device: str | None, pythons: tuple[str, ...]) -> dict[str, tuple[Finding, ...]]:
    """Findings of the Edge TPUs: of all (``edgetpu``), of one by its id or name, or with None of those there are.

    With None and none attached nothing is asked of interpreters, for most hosts have no Edge TPU.

    Raises:
        NoDeviceError: the one that is named is not there.
    """
    from harness.devices.edgetpu.find import all_edge_tpus, root_of
    from harness.devices.edgetpu.preflight import host_findings, none_attached, tpu_findings
    from harness.devices.edgetpu.surroundings import read_surroundings
    from harness.devices.edgetpu.sysfs import look
    from harness.runtimes.edgetpu_pairs import known_crash

    root = root_of(os.environ)
    if device is None and not pythons and not (sighting := look(root)).attached:
        return {NAME: none_attached(sighting)}
    around = read_surroundings(pythons, root)
    ids = {tpu.tpu_name: tpu.device_id for tpu in all_edge_tpus(root)}
    tpus = {
        ids[tpu.name]: tpu_findings(tpu, around)
        for tpu in around.sighting.attached
        if tpu.name in ids and device in (None, NAME, ids[tpu.name], tpu.name)
    }
    if not tpus and device not in (None, NAME):
        there = ", ".join(ids.values()) or "no Edge TPU"
        raise NoDeviceError(f"no device is called {device!r}", remedy=f"Attached: {there}. See: harness doctor {NAME}")
    return {NAME: host_findings(around, known_crash), **tpus}


def means_edge_tpu(device: str) -> bool:
    """Whether a name on the command line is that of an Edge TPU: ``edgetpu``, ``edgetpu-lab-usb0``, ``usb:0``."""
    return device == NAME or device.startswith((f"{NAME}-", "usb:", "pci:"))
