from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.domain import CANDIDATE, AccuracyDifference, AccuracySettings, OutputsCheck, Status, Verdict
from harness.domain import ComparisonVerdict as Word
from harness.measure.accuracy_change import judge_accuracy, newcombe_interval, wilson_interval
from tests.measure.arms import FILE, arm, score

WRONG = {"verdict": Verdict.WRONG_OUTPUT, "reasons": "the cosine is 0.2"}


def scored(value: float | None, name: str = CANDIDATE, samples: int = 500, **fields):  # type: ignore[no-untyped-def]
    own = {key: fields.pop(key) for key in ("metric", "higher", "dataset_id", "metrics") if key in fields}
    return arm(name, accuracy=None if value is None else score(value, samples, **own), **fields)


def difference(loss: float, low: float, high: float, metric: str = "top1", **fields) -> AccuracyDifference:  # type: ignore[no-untyped-def]
    told = {"p_value": 0.5, "method": "exact McNemar test", "samples": 500, "better": 1, "worse": 2, **fields}
    return AccuracyDifference(metric, loss, low, high, **told)


@pytest.mark.parametrize(
    ("given_difference", "word"),
    [
        (difference(0.02, 0.005, 0.035), Word.REGRESSION),
        (difference(-0.02, -0.035, -0.005), Word.IMPROVEMENT),
        (difference(0.001, -0.004, 0.006), Word.SAME),
        (difference(0.01, -0.01, 0.03), Word.INCONCLUSIVE),
    ],
)
def test_the_same_samples_decide(given_difference: AccuracyDifference, word: Word) -> None:
    change = judge_accuracy(scored(0.70), scored(0.68), given_difference)
    assert change.verdict is word
    # The interval is of the difference, a loss of which is the negative where higher is better.
    assert (change.ci_low, change.ci_high) == (-given_difference.high, -given_difference.low)
    assert (change.base, change.candidate, change.ratio, change.blocks) == (0.70, 0.68, None, 500)
    assert change.p == 0.5
    assert change.mde > (given_difference.high - given_difference.low) / 2
    assert change.min_effect == pytest.approx(0.007)
    assert "top-1 of 500 samples: 1 better and 2 worse of the same samples, exact McNemar test" in change.note


def test_where_lower_is_better_the_interval_is_that_of_the_loss() -> None:
    arms = [scored(value, metric="nme_pct", higher=False) for value in (4.0, 4.5)]
    change = judge_accuracy(*arms, difference(0.5, 0.3, 0.7, "nme_pct"))
    assert (change.verdict, change.ci_low, change.ci_high, change.unit) == (Word.REGRESSION, 0.3, 0.7, "%")


def test_no_sample_that_changed_is_the_same_however_few_there_are() -> None:
    none = difference(0.0, -0.03, 0.03, better=0, worse=0)
    assert judge_accuracy(scored(0.7), scored(0.7), none).verdict is Word.SAME
    some = difference(0.0, -0.03, 0.03, better=1, worse=1)
    assert judge_accuracy(scored(0.7), scored(0.7), some).verdict is Word.INCONCLUSIVE


def test_a_loss_beyond_what_the_sweep_allows_is_one_without_being_sure() -> None:
    unsure = difference(0.02, -0.01, 0.05)
    allowed = AccuracySettings(max_loss=0.015)
    change = judge_accuracy(scored(0.70), scored(0.68, allowed=allowed), unsure)
    assert change.verdict is Word.REGRESSION
    assert "the sweep allows 0.015" in change.note
    roomy = AccuracySettings(max_loss=0.06)
    assert judge_accuracy(scored(0.70), scored(0.68, allowed=roomy), unsure).verdict is Word.SAME
    # An equally unsure gain is no improvement.
    gained = judge_accuracy(scored(0.68), scored(0.70, allowed=allowed), difference(-0.02, -0.05, 0.01))
    assert gained.verdict is Word.INCONCLUSIVE


@pytest.mark.parametrize(
    ("metric", "higher", "values", "word"),
    [
        ("top1", True, (0.70, 0.68), Word.REGRESSION),
        ("top1", True, (0.68, 0.70), Word.INCONCLUSIVE),
        ("rmse", False, (1.00, 1.02), Word.REGRESSION),
        ("rmse", False, (1.02, 1.00), Word.INCONCLUSIVE),
    ],
)
def test_what_is_allowed_holds_for_stored_scores_in_the_direction_of_the_metric(
    metric: str, higher: bool, values: tuple[float, float], word: Word
) -> None:
    allowed = AccuracySettings(max_loss=0.015)
    base, candidate = (scored(value, metric=metric, higher=higher, allowed=allowed) for value in values)
    assert judge_accuracy(base, candidate, None).verdict is word


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (scored(0.7, dataset_id="d2"), "data set of the accuracy differs: d1 and d2"),
        (scored(0.7, metric="f1"), "metric of the accuracy differs: top1 and f1"),
        (scored(0.7, samples=499), "number of samples of the accuracy differs: 500 and 499"),
        (scored(0.7, file=replace(FILE, task="detection")), "task of the accuracy differs"),
        (scored(0.7, row={"status": Status.TIMEOUT, "reasons": ""}), "the candidate is TIMEOUT"),
    ],
)
def test_what_is_not_the_same_task_is_not_compared(other, reason: str) -> None:  # type: ignore[no-untyped-def]
    change = judge_accuracy(scored(0.7), other, None)
    assert change.verdict is Word.NOT_COMPARABLE
    assert (change.ci_low, change.ci_high, change.mde) == (None, None, None)
    assert reason in change.note


def test_one_score_alone_is_inconclusive_and_none_is_no_metric() -> None:
    for base, candidate, lacking in ((scored(0.7), scored(None), "candidate"), (scored(None), scored(0.7), "base")):
        change = judge_accuracy(base, candidate, None)
        assert change.verdict is Word.INCONCLUSIVE
        assert f"the {lacking} has no score" in change.note
        assert None in (change.base, change.candidate)
    assert judge_accuracy(scored(None), scored(None), None) is None
    assert judge_accuracy(scored(0.0, samples=0), scored(0.0, samples=0), None) is None


def test_data_that_may_be_others_settle_nothing() -> None:
    unknown = scored(0.2, dataset_id="", file=None)
    change = judge_accuracy(scored(0.7), unknown, None)
    assert change.verdict is Word.INCONCLUSIVE
    assert "not known whether both were scored on the same samples" in change.note


def test_the_prepared_folder_stands_for_a_data_set_without_an_id() -> None:
    base, candidate = scored(0.7, dataset_id=""), scored(0.5, dataset_id="")
    assert judge_accuracy(base, candidate, None).verdict is Word.REGRESSION
    moved = scored(0.5, dataset_id="", file=replace(FILE, data_path="/cache/datasets/88/dataset"))
    assert judge_accuracy(base, moved, None).verdict is Word.INCONCLUSIVE


def test_two_shares_get_a_conservative_interval_that_is_named() -> None:
    change = judge_accuracy(scored(0.70), scored(0.60), None)
    assert change.verdict is Word.REGRESSION
    assert (change.ci_low, change.ci_high) == pytest.approx(newcombe_interval(0.70, 0.60, 500, 500))
    assert "as if the samples were different ones: wider than the truth" in change.note
    assert change.mde > 0
    assert judge_accuracy(scored(0.70), scored(0.69), None).verdict is Word.INCONCLUSIVE
    assert judge_accuracy(scored(0.70, samples=90_000), scored(0.70, samples=90_000), None).verdict is Word.SAME


def test_a_metric_that_is_no_mean_of_shares_gets_no_interval() -> None:
    change = judge_accuracy(scored(0.70, metric="map50"), scored(0.20, metric="map50"), None)
    assert (change.verdict, change.ci_low, change.mde) == (Word.INCONCLUSIVE, None, None)
    assert "no interval can be given" in change.note
    same = judge_accuracy(scored(0.70, metric="map50"), scored(0.70, metric="map50"), None)
    assert same.verdict is Word.SAME
    assert "figures are equal" in same.note


def test_differences_from_float32_are_put_together() -> None:
    def against_float32(value: float, loss: float, metric: str = "map50"):  # type: ignore[no-untyped-def]
        check = OutputsCheck(difference=difference(loss, loss - 0.003, loss + 0.004, metric))
        return scored(value, metric=metric, check=check)

    change = judge_accuracy(against_float32(0.70, 0.01), against_float32(0.68, 0.03), None)
    assert change.verdict is Word.REGRESSION
    reach_low, reach_high = math.hypot(0.003, 0.004), math.hypot(0.004, 0.003)
    assert (change.ci_low, change.ci_high) == pytest.approx((-0.02 - reach_high, -0.02 + reach_low))
    assert "float32" in change.note
    # Of another float32 they say nothing about each other.
    assert judge_accuracy(against_float32(0.70, 0.01), against_float32(0.68, 0.05), None).ci_low is None


def test_wrong_outputs_are_a_regression_whatever_the_score() -> None:
    better = difference(-0.1, -0.12, -0.08)
    change = judge_accuracy(scored(0.7), scored(0.8, row=WRONG), better)
    assert change.verdict is Word.REGRESSION
    assert change.note.startswith("the candidate gives wrong outputs")
    unscored = judge_accuracy(scored(None), scored(None, row=WRONG), None)
    assert (unscored.verdict, unscored.base, unscored.candidate) == (Word.REGRESSION, None, None)


def test_outputs_that_became_right_are_an_improvement_unless_the_score_fell() -> None:
    assert judge_accuracy(scored(0.7, row=WRONG), scored(0.7), None).verdict is Word.IMPROVEMENT
    fell = judge_accuracy(scored(0.7, row=WRONG), scored(0.6), difference(0.1, 0.08, 0.12))
    assert fell.verdict is Word.REGRESSION
    crashed = {"status": Status.CRASHED, "verdict": None, "reasons": "signal 11"}
    assert judge_accuracy(scored(0.7, row=WRONG), scored(0.7, row=crashed), None).verdict is Word.NOT_COMPARABLE


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_score_that_is_no_number_settles_nothing(value: float) -> None:
    change = judge_accuracy(scored(0.7), scored(value), None)
    assert (change.verdict, change.ci_low) == (Word.INCONCLUSIVE, None)
    broken = judge_accuracy(scored(0.7), scored(0.7), difference(math.nan, math.nan, math.nan))
    assert "Newcombe" in broken.note


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 400), st.integers(1, 400))
def test_wilson_is_that_of_scipy(successes: int, count: int) -> None:
    successes = min(successes, count)
    theirs = stats.binomtest(successes, count).proportion_ci(0.95, method="wilson")
    assert wilson_interval(successes / count, count) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_newcombe_is_that_of_the_paper() -> None:
    """Newcombe (1998), table II: 56/70 against 48/80, 9/10 against 3/10, 10/10 against 0/20, method 10."""
    published = {
        (56, 70, 48, 80): (0.0524, 0.3339),
        (9, 10, 3, 10): (0.1705, 0.8090),
        (10, 10, 0, 20): (0.6791, 1.0000),
    }
    for (one, count_one, other, count_other), expected in published.items():
        found = newcombe_interval(other / count_other, one / count_one, count_other, count_one)
        assert found == pytest.approx(expected, abs=1e-4)


def test_the_conservative_interval_covers_more_than_it_says() -> None:
    """Two builds that err on the same samples but for 4 %: the interval takes them for strangers."""
    rng = stats.multinomial(300, [0.66, 0.02, 0.02, 0.30], seed=3)
    missed = 0
    for both, up, down, _ in rng.rvs(2000):
        low, high = newcombe_interval((both + down) / 300, (both + up) / 300, 300, 300)
        missed += not low <= 0.0 <= high
    assert missed <= 0.01 * 2000
