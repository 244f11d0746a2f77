from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.accuracy.edit_distance import edit_distance

TEXTS = st.text("ab c", max_size=12)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2), ("intention", "execution", 5)],
)
def test_known_distances(a: str, b: str, expected: int) -> None:
    assert edit_distance(a, b) == edit_distance(b, a) == expected


def test_whole_words_are_elements() -> None:
    assert edit_distance(["the", "cat", "sat"], ["the", "hat", "sat", "down"]) == 2


def recursive(a: str, b: str) -> int:
    """The definition, element by element."""
    if not a or not b:
        return len(a) + len(b)
    kept = recursive(a[1:], b[1:]) + (a[0] != b[0])
    return min(kept, 1 + recursive(a[1:], b), 1 + recursive(a, b[1:])) if a[0] != b[0] else kept


@settings(max_examples=60, deadline=None)
@given(st.text("abc", max_size=5), st.text("abc", max_size=5))
def test_the_definition(a: str, b: str) -> None:
    assert edit_distance(a, b) == recursive(a, b)


@settings(max_examples=100, deadline=None)
@given(TEXTS, TEXTS, TEXTS)
def test_it_is_a_distance(a: str, b: str, c: str) -> None:
    assert edit_distance(a, a) == 0
    assert edit_distance(a, b) == edit_distance(b, a)
    assert (edit_distance(a, b) == 0) == (a == b)
    assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)
    assert abs(len(a) - len(b)) <= edit_distance(a, b) <= max(len(a), len(b))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(["one", "two", "three"]), min_size=1, max_size=20), st.text("on twhre", max_size=60))
def test_jiwer_counts_the_same(words: list[str], hypothesis: str) -> None:
    jiwer = pytest.importorskip("jiwer")
    counted = jiwer.process_words(" ".join(words), hypothesis)
    edits = counted.substitutions + counted.deletions + counted.insertions
    assert edit_distance(words, hypothesis.split()) == edits
