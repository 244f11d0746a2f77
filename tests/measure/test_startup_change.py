from __future__ import annotations

from dataclasses import replace

import pytest

from harness.domain import CANDIDATE
from harness.domain import ComparisonVerdict as Word
from harness.measure.startup_change import STARTUP, judge_startup
from tests.measure.arms import arm, settled, spread

INIT, FIRST = STARTUP


def judged(metric, base, candidate, **options):  # type: ignore[no-untyped-def]
    options = {"noise_floor": 0.0, "interleaved": True, **options}
    return judge_startup(metric, base, candidate, settled(base, candidate), **options)


def arms(level_ms: float, ratio: float, blocks: int = 12, noise: float = 0.01, field: str = "init_ms"):  # type: ignore[no-untyped-def]
    medians = spread(blocks, 20.0, 0.003)
    base = arm(medians_ms=medians, **{field: spread(blocks, level_ms, noise, seed=2)})
    return base, arm(CANDIDATE, medians, **{field: spread(blocks, level_ms * ratio, noise, seed=3)})


@pytest.mark.parametrize(
    ("ratio", "word"),
    [(1.2, Word.REGRESSION), (1 / 1.2, Word.IMPROVEMENT), (1.08, Word.SAME), (1.0, Word.SAME)],
)
@pytest.mark.parametrize(("metric", "field"), [(INIT, "init_ms"), (FIRST, "first_ms")])
def test_a_change_counts_from_ten_percent_on(metric, field: str, ratio: float, word: Word) -> None:  # type: ignore[no-untyped-def]
    change = judged(metric, *arms(50.0, ratio, field=field))
    assert (change.verdict, change.metric, change.blocks) == (word, metric.name, 12)
    assert change.ratio == pytest.approx(ratio, rel=0.02)
    assert change.ci_low < change.ratio < change.ci_high
    assert change.mde > 0
    assert change.min_effect == 0.1
    assert change.base == pytest.approx(50.0, rel=0.02)


@pytest.mark.parametrize(
    ("metric", "field", "below_ms", "above_ms"), [(INIT, "init_ms", 3.5, 6.5), (FIRST, "first_ms", 0.7, 1.3)]
)
def test_a_change_too_short_to_notice_never_counts(metric, field: str, below_ms: float, above_ms: float) -> None:  # type: ignore[no-untyped-def]
    short = judged(metric, *arms(below_ms, 1.2, field=field))
    assert short.verdict is Word.SAME
    assert "which never counts" in short.note
    assert short.ratio == pytest.approx(1.2, rel=0.02)
    assert judged(metric, *arms(above_ms, 1.2, field=field)).verdict is Word.REGRESSION


def test_noise_that_stays_below_the_floor_is_no_doubt() -> None:
    assert judged(INIT, *arms(0.3, 1.0, noise=0.5)).verdict is Word.SAME
    assert judged(INIT, *arms(300.0, 1.0, noise=0.5)).verdict is Word.INCONCLUSIVE


def test_fewer_than_eight_blocks_are_inconclusive_however_large_the_change() -> None:
    change = judged(INIT, *arms(50.0, 3.0, blocks=7))
    assert (change.verdict, change.blocks) == (Word.INCONCLUSIVE, 7)
    assert "7 blocks tell it of both arms, 8 are the least" in change.note
    assert change.mde > 0
    assert judged(INIT, *arms(0.01, 1.0, blocks=7)).verdict is Word.INCONCLUSIVE


def test_blocks_that_lack_the_value_do_not_count() -> None:
    base = arm(init_ms=[50.0 + block / 100 for block in range(12)])
    candidate = arm(CANDIDATE, init_ms=[None] * 5 + [70.0 + block / 50 for block in range(7)])
    change = judged(INIT, base, candidate)
    assert (change.verdict, change.blocks) == (Word.INCONCLUSIVE, 7)


def test_a_value_that_one_arm_lacks_is_said_and_one_that_both_lack_is_no_metric() -> None:
    base, silent = arm(), arm(CANDIDATE, init_ms=[None] * 12)
    silent_base = arm(init_ms=[None] * 12)
    change = judged(INIT, base, silent)
    assert (change.verdict, change.candidate, change.ratio) == (Word.INCONCLUSIVE, None, None)
    assert "the candidate does not report it" in change.note
    assert "the base does not" in judged(INIT, silent, base).note
    assert judged(INIT, silent_base, silent) is None


def test_zero_is_not_a_time() -> None:
    zero = arm(CANDIDATE, init_ms=[0.0] * 12)
    assert judged(INIT, arm(), zero).verdict is Word.INCONCLUSIVE


def test_stored_rows_give_a_ratio_and_no_verdict() -> None:
    change = judged(INIT, *arms(50.0, 3.0), interleaved=False)
    assert change.verdict is Word.INCONCLUSIVE
    assert change.ratio == pytest.approx(3.0, rel=0.02)
    assert "did not run interleaved" in change.note


def test_it_rests_on_the_blocks_of_the_latencys_verdict() -> None:
    """Blocks of a screen chose themselves: here they are wild, and change nothing."""
    medians = spread(14, 20.0, 0.003)
    base = arm(medians_ms=medians, init_ms=spread(14, 50.0, seed=2))
    candidate = arm(CANDIDATE, medians, init_ms=[500.0] * 6 + spread(8, 50.0, seed=3))
    fresh = replace(settled(base, candidate), available=8)
    change = judge_startup(INIT, base, candidate, fresh, noise_floor=0.0, interleaved=True)
    assert (change.verdict, change.blocks) == (Word.SAME, 8)
    everything = judge_startup(INIT, base, candidate, None, noise_floor=0.0, interleaved=True)
    assert everything.verdict is not Word.SAME


def test_an_unknown_order_is_no_crash() -> None:
    base, candidate = arms(50.0, 1.5)
    same = tuple(replace(record, order=0) for record in candidate.records)
    change = judge_startup(
        INIT, replace(base, records=same), replace(candidate, records=same), None, noise_floor=0.0, interleaved=True
    )
    assert change.verdict is Word.INCONCLUSIVE
    assert "which ran first is not known" in change.note


def test_the_noise_of_the_device_raises_what_counts() -> None:
    base, candidate = arms(50.0, 1.2)
    assert judged(INIT, base, candidate, noise_floor=0.25).verdict is Word.SAME
