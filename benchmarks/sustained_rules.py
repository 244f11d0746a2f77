"""How often a sustained pass is called unsettled, of passes that are flat and of passes that still rise.

`python -m benchmarks.sustained_rules [--passes N]`

Simulated passes with 1.5 % between slices. Flat ones should be called settled; ones whose last third still rises by 5 %
should not be, the surer the more slices there are.

Target: at most 10 % of flat passes are called unsettled.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
from numpy.typing import NDArray

from harness.domain import InvocationRecord, InvocationResult, Purpose, Status, SustainedSlice
from harness.measure.sustained import sustained_of

PASSES, SEED, SPREAD = 200, 4, 0.015
COUNTS = (12, 24, 60, 120)
STEP_S, RISE = 10.0, 0.05
TARGET = 0.10


def slices(medians_ms: NDArray[np.float64]) -> list[InvocationRecord]:
    """One complete pass."""
    wanted_s = STEP_S * len(medians_ms)
    made = []
    for index, median_ms in enumerate(medians_ms):
        place = SustainedSlice(index * STEP_S, (index + 1) * STEP_S, 0.95 * STEP_S, 900, wanted_s)
        samples = np.full(40, round(median_ms * 1e6), np.int64)
        result = InvocationResult(Status.DONE, samples_ns=samples, sustained=place)
        made.append(InvocationRecord("c", Purpose.SUSTAINED, index, 0, 0, "2026-01-01T00:00:00Z", result))
    return made


def unsettled(rng: np.random.Generator, count: int, rise: float, passes: int) -> float:
    """The share of passes that are called unsettled when their last third rises by `rise`."""
    share = np.clip((np.arange(count) - count * 2 / 3) / (count / 3), 0.0, 1.0)
    levels_ms = 10.0 * (1.0 + rise * share)
    found = 0
    for _ in range(passes):
        judged = sustained_of(slices(levels_ms * np.exp(rng.normal(0.0, SPREAD, count))))
        found += judged is not None and not judged.settled
    return found / passes


def main() -> int:
    """Print a line for each number of slices."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--passes", type=int, default=PASSES)
    passes = parser.parse_args().passes
    rng, worst = np.random.default_rng(SEED), 0.0
    for count in COUNTS:
        flat, rising = (unsettled(rng, count, rise, passes) for rise in (0.0, RISE))
        worst = max(worst, flat)
        print(f"{count:4d} slices: unsettled {flat:.1%} of flat passes, {rising:.1%} of those that rise by {RISE:.0%}")
    print(f"target: at most {TARGET:.0%} of flat passes; {'met' if worst <= TARGET else 'MISSED'}")
    return 0 if worst <= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
