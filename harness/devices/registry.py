"""From a target of the sweep to the devices that answer to it."""

from __future__ import annotations

from harness.devices.base import Device
from harness.devices.host import HostDevice
from harness.domain import Target
from harness.errors import NoDeviceError


def open_devices(target: Target, adb_server: str = "") -> tuple[Device, ...]:
    """The devices of `target`, at least one.

    Args:
        target: what the sweep names.
        adb_server: ``host:port`` of the adb server for phones; empty for the usual one.

    Raises:
        NoDeviceError: nothing answers to it.
        DeviceOfflineError: the adb server, or the only phone that fits, does not answer.
    """
    if target.kind == "host":
        return (HostDevice(),)
    if target.kind in ("adb", "any"):
        from harness.devices.android.open import open_phones

        return open_phones(dict(target.selector), adb_server)
    raise NoDeviceError(f"no {target.label} device can be driven by this version", remedy="Use the target `host`.")
