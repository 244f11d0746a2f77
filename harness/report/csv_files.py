"""`summary.csv` and `metrics.csv`: fixed columns, dot decimals, full precision, empty for missing.

Names in a sweep are hostile input, and a spreadsheet runs a cell that begins with ``=``, ``+``, ``-`` or ``@`` as a
formula (OWASP, "CSV Injection"). Such a text cell gets a leading apostrophe, unless it is a number.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from enum import Enum

from harness.domain import InvocationRecord, OutputsCheck, Purpose, ResultRow, RunView, Status
from harness.figures import OF_ACCURACY, accuracy_key, metrics_of, series_key
from harness.metric_names import metric_unit

SUMMARY_COLUMNS = tuple(field.name for field in fields(ResultRow))
METRICS_COLUMNS = (
    "run_id",
    "case_id",
    "series_key",
    "device",
    "model",
    "variant",
    "runtime",
    "backend",
    "threads",
    "metric",
    "stat",
    "value",
    "unit",
    "direction",
    "n",
    "block",
)
_OWN_COLUMNS = ("top1", "top5")  # they are figures of the row
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\n")

Cell = str | int | float | None


def summary_csv(rows: Sequence[ResultRow]) -> str:
    """One line a row, in the order of the fields of ResultRow."""
    return csv_table(SUMMARY_COLUMNS, ([getattr(row, name) for name in SUMMARY_COLUMNS] for row in rows))


def metrics_csv(view: RunView) -> str:
    """One line a figure; each timing invocation's median follows as stat ``invocation_median`` with its block."""
    timed: dict[str, list[InvocationRecord]] = {}
    for record in view.invocations:
        if record.purpose is Purpose.TIMING and record.result.status is Status.DONE:
            timed.setdefault(record.case_id, []).append(record)
    cases = {case.case_id: case for case in view.cases}
    facts = {one.device_id: one for one in view.facts}
    lines = (
        line
        for row in view.rows
        for line in _metric_lines(
            row,
            series_key(row, cases[row.case_id], facts.get(row.device_id)),
            timed.get(row.case_id, []),
            view.checks.get(row.case_id),
        )
    )
    return csv_table(METRICS_COLUMNS, lines)


def _identity(row: ResultRow, key: int) -> list[Cell]:
    """What all lines of a row begin with. The key in hexadecimal: a spreadsheet would round its 63 bits."""
    place: list[Cell] = [row.run_id, row.case_id, f"{key:016x}", row.device, row.model, row.variant]
    return [*place, row.runtime, row.backend, row.threads]


def _metric_lines(
    row: ResultRow, key: int, timed: Sequence[InvocationRecord], check: OutputsCheck | None
) -> Iterator[list[Cell]]:
    accuracy = check.accuracy if check is not None else None
    identity = _identity(row, key)
    scored = _identity(row, accuracy_key(key, row, accuracy.dataset_id if accuracy is not None else ""))
    for one in metrics_of(row):
        of_row = scored if one.name in OF_ACCURACY else identity
        yield [*of_row, one.name, one.stat, one.value, one.unit, one.direction, one.n, None]
    for name, value in accuracy.metrics.items() if accuracy is not None else ():
        if name not in _OWN_COLUMNS:
            direction = row.accuracy_direction if name == row.accuracy_metric else ""
            yield [*scored, name, "value", value, metric_unit(name), direction, row.accuracy_samples, None]
    from harness.measure import median_ms, sample_count  # most that write tables write no metrics

    for record in timed:
        typical_ms = median_ms(record.result)
        if typical_ms is not None:
            count = sample_count(record.result)
            figure: list[Cell] = ["latency", "invocation_median", typical_ms, "ms", "lower", count]
            yield [*identity, *figure, record.block]


def csv_table(columns: Sequence[str], lines: Iterable[Iterable[object]]) -> str:
    """CSV text in which no cell is a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in line] for line in lines)
    return buffer.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, float):
        return repr(float(value)) if math.isfinite(value) else ""
    # csv quotes a carriage return from 3.13 on only, and writes a NUL, which few readers take, from 3.11 on only.
    text = str(value).replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return f"'{text}" if text.startswith(_FORMULA_STARTS) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.strip() == text
