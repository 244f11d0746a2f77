"""`summary.csv` and `metrics.csv`: fixed columns, dot decimals, full precision, empty for missing.

Names in a sweep are hostile input, and a spreadsheet runs a cell that begins with ``=``, ``+``, ``-`` or ``@`` as a
formula (OWASP, "CSV Injection"). Such a text cell gets a leading apostrophe, unless it is a number.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from enum import Enum

import numpy as np

from harness.domain import InvocationRecord, Purpose, ResultRow, RunView, Status, content_id
from harness.units import ns_to_us, us_to_ms

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
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\n")

Cell = str | int | float | None


@dataclass(frozen=True)
class Metric:
    """Where one figure of a row comes from: the column of ResultRow and what it is."""

    column: str
    metric: str
    stat: str
    unit: str
    direction: str
    count: str = ""


_METRICS = (
    Metric("latency_p50_ms", "latency", "p50", "ms", "lower", "invocations"),
    Metric("latency_p90_ms", "latency", "p90", "ms", "lower", "invocations"),
    Metric("latency_ci_low_ms", "latency", "ci_low", "ms", "lower", "invocations"),
    Metric("latency_ci_high_ms", "latency", "ci_high", "ms", "lower", "invocations"),
    Metric("latency_min_ms", "latency", "min", "ms", "lower", "samples"),
    Metric("minimum_detectable_effect_pct", "latency", "minimum_detectable_effect", "%", "lower", "invocations"),
    Metric("init_ms", "init", "p50", "ms", "lower", "invocations"),
    Metric("first_inference_ms", "first_inference", "p50", "ms", "lower", "invocations"),
    Metric("peak_rss_mib", "peak_rss", "value", "MiB", "lower"),
    Metric("pss_mib", "pss", "value", "MiB", "lower"),
    Metric("model_size_mb", "model_size", "value", "MB", "lower"),
    Metric("model_size_gzip_mb", "model_size_gzip", "value", "MB", "lower"),
    Metric("delegated_nodes", "delegated_nodes", "value", "nodes", "higher"),
    Metric("total_nodes", "total_nodes", "value", "nodes", ""),
    Metric("partitions", "partitions", "value", "partitions", "lower"),
    Metric("reference_error", "reference_error", "rmse", "output", "lower"),
    Metric("reference_max_abs", "reference_error", "max_abs", "output", "lower"),
    Metric("reference_cosine", "reference_error", "cosine", "1", "higher"),
    Metric("clock_ghz", "clock", "value", "GHz", "higher"),
    Metric("clock_share", "clock_share", "value", "1", "higher"),
    Metric("temp_start_c", "temperature", "start", "C", "lower"),
    Metric("temp_end_c", "temperature", "end", "C", "lower"),
    Metric("foreign_load", "foreign_load", "value", "1", "lower"),
)


def series_key(row: ResultRow) -> str:
    """What a history is a history of: the same case on the same device, whatever the run."""
    return content_id([row.case_id, row.device])


def summary_csv(rows: Sequence[ResultRow]) -> str:
    """One line a row, in the order of the fields of ResultRow."""
    return _table(SUMMARY_COLUMNS, ([getattr(row, name) for name in SUMMARY_COLUMNS] for row in rows))


def metrics_csv(view: RunView) -> str:
    """One line a figure; each timing invocation's median follows as stat ``invocation_median`` with its block."""
    timed: dict[str, list[InvocationRecord]] = {}
    for record in view.invocations:
        if record.purpose is Purpose.TIMING and record.result.status is Status.DONE:
            timed.setdefault(record.case_id, []).append(record)
    lines = (line for row in view.rows for line in _metric_lines(row, timed.get(row.case_id, [])))
    return _table(METRICS_COLUMNS, lines)


def _metric_lines(row: ResultRow, timed: Sequence[InvocationRecord]) -> Iterator[list[Cell]]:
    identity: list[Cell] = [row.run_id, row.case_id, series_key(row), row.device, row.model, row.variant]
    identity += [row.runtime, row.backend, row.threads]
    for metric in _METRICS:
        value = getattr(row, metric.column)
        if value is not None:
            count = getattr(row, metric.count) if metric.count else None
            yield [*identity, metric.metric, metric.stat, value, metric.unit, metric.direction, count, None]
    yield from ([*identity, *line] for line in _accuracy_lines(row))
    for record in timed:
        samples_ns = record.result.samples_ns
        if samples_ns is not None and samples_ns.size:
            median_ms = us_to_ms(ns_to_us(float(np.median(samples_ns))))
            figure: list[Cell] = ["latency", "invocation_median", median_ms, "ms", "lower", samples_ns.size]
            yield [*identity, *figure, record.block]


def _accuracy_lines(row: ResultRow) -> Iterator[list[Cell]]:
    named = {"top1": row.top1, "top5": row.top5}
    if row.accuracy_metric:
        named[row.accuracy_metric] = row.accuracy
    for name, value in named.items():
        if value is not None:
            yield [name, "value", value, "1", "higher", None, None]


def _table(columns: Sequence[str], lines: Iterable[Iterable[object]]) -> str:
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
