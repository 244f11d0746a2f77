"""The history as CSV, one line a night, and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields

from harness.measure.history_series import NightContext, SeriesHistory
from harness.report.csv_files import Cell, csv_table
from harness.report.history.words import change_words

SCHEMA, SCHEMA_VERSION = "on-device-benchmark-harness/history", 1
_SERIES = ("series_id", "series", "device_id", "device_model", "model", "variant", "backend", "metric")
_POINT = ("at", "run_id", "ratio", "ci_low", "ci_high", "measured", "reference", "segment", "verdict", "cause")
_CONTEXT = tuple(field.name for field in fields(NightContext))
COLUMNS = (*_SERIES, *_POINT, *_CONTEXT)


def history_csv(histories: Sequence[SeriesHistory]) -> str:
    """One line a night of a series. `ratio` is chained over re-pinned references, `measured` against that of the
    night."""
    return csv_table(COLUMNS, _lines(histories))


def _lines(histories: Sequence[SeriesHistory]) -> Iterator[list[Cell]]:
    for history in histories:
        series = [getattr(history, name) for name in _SERIES]
        for point in history.points:
            yield [
                *series,
                *(getattr(point, name) for name in _POINT),
                *(getattr(point.context, name) for name in _CONTEXT),
            ]


def history_json(histories: Sequence[SeriesHistory]) -> str:
    """Everything about every series, under a version."""
    told = [
        {**asdict(one), "words": one.words(), "changes": [_change(one, index) for index in range(len(one.changes))]}
        for one in histories
    ]
    document = {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, "series": told}
    return json.dumps(_finite(document), indent=1, allow_nan=False) + "\n"


def _change(history: SeriesHistory, index: int) -> dict[str, object]:
    change = history.changes[index]
    nights = {f"{name}_night": history.day(getattr(change, name)) for name in ("first", "best", "last", "found")}
    return {**asdict(change), **nights, "words": change_words(history, change)}


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
