from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.display.text import clean, fit, width_of
from tests.display.builders import HOSTILE

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)


@given(ANY_TEXT)
def test_clean_text_cannot_steer_a_terminal(text: str) -> None:
    out = clean(text)
    assert not [char for char in out if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    out.encode()


@given(ANY_TEXT)
def test_clean_is_idempotent(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred", "red"),
        ("\x1bPq#0;2\x1b\\done", "done"),
        ("a\nb\r\n\tc", "a b c"),
        ("[bold]x[/bold]", "[bold]x[/bold]"),
        ("a\u202eb\u200bc", "abc"),
        ("  x  ", "x"),
        ("z" + "\u0308" * 40, "z\u0308\u0308"),
        ("a\ud800b", "ab"),
    ],
)
def test_clean_examples(text: str, expected: str) -> None:
    assert clean(text) == expected


def test_clean_cuts_what_no_one_reads() -> None:
    assert len(clean("x" * 10**6)) == 2000


@given(ANY_TEXT, st.integers(0, 40), st.booleans())
def test_fit_gives_exactly_the_width(text: str, width: int, right: bool) -> None:
    assert width_of(fit(clean(text), width, right=right)) == width


def test_fit_marks_what_it_cut() -> None:
    assert fit("mobilenet", 6) == "mobil…"
    assert fit("日本語", 4) == "日… "
    assert fit("12", 4, right=True) == "  12"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_fit(text: str) -> None:
    assert width_of(fit(clean(text), 12)) == 12
