"""Start-up of the command line: `harness --help` against a bare interpreter. Target: under 0.15 s.

`python -m benchmarks.startup`
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

COMMAND = Path(sys.executable).parent / "harness"
REPEATS = 15
TARGET_S = 0.15


def wall_s(argv: list[str]) -> float:
    """Wall time of one process."""
    start = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Interleave both commands and print their medians."""
    bare, helped = [], []
    for _ in range(REPEATS):
        bare.append(wall_s([sys.executable, "-c", "pass"]))
        helped.append(wall_s([str(COMMAND), "--help"]))
    bare_s, help_s = statistics.median(bare), statistics.median(helped)
    print(
        f"bare interpreter {bare_s * 1e3:.0f} ms, harness --help {help_s * 1e3:.0f} ms (min {min(helped) * 1e3:.0f} ms)"
    )
    print(f"ratio {help_s / bare_s:.1f}; target {TARGET_S * 1e3:.0f} ms: {'met' if help_s < TARGET_S else 'MISSED'}")


if __name__ == "__main__":
    main()
