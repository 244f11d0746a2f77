"""The task of a speech recogniser with CTC outputs: word and character error rates over all utterances. Pure.

Both texts are brought to lower case, and runs of white space become one space, none at the ends; nothing else is
changed. Words are what spaces part; characters include the spaces between words.

Options, all as text:

- ``alphabet``: the symbols in the model's order, without the blank; by default a space, a to z, and the apostrophe.
- ``blank``: the index of the blank among the outputs; by default the last one.
- ``decoder``: ``greedy`` or ``beam`` (prefix beam search without a language model).
- ``beam_width`` (32).
- ``leading``: ``wer`` or ``cer``, the figure that leads.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.accuracy.base import Record, TaskSpec, Truth
from harness.accuracy.ctc import beam_labelling, greedy_labelling
from harness.accuracy.edit_distance import edit_distance
from harness.accuracy.task_checks import require_samples, sample_at
from harness.accuracy.task_options import check_names, choice, whole_number, wrong_option
from harness.errors import TaskError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.accuracy.base import Arrays

ALPHABET = f" {string.ascii_lowercase}'"
_OPTIONS = ("alphabet", "blank", "decoder", "beam_width", "leading")


@dataclass(frozen=True)
class SpeechSettings:
    """The options of the task, read."""

    alphabet: str
    blank: int
    decoder: str
    beam_width: int
    leading: str

    @classmethod
    def from_spec(cls, spec: TaskSpec) -> SpeechSettings:
        """Read the options.

        Raises:
            TaskError: names the option and what it may be.
        """
        check_names(spec, _OPTIONS)
        alphabet = spec.option("alphabet", ALPHABET)
        if not alphabet or len(set(alphabet)) != len(alphabet):
            raise wrong_option(spec, "alphabet", "each symbol once, in the model's order and without the blank")
        return cls(
            alphabet=alphabet,
            blank=whole_number(spec, "blank", len(alphabet), least=0, most=len(alphabet)),
            decoder=choice(spec, "decoder", ("greedy", "beam"), "greedy"),
            beam_width=whole_number(spec, "beam_width", 32, least=1, most=10_000),
            leading=choice(spec, "leading", ("wer", "cer"), "wer"),
        )


class Speech:
    """Error rates of recognised texts; a record holds one utterance's text with its edits."""

    name = "speech"
    higher_is_better = False

    def __init__(self, settings: SpeechSettings) -> None:
        self.settings = settings
        self.metric = settings.leading

    @classmethod
    def from_spec(cls, spec: TaskSpec) -> Speech:
        """The task with the options of `spec`.

        Raises:
            TaskError: an option is unknown or cannot be used; names what is allowed.
        """
        return cls(SpeechSettings.from_spec(spec))

    def score(self, outputs: Arrays, truths: Sequence[Truth]) -> list[Record]:
        """One record an utterance; one whose outputs hold a NaN or a positive infinity was recognised as no text.

        Args:
            outputs: one array (n, frames, symbols and blank) of logits or log probabilities.
            truths: ``text``, and ``frames`` where only the first frames of the output count.

        Raises:
            TaskError: the outputs do not fit the alphabet, or a truth has no text.
        """
        logits = self._logits(outputs, len(truths))
        return [self._record(one, truth, index) for index, (one, truth) in enumerate(zip(logits, truths, strict=True))]

    def summarise(self, records: Sequence[Record]) -> dict[str, float]:
        """`wer`, `cer`, `sentence_error_rate` and `nan_samples`.

        The rates are all edits over all words or characters of the references: insertions can take them above 1. The
        sentence error rate is the share of utterances with a wrong word.

        Raises:
            TaskError: there are no samples.
        """
        require_samples(self.name, records)
        total = {key: sum(int(record[key]) for record in records) for key in _COUNTS}
        return {
            "wer": total["word_edits"] / total["words"],
            "cer": total["char_edits"] / total["chars"],
            "sentence_error_rate": sum(record["word_edits"] > 0 for record in records) / len(records),
            "nan_samples": float(sum(bool(record["nan"]) for record in records)),
        }

    def values(self, records: Sequence[Record]) -> NDArray[np.float64] | None:
        """None: the rates weigh utterances by their length."""
        return None

    def recognise(self, logits: NDArray[Any]) -> str:
        """The text that the decoder makes of (frames, symbols and blank) logits, normalised."""
        settings = self.settings
        if settings.decoder == "greedy":
            labelling = greedy_labelling(logits, settings.blank)
        else:
            labelling = beam_labelling(logits, settings.blank, settings.beam_width)
        alphabet, blank = settings.alphabet, settings.blank
        return normalise_text("".join(alphabet[index - (index > blank)] for index in labelling))

    def _logits(self, outputs: Arrays, samples: int) -> NDArray[Any]:
        symbols = len(self.settings.alphabet) + 1
        shapes = ", ".join(str(output.shape) for output in outputs)
        if len(outputs) != 1 or outputs[0].ndim != 3 or outputs[0].shape[2] != symbols or not outputs[0].shape[1]:
            raise TaskError(
                f"outputs of shapes {shapes} are not one (n, frames, {symbols}), as an alphabet of {symbols - 1} "
                "symbols and a blank needs",
                remedy="Set the options 'alphabet' and 'blank' to those of the model.",
            )
        if len(outputs[0]) != samples:
            raise TaskError(f"outputs of shape {shapes} do not fit {samples} truths")
        return outputs[0]

    def _record(self, logits: NDArray[Any], truth: Truth, index: int) -> Record:
        reference = _reference(truth, index)
        logits = logits[: _frames(truth, len(logits), index)]
        # minus infinity is an impossible symbol; a frame in which all are impossible says as little as a NaN
        usable = bool((logits < np.inf).all() and (logits.max(axis=1) > -np.inf).all())
        text = self.recognise(logits) if usable else ""
        words = reference.split()
        return {
            "text": text,
            "word_edits": edit_distance(words, text.split()),
            "words": len(words),
            "char_edits": edit_distance(reference, text),
            "chars": len(reference),
            "nan": not usable,
        }


_COUNTS = ("word_edits", "words", "char_edits", "chars")


def normalise_text(text: str) -> str:
    """Lower case, each run of white space one space, none at the ends."""
    return " ".join(text.lower().split())


def _reference(truth: Truth, index: int) -> str:
    text = truth.get("text")
    if not isinstance(text, str) or not text.strip():
        raise TaskError(
            f"the reference text is {'empty' if isinstance(text, str) else 'missing'}, and no rate can be given for it",
            where=sample_at(index),
            remedy="Leave utterances without words out of the data set.",
        )
    return normalise_text(text)


def _frames(truth: Truth, frames: int, index: int) -> int:
    found = truth.get("frames")
    if found is None:
        return frames
    if not isinstance(found, (int, np.integer)) or not 1 <= found <= frames:
        raise TaskError(f"{found!r} frames are said to count of {frames} in the output", where=sample_at(index))
    return int(found)
