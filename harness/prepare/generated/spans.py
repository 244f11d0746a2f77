"""Questions about short made-up texts, whose answers are spans of the text; for reading comprehension.

A text has six sentences about who does what: ``anna paints the small red boat . he also sells two old maps today .``
A pronoun stands for the name before it, and a few words are unknown to the reader. A question asks for one of the
things: ``what is it anna paints ?``
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Tokens = NDArray[np.int32]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NAMES = _words(
    "anna boris clara david emma felix greta henry ida jonas karin leon marta nils olga paul rosa sven tina viktor"
)
VERBS = _words("buys draws finds hides keeps likes loses mends paints sells sends steals")
ARTICLES = _words("the a his her two some")
ADJECTIVES = _words("big blue broken clean cold green heavy new old red round sharp small soft white yellow")
NOUNS = _words(
    "bag ball bell boat book box car chair clock coat cup door drum flute hat key knife lamp map pen ring shoe table"
)
ENDINGS = _words("today often again nowadays")
SPECIAL = ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "what", "is", "it", "?", ".", "he", "she", "also")
VOCABULARY = (*SPECIAL, *NAMES, *VERBS, *ARTICLES, *ADJECTIVES, *NOUNS, *ENDINGS)
TOKENS = 64
SENTENCES = 6
_PRONOUN_SHARE = 0.7
_UNKNOWN_SHARE = 0.06
_IDS = {word: index for index, word in enumerate(VOCABULARY)}


@dataclass(frozen=True)
class Questions:
    """Windows of a question and its text: ``[CLS] question [SEP] text [SEP]`` and padding, 64 tokens.

    Attributes:
        ids, mask, segments: int32 (n, 64): tokens, 1 where there is one, 1 in the text and 0 in the question.
        starts, ends: int32 (n,): the first and the last token of the answer.
        truths: n mappings: ``answers``, ``context``, ``offsets``, ``question_id``, ``impossible``.
    """

    ids: Tokens
    mask: Tokens
    segments: Tokens
    starts: Tokens
    ends: Tokens
    truths: tuple[dict[str, Any], ...]


def questions(count: int, seed: int) -> Questions:
    """`count` questions, each about a text of its own; the same ones for the same `seed`."""
    rng = np.random.default_rng(seed)
    made = [_window(rng, f"{seed}-{index}") for index in range(count)]
    ids, segments, spans, truths = zip(*made, strict=True)
    tokens = np.stack(ids)
    starts, ends = np.array(spans, np.int32).T
    return Questions(tokens, (tokens > 0).astype(np.int32), np.stack(segments), starts, ends, truths)


def _window(rng: np.random.Generator, name: str) -> tuple[Tokens, Tokens, tuple[int, int], dict[str, Any]]:
    words, facts = _text(rng)
    person, verb, begin, length = facts[rng.integers(len(facts))]
    asked = ["[CLS]", "what", "is", "it", person, verb, "?", "[SEP]"]
    window = [*asked, *words, "[SEP]"]
    ids, segments = np.zeros(TOKENS, np.int32), np.zeros(TOKENS, np.int32)
    ids[: len(window)] = [_IDS[word] for word in window]
    ids[(ids >= len(SPECIAL)) & (rng.random(TOKENS) < _UNKNOWN_SHARE)] = _IDS["[UNK]"]
    segments[len(asked) : len(window)] = 1
    offsets: list[list[int] | None] = [None] * TOKENS
    offsets[len(asked) : len(window) - 1] = _character_spans(words)
    truth = {
        "answers": [" ".join(words[begin : begin + length])],
        "context": " ".join(words),
        "offsets": offsets,
        "question_id": name,
        "impossible": False,
    }
    return ids, segments, (len(asked) + begin, len(asked) + begin + length - 1), truth


def _text(rng: np.random.Generator) -> tuple[list[str], list[tuple[str, str, int, int]]]:
    """The words of a text, and what can be asked: person, verb, and the first word and the length of the thing."""
    people = _some(rng, NAMES, 3)
    words: list[str] = []
    facts: dict[tuple[str, str], tuple[int, int]] = {}
    person = ""
    while len(facts) < SENTENCES:
        before, person, verb = person, *_some(rng, people, 1), *_some(rng, VERBS, 1)
        if (person, verb) in facts:
            continue
        again = person == before and rng.random() < _PRONOUN_SHARE
        words += [*_some(rng, ("he", "she"), 1), "also"] if again else [person]
        thing = _thing(rng)
        facts[person, verb] = (len(words) + 1, len(thing))
        words += [verb, *thing, *_some(rng, ENDINGS, int(rng.integers(0, 2))), "."]
    return words, [(*asked, *place) for asked, place in facts.items()]


def _thing(rng: np.random.Generator) -> list[str]:
    articles, adjectives = int(rng.integers(0, 2)), int(rng.integers(0, 3))
    return [*_some(rng, ARTICLES, articles), *_some(rng, ADJECTIVES, adjectives), *_some(rng, NOUNS, 1)]


def _some(rng: np.random.Generator, words: Sequence[str], count: int) -> list[str]:
    """`count` different words."""
    if count == 1:
        return [words[int(rng.integers(len(words)))]]
    return [words[index] for index in rng.permutation(len(words))[:count]]


def _character_spans(words: list[str]) -> list[list[int] | None]:
    """The first character of each word and the one after its last, in the text with one space between words."""
    spans: list[list[int] | None] = []
    place = 0
    for word in words:
        spans.append([place, place + len(word)])
        place += len(word) + 1
    return spans
