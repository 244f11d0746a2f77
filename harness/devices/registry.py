"""From a target of the sweep to the device that answers to it."""

from __future__ import annotations

from harness.devices.base import Device
from harness.devices.host import HostDevice
from harness.domain import Target
from harness.errors import NoDeviceError


def open_device(target: Target) -> Device:
    """The device of `target`.

    Raises:
        NoDeviceError: nothing answers to it.
    """
    if target.kind == "host":
        return HostDevice()
    raise NoDeviceError(f"no {target.label} device can be driven by this version", remedy="Use the target `host`.")
