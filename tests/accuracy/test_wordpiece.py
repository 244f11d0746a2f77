"""WordPiece against examples made by hand, by the published rules."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.accuracy.preprocessing import TextPreprocessing
from harness.accuracy.wordpiece import (
    WordPiece,
    build_window,
    check_text_preprocessing,
    load_vocabulary,
    window_starts,
)
from harness.errors import DatasetError

TEXT = (
    "[PAD] [UNK] [CLS] [SEP] [MASK] want ##want ##ed wa un runn ##ing , ! ' low ##est lower ##er cafe naive "
    "a ##b ##c b c 中 国 $ % hello world ς ο ##δος ##ς"
)
WORDS = TEXT.split(" ")
VOCABULARY = {word: number for number, word in enumerate(WORDS)}


def pieces(text: str, lower_case: bool = True) -> list[str]:
    return [WORDS[token.token_id] for token in WordPiece(VOCABULARY, lower_case).tokens(text)]


def spans(text: str) -> list[str]:
    return [text[token.start : token.end] for token in WordPiece(VOCABULARY).tokens(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # the first two are those of google-research/bert's own tests
        ("unwanted running", ["un", "##want", "##ed", "runn", "##ing"]),
        ("unwantedX running", ["[UNK]", "runn", "##ing"]),
        ("UNwanTED,running", ["un", "##want", "##ed", ",", "runn", "##ing"]),
        ("", []),
        (" \t\n\r\u00a0 ", []),
        ("lowest lower", ["low", "##est", "lower"]),
        ("abc b", ["a", "##b", "##c", "b"]),
        ("Café naïve", ["cafe", "naive"]),
        ("Cafe\u0301", ["cafe"]),
        ("a中国b", ["a", "中", "国", "b"]),
        ("hello!!'", ["hello", "!", "!", "'"]),
        ("a$%b", ["a", "$", "%", "b"]),
        ("he\u0000l\u200dlo\ufffd", ["hello"]),
        ("[CLS]", ["[UNK]", "[UNK]", "[UNK]"]),
        ("a" * 201, ["[UNK]"]),
        ("ΟΔΟΣ", ["ο", "##δος"]),
    ],
)
def test_pieces(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


def test_with_case_nothing_is_lowered_and_no_accent_lost() -> None:
    assert pieces("hello Hello café", lower_case=False) == ["hello", "[UNK]", "[UNK]"]


def test_offsets_are_those_of_the_text() -> None:
    assert spans("UNwanTED, running!") == ["UN", "wanT", "ED", ",", "runn", "ing", "!"]
    assert spans("Café 中国") == ["Café", "中", "国"]
    assert spans("Cafe\u0301 hello") == ["Cafe\u0301", "hello"]
    assert spans("xyz hello") == ["xyz", "hello"]
    # one capital that is two letters in lower case
    assert spans("\u0130 hello") == ["\u0130", "hello"]


@given(st.text(max_size=60))
def test_any_text_has_tokens_in_order_inside_it(text: str) -> None:
    tokens = WordPiece(VOCABULARY).tokens(text)
    assert all(0 <= token.start < token.end <= len(text) for token in tokens)
    assert all(first.start <= second.start for first, second in itertools.pairwise(tokens))


def test_a_window_is_laid_out_as_published() -> None:
    steps = TextPreprocessing(tokens=12, max_query_tokens=2, stride=3)
    tokenizer = WordPiece(VOCABULARY)
    question = [token.token_id for token in tokenizer.tokens("hello world hello")]
    context = tokenizer.tokens("a b c hello world")
    window = build_window(VOCABULARY, question, context, 0, steps)
    expected = "[CLS] hello world [SEP] a b c hello world [SEP] [PAD] [PAD]"
    assert " ".join(WORDS[n] for n in window.ids) == expected
    assert window.mask.tolist() == [1] * 10 + [0] * 2
    assert window.segments.tolist() == [0] * 4 + [1] * 6 + [0] * 2
    assert window.offsets == (None,) * 4 + ((0, 1), (2, 3), (4, 5), (6, 11), (12, 17)) + (None,) * 3
    assert {array.dtype for array in (window.ids, window.mask, window.segments)} == {np.dtype(np.int32)}


@pytest.mark.parametrize(
    ("context", "stride", "starts"),
    [(7, 3, [0]), (8, 3, [0, 3]), (13, 3, [0, 3, 6]), (20, 50, [0, 7, 14]), (0, 3, [0])],
)
def test_windows_cover_the_context(context: int, stride: int, starts: list[int]) -> None:
    """12 tokens, 2 of the question and 3 special ones leave 7."""
    steps = TextPreprocessing(tokens=12, max_query_tokens=4, stride=stride)
    assert window_starts(2, context, steps) == starts


def test_windows_show_every_token_of_the_context() -> None:
    steps = TextPreprocessing(tokens=16, max_query_tokens=4, stride=5)
    tokenizer = WordPiece(VOCABULARY)
    text = " ".join(["a", "b", "c", "hello"] * 9)
    context = tokenizer.tokens(text)
    windows = [build_window(VOCABULARY, [5], context, at, steps) for at in window_starts(1, len(context), steps)]
    seen = {offset for window in windows for offset in window.offsets if offset is not None}
    assert seen == {(token.start, token.end) for token in context}
    assert all(len(window.ids) == 16 for window in windows)


def test_a_vocabulary_is_read_by_line(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    assert load_vocabulary(path) == VOCABULARY
    path.write_text("hello\nworld\n[UNK]\n")
    with pytest.raises(DatasetError, match=r"lacks \[PAD\], \[CLS\], \[SEP\]"):
        load_vocabulary(path)
    with pytest.raises(DatasetError, match="cannot be read"):
        load_vocabulary(tmp_path / "gone.txt")


@pytest.mark.parametrize(("tokens", "query", "stride"), [(10, 7, 1), (10, 0, 1), (10, 5, 0)])
def test_impossible_settings_are_refused(tokens: int, query: int, stride: int) -> None:
    check_text_preprocessing(TextPreprocessing(tokens=384))
    with pytest.raises(DatasetError, match="not possible"):
        check_text_preprocessing(TextPreprocessing(tokens=tokens, max_query_tokens=query, stride=stride))
