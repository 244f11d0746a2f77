"""What the harness costs: wall time of a sweep over the sum of its invocations' own wall time. Target: under 1.05.

`python -m benchmarks.harness_cost [--cases 100] [--window-s 2]`

The cases are copies of one small model, so that nothing but the harness stands between two invocations.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness.store import Store

MODEL = Path(__file__).resolve().parent.parent / "tests" / "data" / "models" / "float32.tflite"
TARGET = 1.05


def write_sweep(folder: Path, cases: int, window_s: float) -> Path:
    """A sweep of `cases` copies of the model, one block, no other passes than outputs and timing."""
    names = [f"m{number:03d}.tflite" for number in range(cases)]
    for name in names:
        shutil.copy(MODEL, folder / name)
    models = "\n".join(f"  - {{file: {name}}}" for name in names)
    window = f"min_s: {window_s}, min_iterations: 1, warmup_min_s: 0.1, warmup_min_iterations: 1, warmup_max_s: 0.2"
    path = folder / "cost.yaml"
    path.write_text(
        f"name: cost\nmodels:\n{models}\nvariants: [float32]\nmeasure: "
        f"{{blocks: 1, memory: false, profile: false, {window}, max_s: {window_s * 2}}}\n",
        encoding="utf-8",
    )
    return path


def main() -> None:
    """Run the sweep and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--window-s", type=float, default=2.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-m", "harness", "run", str(write_sweep(folder, options.cases, options.window_s))]
        command += ["--reports", str(folder / "reports"), "--cache", str(folder / "cache"), "--display", "none"]
        start = time.perf_counter()
        subprocess.run(command, check=False)
        wall_s = time.perf_counter() - start
        with Store.open(str(folder / "reports" / "harness.sqlite"), read_only=True) as store:
            records = store.invocations(store.find_run("latest").run_id)
    own_s = sum(record.result.wall_s for record in records)
    ratio = wall_s / own_s
    print(f"{len(records)} invocations of {options.cases} cases: wall {wall_s:.1f} s, their own {own_s:.1f} s")
    print(f"ratio {ratio:.3f}; target {TARGET}: {'met' if ratio < TARGET else 'MISSED'}")
    print("(the wall time holds start-up, preparation of every model and the reports)")


if __name__ == "__main__":
    main()
