"""How a row's outcome is shown: a glyph, a word and a colour, so that no meaning hangs on colour alone. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from harness.domain import ResultRow, Status, Verdict


@dataclass(frozen=True)
class Mark:
    """How one outcome looks.

    `kind` is ``good``, ``doubt`` (a number with a reservation), ``bad`` (none, or a wrong one), ``plain`` or ``busy``.

    `rank` orders rows, lowest first: what needs a person on top.
    """

    glyph: str
    word: str
    style: str
    kind: str
    rank: int

    @property
    def text(self) -> str:
        """Glyph and word."""
        return f"{self.glyph} {self.word}"


MEASURING = Mark("·", "measuring", "cyan", "busy", 40)

_MARKS = [
    (Status.CRASHED, "✗", "bold red", "bad"),
    (Status.OOM, "✗", "bold red", "bad"),
    (Status.FAILED, "✗", "bold red", "bad"),
    (Status.TIMEOUT, "✗", "bold red", "bad"),
    (Status.OFFLINE, "✗", "bold red", "bad"),
    (Verdict.WRONG_OUTPUT, "✗", "bold red", "bad"),
    (Verdict.FELL_BACK, "!", "magenta", "doubt"),
    (Verdict.THROTTLED, "!", "yellow", "doubt"),
    (Verdict.NOISY, "!", "yellow", "doubt"),
    (Verdict.UNVERIFIED, "?", "blue", "doubt"),
]
_LAST_MARKS = [
    (Verdict.TRUSTED, "✓", "green", "good"),
    (Status.INTERRUPTED, "-", "yellow", "plain"),
    (Status.UNSUPPORTED, "-", "dim", "plain"),
    (Status.SKIPPED, "-", "dim", "plain"),
]
_BY_WORD = {
    str(word): Mark(glyph, str(word), style, kind, rank)
    for start, marks in ((0, _MARKS), (50, _LAST_MARKS))
    for rank, (word, glyph, style, kind) in enumerate(marks, start)
}
_NO_VERDICT = Mark("?", "DONE", "blue", "doubt", 39)

# These stand from the first evidence on; a wide interval or a missing audit may still mend itself in later blocks.
_EARLY = frozenset({Verdict.WRONG_OUTPUT, Verdict.FELL_BACK})


def mark_of(row: ResultRow, final: bool = True) -> Mark:
    """The mark of a row: its status unless DONE, else its verdict; ``measuring`` while it is provisional."""
    if not final and row.status in (Status.DONE, Status.INTERRUPTED) and row.verdict not in _EARLY:
        return MEASURING
    if row.status is not Status.DONE:
        return _BY_WORD[str(row.status)]
    return _NO_VERDICT if row.verdict is None else _BY_WORD[str(row.verdict)]


def mark_named(word: str) -> Mark:
    """The mark of a status or verdict by its word."""
    return _BY_WORD.get(word, _NO_VERDICT)
