"""The rows as compact JSON: the page holds each figure once, and its script lays out the rows that are looked at.

A column is ``{"all": value}`` when it says the same everywhere, ``{"of": [distinct values], "at": "…"}`` when few
values repeat (one letter of `LETTERS` a row, two where there are more values than letters), else a list.
"""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any

from harness.domain import ResultRow
from harness.report.csv_files import SUMMARY_COLUMNS
from harness.report.table import Column, Line, speedups_over_float32
from harness.report.wording import NOT_RUN, half_width_pct, is_trusted, order, outcome, visible

LETTERS = string.ascii_letters + string.digits + "-_"
DIGITS = 7  # of a figure: nanoseconds of a latency below 10 ms; summary.csv has all that there are
Value = str | int | float | None


def table_data(rows: Sequence[ResultRow], columns: Sequence[Column], lines: Sequence[Line]) -> dict[str, object]:
    """What the script of the page needs of the rows.

    ``columns`` holds those of summary.csv (the first ``summary_columns``) and three derived ones to sort by, ``cells``
    the texts of the table, ``names`` how many of these are names, ``words`` the glyph and the word of each outcome.
    """
    columns_of_rows = {name: packed([getattr(row, name) for row in rows]) for name in SUMMARY_COLUMNS}
    shown = [(line.outcome, line.glyph, line.word) for line in lines]
    return {
        "rows": len(rows),
        "summary_columns": len(SUMMARY_COLUMNS),
        "columns": {
            **columns_of_rows,
            "interval_pct": packed([_to_sort_by(half_width_pct(row)) for row in rows]),
            "speedup": packed([_to_sort_by(value) for value in speedups_over_float32(rows)]),
            "outcome": packed([outcome(row) for row in rows]),
        },
        "cells": [packed([line.cells[index] for line in lines], visible) for index in range(len(columns))],
        "reasons": packed([line.reasons for line in lines], visible),
        "bars": packed([line.bar_pct for line in lines]),
        "quotable": packed([int(line.trusted) for line in lines]),
        "words": _words(shown),
    }


def _words(shown: Sequence[tuple[str, str, str]]) -> Mapping[str, tuple[str, str]]:
    return {name: (glyph, word) for name, glyph, word in dict.fromkeys(shown)}


def packed(values: Sequence[Any], write: Callable[[Any], Value] | None = None) -> object:
    """One column in the smallest of the three forms; `write` makes JSON of each distinct value."""
    write = write or _plain
    written = {value: write(value) for value in dict.fromkeys(values)}
    if len(written) == 1:
        return {"all": next(iter(written.values()))}
    if not values or 2 * len(written) > len(values) or len(written) > len(LETTERS) ** 2:
        return [written[value] for value in values]
    wide = len(written) > len(LETTERS)
    code = {value: _code(position, wide) for position, value in enumerate(written)}
    return {"of": list(written.values()), "at": "".join(map(code.__getitem__, values))}


def _code(position: int, wide: bool) -> str:
    high, low = divmod(position, len(LETTERS))
    return LETTERS[high] + LETTERS[low] if wide else LETTERS[low]


def _rounded(value: float, digits: int = DIGITS) -> float | None:
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None


def _to_sort_by(value: float | None) -> float | None:
    """A derived figure that no one reads."""
    return None if value is None else _rounded(value, 5)


def _plain(value: object) -> Value:
    if isinstance(value, float):
        return _rounded(value)
    if isinstance(value, Enum):
        return str(value.value)
    return value if value is None or isinstance(value, (int, str)) else str(value)


def rows_without_script(rows: Sequence[ResultRow], most: int) -> list[int]:
    """Indices of the rows that the page lists before, and without, its script; at most about `most`.

    All where they are few. Else the fastest quotable row of each model and device, and those that cannot be quoted,
    the worst first.
    """
    if len(rows) <= most:
        return list(range(len(rows)))
    best: dict[tuple[str, str, str], int] = {}
    for index, row in enumerate(rows):
        key = (row.model, row.device, row.target)
        if is_trusted(row) and (key not in best or _ms(row) < _ms(rows[best[key]])):
            best[key] = index
    kept = list(best.values())[: most // 2]
    doubtful = [index for index, row in enumerate(rows) if not is_trusted(row)]
    doubtful.sort(key=lambda index: (rows[index].status in NOT_RUN, -order(outcome(rows[index]))))
    return sorted({*kept, *doubtful[: most - len(kept)]})


def _ms(row: ResultRow) -> float:
    return row.latency_p50_ms if row.latency_p50_ms is not None else math.inf
