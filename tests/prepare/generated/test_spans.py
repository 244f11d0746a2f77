from __future__ import annotations

import numpy as np
import pytest

from harness.prepare.generated.spans import SPECIAL, TOKENS, VOCABULARY, Questions, questions


@pytest.fixture(scope="module")
def made() -> Questions:
    return questions(200, seed=5)


def test_the_seed_decides(made: Questions) -> None:
    again = questions(200, seed=5)
    assert np.array_equal(made.ids, again.ids)
    assert made.truths == again.truths
    assert not np.array_equal(made.ids, questions(200, seed=6).ids)


def test_shapes_and_ranges(made: Questions) -> None:
    for tokens in (made.ids, made.mask, made.segments):
        assert tokens.shape == (200, TOKENS)
        assert tokens.dtype == np.int32
    assert made.ids.min() == 0
    assert made.ids.max() < len(VOCABULARY) == len(set(VOCABULARY))
    assert np.array_equal(made.mask, made.ids != 0)
    assert not (made.segments & ~made.mask).any()


def test_the_span_is_the_answer_in_the_text(made: Questions) -> None:
    for start, end, truth in zip(made.starts, made.ends, made.truths, strict=True):
        first, last = truth["offsets"][start], truth["offsets"][end]
        assert truth["context"][first[0] : last[1]] == truth["answers"][0]


def test_offsets_are_those_of_the_tokens(made: Questions) -> None:
    unknown = SPECIAL.index("[UNK]")
    for ids, segments, truth in zip(made.ids, made.segments, made.truths, strict=True):
        known = [index for index, place in enumerate(truth["offsets"]) if place is not None]
        assert set(known) == set(np.flatnonzero(segments)[:-1].tolist())
        for index in known:
            start, end = truth["offsets"][index]
            assert ids[index] == unknown or VOCABULARY[ids[index]] == truth["context"][start:end]


def test_the_answer_follows_the_asked_person_and_verb(made: Questions) -> None:
    """Where no word is unknown: the word before the answer is the verb, and the name is the last one before it."""
    checked = 0
    for ids, start in zip(made.ids, made.starts, strict=True):
        words = [VOCABULARY[index] for index in ids]
        if "[UNK]" in words:
            continue
        person, verb = words[4:6]
        assert words[start - 1] == verb
        before = [word for word in words[8 : start - 1] if word[0].islower() and word not in {"he", "she", "also"}]
        assert person in before
        checked += 1
    assert checked > 5


def test_every_question_has_an_id_of_its_own(made: Questions) -> None:
    assert len({truth["question_id"] for truth in made.truths}) == 200
