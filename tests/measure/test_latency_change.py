from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.domain import CANDIDATE, MeasureSettings, Purpose, Status, Verdict
from harness.domain import ComparisonVerdict as Word
from harness.measure.arm import Arm
from harness.measure.latency_change import judge_latency
from tests.measure.arms import arm, pair, settled, spread


def judged(base, candidate, **options):  # type: ignore[no-untyped-def]
    options = {"noise_floor": 0.0, "interleaved": True, **options}
    return judge_latency(base, candidate, settled(base, candidate), **options)


@pytest.mark.parametrize(("ratio", "word"), [(1.05, Word.REGRESSION), (0.95, Word.IMPROVEMENT), (1.0, Word.SAME)])
def test_the_verdict_and_the_figures_are_those_of_the_paired_test(ratio: float, word: Word) -> None:
    base, candidate = pair(ratio)
    change, comparison = judged(base, candidate), settled(base, candidate)
    assert change.verdict is word is comparison.verdict
    assert (change.ratio, change.ci_low, change.ci_high, change.p, change.mde, change.blocks) == (
        comparison.ratio,
        comparison.ci_low,
        comparison.ci_high,
        comparison.p,
        comparison.mde,
        12,
    )
    assert (change.base, change.candidate, change.unit) == (
        base.row.latency_p50_ms,
        candidate.row.latency_p50_ms,
        "ms",
    )
    assert 0 < change.mde < 0.02


def test_without_a_comparison_it_is_said_how_many_blocks_are_missing() -> None:
    base, candidate = arm(medians_ms=[20.0]), arm(CANDIDATE, [25.0])
    change = judged(base, candidate)
    assert (change.verdict, change.ratio) == (Word.INCONCLUSIVE, None)
    assert "8 are the least" in change.note
    assert "4 blocks" in judged(arm(medians_ms=spread(4, 20.0)), arm(CANDIDATE, spread(4, 30.0, seed=1))).note


@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.0])
def test_stored_rows_give_a_ratio_and_never_a_verdict(ratio: float) -> None:
    base, candidate = pair(ratio)
    change = judged(base, candidate, interleaved=False)
    assert change.verdict is Word.INCONCLUSIVE
    assert change.ratio == pytest.approx(ratio, rel=0.01)
    assert change.ci_low < change.ratio < change.ci_high
    assert change.mde > 0
    assert change.p is None
    assert "did not run interleaved" in change.note
    assert "interleaved in one run to settle it" in change.note
    assert ("are apart" in change.note) == (ratio != 1.0)


def test_the_two_intervals_are_combined_as_independent_ones() -> None:
    base, candidate = pair(1.2)
    rows = [replace(one.row, latency_p50_ms=10.0, latency_ci_low_ms=9.0, latency_ci_high_ms=11.0) for one in (base,)]
    base = replace(base, row=rows[0])
    candidate = replace(
        candidate,
        row=replace(candidate.row, latency_p50_ms=12.0, latency_ci_low_ms=11.5, latency_ci_high_ms=13.0),
    )
    change = judged(base, candidate, interleaved=False)
    low = math.hypot(math.log(12 / 11.5), math.log(11 / 10))
    high = math.hypot(math.log(13 / 12), math.log(10 / 9))
    assert (change.ci_low, change.ci_high) == pytest.approx((1.2 * math.exp(-low), 1.2 * math.exp(high)))
    assert "are apart" in change.note


def test_what_two_rows_would_show_is_between_what_each_alone_would() -> None:
    base, candidate = pair()
    base, candidate = (
        replace(one, row=replace(one.row, minimum_detectable_effect_pct=pct))
        for one, pct in ((base, 3.0), (candidate, 5.0))
    )
    middle = math.expm1(math.sqrt((math.log(1.03) ** 2 + math.log(1.05) ** 2) / 2))
    assert judged(base, candidate, interleaved=False).mde == pytest.approx(middle)


def test_stored_rows_without_intervals_are_never_apart() -> None:
    base, candidate = pair(2.0)
    unknown = {"latency_ci_low_ms": None, "latency_ci_high_ms": None, "minimum_detectable_effect_pct": None}
    base = replace(base, row=replace(base.row, **unknown))
    change = judged(base, candidate, interleaved=False)
    assert (change.ci_low, change.ci_high, change.mde) == (None, None, None)
    assert "not apart" in change.note
    base = replace(base, row=replace(base.row, latency_p50_ms=None))
    change = judged(base, candidate, interleaved=False)
    assert (change.verdict, change.ratio) == (Word.INCONCLUSIVE, None)
    assert "missing" in change.note


def test_a_failed_arm_is_not_comparable_with_its_reason() -> None:
    base, candidate = pair(0.5, row={"status": Status.CRASHED, "reasons": "signal 11; more", "verdict": None})
    change = judged(base, candidate)
    assert (change.verdict, change.ratio) == (Word.NOT_COMPARABLE, None)
    assert change.note == "the candidate is CRASHED (signal 11)"


def test_a_fast_wrong_row_never_wins() -> None:
    wrong = {"verdict": Verdict.WRONG_OUTPUT, "reasons": "the cosine is 0.2; hot"}
    base, candidate = pair(0.5, row=wrong)
    change = judged(base, candidate)
    assert (change.verdict, change.ratio) == (Word.NOT_COMPARABLE, None)
    assert "the candidate gives wrong outputs" in change.note
    assert "cosine is 0.2" in change.note
    assert judged(candidate, base).verdict is Word.NOT_COMPARABLE
    both = judged(replace(base, row=replace(base.row, **wrong)), candidate)
    assert (both.verdict, both.ratio) == (Word.NOT_COMPARABLE, None)
    assert both.note == "both arms give wrong outputs, so their speeds mean nothing (the cosine is 0.2)"


def test_a_row_that_fell_back_is_judged_and_it_is_said() -> None:
    base, candidate = pair(1.5, row={"verdict": Verdict.FELL_BACK, "reasons": "XNNPACK took 0 of 66 nodes"})
    change = judged(base, candidate)
    assert change.verdict is Word.REGRESSION
    assert "the candidate fell back (XNNPACK took 0 of 66 nodes)" in change.note


def test_a_candidate_that_fell_back_never_wins() -> None:
    fell_back = {"verdict": Verdict.FELL_BACK, "reasons": "the GPU took 0 of 66 nodes"}
    base, candidate = pair(0.5, row=fell_back)
    change = judged(base, candidate)
    assert (change.verdict, change.ratio) == (Word.INCONCLUSIVE, pytest.approx(0.5, rel=0.01))
    assert "it wins nothing" in change.note
    both = judged(replace(base, row=replace(base.row, **fell_back)), candidate)
    assert both.verdict is Word.IMPROVEMENT


@pytest.mark.parametrize(
    ("base_fails", "candidate_fails", "status", "word"),
    [
        (0, 1, Status.CRASHED, Word.SAME),
        (0, 2, Status.CRASHED, Word.INCONCLUSIVE),
        (1, 2, Status.CRASHED, Word.SAME),
        (2, 0, Status.CRASHED, Word.SAME),
        (0, 3, Status.OFFLINE, Word.SAME),
    ],
)
def test_a_candidate_that_fails_now_and_then_is_not_the_same(
    base_fails: int, candidate_fails: int, status: Status, word: Word
) -> None:
    base, candidate = (
        failing(one, fails, status) for one, fails in zip(pair(1.0), (base_fails, candidate_fails), strict=True)
    )
    change = judged(base, candidate)
    assert change.verdict is word
    said = f"{candidate_fails} of 12 timing invocations of the candidate failed, {base_fails} of the base"
    assert (said in change.note) is (word is Word.INCONCLUSIVE)


def failing(one: Arm, count: int, status: Status) -> Arm:
    records = [
        replace(record, result=replace(record.result, status=status))
        if record.purpose is Purpose.TIMING and record.block < count
        else record
        for record in one.records
    ]
    return replace(one, records=tuple(records))


def test_what_is_not_alike_gets_no_ratio() -> None:
    base, candidate = pair(1.5)
    base, candidate = (
        replace(one, measure=MeasureSettings(min_s=seconds)) for one, seconds in ((base, 2.0), (candidate, 1.0))
    )
    change = judged(base, candidate)
    assert (change.verdict, change.ratio) == (Word.NOT_COMPARABLE, None)
    assert change.note == "the protocol's min_s differs: 2 and 1"


def test_the_arms_of_the_test_are_called_by_their_names() -> None:
    base, candidate = arm(medians_ms=[20.0, 30.0] * 6), arm(CANDIDATE, [20.2, 30.1] * 6)
    assert "the base has two speeds" in judged(base, candidate).note
