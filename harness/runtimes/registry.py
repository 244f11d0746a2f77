"""From a runtime of the sweep to what runs it on a device."""

from __future__ import annotations

from threading import Event

from harness.devices import Device
from harness.domain import RuntimeRef
from harness.errors import UsageError
from harness.runtimes.base import Runtime


def open_runtime(runtime: RuntimeRef, device: Device, cancel: Event | None = None) -> Runtime:
    """The runtime `runtime` on `device`; `cancel` ends its questions to an interpreter that does not answer.

    Raises:
        UsageError: there is no such runtime.
    """
    if runtime.name == "litert":
        from harness.runtimes.litert import LiteRt

        return LiteRt(device, runtime, cancel=cancel)
    raise UsageError(f"there is no runtime named {runtime.name!r}", remedy="Use `litert`.")
