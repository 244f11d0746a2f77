import math
from dataclasses import replace

import numpy as np
import pytest

from harness.domain import ComparisonVerdict as Verdict
from harness.measure import BlockMedian
from harness.measure.stopping import (
    CONFIRMATION,
    SCREEN,
    FixedBlocks,
    Looks,
    Policy,
    ScreenThenConfirm,
    is_suspicious,
    settle,
    wanted_blocks,
)

Arms = tuple[list[BlockMedian], list[BlockMedian]]


def arms(blocks: int, effect: float, spread: float = 0.004, seed: int = 1) -> Arms:
    rng = np.random.default_rng(seed)
    base = 10.0 * np.exp(rng.normal(0, spread, blocks))
    candidate = 10.0 * (1 + effect) * np.exp(rng.normal(0, spread, blocks))
    order = rng.integers(0, 2, blocks)
    return (
        [BlockMedian(block, int(order[block]), float(base[block])) for block in range(blocks)],
        [BlockMedian(block, int(1 - order[block]), float(candidate[block])) for block in range(blocks)],
    )


def course(policy: Policy, effect: float, spread: float = 0.004, seed: int = 1) -> int:
    """How many blocks are made until the policy is content."""
    every, made = arms(200, effect, spread, seed), 0
    while (wanted := wanted_blocks(policy, every[0][:made], every[1][:made], made)) > made:
        made = wanted
    return made


def test_looks_end_at_the_first_answer() -> None:
    assert course(Looks(), 0.0) == 8
    assert course(Looks(), 0.10) == 8
    assert settle(Looks(), *arms(8, 0.10))[0].verdict is Verdict.REGRESSION  # type: ignore[union-attr]


def test_looks_go_on_until_thirty_and_no_further() -> None:
    assert course(Looks(), 0.03, spread=0.10) == 30


def test_blocks_that_failed_count_as_made_but_not_as_evidence() -> None:
    base, candidate = arms(8, 0.10)
    assert wanted_blocks(Looks(), base[:5], candidate[:5], 8) == 12
    assert wanted_blocks(Looks(), [], [], 30) == 30, "a pair whose blocks all fail comes to an end"
    assert settle(Looks(), base[:1], candidate[:1]) == (None, "")


@pytest.mark.parametrize("made", [0, 3, 7])
def test_a_fixed_number_is_kept_whatever_is_seen(made: int) -> None:
    base, candidate = arms(8, 0.5)
    assert wanted_blocks(FixedBlocks(8), base[:made], candidate[:made], made) == 8
    assert course(FixedBlocks(8), 0.5) == 8


def test_a_screen_clears_what_is_the_same() -> None:
    policy = ScreenThenConfirm()
    assert course(policy, 0.0) == 6
    comparison, stage = settle(policy, *arms(6, 0.0))
    assert comparison is not None
    assert (comparison.verdict, stage) == (Verdict.SAME, SCREEN)
    assert "cleared by the screen" in comparison.notes[-1]
    assert comparison.mde is not None
    assert comparison.mde > 0


@pytest.mark.parametrize(("effect", "verdict"), [(0.06, Verdict.REGRESSION), (-0.06, Verdict.IMPROVEMENT)])
def test_a_suspicion_is_confirmed_by_fresh_blocks_only(effect: float, verdict: Verdict) -> None:
    policy = ScreenThenConfirm()
    assert course(policy, effect) == 6 + 8
    comparison, stage = settle(policy, *arms(14, effect))
    assert comparison is not None
    assert (comparison.verdict, stage, comparison.blocks) == (verdict, CONFIRMATION, 8)


def test_a_screen_that_was_unlucky_is_not_confirmed() -> None:
    unlucky, fresh = arms(6, 0.05), arms(38, 0.0, seed=2)
    base, candidate = ([*first, *rest[6:]] for first, rest in zip(unlucky, fresh, strict=True))
    assert is_suspicious(ScreenThenConfirm(), base, candidate)
    comparison, _ = settle(ScreenThenConfirm(), base[:14], candidate[:14])
    assert comparison is not None
    assert comparison.verdict is Verdict.SAME


def test_a_screen_whose_blocks_mostly_failed_clears_nobody() -> None:
    base, candidate = arms(6, 0.0)
    comparison, stage = settle(ScreenThenConfirm(), base[:2], candidate[:2])
    assert comparison is not None
    assert (comparison.verdict, stage) == (Verdict.INCONCLUSIVE, SCREEN)


@pytest.mark.parametrize(("made", "verdict"), [(4, Verdict.INCONCLUSIVE), (5, Verdict.INCONCLUSIVE), (6, Verdict.SAME)])
def test_half_a_screen_clears_nobody(made: int, verdict: Verdict) -> None:
    base, candidate = arms(6, 0.0)
    available = min(made, 5)  # a block that was made and failed is no missing one
    comparison, stage = settle(ScreenThenConfirm(), base[:available], candidate[:available], made=made)
    assert comparison is not None
    assert (comparison.verdict, stage) == (verdict, SCREEN)
    assert (f"half a screen: {made} of 6 blocks" in comparison.notes[-1]) is (made < 6)


@pytest.mark.parametrize("screen_blocks", [6, 8, 12])
def test_a_screen_alone_confirms_nothing(screen_blocks: int) -> None:
    policy = ScreenThenConfirm(screen_blocks)
    comparison, stage = settle(policy, *arms(screen_blocks + 1, 0.06))
    assert comparison is not None
    assert (comparison.verdict, stage, comparison.blocks) == (Verdict.INCONCLUSIVE, SCREEN, min(screen_blocks, 12))
    assert "no fresh blocks to confirm it" in comparison.notes[-1]


@pytest.mark.parametrize(("disturbed", "verdict"), [(3, Verdict.SAME), (4, Verdict.INCONCLUSIVE)])
def test_a_screen_on_a_throttling_device_clears_nobody(disturbed: int, verdict: Verdict) -> None:
    base, candidate = arms(6, 0.0)
    base = [replace(entry, suspect=entry.block < disturbed) for entry in base]
    comparison, _ = settle(ScreenThenConfirm(), base, candidate)
    assert comparison is not None
    assert comparison.verdict is verdict
    assert "cool the device" in comparison.notes[0]


def test_the_screen_is_the_median_and_so_stands_an_outlier() -> None:
    base, candidate = arms(6, 0.0)
    candidate[2] = BlockMedian(2, candidate[2].order, 20.0)
    assert not is_suspicious(ScreenThenConfirm(), base, candidate)


def test_a_noise_floor_raises_what_counts() -> None:
    comparison, _ = settle(Looks(), *arms(30, 0.04), noise_floor=0.05)
    assert comparison is not None
    assert comparison.verdict is Verdict.SAME
    assert math.isclose(comparison.min_effect, 0.05)
