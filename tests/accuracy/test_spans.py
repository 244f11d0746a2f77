"""Spans against all spans written out, agreement of answers against cases computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.accuracy.spans import best_f1, best_span, exact_match, normalise_answer, word_f1


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10**6), tokens=st.integers(1, 24), longest=st.integers(1, 8), levels=st.sampled_from([2, 99])
)
def test_with_all_tokens_it_is_the_best_of_all_spans(seed: int, tokens: int, longest: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    starts, ends = (rng.integers(0, levels, tokens).astype(np.float32) for _ in range(2))
    usable = rng.random(tokens) < 0.7
    scores = [
        float(starts[first] + ends[last])
        for first in range(tokens)
        for last in range(first, min(tokens, first + longest))
        if usable[first] and usable[last]
    ]
    found = best_span(starts, ends, usable, n_best=tokens, max_tokens=longest)
    if found is None:
        assert not scores
    else:
        assert found.score == max(scores) == starts[found.first] + ends[found.last]
        assert usable[found.first]
        assert usable[found.last]
        assert 0 <= found.last - found.first < longest


def test_only_the_best_starts_and_ends_are_combined() -> None:
    starts, ends = np.array([0.0, 1, 9, 8]), np.array([9.0, 8, 0, 1])
    everywhere = np.ones(4, bool)
    assert best_span(starts, ends, everywhere, n_best=2, max_tokens=4) is None
    found = best_span(starts, ends, everywhere, n_best=3, max_tokens=4)
    assert found is not None
    assert (found.first, found.last, found.score) == (2, 3, 10.0)


def test_masked_tokens_are_no_spans() -> None:
    logits = np.array([5.0, 1.0, 2.0])
    found = best_span(logits, logits, np.array([False, True, True]), n_best=20, max_tokens=30)
    assert found is not None
    assert (found.first, found.last) == (2, 2)
    assert best_span(logits, logits, np.zeros(3, bool), n_best=20, max_tokens=30) is None
    assert best_span(np.full(3, -np.inf), logits, np.ones(3, bool), n_best=20, max_tokens=30) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Denver  Broncos", "denver broncos"),
        ("an apple, a pear & the Fig!", "apple pear fig"),
        ("theatre; antenna-a", "theatre antennaa"),
        ("A.D. 70", "ad 70"),
        ("it's", "its"),
        ("the", ""),
        ("\tgold\n(metal) ", "gold metal"),
        ("“quoted”", "“quoted”"),
        ("up—the—hill", "up— —hill"),
    ],
)
def test_normalisation(text: str, expected: str) -> None:
    assert normalise_answer(text) == expected


@pytest.mark.parametrize(
    ("prediction", "answer", "expected"),
    [
        ("Denver Broncos", "the Denver Broncos!", 1.0),
        ("Broncos", "Denver Broncos", 2 * (1 * 0.5) / 1.5),
        ("the big red dog", "a red cat", 2 * (1 / 3 * 1 / 2) / (1 / 3 + 1 / 2)),
        ("to be or not to be", "to be", 2 * (2 / 6 * 1) / (2 / 6 + 1)),
        ("be be", "be be be", 2 * (1 * 2 / 3) / (5 / 3)),
        ("cat", "dog", 0.0),
        ("", "dog", 0.0),
        ("dog", "", 0.0),
        ("", "the", 1.0),
    ],
)
def test_f1_computed_by_hand(prediction: str, answer: str, expected: float) -> None:
    assert word_f1(prediction, answer) == pytest.approx(expected)


def test_the_best_answer_counts() -> None:
    answers = ["Santa Clara, California", "Levi's Stadium", "Levi's Stadium in the San Francisco Bay Area"]
    assert exact_match("levis stadium", answers) == 1.0
    assert exact_match("the stadium", answers) == 0.0
    assert best_f1("the stadium", answers) == pytest.approx(2 / 3)


WORDS = st.lists(st.sampled_from(["red", "Dog", "the", "a", "cat!", "cat"]), max_size=6).map(" ".join)


@settings(deadline=None)
@given(WORDS, WORDS)
def test_properties_of_f1(a: str, b: str) -> None:
    assert word_f1(a, b) == word_f1(b, a)
    assert word_f1(a, a) == 1.0
    assert 0.0 <= exact_match(a, [b]) <= word_f1(a, b) <= 1.0


@settings(max_examples=10, deadline=None)
@given(st.lists(st.sampled_from("bcdef"), min_size=1, unique=True), st.lists(st.sampled_from("bcdef"), min_size=1))
def test_f1_is_that_of_scikit_learn_where_words_do_not_repeat(a: list[str], b: list[str]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    a_has, b_has = ([word in words for word in "bcdef"] for words in (a, b))
    assert word_f1(" ".join(a), " ".join(sorted(set(b)))) == pytest.approx(metrics.f1_score(b_has, a_has))
