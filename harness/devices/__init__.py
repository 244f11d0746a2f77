"""Things that run processes and can say what they are; `harness.devices.registry.Registry` opens them."""

from harness.devices.base import Device, Observed, ProcessResult, Watch

__all__ = ["Device", "Observed", "ProcessResult", "Watch"]
