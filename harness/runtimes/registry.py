"""From a runtime of the sweep to what runs it on a device."""

from __future__ import annotations

from pathlib import Path
from threading import Event

from harness.devices import Device
from harness.domain import RuntimeRef
from harness.errors import UsageError
from harness.runtimes.base import Runtime


def open_runtime(runtime: RuntimeRef, device: Device, cancel: Event | None = None, *, cache_dir: Path) -> Runtime:
    """The runtime `runtime` on `device`; `cancel` ends its questions to what does not answer.

    Fetched tools and built runners lie in `cache_dir`.

    Raises:
        UsageError: there is no such runtime.
    """
    if runtime.name == "litert":
        from harness.runtimes.litert import LiteRt

        return LiteRt(device, runtime, cancel=cancel)
    if runtime.name == "benchmark_model":
        from harness.runtimes.benchmark_model import BenchmarkModel
        from harness.runtimes.binaries import binaries_folder

        return BenchmarkModel(device, runtime, binaries_folder(cache_dir), cancel)
    if runtime.name == "device_runner":
        from harness.runtimes.device_runner import DeviceRunner

        return DeviceRunner(device, runtime, cancel, cache_dir=cache_dir)
    if runtime.name == "pycoral":
        return _pycoral(runtime, device, cancel)
    raise UsageError(
        f"there is no runtime named {runtime.name!r}",
        remedy="Use `litert`, `benchmark_model`, `device_runner` or `pycoral`.",
    )


def _pycoral(runtime: RuntimeRef, device: Device, cancel: Event | None) -> Runtime:
    from harness.devices.edgetpu.base import EdgeTpuDevice
    from harness.runtimes.pycoral import Pycoral

    if not isinstance(device, EdgeTpuDevice):
        raise UsageError(f"pycoral drives an Edge TPU, and {device.device_id} is none", remedy="Use target `edgetpu`.")
    return Pycoral(device, runtime, cancel)
