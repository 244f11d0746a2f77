"""The task of finding the answer to a question in a text, scored as SQuAD does: F1 over words, and exact match. Pure.

A long text is read in several windows, each a sample of its own with the question's id in its truth; the question's
answer is the best-scoring span of all of its windows, chosen when the records are summarised. Every window may answer
with any of its own tokens of the text; windows that overlap are not told apart by how much context a token has.

Options, all as text:

- ``version``: ``1.1``, every question has an answer; or ``2.0``, where the model may say that there is none: it does
  when the first token's score (start and end logit, the lowest of all windows) exceeds the best span's by more than
  ``null_threshold`` (0).
- ``n_best`` (20): how many of the best starts and ends are combined.
- ``max_answer_tokens`` (30): the longest span.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.accuracy.base import Record, TaskSpec, Truth
from harness.accuracy.spans import best_f1, best_span, exact_match, normalise_answer
from harness.accuracy.task_checks import require_samples, sample_at
from harness.accuracy.task_options import check_names, choice, number, whole_number
from harness.errors import TaskError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.accuracy.base import Arrays

ALL_ANSWERED, SOME_IMPOSSIBLE = "1.1", "2.0"
_OPTIONS = ("version", "null_threshold", "n_best", "max_answer_tokens")


@dataclass(frozen=True)
class QuestionSettings:
    """The options of the task, read."""

    version: str
    null_threshold: float
    n_best: int
    max_answer_tokens: int

    @classmethod
    def from_spec(cls, spec: TaskSpec) -> QuestionSettings:
        """Read the options.

        Raises:
            TaskError: names the option and what it may be.
        """
        check_names(spec, _OPTIONS)
        return cls(
            version=choice(spec, "version", (ALL_ANSWERED, SOME_IMPOSSIBLE), ALL_ANSWERED),
            null_threshold=number(spec, "null_threshold", 0.0),
            n_best=whole_number(spec, "n_best", 20, least=1, most=10_000),
            max_answer_tokens=whole_number(spec, "max_answer_tokens", 30, least=1, most=10_000),
        )


@dataclass(frozen=True)
class _Agreement:
    f1: float
    exact_match: float


_WRONG = _Agreement(0.0, 0.0)


class QuestionAnswering:
    """F1 and exact match of answers; a record holds one window's best span and how it agrees with the answers."""

    name = "question_answering"
    metric = "f1"
    higher_is_better = True

    def __init__(self, settings: QuestionSettings) -> None:
        self.settings = settings

    @classmethod
    def from_spec(cls, spec: TaskSpec) -> QuestionAnswering:
        """The task with the options of `spec`.

        Raises:
            TaskError: an option is unknown or cannot be used; names what is allowed.
        """
        return cls(QuestionSettings.from_spec(spec))

    def score(self, outputs: Arrays, truths: Sequence[Truth]) -> list[Record]:
        """One record a window; one whose logits hold a NaN or a positive infinity has no answer.

        Args:
            outputs: end logits (n, tokens), then start logits (n, tokens): the order of the outputs' names.
            truths: ``question_id``, ``answers``, ``context``, ``offsets`` (each token's characters in the context from
                and to, None for a token that is not of it), and ``impossible``.

        Raises:
            TaskError: outputs or truths do not fit; says which.
        """
        ends, starts = _logits(outputs, len(truths))
        return [self._record(starts[index], ends[index], truth, index) for index, truth in enumerate(truths)]

    def summarise(self, records: Sequence[Record]) -> dict[str, float]:
        """`f1` and `exact_match` as shares, the number of `questions`, and `nan_samples` (windows).

        A question all of whose windows are NaN counts as wrong, also where no answer would have been right.

        Raises:
            TaskError: there are no samples.
        """
        require_samples(self.name, records)
        questions: dict[str, list[Record]] = {}
        for record in records:
            questions.setdefault(record["question_id"], []).append(record)
        agreements = [self._agreement(windows) for windows in questions.values()]
        return {
            "f1": float(np.mean([agreement.f1 for agreement in agreements])),
            "exact_match": float(np.mean([agreement.exact_match for agreement in agreements])),
            "questions": float(len(questions)),
            "nan_samples": float(sum(bool(record["nan"]) for record in records)),
        }

    def values(self, records: Sequence[Record]) -> NDArray[np.float64] | None:
        """Each question's F1, or None where a question has several windows."""
        if len({record["question_id"] for record in records}) != len(records):
            return None
        return np.array([self._agreement([record]).f1 for record in records], np.float64)

    def _record(self, starts: NDArray[Any], ends: NDArray[Any], truth: Truth, index: int) -> Record:
        settings = self.settings
        answers = self._answers(truth, index)
        offsets = _offsets(truth, len(starts), index)
        # minus infinity is a masked token; it can be no answer, but makes no other impossible
        finite = bool((starts < np.inf).all() and (ends < np.inf).all())
        usable = np.array([offset is not None for offset in offsets], bool)
        span = (
            best_span(starts, ends, usable, n_best=settings.n_best, max_tokens=settings.max_answer_tokens)
            if finite
            else None
        )
        text = truth["context"][offsets[span.first][0] : offsets[span.last][1]] if span else ""
        no_answer = float(starts[0]) + float(ends[0])
        return {
            "question_id": str(truth["question_id"]),
            "text": text,
            "score": span.score if span else None,
            "f1": best_f1(text, answers),
            "exact_match": exact_match(text, answers),
            "null_score": no_answer if np.isfinite(no_answer) else None,
            "null_match": exact_match("", answers),
            "nan": not finite,
        }

    def _answers(self, truth: Truth, index: int) -> list[str]:
        """The answers to compare with; of an impossible question, the empty one."""
        where = sample_at(index)
        missing = [key for key in ("question_id", "context", "answers", "offsets") if key not in truth]
        if missing:
            raise TaskError(f"a truth of question_answering lacks {', '.join(missing)}", where=where)
        if not isinstance(truth["context"], str):
            raise TaskError("the context of a truth is no text", where=where)
        if isinstance(truth["answers"], str):
            raise TaskError("the answers of a truth are one text, not a list of them", where=where)
        answers = [str(answer) for answer in truth["answers"]]
        if self.settings.version == SOME_IMPOSSIBLE:
            # the evaluation of version 2.0 leaves out answers that are nothing but articles and punctuation
            answers = [] if truth.get("impossible") else [answer for answer in answers if normalise_answer(answer)]
            return answers or [""]
        if truth.get("impossible") or not answers:
            raise TaskError(
                f"the question {truth['question_id']!r} has no answer",
                where=where,
                remedy=f"Set the option 'version' to {SOME_IMPOSSIBLE} for data with questions that have none.",
            )
        return answers

    def _agreement(self, windows: Sequence[Record]) -> _Agreement:
        """How the answer chosen of all windows of one question agrees."""
        sound = [window for window in windows if not window["nan"]]
        if not sound:
            return _WRONG
        found = [window for window in sound if window["score"] is not None]
        best = max(found, key=lambda window: float(window["score"]), default=None)
        if best is None or self._is_null(float(best["score"]), sound):
            match = float(sound[0]["null_match"])
            return _Agreement(match, match)
        return _Agreement(float(best["f1"]), float(best["exact_match"]))

    def _is_null(self, best_score: float, windows: Sequence[Mapping[str, Any]]) -> bool:
        if self.settings.version == ALL_ANSWERED:
            return False
        scores = [-np.inf if window["null_score"] is None else float(window["null_score"]) for window in windows]
        return bool(min(scores) - best_score > self.settings.null_threshold)


def _logits(outputs: Arrays, samples: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    shapes = ", ".join(str(output.shape) for output in outputs)
    if len(outputs) != 2 or any(output.ndim != 2 for output in outputs) or outputs[0].shape != outputs[1].shape:
        raise TaskError(
            f"outputs of shapes {shapes} are not end logits (n, tokens) and start logits (n, tokens), "
            "as question_answering needs"
        )
    if len(outputs[0]) != samples or outputs[0].shape[1] == 0:
        raise TaskError(f"outputs of shapes {shapes} do not fit {samples} truths")
    return outputs[0], outputs[1]


def _offsets(truth: Truth, tokens: int, index: int) -> Sequence[Any]:
    """The characters of each token, checked: one entry a token, each None or two positions in the context.

    Raises:
        TaskError: they do not fit the tokens or the context.
    """
    offsets, length = list(truth["offsets"]), len(truth["context"])
    where = sample_at(index)
    if len(offsets) != tokens:
        raise TaskError(f"{len(offsets)} offsets do not fit outputs of {tokens} tokens", where=where)
    if not all(offset is None or _is_inside(offset, length) for offset in offsets):
        raise TaskError(
            f"offsets lie outside of the context of {length} characters, or are no pairs of a first and a last",
            where=where,
        )
    return offsets


def _is_inside(offset: Any, length: int) -> bool:
    try:
        first, last = offset
        return 0 <= operator.index(first) <= operator.index(last) <= length
    except (TypeError, ValueError):
        return False
