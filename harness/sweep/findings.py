"""What is wrong with a sweep file: one line per finding, in the order of the file."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.errors import SweepFileError

KeyPath = tuple[str | int, ...]

_MAX_SHOWN = 100
_MAX_WORD = 80


@dataclass(frozen=True, order=True)
class Place:
    """Where a value stands; lines and columns count from 1. `rank` is 0 in the file, n in the n-th ``--set``."""

    rank: int
    line: int
    column: int
    label: str


@dataclass(frozen=True, order=True)
class Finding:
    """One fault. `path` is the dotted way to the value, as ``--set`` writes it; empty for the file as a whole."""

    place: Place
    path: str
    text: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.place.label, self.path, self.text) if part)


def dotted(path: KeyPath) -> str:
    """``backends.0.cpu.threads``; a key that is not printable is escaped."""
    return ".".join(printable(str(part)) for part in path)


def printable(text: str) -> str:
    """`text` on one line without control characters, shortened, so that a hostile file cannot drive the terminal."""
    short = text if len(text) <= _MAX_WORD else text[: _MAX_WORD - 1] + "…"
    return short if short.isprintable() else short.encode("unicode_escape", "backslashreplace").decode("ascii")


def suggestion(word: str, options: Iterable[str]) -> str:
    """``; did you mean 'x'?`` for the closest of `options`, or nothing when none is close."""
    if len(word) > _MAX_WORD:
        return ""
    by_plain = {_plain(option): option for option in options}
    close = difflib.get_close_matches(_plain(word), by_plain, n=1)
    return f"; did you mean '{by_plain[close[0]]}'?" if close else ""


def _plain(word: str) -> str:
    return word.lower().replace("-", "_").replace(" ", "_")


def error_of(findings: Sequence[Finding]) -> SweepFileError:
    """One error with all findings, first in the file first. The list is cut at a hundred lines."""
    lines = [str(finding) for finding in sorted(set(findings))]
    if len(lines) > _MAX_SHOWN:
        lines[_MAX_SHOWN:] = [f"and {len(lines) - _MAX_SHOWN} more"]
    return SweepFileError("\n".join(lines), remedy="docs/sweep_file.md describes every key.")
