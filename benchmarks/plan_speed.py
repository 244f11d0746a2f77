"""Plan of a large sweep: read, check, expand and print 10,000 cases in a fresh process. Target: under 1 s.

`python -m benchmarks.plan_speed`

The command line's own imports are not in this figure; `benchmarks.startup` has them.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness.sweep import estimate_s, expand, invocations, load_sweep
from harness.units import format_duration

REPEATS = 7
TARGET_S = 1.0
MODELS, THREADS = 100, 20  # with 5 variants: 10,000 cases


def write_sweep(folder: Path) -> Path:
    """A sweep of 10,000 cases, with a rule that is asked about every one of them."""
    models = "\n".join(f"  - {{file: models/m{number:03d}.tflite}}" for number in range(MODELS))
    backends = "\n".join(f"  - cpu: {{threads: {number}}}" for number in range(1, THREADS + 1))
    path = folder / "large.yaml"
    path.write_text(
        f"name: large\nmodels:\n{models}\nbackends:\n{backends}\n"
        "variants: [float32, dynamic_range, float16, full_integer, int8]\n"
        "exclude: [{backend: gpu, variant: [int8, full_integer]}]\n",
        encoding="utf-8",
    )
    return path


def print_plan(path: Path) -> None:
    """What `harness plan` does after its arguments are parsed."""
    sweep = load_sweep(path, known_models=())
    plan = expand(sweep)
    lines = [case.label for case in plan.cases]
    lines += [f"{skip.case.label}: {skip.reason}" for skip in plan.skips]
    lines.append(f"{invocations(plan, sweep.measure)} invocations, {format_duration(estimate_s(plan, sweep.measure))}")
    sys.stdout.write("\n".join(lines) + "\n")


def main() -> int:
    """Time fresh processes and print the median; the exit code is 1 when the target is missed."""
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, "-m", "benchmarks.plan_speed", str(write_sweep(Path(name)))]
        walls_s, printed = [], 0
        for _ in range(REPEATS):
            start = time.perf_counter()
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
            walls_s.append(time.perf_counter() - start)
            printed = done.stdout.count(b"\n") - 1
    wall_s = statistics.median(walls_s)
    met = wall_s < TARGET_S
    print(f"{printed} cases planned and printed: median {wall_s:.2f} s, min {min(walls_s):.2f} s of {REPEATS}")
    print(f"target {TARGET_S:g} s: {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print_plan(Path(sys.argv[1]))
    else:
        sys.exit(main())
