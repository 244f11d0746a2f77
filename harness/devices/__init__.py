"""Things that run processes and can say what they are; `harness.devices.registry.open_device` finds them."""

from harness.devices.base import Device, ProcessResult

__all__ = ["Device", "ProcessResult"]
