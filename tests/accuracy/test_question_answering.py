"""The question answering task: windows, questions without an answer, records, and what it refuses."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.accuracy.base import Task, TaskSpec
from harness.accuracy.question_answering import QuestionAnswering
from harness.errors import TaskError

CONTEXT = "Warsaw lies on the Vistula, and was founded in 1300."
TOKENS = 16
FIRST_WORD = 3
WORDS = [(match.start(), match.end()) for match in re.finditer(r"\w+|[.,]", CONTEXT)]


def task(**options: str) -> Task:
    return QuestionAnswering.from_spec(TaskSpec("question_answering", tuple(options.items())))


def truth(answers: list[str], question_id: str = "q1", **more: object) -> dict:
    """A first token, two of a question, the words of the context, and what is left of `TOKENS` empty."""
    offsets = [None] * FIRST_WORD + [list(word) for word in WORDS]
    return {
        "question_id": question_id,
        "answers": answers,
        "context": CONTEXT,
        "offsets": offsets + [None] * (TOKENS - len(offsets)),
        "impossible": False,
        **more,
    }


def outputs(*spans: tuple[int, int, float], null: float = -20.0) -> tuple[np.ndarray, np.ndarray]:
    """End and start logits whose best span is each word `first` to `last` at half of `score` for start and for end."""
    ends, starts = np.full((2, len(spans), TOKENS), -10.0, np.float32)
    for row, (first, last, score) in enumerate(spans):
        starts[row, FIRST_WORD + first] = ends[row, FIRST_WORD + last] = score / 2
    starts[:, 0] = ends[:, 0] = null / 2
    return ends, starts


def text_of(first: int, last: int) -> str:
    return CONTEXT[WORDS[first][0] : WORDS[last][1]]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(WORDS) - 1), st.integers(0, 5)), min_size=1, max_size=5))
def test_perfect_logits_score_one(spans: list[tuple[int, int]]) -> None:
    places = [(first, min(first + length, len(WORDS) - 1)) for first, length in spans]
    truths = [truth([text_of(*place)], f"q{index}") for index, place in enumerate(places)]
    records = task().score(outputs(*[(*place, 8.0) for place in places]), truths)
    figures = task().summarise(json.loads(json.dumps(records)))
    assert figures == {"f1": 1.0, "exact_match": 1.0, "questions": len(spans), "nan_samples": 0.0}


def test_end_logits_come_first_and_punctuation_between_words_is_kept() -> None:
    record = task().score(outputs((3, 6, 8.0)), [truth(["x"])])[0]
    assert record["text"] == "the Vistula, and"
    assert record["score"] == 8.0
    ends, starts = outputs((3, 6, 8.0))
    assert task().score((starts, ends), [truth(["x"])])[0]["text"] != "the Vistula, and"


def test_figures_are_means_over_questions_of_the_best_answer() -> None:
    truths = [truth(["Vistula", "on the Vistula"], "a"), truth(["1300"], "b"), truth(["founded"], "c")]
    records = task().score(outputs((3, 4, 8.0), (8, 10, 8.0), (0, 0, 8.0)), truths)
    figures = task().summarise(records)
    assert [record["text"] for record in records] == ["the Vistula", "founded in 1300", "Warsaw"]
    assert figures["exact_match"] == pytest.approx(1 / 3)
    assert figures["f1"] == pytest.approx((1.0 + 0.5 + 0.0) / 3)
    assert task().values(records) == pytest.approx([1.0, 0.5, 0.0])


def test_windows_of_a_question_are_one_and_the_best_span_wins() -> None:
    truths = [truth(["1300"], "a"), truth(["Warsaw"], "b"), truth(["1300"], "a")]
    records = task().score(outputs((0, 0, 4.0), (0, 0, 1.0), (10, 10, 6.0)), truths)
    for order in (records, records[::-1]):
        figures = task().summarise(order)
        assert (figures["f1"], figures["questions"]) == (1.0, 2.0)
    assert task().values(records) is None
    worse = task().score(outputs((0, 0, 7.0), (0, 0, 1.0), (10, 10, 6.0)), truths)
    assert task().summarise(worse)["f1"] == 0.5


def test_tokens_outside_of_the_context_are_no_answer() -> None:
    ends, starts = outputs((4, 4, 2.0))
    ends[:, 1:3] = starts[:, 1:3] = 9.0
    assert task().score((ends, starts), [truth(["x"])])[0]["text"] == "Vistula"


def test_an_answer_is_at_most_so_many_tokens() -> None:
    ends, starts = outputs((0, 6, 8.0))
    ends[0, FIRST_WORD + 2] = 1.0
    assert task(max_answer_tokens="7").score((ends, starts), [truth(["x"])])[0]["text"] == text_of(0, 6)
    assert task(max_answer_tokens="6").score((ends, starts), [truth(["x"])])[0]["text"] == text_of(0, 2)


SQUAD_2 = {"version": "2.0"}


def test_no_answer_is_said_where_the_first_token_scores_higher() -> None:
    truths = [truth([], "none", impossible=True), truth(["Warsaw"], "some")]
    for null, expected in ((6.0, [1.0, 0.0]), (2.0, [0.0, 1.0]), (4.0, [0.0, 1.0])):
        records = task(**SQUAD_2).score(outputs((0, 0, 4.0), (0, 0, 4.0), null=null), truths)
        assert task(**SQUAD_2).values(records) == pytest.approx(expected)
        assert task(**SQUAD_2).summarise(records)["exact_match"] == 0.5


def test_the_threshold_moves_the_decision() -> None:
    records = task(**SQUAD_2).score(outputs((0, 0, 4.0), null=6.0), [truth(["Warsaw"])])
    assert [task(**SQUAD_2, null_threshold=t).summarise(records)["f1"] for t in ("1.9", "2.0")] == [0.0, 1.0]


def test_the_lowest_null_score_of_all_windows_counts() -> None:
    truths = [truth(["Warsaw"]), truth(["Warsaw"])]
    ends, starts = outputs((1, 1, 1.0), (0, 0, 4.0), null=6.0)
    records = task(**SQUAD_2).score((ends, starts), truths)
    assert task(**SQUAD_2).summarise(records)["f1"] == 0.0
    ends[1, 0] = starts[1, 0] = 0.0
    records = task(**SQUAD_2).score((ends, starts), truths)
    assert task(**SQUAD_2).summarise(records)["f1"] == 1.0


def test_version_1_1_never_says_no_answer() -> None:
    records = task().score(outputs((0, 0, 4.0), null=50.0), [truth(["Warsaw"])])
    assert task().summarise(records)["f1"] == 1.0


def test_answers_of_articles_alone_are_left_out_in_version_2() -> None:
    records = task(**SQUAD_2).score(outputs((3, 3, 4.0)), [truth(["the", "the Vistula"])])
    assert task(**SQUAD_2).summarise(records)["exact_match"] == 0.0
    assert task().summarise(task().score(outputs((3, 3, 4.0)), [truth(["the", "the Vistula"])]))["exact_match"] == 1.0


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("which", [0, 1])
def test_a_nan_is_wrong_also_where_no_answer_would_be_right(value: float, which: int) -> None:
    truths = [truth([], "a", impossible=True), truth(["Warsaw"], "b"), truth(["Warsaw"], "c")]
    logits = outputs(*[(0, 0, 4.0)] * 3, null=6.0)
    logits[which][:2, 5] = value
    logits[which][2, 7] = -math.inf
    records = json.loads(json.dumps(task(**SQUAD_2, null_threshold="3").score(logits, truths), allow_nan=False))
    assert [record["text"] for record in records] == ["", "", "Warsaw"]
    figures = task(**SQUAD_2, null_threshold="3").summarise(records)
    assert figures["nan_samples"] == 2
    assert figures["f1"] == figures["exact_match"] == pytest.approx(1 / 3)


def test_a_nan_window_leaves_the_other_windows_of_its_question() -> None:
    logits = outputs((1, 1, 9.0), (0, 0, 4.0))
    logits[0][0] = math.nan
    records = task().score(logits, [truth(["Warsaw"])] * 2)
    assert task().summarise(records) == {"f1": 1.0, "exact_match": 1.0, "questions": 1.0, "nan_samples": 1.0}


def test_a_window_without_context_has_no_answer() -> None:
    records = task().score(outputs((0, 0, 4.0)), [truth(["Warsaw"], offsets=[None] * TOKENS)])
    assert (records[0]["text"], records[0]["score"]) == ("", None)
    assert task().summarise(records)["f1"] == 0.0


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"version": "2"}, ("version", "1.1, 2.0")),
        ({"null_threshold": "inf"}, ("null_threshold", "number")),
        ({"n_best": "0"}, ("n_best", "from 1")),
        ({"max_answer_tokens": "x"}, ("max_answer_tokens", "whole number")),
        ({"nbest": "3"}, ("nbest", "n_best")),
    ],
)
def test_a_wrong_option_is_named_with_what_is_allowed(options: dict[str, str], named: tuple[str, str]) -> None:
    with pytest.raises(TaskError) as caught:
        task(**options)
    assert all(part in str(caught.value) for part in named)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (truth([]), "no answer"),
        (truth(["x"], impossible=True), "no answer"),
        (truth(["x"], offsets=[None] * 3), "3 offsets"),
        (truth(["x"], offsets=[None] * 15 + [[0, 999]]), "offsets lie"),
        (truth(["x"], offsets=[None] * 15 + [[5, 2]]), "offsets lie"),
        (truth(["x"], offsets=[None] * 15 + [[5, 6, 7]]), "offsets lie"),
        (truth(["x"], offsets=[None] * 14 + [[0, 6], [5]]), "offsets lie"),
        (truth(["x"], offsets=[None] * 14 + [[0, 6], 5]), "offsets lie"),
        (truth(["x"], offsets=[None] * 15 + [[0.5, 6]]), "offsets lie"),
        (truth(["x"], context=None), "context"),
        (truth("Warsaw"), "a list"),
        ({"question_id": "q", "answers": ["x"]}, "lacks context, offsets"),
    ],
)
def test_a_wrong_truth_is_named_with_its_sample(wrong: dict, named: str) -> None:
    with pytest.raises(TaskError, match=named) as caught:
        task().score(outputs((0, 0, 1.0), (0, 0, 1.0)), [truth(["x"]), wrong])
    assert "sample 1" in str(caught.value)


@pytest.mark.parametrize(
    "shapes", [[(1, 16)], [(1, 16), (1, 15)], [(1, 16, 2), (1, 16, 2)], [(2, 16), (2, 16)], [(1, 0), (1, 0)]]
)
def test_outputs_that_do_not_fit_are_named(shapes: list[tuple[int, ...]]) -> None:
    with pytest.raises(TaskError, match="outputs of shapes"):
        task().score(tuple(np.zeros(shape, np.float32) for shape in shapes), [truth(["x"])])


def test_nothing_to_summarise() -> None:
    with pytest.raises(TaskError, match="no samples"):
        task().summarise([])
