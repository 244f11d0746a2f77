"""What a runtime for the Edge TPU knows of the device beyond the `Device` seam."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from harness.devices.base import Device


@runtime_checkable
class EdgeTpuDevice(Device, Protocol):
    """A host with one Edge TPU: its processes run on the host, its models on the accelerator."""

    @property
    def tpu_name(self) -> str:
        """The accelerator as libedgetpu and pycoral call it: ``usb:0``, ``pci:0``; counted in the order of ports."""

    @property
    def tpu_path(self) -> str:
        """Where it is plugged in, as ``list_edge_tpus()`` says it: ``/sys/bus/usb/devices/2-1``, ``/dev/apex_0``.

        With several sticks this alone is sure to mean the same one: libedgetpu counts those in DFU mode first, so that
        its numbers change when one of them is used for the first time.
        """
