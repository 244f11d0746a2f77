"""From a target of the sweep to the Edge TPUs that answer to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from harness.devices.edgetpu.sysfs import Attached, Sighting, look
from harness.devices.edgetpu.tpu import EdgeTpu
from harness.devices.host import HostDevice
from harness.errors import NoDeviceError

PLUG_IN = (
    "Plug it in, and look for 18d1:9302 or 1a6e:089a (not used yet) in `lsusb`, for a PCIe module in `lspci -d 1ac1:`; "
    "a container or virtual machine needs it passed through."
)
LOAD_DRIVER = (
    "Load its driver: sudo modprobe apex; if there is none, install gasket-dkms and restart. Coral's own package does "
    "not build on Linux 6; https://github.com/KyleGospo/gasket-dkms does."
)


def root_of(environ: Mapping[str, str]) -> Path:
    """Where /sys, /dev and /var of the host lie: ``/``, or what HARNESS_EDGETPU_ROOT names in a container."""
    return Path(environ.get("HARNESS_EDGETPU_ROOT") or "/")


def open_edge_tpus(
    selector: Mapping[str, str], root: Path = Path("/"), host: HostDevice | None = None
) -> tuple[EdgeTpu, ...]:
    """The Edge TPUs that `selector` means, at least one.

    Args:
        selector: ``device``: ``usb``, ``pci``, ``usb:0``, ``:0`` (counts all), any when absent; ``count``: how many at
            most, 1 when absent.
        root: where /sys and /var lie.
        host: runs their processes; this machine when absent.

    Raises:
        NoDeviceError: none fits, with what is attached.
    """
    sighting = look(root)
    fitting = matching(sighting, selector.get("device", ""))
    if not fitting:
        raise _none(sighting, selector.get("device", ""))
    # Nobody asks an Edge TPU's host for a GPU, and looking for one takes a process.
    host = host or HostDevice(vulkan=lambda: ())
    return tuple(EdgeTpu(tpu, host, root, sighting.attached.index(tpu)) for tpu in fitting[: _count(selector)])


def all_edge_tpus(root: Path = Path("/")) -> tuple[EdgeTpu, ...]:
    """Every Edge TPU that is attached; none when there is none."""
    count = len(look(root).attached)
    try:
        return open_edge_tpus({"count": str(count)}, root) if count else ()
    except NoDeviceError:  # unplugged meanwhile
        return ()


def matching(sighting: Sighting, device: str) -> tuple[Attached, ...]:
    """The Edge TPUs that `device` fits, in their order."""
    there = sighting.attached
    if re.fullmatch(r":\d+", device, re.ASCII):
        return there[int(device[1:]) :][:1]
    return tuple(tpu for tpu in there if device in ("", tpu.kind, tpu.name))


def describe(sighting: Sighting) -> str:
    """What is attached, for a sentence."""
    return ", ".join(f"{tpu.name} ({tpu.model} at {tpu.address or tpu.port})" for tpu in sighting.attached)


def _count(selector: Mapping[str, str]) -> int:
    count = selector.get("count", "1")
    return max(1, int(count)) if count.isdecimal() else 1


def _none(sighting: Sighting, device: str) -> NoDeviceError:
    waiting = ", ".join(sighting.driverless)
    if sighting.attached:
        first = sighting.attached[0].name
        return NoDeviceError(
            f"no Edge TPU is called {device!r}; attached: {describe(sighting)}",
            remedy=LOAD_DRIVER
            if waiting and not device.startswith("usb")
            else f"Name one: {{edgetpu: {{device: {first!r}}}}}",
        )
    if waiting:
        return NoDeviceError(f"an Edge TPU is on the PCI bus ({waiting}) without its driver apex", remedy=LOAD_DRIVER)
    return NoDeviceError("no Edge TPU is attached", remedy=PLUG_IN)
