"""Answers that are spans of a text: the best span from logits, and how two answers agree. Pure.

The rules of agreement are those of SQuAD (Rajpurkar et al. 2016; with questions that have no answer, 2018) as its
official evaluation states them.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


@dataclass(frozen=True)
class Span:
    """Tokens `first` to `last`, both included, and the sum of their two logits."""

    first: int
    last: int
    score: float


def best_span(
    start_logits: NDArray[Any], end_logits: NDArray[Any], usable: NDArray[np.bool_], *, n_best: int, max_tokens: int
) -> Span | None:
    """The span with the highest sum of start and end logit, or None where no span is possible.

    Args:
        start_logits: (tokens,).
        end_logits: (tokens,).
        usable: (tokens,) which tokens belong to the text that is searched; no other may begin or end a span.
        n_best: only so many of the best starts and of the best ends are combined, as in BERT's published evaluation.
        max_tokens: the longest span.
    """
    starts, ends = _best_tokens(start_logits, usable, n_best), _best_tokens(end_logits, usable, n_best)
    lengths = ends[None, :] - starts[:, None] + 1
    scores = start_logits[starts].astype(np.float64)[:, None] + end_logits[ends].astype(np.float64)[None, :]
    scores[(lengths < 1) | (lengths > max_tokens)] = -np.inf
    if scores.size == 0 or scores.max() == -np.inf:
        return None
    row, column = np.unravel_index(int(scores.argmax()), scores.shape)
    return Span(int(starts[row]), int(ends[column]), float(scores[row, column]))


def normalise_answer(text: str) -> str:
    """Lower case, without ASCII punctuation, then without the words a, an and the, single spaces between words."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(prediction: str, answers: Sequence[str]) -> float:
    """1 where the normalised prediction is one of the normalised answers, else 0."""
    return float(normalise_answer(prediction) in {normalise_answer(answer) for answer in answers})


def best_f1(prediction: str, answers: Sequence[str]) -> float:
    """The highest `word_f1` of the prediction with any of the answers."""
    return max(word_f1(prediction, answer) for answer in answers)


def word_f1(prediction: str, answer: str) -> float:
    """The harmonic mean of precision and recall over the words of two normalised texts, each word as often as it is.

    1 where both are empty, as in the evaluation of version 2.0 (that of 1.1 gives 0).
    """
    predicted, expected = Counter(normalise_answer(prediction).split()), Counter(normalise_answer(answer).split())
    if not predicted and not expected:
        return 1.0
    return 2.0 * (predicted & expected).total() / (predicted.total() + expected.total())


def _best_tokens(logits: NDArray[Any], usable: NDArray[np.bool_], count: int) -> NDArray[np.int64]:
    """The usable tokens with the highest logits, falling; the first ones on a tie."""
    tokens = np.flatnonzero(usable)
    return tokens[np.argsort(-logits[tokens], kind="stable")[:count]]
