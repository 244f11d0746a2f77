"""How long `harness inspect` takes for a large file, how much memory, and how long its page.

    python -m benchmarks.inspect_speed [--size-mb 180] [--rounds 3] [--operators 1000]

The file is made up: residual blocks of float32 convolutions with random weights. Timed is the whole command as a
process, in the terminal's form and with the page. Memory is the largest sum over the command and its
child of the resident memory the kernel gives, file pages included, read every 10 ms. The page of a graph with 1,000
operators is built in this process. Targets for 180 MB: under 3 s and 500 MB.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from harness.inspect import page
from harness.inspect.analysis import report_on
from harness.inspect.inspection import inspect_file
from tests.inspect.models import branching, large

TARGET_S, TARGET_BYTES, PAGE_TARGET_S = 3.0, 500_000_000, 3.0
_POLL_S = 0.01


@dataclass(frozen=True)
class Run:
    """One process with its children: wall time, CPU time, and the most memory that they had at one moment."""

    seconds: float
    cpu_s: float
    peak_bytes: int


def measured(arguments: list[str]) -> Run:
    """Run a command to its end."""
    began_s, cpu_s, peak = time.perf_counter(), _children_cpu_s(), 0
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        peak = max(peak, sum(map(_resident_bytes, _family(process.pid))))
        time.sleep(_POLL_S)
    seconds = time.perf_counter() - began_s
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)} left with exit code {process.returncode}")
    return Run(seconds, _children_cpu_s() - cpu_s, peak)


def _children_cpu_s() -> float:
    """CPU time of all processes below this one that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _family(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for parent in found:
        try:
            tasks = list(Path(f"/proc/{parent}/task").iterdir())
            found += [int(child) for task in tasks for child in (task / "children").read_text().split()]
        except OSError:
            continue
    return found


def _resident_bytes(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/status").read_text().split("VmRSS:")
        return int(fields[1].split()[0]) * 1024 if len(fields) > 1 else 0
    except OSError:
        return 0


def main() -> int:
    """Print the figures; the exit code is 1 when one misses its target."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--size-mb", type=int, default=180)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--operators", type=int, default=1000)
    asked = parser.parse_args()
    missed = False
    with tempfile.TemporaryDirectory() as directory:
        path = large(Path(directory) / "large.tflite", asked.size_mb)
        print(f"{path.stat().st_size / 1e6:.0f} MB, median of {asked.rounds} processes")
        command = [sys.executable, "-m", "harness", "inspect", str(path), "--reports", directory]
        for title, extra in (("terminal", []), ("with the page", ["--html", f"{directory}/page.html"])):
            runs = [measured([*command, *extra]) for _ in range(asked.rounds)]
            seconds, peak = statistics.median(run.seconds for run in runs), max(run.peak_bytes for run in runs)
            print(
                f"{title}: {seconds:.2f} s (target below {TARGET_S:g}), of CPU "
                f"{statistics.median(run.cpu_s for run in runs):.2f} s, "
                f"{peak / 1e6:.0f} MB at most (target below {TARGET_BYTES / 1e6:.0f})"
            )
            missed |= seconds >= TARGET_S or peak >= TARGET_BYTES
        report = report_on(inspect_file(branching(Path(directory) / "graph.tflite", asked.operators // 10)))
        began_s = time.perf_counter()
        text = page(report)
        page_s = time.perf_counter() - began_s
        print(
            f"page of {len(report.operators):,} operators: {page_s:.2f} s (target below {PAGE_TARGET_S:g}), "
            f"{len(text.encode()) / 1e6:.2f} MB"
        )
    return 1 if missed or page_s >= PAGE_TARGET_S else 0


if __name__ == "__main__":
    sys.exit(main())
