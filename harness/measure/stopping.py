"""How many blocks a pair gets, decided as they come in.

`Looks` is the sequential test of `compare_blocks`: 8, 12, 20, 30 blocks. `ScreenThenConfirm` spends few blocks on each
pair of a night and goes on only where they hint at a change, with fresh blocks: those that raised the suspicion cannot
confirm it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.domain import ComparisonVerdict
from harness.measure.comparison import LOOKS, BlockMedian, Comparison, compare_blocks

SCREEN, CONFIRMATION = "screen", "confirmation"


@dataclass(frozen=True)
class Looks:
    """Blocks are added until there is an answer, 30 at most."""


@dataclass(frozen=True)
class FixedBlocks:
    """So many blocks whatever they show: one look at the end, at 1 %."""

    blocks: int


@dataclass(frozen=True)
class ScreenThenConfirm:
    """`screen_blocks`, and where the median of the paired differences exceeds `threshold` (0.015 for 1.5 %, in either
    direction) the sequential looks on blocks made after them."""

    screen_blocks: int = 6
    threshold: float = 0.015


Policy = Looks | FixedBlocks | ScreenThenConfirm


def wanted_blocks(
    policy: Policy,
    arm_a: Sequence[BlockMedian],
    arm_b: Sequence[BlockMedian],
    made: int,
    *,
    noise_floor: float = 0.0,
) -> int:
    """How many blocks in all a pair should have: at most `made` when it is settled.

    Args:
        policy: how many there may be.
        arm_a: successful invocations of the base.
        arm_b: those of the candidate.
        made: how many blocks were made, successful or not; a failed one is not made again.
        noise_floor: as for `compare_blocks`.
    """
    if isinstance(policy, FixedBlocks):
        return policy.blocks
    if isinstance(policy, Looks):
        return _next_look(arm_a, arm_b, made, noise_floor)
    if made < policy.screen_blocks:
        return policy.screen_blocks
    if not is_suspicious(policy, arm_a, arm_b):
        return made
    fresh_a, fresh_b = (_from(arm, policy.screen_blocks) for arm in (arm_a, arm_b))
    return policy.screen_blocks + _next_look(fresh_a, fresh_b, made - policy.screen_blocks, noise_floor)


def settle(
    policy: Policy,
    arm_a: Sequence[BlockMedian],
    arm_b: Sequence[BlockMedian],
    *,
    noise_floor: float = 0.0,
    final: bool = True,
    made: int | None = None,
) -> tuple[Comparison | None, str]:
    """What the blocks say under `policy`, and the stage they come from: ``screen``, ``confirmation`` or empty.

    None when fewer than two blocks hold both arms. A pair that the screen cleared is SAME: what it could have missed is
    in `Comparison.mde`. A screen that was broken off clears nobody.

    Args:
        policy: how many there may be.
        arm_a: successful invocations of the base.
        arm_b: those of the candidate.
        noise_floor: as for `compare_blocks`.
        final: as for `compare_blocks`.
        made: how many blocks were made, successful or not; None where all were that the policy asks for.

    Raises:
        ValueError: as `compare_blocks`.
    """
    if _complete(arm_a, arm_b) < 2:
        return None, ""
    if isinstance(policy, FixedBlocks):
        return compare_blocks(arm_a, arm_b, noise_floor=noise_floor, planned=policy.blocks), ""
    if isinstance(policy, Looks):
        return compare_blocks(arm_a, arm_b, noise_floor=noise_floor, final=final), ""
    fresh_a, fresh_b = (_from(arm, policy.screen_blocks) for arm in (arm_a, arm_b))
    if _complete(fresh_a, fresh_b) >= 2:
        return compare_blocks(fresh_a, fresh_b, noise_floor=noise_floor, final=final), CONFIRMATION
    screened = _screened(policy, arm_a, arm_b, noise_floor)
    return (screened if made is None else _whole_screen(policy, screened, made)), SCREEN


def is_suspicious(policy: ScreenThenConfirm, arm_a: Sequence[BlockMedian], arm_b: Sequence[BlockMedian]) -> bool:
    """Whether the screen hints at a change in either direction."""
    return abs(math.expm1(_screen_median(policy, arm_a, arm_b))) > policy.threshold


def _screened(
    policy: ScreenThenConfirm, arm_a: Sequence[BlockMedian], arm_b: Sequence[BlockMedian], noise_floor: float
) -> Comparison:
    screen = [[entry for entry in arm if entry.block < policy.screen_blocks] for arm in (arm_a, arm_b)]
    if _complete(*screen) < 2:  # the last block of a screen that mostly failed, and the first one after it
        screen = [list(arm_a), list(arm_b)]
    outcome = compare_blocks(screen[0], screen[1], noise_floor=noise_floor, final=True)
    unsettled = replace(outcome, verdict=ComparisonVerdict.INCONCLUSIVE)
    if is_suspicious(policy, arm_a, arm_b):
        note = "the screen suspects a change, and there are no fresh blocks to confirm it"
        return replace(unsettled, notes=(*outcome.notes, note))
    if 2 * outcome.available <= policy.screen_blocks or 2 * _disturbed(*screen) > outcome.available:
        return unsettled
    change = math.expm1(_screen_median(policy, arm_a, arm_b))
    note = f"cleared by the screen: the median difference {change:+.1%} is within {policy.threshold:.1%}"
    return replace(outcome, verdict=ComparisonVerdict.SAME, notes=(*outcome.notes, note))


def _whole_screen(policy: ScreenThenConfirm, screened: Comparison, made: int) -> Comparison:
    """`screened`, unless blocks of the screen were never made: what is left of it says less than was asked."""
    if made >= policy.screen_blocks:
        return screened
    note = f"half a screen: {made} of {policy.screen_blocks} blocks were made; `--resume` makes the others"
    return replace(screened, verdict=ComparisonVerdict.INCONCLUSIVE, notes=(note,))


def _disturbed(arm_a: Sequence[BlockMedian], arm_b: Sequence[BlockMedian]) -> int:
    """How many blocks have an invocation that there is evidence against: a median stands less than half of them."""
    return len({entry.block for entry in (*arm_a, *arm_b) if entry.suspect})


def _next_look(arm_a: Sequence[BlockMedian], arm_b: Sequence[BlockMedian], made: int, noise_floor: float) -> int:
    """The next number of blocks at which there is a look; `made` when there is an answer already."""
    following = next((look for look in LOOKS if look > made), made)
    if _complete(arm_a, arm_b) < LOOKS[0]:
        return following
    verdict = compare_blocks(arm_a, arm_b, noise_floor=noise_floor).verdict
    return following if verdict is ComparisonVerdict.CONTINUE else made


def _screen_median(policy: ScreenThenConfirm, arm_a: Sequence[BlockMedian], arm_b: Sequence[BlockMedian]) -> float:
    """The median log difference of the screen; 0.0 when no block of it holds both arms."""
    b_ms = {entry.block: entry.median_ms for entry in arm_b}
    screened = [entry for entry in arm_a if entry.block in b_ms and entry.block < policy.screen_blocks]
    differences = [math.log(b_ms[entry.block] / entry.median_ms) for entry in screened]
    return float(np.median(differences)) if differences else 0.0


def _from(arm: Sequence[BlockMedian], first: int) -> list[BlockMedian]:
    """The blocks from `first` on."""
    return [entry for entry in arm if entry.block >= first]


def _complete(arm_a: Sequence[BlockMedian], arm_b: Sequence[BlockMedian]) -> int:
    """How many blocks hold both arms."""
    return len({entry.block for entry in arm_a} & {entry.block for entry in arm_b})
