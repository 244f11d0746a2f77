"""False alarms and power of the comparison on simulated devices.

Targets on the base device at 20 blocks: at most 1 % of A/A called a change, at least 95 % of +5 % called REGRESSION.

`python -m benchmarks.statistics_power [SESSIONS]`

"20 blocks" were planned and are looked at once; "to 30" stops at the first of 8, 12, 20 and 30 blocks with an answer.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace

from harness.domain import ComparisonVerdict
from harness.measure.simulator import SimulatedDevice, verdict_counts

SESSIONS = 500
SEED = 20
BLOCKS = 20
EFFECTS = (0.0, 0.03, 0.05, 0.10)
TARGET_FALSE_ALARMS, TARGET_POWER = 0.01, 0.95
BASE = SimulatedDevice()
DEVICES = {
    "base": BASE,
    "no bursts, no drift": BASE.quiet(),
    "drift 10-20 %": replace(BASE, drift=(0.10, 0.20)),
    "3 % between processes": replace(BASE, process_sd=0.03),
}

Counts = Counter[ComparisonVerdict]


def line(device: str, design: str, effect: float, counts: Counts) -> str:
    """One row of the table: the share of each verdict."""
    total = sum(counts.values())
    shares = "  ".join(f"{counts[verdict] / total:13.1%}" for verdict in SHOWN)
    return f"{device:21}  {design:9}  {effect:+5.0%}  {shares}"


GIVEN_ELSEWHERE = (ComparisonVerdict.CONTINUE, ComparisonVerdict.NOT_COMPARABLE)
SHOWN = tuple(verdict for verdict in ComparisonVerdict if verdict not in GIVEN_ELSEWHERE)


def main() -> int:
    """Print the table; the exit code is 1 when a target is missed."""
    sessions = int(sys.argv[1]) if len(sys.argv) > 1 else SESSIONS
    print(f"{sessions} sessions a line, seed {SEED}")
    print(f"{'device':21}  {'design':9}  {'true':>5}  " + "  ".join(f"{verdict:>13}" for verdict in SHOWN))
    at_target: dict[float, Counts] = {}
    for name, device in DEVICES.items():
        for effect in EFFECTS:
            fixed = verdict_counts(SEED, device, sessions, BLOCKS, effect, sequential=False)
            print(line(name, f"{BLOCKS} blocks", effect, fixed), flush=True)
            print(line(name, "to 30", effect, verdict_counts(SEED, device, sessions, 30, effect, sequential=True)))
            if device is BASE:
                at_target[effect] = fixed
    alarms = at_target[0.0][ComparisonVerdict.REGRESSION] + at_target[0.0][ComparisonVerdict.IMPROVEMENT]
    false_alarms, power = alarms / sessions, at_target[0.05][ComparisonVerdict.REGRESSION] / sessions
    met = false_alarms <= TARGET_FALSE_ALARMS and power >= TARGET_POWER
    print(f"base device, {BLOCKS} blocks: false alarms {false_alarms:.1%}, power for +5 % {power:.1%}")
    print(f"targets at most {TARGET_FALSE_ALARMS:.0%} and at least {TARGET_POWER:.0%}: {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
