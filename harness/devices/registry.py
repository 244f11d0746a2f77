"""From a target of the sweep to the devices that answer to it."""

from __future__ import annotations

from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

from harness.devices.base import Device
from harness.devices.host import HostDevice
from harness.domain import Target
from harness.errors import NoDeviceError

if TYPE_CHECKING:
    from harness.devices.android.open import Attachment


class Registry:
    """Opens devices; an adb server is asked once what is attached to it. For several threads at once.

    Args:
        adb_server: ``host:port`` of the adb server for phones; empty for the usual one.
    """

    def __init__(self, adb_server: str = "") -> None:
        self._adb_server, self._lock = adb_server, Lock()

    @cached_property
    def _attachment(self) -> Attachment:
        from harness.devices.android.open import attachment_at

        return attachment_at(self._adb_server)

    def open(self, target: Target) -> tuple[Device, ...]:
        """The devices of `target`, at least one.

        Raises:
            NoDeviceError: nothing answers to it.
            DeviceOfflineError: the adb server, or the only phone that fits, does not answer.
        """
        if target.kind == "host":
            return (HostDevice(),)
        if target.kind in ("adb", "any"):
            with self._lock:
                attachment = self._attachment
            return attachment.open(dict(target.selector))
        raise NoDeviceError(f"no {target.label} device can be driven by this version", remedy="Use the target `host`.")


def open_host() -> HostDevice:
    """This machine."""
    return HostDevice()
