"""BERT's WordPiece tokenizer, with the place of every token in the text.

As published with BERT (Devlin et al., arXiv:1810.04805; google-research/bert): the text is cleaned of control
characters, split at white space, around CJK ideographs and around punctuation; without case, it is lower-cased and
accents are stripped; each word is then the longest pieces of the vocabulary from its start, the later ones with ``##``,
or ``[UNK]`` where that fails. A question and a window of its context become
``[CLS] question [SEP] context [SEP] [PAD]…``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.accuracy.preprocessing import TextPreprocessing
from harness.errors import DatasetError

if TYPE_CHECKING:
    from numpy.typing import NDArray

PAD, UNKNOWN, CLASS, SEPARATOR = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
MAX_WORD_CHARACTERS = 200
# [CLS] question [SEP] context [SEP]
_SPECIAL_TOKENS = 3
_CJK = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


@dataclass(frozen=True)
class Token:
    """A token of the vocabulary and the characters `start` to `end` (not included) of the text it stands for."""

    token_id: int
    start: int
    end: int


@dataclass(frozen=True)
class Window:
    """What the model is fed: `ids`, `mask` and `segments` int32 (tokens,); `offsets` of context tokens, else None."""

    ids: NDArray[np.int32]
    mask: NDArray[np.int32]
    segments: NDArray[np.int32]
    offsets: tuple[tuple[int, int] | None, ...]


@dataclass(frozen=True)
class _Character:
    text: str
    start: int
    end: int


def load_vocabulary(path: Path) -> dict[str, int]:
    """The vocabulary of a ``vocab.txt``: one token a line, its id is the line's number from 0.

    Raises:
        DatasetError: the file is unreadable, or lacks a special token.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"the vocabulary cannot be read: {error}", where=str(path)) from error
    vocabulary = {line.strip(): number for number, line in enumerate(lines) if line.strip()}
    missing = [token for token in (PAD, UNKNOWN, CLASS, SEPARATOR) if token not in vocabulary]
    if missing:
        raise DatasetError(
            f"the vocabulary lacks {', '.join(missing)}",
            where=str(path),
            remedy="A BERT vocabulary has one token a line; the line's number is the token's id.",
        )
    return vocabulary


@dataclass(frozen=True)
class WordPiece:
    """The tokenizer of one vocabulary."""

    vocabulary: Mapping[str, int]
    lower_case: bool = True

    def tokens(self, text: str) -> list[Token]:
        """The tokens of `text`, without special ones."""
        return [token for word in _words(text, self.lower_case) for token in self._pieces(word)]

    def _pieces(self, word: Sequence[_Character]) -> list[Token]:
        unknown = [Token(self.vocabulary[UNKNOWN], word[0].start, word[-1].end)]
        if len(word) > MAX_WORD_CHARACTERS:
            return unknown
        text = "".join(character.text for character in word)
        pieces: list[Token] = []
        start = 0
        while start < len(text):
            end = next((end for end in range(len(text), start, -1) if self._id(text, start, end) is not None), None)
            if end is None:
                return unknown
            pieces.append(Token(self._id(text, start, end) or 0, word[start].start, word[end - 1].end))
            start = end
        return pieces

    def _id(self, text: str, start: int, end: int) -> int | None:
        return self.vocabulary.get(text[start:end] if start == 0 else f"##{text[start:end]}")


def check_text_preprocessing(steps: TextPreprocessing) -> None:
    """Refuse settings that leave no room for the context.

    Raises:
        DatasetError: says which.
    """
    if steps.max_query_tokens < 1 or steps.stride < 1 or _room(steps.max_query_tokens, steps) < 1:
        raise DatasetError(
            "the text pre-processing is not possible: "
            f"{steps.tokens} tokens, {steps.max_query_tokens} for the question, a stride of {steps.stride}"
        )


def window_starts(question_tokens: int, context_tokens: int, steps: TextPreprocessing) -> list[int]:
    """Where in the context each window begins: `stride` apart, until one reaches the end."""
    room = _room(min(question_tokens, steps.max_query_tokens), steps)
    starts = [0]
    while starts[-1] + room < context_tokens:
        # a stride longer than a window would leave tokens out
        starts.append(starts[-1] + min(steps.stride, room))
    return starts


def build_window(
    vocabulary: Mapping[str, int],
    question: Sequence[int],
    context: Sequence[Token],
    start: int,
    steps: TextPreprocessing,
) -> Window:
    """The window of `context` that begins at its token `start`, with as much as fits.

    A question of more than `max_query_tokens` is cut at its end.
    """
    asked = list(question[: steps.max_query_tokens])
    part = context[start : start + _room(len(asked), steps)]
    head = [vocabulary[CLASS], *asked, vocabulary[SEPARATOR]]
    tail = [*(token.token_id for token in part), vocabulary[SEPARATOR]]
    used = len(head) + len(tail)
    ids = np.full(steps.tokens, vocabulary[PAD], np.int32)
    ids[:used] = head + tail
    positions = np.arange(steps.tokens)
    offsets: list[tuple[int, int] | None] = [None] * steps.tokens
    offsets[len(head) : len(head) + len(part)] = [(token.start, token.end) for token in part]
    segments = (positions >= len(head)) & (positions < used)
    return Window(ids, (positions < used).astype(np.int32), segments.astype(np.int32), tuple(offsets))


def _room(question_tokens: int, steps: TextPreprocessing) -> int:
    return steps.tokens - question_tokens - _SPECIAL_TOKENS


def _words(text: str, lower_case: bool) -> Iterator[list[_Character]]:
    for word in _split_at_spaces(text):
        yield from _split_at_punctuation(_without_case(word) if lower_case else word)


def _split_at_spaces(text: str) -> Iterator[list[_Character]]:
    word: list[_Character] = []
    for place, letter in enumerate(text):
        if _is_dropped(letter):
            continue
        character = _Character(letter, place, place + 1)
        apart = _is_cjk(letter)
        if apart or _is_space(letter):
            if word:
                yield word
            word = []
            if apart:
                yield [character]
        else:
            word.append(character)
    if word:
        yield word


def _split_at_punctuation(word: Iterable[_Character]) -> Iterator[list[_Character]]:
    part: list[_Character] = []
    for character in word:
        if _is_punctuation(character.text):
            if part:
                yield part
            part = []
            yield [character]
        else:
            part.append(character)
    if part:
        yield part


def _without_case(word: Sequence[_Character]) -> list[_Character]:
    """Lower case and without accents; a character may become several, and an accent belongs to the one before it."""
    whole = "".join(character.text for character in word).lower()
    # as a whole where possible: the lower case of a sigma depends on its place in the word
    letters = list(whole) if len(whole) == len(word) else [character.text.lower() for character in word]
    result: list[_Character] = []
    for character, lower in zip(word, letters, strict=True):
        for letter in unicodedata.normalize("NFD", lower):
            if unicodedata.category(letter) != "Mn":
                result.append(_Character(letter, character.start, character.end))
            elif result:
                result[-1] = _Character(result[-1].text, result[-1].start, character.end)
    return result


def _is_space(letter: str) -> bool:
    return letter in " \t\n\r" or unicodedata.category(letter) == "Zs"


def _is_dropped(letter: str) -> bool:
    return letter == "\ufffd" or (letter not in "\t\n\r" and unicodedata.category(letter) in ("Cc", "Cf"))


def _is_cjk(letter: str) -> bool:
    return letter > "\u2fff" and any(first <= ord(letter) <= last for first, last in _CJK)


def _is_punctuation(letter: str) -> bool:
    if letter < "\x80":
        return not letter.isalnum() and "!" <= letter <= "~"
    return unicodedata.category(letter).startswith("P")
