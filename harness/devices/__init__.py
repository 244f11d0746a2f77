"""Things that run processes and can say what they are; `harness.devices.registry.open_devices` finds them."""

from harness.devices.base import Device, Observed, ProcessResult, Watch

__all__ = ["Device", "Observed", "ProcessResult", "Watch"]
