"""Two arms on the same samples: which test is taken, which way counts, and what changed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from harness.accuracy import Record, Task, TaskSpec, changed_samples, compare, open_task
from harness.accuracy.classification import Classification
from harness.accuracy.landmarks import Landmarks
from harness.accuracy.regression import Regression
from harness.domain import ChangedSample
from harness.errors import TaskError


def names(count: int) -> list[str]:
    return [f"s{index}" for index in range(count)]


def ranked(*ranks: int) -> list[Record]:
    return [{"rank": rank, "tied": False, "classes": 3} for rank in ranks]


def faces(*errors: float | None) -> list[Record]:
    return [{"nme": error} for error in errors]


def numbers(*errors: float) -> list[Record]:
    return [{"target": [float(index)], "error": [error]} for index, error in enumerate(errors)]


class Asked:
    """A task whose leading figure is the share of questions with a right window, as a question has several windows."""

    name = "asked"
    metric = "right"
    higher_is_better = True

    def score(self, outputs: Any, truths: Any) -> list[Record]:
        raise NotImplementedError

    def summarise(self, records: Sequence[Record]) -> dict[str, float]:
        best: dict[str, float] = {}
        for record in records:
            best[record["question_id"]] = max(best.get(record["question_id"], 0.0), record["right"])
        return {"right": float(np.mean(list(best.values())))}

    def values(self, records: Sequence[Record]) -> None:
        return


def windows(*questions: Sequence[float]) -> list[Record]:
    return [{"question_id": f"q{index}", "right": right} for index, parts in enumerate(questions) for right in parts]


def test_hits_and_misses_are_compared_by_mcnemar() -> None:
    reference = ranked(*[1] * 14, *[2] * 36)
    records = ranked(*[1] * 2, *[2] * 12, *[1] * 2, *[2] * 34)
    found = compare(Classification(), reference, records, names(50), seed=0)
    assert found.method.startswith("exact McNemar")
    assert (found.metric, found.samples, found.better, found.worse) == ("top1", 50, 2, 12)
    assert found.loss == pytest.approx(0.2)
    assert found.p_value == pytest.approx(0.0129, abs=5e-5)
    assert 0 < found.low < found.loss < found.high


def test_a_loss_is_worse_whichever_way_the_metric_counts() -> None:
    rng = np.random.default_rng(0)
    before = rng.gamma(3.0, 0.02, 200)
    after = before + rng.exponential(0.01, 200)
    found = compare(Landmarks(), faces(*before), faces(*after), names(200), seed=0)
    assert found.method == "paired bootstrap (BCa), 2000 resamples"
    assert found.loss == pytest.approx(100 * (after - before).mean())
    assert 0 < found.low < found.loss < found.high
    assert (found.better, found.worse) == (0, 200)
    back = compare(Landmarks(), faces(*after), faces(*before), names(200), seed=0)
    assert back.loss == pytest.approx(-found.loss)
    assert back.high < 0
    assert (back.better, back.worse) == (200, 0)


def test_pairing_finds_what_the_spread_between_samples_hides() -> None:
    rng = np.random.default_rng(1)
    before = rng.gamma(2.0, 0.04, 300)
    after = before + rng.normal(0.0005, 0.001, 300)
    found = compare(Landmarks(), faces(*before), faces(*after), names(300), seed=3)
    assert found.p_value is not None
    assert found.p_value < 0.01
    assert found.high - found.low < 0.05


def test_a_metric_that_is_no_mean_is_resampled_by_its_figures() -> None:
    rng = np.random.default_rng(2)
    before = rng.normal(0, 1.0, 150)
    after = before * 1.1
    found = compare(Regression(), numbers(*before), numbers(*after), names(150), seed=0)
    rmse = math.sqrt(float((before**2).mean()))
    assert found.method == "paired bootstrap (percentiles), 200 resamples"
    assert found.loss == pytest.approx(0.1 * rmse)
    assert 0 < found.low < found.loss < found.high
    # the RMSE of 150 normal numbers has a relative error of 1 / sqrt(2 * 150)
    assert (found.high - found.low) / found.loss == pytest.approx(2 * 1.96 / math.sqrt(300), rel=0.25)
    assert found.p_value == pytest.approx(2 / 201)


def test_the_same_seed_gives_the_same_interval() -> None:
    before, after = faces(0.1, 0.2, 0.3, 0.05), faces(0.12, 0.19, 0.33, 0.05)
    one, two, other = (compare(Landmarks(), before, after, names(4), seed=seed) for seed in (7, 7, 8))
    assert one == two
    assert (one.low, one.high) != (other.low, other.high)


def test_windows_of_a_question_are_one_sample_and_drawn_as_often_as_they_fall() -> None:
    """Half of 60 questions are lost; were one that is drawn twice counted once, the interval would be narrower."""
    reference = windows(*[(0.0, 1.0, 0.0)] * 60)
    records = windows(*[(0.0, 1.0, 0.0)] * 30, *[(0.0, 0.0, 0.0)] * 30)
    found = compare(Asked(), reference, records, names(180), seed=0)
    assert (found.samples, found.better, found.worse) == (60, 0, 30)
    assert found.loss == pytest.approx(0.5)
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.5 / math.sqrt(60), rel=0.2)
    assert {sample.sample_id for sample in found.changed} <= {f"q{index}" for index in range(30, 60)}
    assert found.changed[0] == ChangedSample("q30", 1.0, 0.0)


def test_the_largest_changes_come_first_and_only_some_are_listed() -> None:
    before, after = faces(0.1, 0.1, 0.1, 0.1), faces(0.12, 0.1, 0.05, 0.11)
    changed = changed_samples(Landmarks(), before, after, names(4))
    assert [sample.sample_id for sample in changed] == ["s2", "s0", "s3"]
    assert changed[0] == ChangedSample("s2", pytest.approx(10.0), pytest.approx(5.0))
    found = compare(Landmarks(), before, after, names(4), seed=0, listed=1)
    assert [sample.sample_id for sample in found.changed] == ["s2"]
    assert (found.better, found.worse) == (1, 2)


def test_a_sample_without_a_figure_of_its_own_changed_most() -> None:
    after: list[Record] = [{"target": [0.0], "error": None}, *numbers(0.0, 3.0)[1:]]
    changed = changed_samples(Regression(), numbers(0.0, 1.0), after, names(2))
    assert [sample.sample_id for sample in changed] == ["s0", "s1"]
    assert math.isnan(changed[0].value)
    found = compare(Regression(), numbers(0.0, 1.0), after, names(2), seed=0)
    assert (found.better, found.worse) == (0, 2)
    back = compare(Regression(), after, numbers(0.0, 1.0), names(2), seed=0)
    assert (back.better, back.worse) == (2, 0)
    assert changed_samples(Regression(), after, after, names(2)) == ()


def test_nothing_changed() -> None:
    found = compare(Landmarks(), faces(0.1, 0.2), faces(0.1, 0.2), names(2), seed=0)
    assert (found.loss, found.low, found.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)
    assert (found.better, found.worse, found.changed) == (0, 0, ())
    hits = compare(Classification(), ranked(1, 2), ranked(1, 2), names(2), seed=0)
    assert math.copysign(1.0, hits.loss) == 1.0


@pytest.mark.parametrize(
    ("task", "reference", "records", "ids", "sentence"),
    [
        (Landmarks(), faces(0.1), faces(0.1, 0.2), names(2), "1 and 2 records of 2 samples"),
        (Landmarks(), faces(0.1, 0.2), faces(0.1, 0.2), names(3), "2 and 2 records of 3 samples"),
        (Landmarks(), [], [], [], "no samples"),
        (Landmarks(), faces(0.1, 0.2), faces(0.1, 0.2), ["a", "a"], "'a' is there more than once"),
        (Landmarks(), faces(0.1), faces(0.2), names(1), "one sample has no interval"),
        (Regression(), numbers(0.1), numbers(0.2), names(1), "one sample has no interval"),
        (Asked(), windows([1.0], [0.0]), windows([1.0, 0.0]), names(2), "'s1' is not the same in both arms"),
        (Landmarks(), faces(0.1, 0.1), faces(None, None), names(2), "hold NaN"),
    ],
)
def test_what_are_no_pairs_is_refused(task: Any, reference: Any, records: Any, ids: list[str], sentence: str) -> None:
    with pytest.raises(TaskError, match=sentence):
        compare(task, reference, records, ids, seed=0)


def test_no_interval_is_made_of_few_resamples() -> None:
    """Two samples, one of them NaN: a quarter of the resamples have nothing, which is made up for; with an arm that is
    nearly never defined it is not.
    """

    class Fragile(Regression):
        def summarise(self, records: Sequence[Record]) -> dict[str, float]:
            if len({record["target"][0] for record in records}) < 12:
                raise TaskError("too few")
            return super().summarise(records)

    before = numbers(*np.linspace(0, 1, 12))
    with pytest.raises(TaskError, match="not defined on most resamples of 12 samples"):
        compare(Fragile(), before, numbers(*np.linspace(0, 2, 12)), names(12), seed=0)


@pytest.mark.parametrize("name", ["speech", "detection"])
def test_tasks_of_other_kinds_fit(name: str) -> None:
    task: Task
    if name == "speech":
        task = open_task(TaskSpec("speech", (("alphabet", "ab"),)))
        good = {"text": "a", "word_edits": 0, "words": 4, "char_edits": 0, "chars": 10, "nan": False}
        bad = {**good, "word_edits": 3, "char_edits": 5}
    else:
        task = open_task(TaskSpec("detection"))
        box = [[0.0, 0.0, 10.0, 10.0]]
        good = {"boxes": box, "labels": [0], "scores": [0.9], "truth_boxes": box, "truth_labels": [0], "crowd": [False]}
        good["nan"] = False
        bad = {**good, "boxes": [[50.0, 50.0, 60.0, 60.0]]}
    found = compare(task, [good] * 12, [good] * 8 + [bad] * 4, names(12), seed=0)
    assert (found.better, found.worse) == (0, 4)
    assert found.loss > 0.2
    assert found.low < found.loss < found.high


def test_detections_are_matched_once_however_often_they_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.accuracy import detection

    def record(index: int, shift: float) -> Record:
        boxes = [[10.0 * index, 0.0, 10.0 * index + 20, 20.0], [0.0, 40.0, 20.0, 60.0]]
        found = [[x0 + shift, y0, x1 + shift, y1] for x0, y0, x1, y1 in boxes]
        truth = {"truth_boxes": boxes, "truth_labels": [index % 3, 3], "crowd": [False, False]}
        return {"boxes": found, "labels": [index % 3, 3], "scores": [0.9, 0.8 - index / 50], "nan": False, **truth}

    reference = [record(index, 0.0) for index in range(12)]
    records = [record(index, 9.0 if index < 5 else 0.0) for index in range(12)]
    task = open_task(TaskSpec("detection", (("head", "boxes"),)))
    calls: list[int] = []
    match = detection.match_image

    def counted(*arguments: Any) -> Any:
        calls.append(1)
        return match(*arguments)

    monkeypatch.setattr(detection, "match_image", counted)
    quick = compare(task, reference, records, names(12), seed=1)
    assert len(calls) <= 4 * 12  # for the figure of each, and for the intervals
    monkeypatch.delattr(detection.Detection, "digested")
    assert compare(task, reference, records, names(12), seed=1) == quick
    assert quick.low < quick.loss < quick.high
