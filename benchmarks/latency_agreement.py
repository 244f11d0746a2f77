"""Our median against LiteRT's own benchmark and a bare loop in C: same model, pinned, interleaved in one run.

`python -m benchmarks.latency_agreement [--blocks 12] [--small digits.tflite] [--large mobilenet_v2.tflite]`

A block is one process of each arm in random order. The ratio is the trimmed mean over blocks of ours over theirs, with
a 95 % interval. Targets: within 1 % for MobileNetV2, within 3 % for a model of some 20 us.

LiteRT's benchmark is the wheel's ``tools/benchmark_litert_model.py``, run unchanged; its median is taken before it is
rounded to 0.01 ms. It times a Python call that looks its arguments up in dictionaries, which is no part of an
inference but counts at 20 us: that cost is measured on a model of less than 1 us as the tool's time less the bare
loop's, and the ratio is given with and without it. The target is for the ratio without it.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from threading import Event

import numpy as np

from harness.devices.host import HostDevice
from harness.domain import Backend, InvocationRequest, MeasureSettings, ModelRef, Purpose, RuntimeRef, Status
from harness.measure.statistics import t_quantile, trimmed_mean
from harness.prepare import prepare
from harness.runtimes.litert import LiteRt
from harness.units import ns_to_us

WINDOW_S, WARMUP_S = 2.0, 1.0
CALIBRATION_BLOCKS = 3
SOURCE = Path(__file__).with_name("bare_loop.c")
TINY = Path(__file__).resolve().parent.parent / "tests" / "data" / "models" / "float32.tflite"

_WHEEL_ARM = """
import importlib.util, os, sys, types
os.sched_setaffinity(0, {int(sys.argv[2])})
spec = importlib.util.spec_from_file_location("tool", sys.argv[1])
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)
exact = []
plain = tool.statistics
def median(values):
    exact.append(plain.median(values))
    return exact[-1]
tool.statistics = types.SimpleNamespace(mean=plain.mean, stdev=plain.stdev, median=median)
sys.argv = ["benchmark", "--model=" + sys.argv[3], "--warmup_runs=" + sys.argv[4], "--num_runs=" + sys.argv[5]]
tool.main()
print("EXACT_MS", exact[-1], flush=True)
os._exit(0)
"""

Arm = Callable[[], float]


def package_folder() -> Path:
    """Where the LiteRT wheel is installed."""
    spec = find_spec("ai_edge_litert")
    if spec is None or spec.origin is None:
        raise SystemExit("ai-edge-litert is not installed: pip install ai-edge-litert")
    return Path(spec.origin).parent


def our_arm(model: Path, cpu: int) -> Arm:
    """The harness's own timing pass."""
    runtime = LiteRt(HostDevice(vulkan=lambda: ()))
    measure = MeasureSettings(min_s=WINDOW_S, warmup_min_s=WARMUP_S)
    request = InvocationRequest(Purpose.TIMING, str(model), Backend(cores=(cpu,)), RuntimeRef(), measure)

    def run() -> float:
        result = runtime.invoke(request, Event())
        if result.status is not Status.DONE or result.samples_ns is None:
            raise SystemExit(f"our own pass failed: {result.error}")
        return ns_to_us(float(np.median(result.samples_ns)))

    return run


def wheel_arm(model: Path, cpu: int, inference_us: float) -> Arm:
    """The wheel's benchmark tool, with as many runs as fill the same window."""
    tool = package_folder() / "tools" / "benchmark_litert_model.py"
    runs = [str(max(math.ceil(span_s * 1e6 / inference_us), 10)) for span_s in (WARMUP_S, WINDOW_S)]
    argv = [sys.executable, "-c", _WHEEL_ARM, str(tool), str(cpu), str(model), *runs]

    def run() -> float:
        done = subprocess.run(argv, check=True, capture_output=True, text=True)
        line = next(line for line in done.stdout.splitlines() if line.startswith("EXACT_MS"))
        return float(line.split()[1]) * 1e3

    return run


def bare_arm(model: Path, cpu: int, folder: Path) -> Arm | None:
    """The loop in C; None without a compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    library = package_folder() / "libLiteRt.so"
    program = folder / "bare_loop"
    link = [str(library), f"-Wl,-rpath,{library.parent}"]
    subprocess.run([compiler, "-O2", str(SOURCE), "-o", str(program), *link], check=True)
    argv = [str(program), str(model), str(cpu), str(WARMUP_S), str(WINDOW_S)]

    def run() -> float:
        done = subprocess.run(argv, check=True, capture_output=True, text=True)
        return ns_to_us(float(done.stdout.split()[0]))

    return run


def measure_blocks(arms: dict[str, Arm], blocks: int, seed: int) -> dict[str, list[float]]:
    """Microseconds of each arm, one a block, in random order inside the block."""
    order = random.Random(seed)
    found: dict[str, list[float]] = {name: [] for name in arms}
    for block in range(blocks):
        for name in order.sample(list(arms), len(arms)):
            found[name].append(arms[name]())
        print(
            "  block", block + 1, "  ".join(f"{name} {values[-1]:.3f} us" for name, values in found.items()), flush=True
        )
    return found


def ratio_line(ours: list[float], theirs: list[float], name: str, target: float | None) -> tuple[str, bool]:
    """The ratio with its interval, and whether it is within the target; None is for information only."""
    logs = np.log(np.array(ours) / np.array(theirs))
    location = trimmed_mean(logs)
    half = t_quantile(location.df, 0.975) * location.se if location.se is not None else math.inf
    ratio, low, high = (math.exp(value) for value in (location.mean, location.mean - half, location.mean + half))
    spread = 100 * statistics.stdev(logs) if len(logs) > 1 else math.nan
    text = f"  ours / {name}: {ratio:.4f}  95 % [{low:.4f}, {high:.4f}]  block spread {spread:.2f} %"
    if target is None:
        return text, True
    met = abs(ratio - 1) <= target
    return f"{text}  target +-{target:.0%}: {'met' if met else 'MISSED'}", met


def call_cost_us(cpu: int, folder: Path) -> float | None:
    """What the wheel's tool adds to each inference: its time less the bare loop's, on a model of less than 1 us."""
    bare = bare_arm(TINY, cpu, folder)
    if bare is None:
        return None
    wheel = wheel_arm(TINY, cpu, 4.0)
    return statistics.median(wheel() - bare() for _ in range(CALIBRATION_BLOCKS))


def compare(model: Path, target: float, blocks: int, seed: int) -> bool:
    """Measure one model with all arms and print; whether every ratio is within the target."""
    cpu = HostDevice(vulkan=lambda: ()).choose_cpus("big", 1)[0]
    ours = our_arm(model, cpu)
    first_us = ours()
    load = os.getloadavg()[0]
    print(f"{model.name}: {first_us:.2f} us, core {cpu}, {blocks} blocks, load average {load:.2f}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        arms = {"ours": ours, "wheel": wheel_arm(model, cpu, first_us)}
        bare, cost_us = bare_arm(model, cpu, Path(folder)), call_cost_us(cpu, Path(folder))
        if bare is None:
            print("  no C compiler: the bare loop is left out, and so is the correction for the tool's own cost")
        else:
            arms["bare"] = bare
        found = measure_blocks(arms, blocks, seed)
    return _report(found, cost_us, target)


def _report(found: dict[str, list[float]], cost_us: float | None, target: float) -> bool:
    lines = [ratio_line(found["ours"], found["wheel"], "wheel's tool", target if cost_us is None else None)]
    if cost_us is not None:
        print(f"  the tool's own cost: {cost_us:.2f} us a call")
        corrected = [value - cost_us for value in found["wheel"]]
        lines.append(ratio_line(found["ours"], corrected, "wheel's tool less its own cost", target))
    if "bare" in found:
        lines.append(ratio_line(found["ours"], found["bare"], "bare loop in C", target))
    print("\n".join(text for text, _ in lines), flush=True)
    return all(met for _, met in lines)


def prepared(recipe: str) -> Path:
    """The float32 file of a recipe from the prepared cache."""
    (file,) = prepare([ModelRef(recipe)], ["float32"])
    if file.path is None:
        raise SystemExit(f"{recipe} could not be prepared: {file.reason}")
    return Path(file.path)


def main() -> int:
    """Both models; the exit code says whether the targets were met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=Path, help="a model of some 20 us; default: digits_cnn, prepared")
    parser.add_argument("--large", type=Path, help="MobileNetV2; default: prepared")
    parser.add_argument("--blocks", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    small = compare(options.small or prepared("digits_cnn"), 0.03, options.blocks, options.seed)
    large = compare(options.large or prepared("mobilenet_v2"), 0.01, options.blocks, options.seed)
    return 0 if small and large else 1


if __name__ == "__main__":
    sys.exit(main())
