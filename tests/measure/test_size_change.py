from __future__ import annotations

from dataclasses import replace

import pytest

from harness.domain import CANDIDATE, Status
from harness.domain import ComparisonVerdict as Word
from harness.measure.size_change import judge_memory, judge_model_size
from tests.measure.arms import FACTS, FILE, arm


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        (100.0, 106.0, Word.REGRESSION),
        (106.0, 100.0, Word.IMPROVEMENT),
        (100.0, 104.9, Word.SAME),
        (10.0, 11.9, Word.SAME),  # 19 %, and less than 2 MiB
        (10.0, 12.1, Word.REGRESSION),
        (100.0, 105.0, Word.SAME),  # exactly the limit is not beyond it
    ],
)
def test_memory_counts_beyond_both_limits(before: float, after: float, word: Word) -> None:
    change = judge_memory("peak_rss", arm(rss_mib=before), arm(CANDIDATE, rss_mib=after))
    assert (change.verdict, change.base, change.candidate, change.unit) == (word, before, after, "MiB")
    assert change.ratio == pytest.approx(after / before)
    assert change.min_effect == pytest.approx(max(0.05, 2 / min(before, after)))
    assert change.blocks == 1


def test_each_kind_of_memory_is_judged_by_its_own_figure() -> None:
    base, candidate = arm(rss_mib=50.0, pss_mib=20.0), arm(CANDIDATE, rss_mib=50.0, pss_mib=40.0)
    assert judge_memory("peak_rss", base, candidate).verdict is Word.SAME
    change = judge_memory("pss", base, candidate)
    assert change.verdict is Word.INCONCLUSIVE, "other processes share its pages, or not"
    assert "the peak RSS decides" in change.note


@pytest.mark.parametrize("nothing", [None, 0.0, float("nan")])
def test_memory_that_was_not_measured_is_no_zero(nothing: float | None) -> None:
    change = judge_memory("pss", arm(), arm(CANDIDATE, pss_mib=nothing))
    assert (change.verdict, change.base, change.candidate, change.ratio) == (Word.INCONCLUSIVE, 30.0, None, None)
    assert "not measured of the candidate" in change.note
    assert judge_memory("pss", arm(pss_mib=nothing), arm(CANDIDATE, pss_mib=nothing)) is None


def test_memory_of_a_failed_arm_and_of_another_device_is_not_compared() -> None:
    failed = arm(CANDIDATE, row={"status": Status.OOM, "reasons": "killed"})
    assert judge_memory("pss", arm(), failed).note == "the candidate is OOM (killed)"
    elsewhere = arm(CANDIDATE, facts=replace(FACTS, soc="Tensor G4"))
    change = judge_memory("pss", arm(), elsewhere)
    assert (change.verdict, change.ratio) == (Word.NOT_COMPARABLE, None)
    assert "SoC differs: Tensor G3 and Tensor G4" in change.note


@pytest.mark.parametrize(
    ("size", "word"),
    [
        (3_500_000, Word.SAME),
        (3_534_900, Word.SAME),
        (3_535_100, Word.REGRESSION),
        (3_400_000, Word.IMPROVEMENT),
        (3_490_000, Word.SAME),
    ],
)
def test_the_model_file_counts_beyond_one_percent(size: int, word: Word) -> None:
    change = judge_model_size(arm(), arm(CANDIDATE, file=replace(FILE, size_bytes=size)))
    assert (change.verdict, change.candidate, change.unit) == (word, size / 1e6, "MB")


def test_the_size_is_known_of_a_case_that_failed() -> None:
    failed = arm(CANDIDATE, file=replace(FILE, size_bytes=7_000_000), row={"status": Status.CRASHED})
    assert judge_model_size(arm(), failed).verdict is Word.REGRESSION


def test_a_row_without_its_file_has_its_size() -> None:
    stored = replace(arm(CANDIDATE), file=None)
    assert judge_model_size(arm(), stored).verdict is Word.SAME
    nothing = arm(file=None)
    assert judge_model_size(nothing, nothing) is None
    assert judge_model_size(nothing, stored).verdict is Word.INCONCLUSIVE
