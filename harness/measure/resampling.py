"""What a verdict takes on a device, tried on sessions that are drawn from its own A/A blocks.

Drawn with replacement, bursts are as frequent as they were; the generator has a fixed seed.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from harness.domain import ComparisonVerdict
from harness.measure.comparison import LOOKS, MIN_EFFECT, BlockMedian, Comparison
from harness.measure.simulator import Session, run_with_policy
from harness.measure.statistics import MDE_POWER
from harness.measure.stopping import FixedBlocks, Looks, Policy

MOST_BLOCKS = 200
_SESSIONS, _SEED = 100, 5


def blocks_for(differences: Sequence[float], change: float, floor: float = MIN_EFFECT) -> int | None:
    """The fewest blocks, at least 8, of which the test at 1 % finds a true `change` nine times in ten; None when 200 do
    not suffice, as for a change that does not exceed the least one that counts, or with fewer than 8 differences.

    Found by trying, on blocks that are drawn as for `expected_seconds`: a formula for the power of the trimmed mean
    knows nothing of bursts, and says little more than half as many on a device that has them.
    """
    if len(differences) < LOOKS[0] or change <= max(floor, MIN_EFFECT):
        return None
    sessions = _drawn(differences, change, MOST_BLOCKS)

    def suffice(blocks: int) -> bool:
        judged = (_judged(session, FixedBlocks(blocks), blocks, floor)[0] for session in sessions)
        found = sum(one is not None and one.verdict is ComparisonVerdict.REGRESSION for one in judged)
        return found >= MDE_POWER * len(sessions)

    if not suffice(MOST_BLOCKS):
        return None
    return LOOKS[0] + bisect_left(range(LOOKS[0], MOST_BLOCKS), True, key=suffice)


def expected_seconds(differences: Sequence[float], block_s: float, change: float, floor: float = 0.0) -> float | None:
    """The mean device time of the sequential verdict for a true `change`, also when it ends without an answer.

    Sessions are drawn, with replacement, from the measured A/A differences of blocks, so that bursts are as frequent as
    they were; their generator has a fixed seed. None with fewer than 8 differences.
    """
    if len(differences) < LOOKS[0]:
        return None
    sessions = _drawn(differences, change, LOOKS[-1])
    made = [_judged(session, Looks(), LOOKS[-1], floor)[1] for session in sessions]
    return float(np.mean(made)) * block_s


def _drawn(differences: Sequence[float], change: float, blocks: int) -> list[Session]:
    drawn = np.random.default_rng(_SEED).choice(np.asarray(differences, np.float64), (_SESSIONS, blocks))
    return [_as_session(row.tolist()) for row in drawn + math.log1p(change)]


def _judged(session: Session, policy: Policy, blocks: int, floor: float) -> tuple[Comparison | None, int]:
    first = Session(session.arm_a[:blocks], session.arm_b[:blocks], session.samples_ns)
    comparison, _, made = run_with_policy(first, policy, noise_floor=floor)
    return comparison, made


def _as_session(differences: Sequence[float]) -> Session:
    arm_a = tuple(BlockMedian(block, block % 2, 1.0) for block in range(len(differences)))
    arm_b = tuple(BlockMedian(block, 1 - block % 2, math.exp(value)) for block, value in enumerate(differences))
    return Session(arm_a, arm_b, np.empty((len(differences), 2, 0), np.int64))
