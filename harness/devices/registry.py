"""From a target of the sweep to the devices that answer to it."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
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
        edge_tpu_root: where /sys and /var lie that tell of Edge TPUs; None for this machine's.
    """

    def __init__(self, adb_server: str = "", edge_tpu_root: Path | None = None) -> None:
        self._adb_server, self._lock, self._edge_tpu_root = adb_server, Lock(), edge_tpu_root

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
        if target.kind == "edgetpu":
            from harness.devices.edgetpu.find import open_edge_tpus, root_of

            return open_edge_tpus(dict(target.selector), self._edge_tpu_root or root_of(os.environ))
        raise NoDeviceError(f"no {target.label} device can be driven by this version", remedy="Use the target `host`.")


def open_host() -> HostDevice:
    """This machine."""
    return HostDevice()
