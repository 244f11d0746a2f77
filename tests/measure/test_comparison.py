"""Verdicts on arms whose difference is known, and arms that must be refused."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.domain import ComparisonVerdict as Verdict
from harness.domain import Purpose, Status, ToolTiming
from harness.measure import BlockMedian, Comparison, block_medians, compare_blocks
from harness.measure.comparison import LOOKS
from harness.measure.warmup import classify
from tests.measure.build import EVIDENCE, case, record, result, samples

Arm = tuple[BlockMedian, ...]


def arms(differences: list[float] | np.ndarray, level_ms: float = 20.0) -> tuple[Arm, Arm]:
    """Arms whose log ratios are `differences`, in alternating order; the level drifts from block to block."""
    arm_a, arm_b = [], []
    for block, difference in enumerate(differences):
        base_ms = level_ms * (1 + 0.001 * block)
        arm_a.append(BlockMedian(block, block % 2, base_ms))
        arm_b.append(BlockMedian(block, 1 - block % 2, base_ms * math.exp(difference)))
    return tuple(arm_a), tuple(arm_b)


def noise(count: int, effect: float, spread: float = 0.01, seed: int = 0) -> np.ndarray:
    """Normal quantiles in random order: their mean is exactly `effect`, their spread is no accident of the seed."""
    quantiles = stats.norm.ppf((np.arange(count) + 0.5) / count)
    return effect + spread * np.random.default_rng(seed).permutation(quantiles)


def by_hand(differences: np.ndarray, alpha: float) -> str:
    """The published procedure, written out once more with scipy.stats."""
    count, cut = len(differences), int(0.2 * len(differences))
    ordered = np.sort(differences)
    mean = ordered[cut : count - cut].mean()
    kept = count - 2 * cut
    winsorised = stats.mstats.winsorize(differences, limits=(cut / count, cut / count))
    se = float(np.std(winsorised.data, ddof=1)) * math.sqrt((count - 1) / (kept * (kept - 1)))
    p = 2 * stats.t.sf(abs(mean) / se, kept - 1)
    if p < alpha and abs(math.expm1(mean)) >= 0.02:
        return "REGRESSION" if mean > 0 else "IMPROVEMENT"
    reach = stats.t.ppf(0.95, kept - 1) * se
    if -math.log1p(0.03) < mean - reach and mean + reach < math.log1p(0.03):
        return "SAME"
    return "CONTINUE"


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(LOOKS),
    st.floats(-0.08, 0.08),
    st.sampled_from([0.003, 0.01, 0.02, 0.04]),
    st.integers(0, 1000),
)
def test_the_verdict_is_that_of_the_published_procedure(count: int, effect: float, spread: float, seed: int) -> None:
    differences = effect + np.random.default_rng(seed).normal(0.0, spread, count)
    outcome = compare_blocks(*arms(differences))
    if outcome.modes_a or outcome.modes_b:
        return
    expected = by_hand(differences, 0.0025)
    assert str(outcome.verdict) == ("INCONCLUSIVE" if expected == "CONTINUE" and count == 30 else expected)


@pytest.mark.parametrize(
    ("effect", "spread", "expected"),
    [
        (0.05, 0.01, Verdict.REGRESSION),
        (-0.05, 0.01, Verdict.IMPROVEMENT),
        (0.0, 0.01, Verdict.SAME),
        (0.015, 0.002, Verdict.SAME),
        (0.03, 0.06, Verdict.CONTINUE),
    ],
)
def test_verdicts_at_twenty_blocks(effect: float, spread: float, expected: Verdict) -> None:
    outcome = compare_blocks(*arms(noise(20, effect, spread)))
    assert outcome.verdict is expected
    assert outcome.ratio == pytest.approx(math.exp(effect), rel=1e-9)
    assert outcome.ci_low < outcome.ratio < outcome.ci_high
    assert outcome.mde > 0


def test_a_sure_change_below_two_percent_is_no_regression() -> None:
    outcome = compare_blocks(*arms(noise(20, 0.015, 0.001)))
    assert outcome.p < 1e-6
    assert outcome.verdict is Verdict.SAME


def test_the_noise_floor_raises_what_counts_and_the_margin_of_equality() -> None:
    differences = noise(20, 0.035, 0.005)
    assert compare_blocks(*arms(differences)).verdict is Verdict.REGRESSION
    outcome = compare_blocks(*arms(differences), noise_floor=0.05)
    assert (outcome.verdict, outcome.min_effect) == (Verdict.SAME, 0.05)


@pytest.mark.parametrize(("available", "look"), [(8, 8), (11, 8), (12, 12), (19, 12), (20, 20), (29, 20), (35, 30)])
def test_only_the_first_blocks_up_to_a_look_count(available: int, look: int) -> None:
    """Blocks after the look are wild, and change nothing."""
    differences = np.concatenate([noise(look, 0.05), np.full(available - look, -3.0)])
    outcome = compare_blocks(*arms(differences))
    assert (outcome.blocks, outcome.available) == (look, available)
    assert outcome.verdict is Verdict.REGRESSION
    assert outcome.ratio == pytest.approx(math.exp(0.05))


def test_below_eight_blocks_there_is_no_verdict() -> None:
    arm_a, arm_b = arms(noise(7, 0.3))
    assert compare_blocks(arm_a, arm_b).verdict is Verdict.CONTINUE
    assert compare_blocks(arm_a, arm_b, final=True).verdict is Verdict.INCONCLUSIVE
    assert compare_blocks(arm_a, arm_b, planned=7).verdict is Verdict.INCONCLUSIVE


def test_no_answer_after_thirty_blocks_is_inconclusive() -> None:
    assert compare_blocks(*arms(noise(30, 0.03, 0.15))).verdict is Verdict.INCONCLUSIVE


def test_a_planned_number_of_blocks_is_tested_at_one_percent_and_cannot_grow() -> None:
    differences = noise(10, 0.04, 0.04)
    p = compare_blocks(*arms(differences), planned=10).p
    assert 0.0025 < p < 0.05
    scaled = noise(10, 0.04, 0.029)
    outcome = compare_blocks(*arms(scaled), planned=10)
    assert (outcome.verdict, outcome.blocks) == (Verdict.REGRESSION, 10)
    assert 0.0025 < outcome.p < 0.01
    with pytest.raises(ValueError, match="10 blocks where 8 were planned"):
        compare_blocks(*arms(scaled), planned=8)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-0.5, 0.5), min_size=8, max_size=30), st.floats(0.001, 1e4))
def test_swapping_the_arms_turns_the_verdict_and_the_unit_does_not_matter(values: list[float], factor: float) -> None:
    arm_a, arm_b = arms(values)
    forward, backward = compare_blocks(arm_a, arm_b), compare_blocks(arm_b, arm_a)
    turned = {Verdict.REGRESSION: Verdict.IMPROVEMENT, Verdict.IMPROVEMENT: Verdict.REGRESSION}
    if min(abs(abs(forward.ratio - 1) - 0.02), abs(abs(backward.ratio - 1) - 0.02)) > 0.001:
        assert backward.verdict is turned.get(forward.verdict, forward.verdict) or forward.modes_a or forward.modes_b
    assert backward.ratio == pytest.approx(1 / forward.ratio)
    scaled = compare_blocks(*(tuple(replace(e, median_ms=factor * e.median_ms) for e in arm) for arm in (arm_a, arm_b)))
    assert scaled.ratio == pytest.approx(forward.ratio)


# ---- order -----------------------------------------------------------------------------------------------------------


def test_arms_in_different_blocks_are_refused() -> None:
    arm_a = tuple(BlockMedian(block, 0, 20.0) for block in range(10))
    arm_b = tuple(BlockMedian(block, 0, 20.0) for block in range(10, 20))
    with pytest.raises(ValueError, match="A A A B B B"):
        compare_blocks(arm_a, arm_b)


def test_a_sequential_order_under_invented_blocks_is_refused() -> None:
    """A A A B B B, paired afterwards: the order through the session gives it away."""
    arm_a = tuple(BlockMedian(block, block, 20.0) for block in range(10))
    arm_b = tuple(BlockMedian(block, 10 + block, 20.0) for block in range(10))
    with pytest.raises(ValueError, match="did not run one after the other"):
        compare_blocks(arm_a, arm_b)


def test_an_order_through_the_session_is_understood() -> None:
    arm_a, arm_b = arms(noise(8, 0.05))
    through = [tuple(replace(entry, order=2 * entry.block + entry.order) for entry in arm) for arm in (arm_a, arm_b)]
    assert compare_blocks(*through) == compare_blocks(arm_a, arm_b)


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("order", None, "order is None"),
        ("order", -1, "order is -1"),
        ("block", None, "block is None"),
        ("median_ms", 0.0, "median of 0.0"),
        ("median_ms", math.nan, "median of nan"),
    ],
)
def test_missing_or_impossible_fields_are_refused(field: str, value: object, text: str) -> None:
    arm_a, arm_b = arms(noise(8, 0.0))
    with pytest.raises(ValueError, match=text):
        compare_blocks(arm_a, (*arm_b[:-1], replace(arm_b[-1], **{field: value})))


def test_equal_orders_and_doubled_blocks_are_refused() -> None:
    arm_a, arm_b = arms(noise(8, 0.0))
    with pytest.raises(ValueError, match="which ran first is not known"):
        compare_blocks(arm_a, tuple(replace(entry, order=arm_a[entry.block].order) for entry in arm_b))
    with pytest.raises(ValueError, match="2 invocations in block 3"):
        compare_blocks((*arm_a, arm_a[3]), arm_b)


def test_incomplete_blocks_are_left_out_and_counted() -> None:
    arm_a, arm_b = arms(noise(10, 0.05))
    outcome = compare_blocks(arm_a[1:], arm_b[:-1])
    assert (outcome.available, outcome.incomplete) == (8, 2)


def test_a_fixed_order_is_said() -> None:
    arm_a, arm_b = arms(noise(12, 0.0))
    fixed = [tuple(replace(entry, order=place) for entry in arm) for place, arm in enumerate((arm_a, arm_b))]
    assert compare_blocks(*fixed).notes == ("arm A ran first in all 12 blocks: the order hardly was random",)


# ---- reservations ----------------------------------------------------------------------------------------------------


def constant(count: int, difference: float) -> Comparison:
    arm_a = tuple(BlockMedian(block, block % 2, 1.0) for block in range(count))
    arm_b = tuple(BlockMedian(block, 1 - block % 2, math.exp(difference)) for block in range(count))
    return compare_blocks(arm_a, arm_b)


def test_a_quantised_timer_gets_a_sign_test() -> None:
    assert constant(8, 0.0).quantised
    assert constant(8, 0.0).verdict is Verdict.SAME
    eight, twelve = constant(8, 0.1), constant(12, 0.1)
    assert eight.p == pytest.approx(stats.binomtest(8, 8).pvalue)
    assert eight.verdict is Verdict.CONTINUE
    assert twelve.p == pytest.approx(stats.binomtest(12, 12).pvalue)
    assert twelve.verdict is Verdict.REGRESSION
    assert not compare_blocks(*arms(noise(8, 0.0))).quantised


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_two_speeds_in_one_arm_give_no_verdict(share: float) -> None:
    differences = noise(20, 0.0, 0.004)
    differences[: int(20 * share)] += 0.25
    outcome = compare_blocks(*arms(np.random.default_rng(1).permutation(differences)), final=True)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert outcome.modes_a is None
    assert outcome.modes_b.slow_share == pytest.approx(share)
    assert "two speeds" in outcome.notes[0]


def test_equal_arms_with_two_speeds_are_the_same() -> None:
    """Both arms meet the slow clock in the same third of the blocks: nothing is left open by it."""
    rng = np.random.default_rng(6)
    slow = 0.25 * (np.arange(30)[:, None] % 3 == 0) * np.ones((1, 2))
    logs = slow + rng.normal(0.0, 0.004, (30, 2))
    base, candidate = (
        [BlockMedian(block, (block + arm) % 2, float(20 * math.exp(logs[block, arm]))) for block in range(30)]
        for arm in (0, 1)
    )
    outcome = compare_blocks(base, candidate)
    assert outcome.modes_a is not None
    assert outcome.verdict is Verdict.SAME
    assert "two speeds" in outcome.notes[0], "it is still told"


def test_two_speeds_that_both_shift_are_a_regression() -> None:
    """Every invocation is fast or slow by chance; B is 10 % slower in either mode."""
    rng = np.random.default_rng(2)
    modes = 0.25 * (np.arange(30)[:, None] % 2 == 0) * np.ones((1, 2))
    logs = modes + rng.normal(0.0, 0.004, (30, 2)) + [0.0, 0.10]
    arm_a, arm_b = (
        tuple(BlockMedian(block, (block + arm) % 2, math.exp(logs[block, arm])) for block in range(30))
        for arm in (0, 1)
    )
    outcome = compare_blocks(arm_a, arm_b)
    assert outcome.modes_a is not None
    assert outcome.modes_b is not None
    assert outcome.verdict is Verdict.REGRESSION


def test_speeds_of_the_machine_that_show_in_one_arm_only_hide_no_regression() -> None:
    """Both arms are slow in two blocks of five; the spread of one hides that from the rule for a single arm."""
    rng = np.random.default_rng(3)
    modes = 0.16 * (np.arange(30) % 5 < 2)
    logs = np.stack([modes, modes + 0.05], axis=1) + rng.normal(0.0, [0.045, 0.01], (30, 2))
    arm_a, arm_b = (
        tuple(BlockMedian(block, (block + arm) % 2, math.exp(logs[block, arm])) for block in range(30))
        for arm in (0, 1)
    )
    outcome = compare_blocks(arm_a, arm_b)
    assert outcome.modes_a is None
    assert outcome.modes_b is not None
    assert outcome.verdict is Verdict.REGRESSION


@pytest.mark.parametrize(("fast_shift", "slow_shift"), [(0.10, 0.0), (0.0, 0.10)])
def test_two_speeds_of_which_one_shifts_are_no_verdict(fast_shift: float, slow_shift: float) -> None:
    rng = np.random.default_rng(2)
    slow = rng.permutation(30) < (9 if fast_shift else 21)  # the mode that shifts has most of the invocations
    base = 0.25 * slow + rng.normal(0.0, 0.004, 30)
    candidate = base + np.where(slow, slow_shift, fast_shift) + rng.normal(0.0, 0.004, 30)
    arm_a, arm_b = (
        tuple(BlockMedian(block, (block + arm) % 2, math.exp(value)) for block, value in enumerate(logs))
        for arm, logs in enumerate((base, candidate))
    )
    outcome = compare_blocks(arm_a, arm_b)
    assert outcome.p < 0.0025
    assert outcome.ratio > 1.02
    assert outcome.verdict is Verdict.INCONCLUSIVE


def test_more_suspect_blocks_than_trimming_tolerates_give_no_verdict() -> None:
    arm_a, arm_b = arms(noise(20, 0.05))
    few = tuple(replace(entry, suspect=entry.block < 4) for entry in arm_b)
    many = tuple(replace(entry, suspect=entry.block < 5) for entry in arm_b)
    assert compare_blocks(arm_a, few).verdict is Verdict.REGRESSION
    outcome = compare_blocks(arm_a, many, final=True)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "5 of 20 blocks" in outcome.notes[0]


# ---- from records ----------------------------------------------------------------------------------------------------


def test_block_medians_take_the_last_attempt_that_succeeded() -> None:
    of = case()
    entries = [
        record(of, 0, result(5.0), attempt=0),
        record(of, 0, result(4.0), attempt=1),
        record(of, 1, result(3.0, status=Status.TIMEOUT, samples_ns=None)),
        record(of, 2, result(6.0), attempt=0),
        record(of, 2, result(6.0, status=Status.CRASHED, samples_ns=None), attempt=1),
        record(of, 3, result(9.0), purpose=Purpose.MEMORY),
        record(of, 4, result(7.0, evidence=replace(EVIDENCE, clock_end_ghz=2.5))),
    ]
    medians = block_medians(entries)
    assert [entry.block for entry in medians] == [0, 4]
    assert medians[0].median_ms == pytest.approx(4.0, rel=0.01)
    assert [entry.suspect for entry in medians] == [False, True]


def test_an_invocation_that_slowed_down_is_suspect() -> None:
    slower = np.concatenate([samples(3.0, 120), samples(4.0, 80)])
    assert block_medians([record(case(), 0, result(samples_ns=slower))])[0].suspect


def test_an_invocation_that_found_no_level_is_not() -> None:
    restless = np.concatenate([samples(level, 60) for level in (3.0, 4.0, 3.1, 3.7, 3.0, 4.1)])
    assert classify(restless) == "unsteady"
    assert not block_medians([record(case(), 0, result(samples_ns=restless))])[0].suspect


def test_a_tool_that_prints_0_us_has_measured_nothing() -> None:
    tiny = ToolTiming(count=50, avg_us=0.4, median_us=0.0)
    assert block_medians([record(case(), 0, result(samples_ns=None, tool=tiny))]) == ()
