"""The runner in C against the wheel's Python interpreter: same release, core and protocol, interleaved in one run.

`python -m benchmarks.runner_agreement [--blocks 20] [--model FILE.tflite …]`

A block is one process of each arm in random order: `harness-runner` with the wheel's libLiteRt.so, and the runner in
Python with the wheel's interpreter. The ratio is the trimmed mean over blocks of the medians' ratio, with a 95 %
interval. The target is within 2 %. For a model of some 20 us part of the difference is the Python call, which the
other arm does not make. Without `--model` it takes digits_cnn and mobilenet_v2, prepared or from the cache.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event

import numpy as np

from benchmarks.latency_agreement import measure_blocks, package_folder, prepared, ratio_line
from harness.devices.host import HostDevice
from harness.domain import Backend, InvocationRequest, MeasureSettings, Purpose, RuntimeRef, Status
from harness.runtimes.base import Runtime
from harness.runtimes.device_runner import DeviceRunner
from harness.runtimes.litert import LiteRt
from harness.units import ns_to_us

TARGET = 0.02
MEASURE = MeasureSettings(min_s=1.0, max_s=5.0, warmup_min_s=0.5, warmup_max_s=4.0)


def arm(runtime: Runtime, model: Path, cpu: int) -> Callable[[], float]:
    """A process of `runtime`: the median in microseconds."""
    request = InvocationRequest(Purpose.TIMING, str(model), Backend(cores=(cpu,)), RuntimeRef(), MEASURE)

    def run() -> float:
        result = runtime.invoke(request, Event())
        if result.status is not Status.DONE or result.samples_ns is None:
            raise SystemExit(f"{type(runtime).__name__} failed: {result.error}")
        if not result.evidence.cpus_verified:
            raise SystemExit(f"{type(runtime).__name__} was not pinned to CPU {cpu}")
        return ns_to_us(float(np.median(result.samples_ns)))

    return run


def compare(model: Path, blocks: int, seed: int) -> bool:
    """Measure one model with both arms and print; whether the ratio is within the target."""
    device = HostDevice(vulkan=lambda: ())
    cpu = device.choose_cpus("big", 1)[0]
    library = package_folder() / "libLiteRt.so"
    runner = DeviceRunner(device, RuntimeRef("device_runner", options=(("library", str(library)),)))
    arms = {"runner": arm(runner, model, cpu), "python": arm(LiteRt(device), model, cpu)}
    print(f"{model.name}: core {cpu}, {blocks} blocks, load average {os.getloadavg()[0]:.2f}", flush=True)
    found = measure_blocks(arms, blocks, seed)
    text, met = ratio_line(found["runner"], found["python"], "the wheel's interpreter", TARGET)
    print(text.replace("ours /", "runner /"), flush=True)
    return met


def main() -> int:
    """Every model; the exit code says whether the target was met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, action="append", help="a .tflite file; may be given several times")
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    models = options.model or [prepared("digits_cnn"), prepared("mobilenet_v2")]
    met = [compare(model, options.blocks, options.seed) for model in models]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
