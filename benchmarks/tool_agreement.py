"""The runner in C against a real benchmark_model: one library, one core, one thread, interleaved in one run.

`python -m benchmarks.tool_agreement [--blocks 20] [--model FILE.tflite …]`

Both are given Debian's TensorFlow Lite 2.14.1 (the tests build the tool from its sources once, in minutes) and
its built-in kernels. That version of the tool prints an average and no median, so averages are compared. Its samples
end with the call, the runner's when the outputs are read, which on the CPU is the copy of the output tensor. The target
is within 2 %. Without `--model` it takes mobilenet_v2, prepared or from the cache.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.latency_agreement import measure_blocks, prepared, ratio_line
from harness.devices.host import HostDevice
from harness.runtimes.benchmark_model_log import parse_log
from harness.runtimes.litert_protocol import unpack_ns
from harness.runtimes.runner_build import runner_for
from harness.units import ns_to_us

TARGET = 0.02
WINDOW_S, LEAST, WARMUP_S = 2.0, 20, 0.5
TIMEOUT_S = 120


def run(argv: list[str]) -> bytes:
    """The output of a process that must succeed."""
    done = subprocess.run(argv, capture_output=True, timeout=TIMEOUT_S, check=False)
    if done.returncode:
        raise SystemExit(f"{argv[0]} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-500:]}")
    return done.stdout + done.stderr


def tool_arm(folder: Path, model: Path, cpu: int) -> Callable[[], float]:
    """A process of benchmark_model: its average in microseconds."""
    flags = {"graph": model, "num_threads": 1, "use_xnnpack": "false", "num_runs": LEAST, "min_secs": WINDOW_S}
    flags |= {"warmup_runs": 1, "warmup_min_secs": WARMUP_S}
    argv = ["taskset", "-c", str(cpu), *loader(folder), str(folder / "benchmark_model")]
    argv += [f"--{name}={value}" for name, value in flags.items()]

    def once() -> float:
        block = parse_log(run(argv)).inference
        if block is None or block.avg_us is None:
            raise SystemExit("benchmark_model printed no average")
        return block.avg_us

    return once


def runner_arm(folder: Path, model: Path, cpu: int) -> Callable[[], float]:
    """A process of the runner: the average of its samples in microseconds."""
    library = folder / "libraries" / "libtensorflow-lite.so.2.14.1"
    flags = {"purpose": "timing", "library": library, "model": model, "delegate": "builtin", "threads": 1, "cpus": cpu}
    flags |= {"min-s": WINDOW_S, "max-s": 60, "min-iterations": LEAST, "seed": 1}
    flags |= {"warmup-min-s": WARMUP_S, "warmup-min-iterations": 1, "warmup-max-s": 10}
    argv = [*loader(folder), str(runner_for("linux-x86_64")), *(f"--{name}={value}" for name, value in flags.items())]

    def once() -> float:
        lines = [json.loads(line) for line in run(argv).splitlines() if line.startswith(b"{")]
        return ns_to_us(float(np.mean(unpack_ns(lines[-1]["samples"]))))

    return once


def loader(folder: Path) -> list[str]:
    """What starts a program with the libraries that it was linked with."""
    libraries = folder / "libraries"
    return [str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries)]


def compare(folder: Path, model: Path, blocks: int, seed: int) -> bool:
    """Measure one model with both arms and print; whether the ratio is within the target."""
    cpu = HostDevice(vulkan=lambda: ()).choose_cpus("big", 1)[0]
    arms = {"runner": runner_arm(folder, model, cpu), "tool": tool_arm(folder, model, cpu)}
    print(f"{model.name}: core {cpu}, {blocks} blocks, load average {os.getloadavg()[0]:.2f}", flush=True)
    found = measure_blocks(arms, blocks, seed)
    text, met = ratio_line(found["runner"], found["tool"], "benchmark_model 2.14.1", TARGET)
    print(text.replace("ours /", "runner /"), flush=True)
    return met


def main() -> int:
    """Every model; the exit code says whether the target was met."""
    from tests.phone.benchmark_model_build import benchmark_model

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, action="append", help="a .tflite file; may be given several times")
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = benchmark_model()
    met = [
        compare(folder, model, options.blocks, options.seed) for model in options.model or [prepared("mobilenet_v2")]
    ]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
