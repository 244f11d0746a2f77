"""The columns of the results table and what stands in them, for the dashboard and for the final table: pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.display.grid import Cell, Column, eighths
from harness.display.labels import backend_label, half_interval_text
from harness.display.marks import mark_of
from harness.display.text import clean, width_of
from harness.domain import ResultRow, Status
from harness.metric_names import is_fraction
from harness.units import format_latency

NONE = "—"
BAR_WIDTH = 10

COLUMNS = (
    Column("model", "Model", 1, 12, 24, hard_min=5),
    Column("variant", "Variant", 3, 13, 16),
    Column("backend", "Backend", 4, 14, 22),
    Column("device", "Device", 5, 10, 22),
    Column("runtime", "Runtime", 8, 10, 24),
    Column("cores", "Cores", 9, 4, 8),
    Column("p50", "p50 ms", 2, 7, 9, right=True),
    Column("half", "± ms", 6, 7, 8, right=True),
    Column("bar", "", 14, BAR_WIDTH, BAR_WIDTH),
    Column("peak", "Peak MiB", 11, 8, 9, right=True),
    Column("size", "Size MB", 12, 7, 8, right=True),
    Column("accuracy", "Accuracy", 10, 8, 9, right=True),
    Column("coverage", "Coverage", 13, 8, 9),
    Column("verdict", "Verdict", 0, 14, 14, hard_min=8),
    Column("reason", "Reason", 7, 24, 400, good_width=48),
)
_ALWAYS = frozenset({"model", "variant", "backend", "p50", "verdict"})
_VARYING = ("device", "runtime", "cores")


@dataclass(frozen=True)
class Scale:
    """What a row is drawn against: the slowest latency of its model and device, by (model, device)."""

    slowest_ms: tuple[tuple[tuple[str, str], float], ...] = ()

    def share(self, row: ResultRow) -> float | None:
        """The row's latency over the slowest of its group, or None without one to compare with."""
        slowest = dict(self.slowest_ms).get((row.model, row.device))
        if row.latency_p50_ms is None or not slowest:
            return None
        return row.latency_p50_ms / slowest


def scale_of(rows: Iterable[ResultRow]) -> Scale:
    """The scale of a table. A group of one row has none: a bar that is always full says nothing."""
    groups: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        if row.latency_p50_ms is not None:
            groups.setdefault((row.model, row.device), []).append(row.latency_p50_ms)
    return Scale(tuple((key, max(values)) for key, values in groups.items() if len(values) > 1))


def shown_columns(rows: Sequence[ResultRow]) -> frozenset[str]:
    """Columns worth showing: those that tell rows apart, and those that hold a value in some row."""
    varying = {name for name in _VARYING if len({_varying_value(row, name) for row in rows}) > 1}
    filled = {
        "half": any(row.latency_ci_low_ms is not None for row in rows),
        "bar": bool(scale_of(rows).slowest_ms),
        "peak": any(row.peak_rss_mib is not None for row in rows),
        "size": any(row.model_size_mb is not None for row in rows),
        "accuracy": any(row.accuracy is not None for row in rows),
        "coverage": any(row.coverage not in ("", "unknown") for row in rows),
        "reason": any(_doubt_text(row, True) for row in rows),
    }
    return _ALWAYS | varying | {name for name, has_value in filled.items() if has_value}


def _varying_value(row: ResultRow, name: str) -> str:
    return {"device": row.device or row.target, "runtime": row.runtime, "cores": row.cores}[name]


def row_cells(row: ResultRow, final: bool, scale: Scale) -> dict[str, Cell]:
    """Text and style of every column of one row; names and reasons are cleaned."""
    mark = mark_of(row, final)
    number = "" if final else "cyan"
    text = "dim" if row.status in (Status.SKIPPED, Status.UNSUPPORTED) else ""
    return {
        "model": (clean(row.model), text),
        "variant": (clean(row.variant), text),
        "backend": (backend_label(clean(row.backend), row.threads), text),
        "device": (clean(row.device or row.target), text),
        "runtime": (clean(row.runtime), "dim"),
        "cores": (clean(row.cores), "dim"),
        "p50": _number(row.latency_p50_ms, format_latency(row.latency_p50_ms), number),
        "half": (half_interval_text(row), "dim"),
        "bar": (_bar_text(row, scale), "blue"),
        "peak": _number(row.peak_rss_mib, f"{row.peak_rss_mib or 0:.1f}"),
        "size": _number(row.model_size_mb, f"{row.model_size_mb or 0:.2f}"),
        "accuracy": _number(row.accuracy, accuracy_text(row)),
        "coverage": _coverage(row),
        "verdict": (mark.text, mark.style),
        "reason": (_doubt_text(row, final), "dim"),
    }


def _doubt_text(row: ResultRow, final: bool) -> str:
    """Why a row is not to be taken at face value; the proof of a good one is left to the reports."""
    return "" if mark_of(row, final).kind in ("good", "busy") else clean(row.reasons)


def accuracy_text(row: ResultRow) -> str:
    """A share of correct answers in percent, any other metric as a plain number."""
    if row.accuracy is None:
        return NONE
    if is_fraction(row.accuracy_metric):
        return f"{100 * row.accuracy:.1f} %"
    return f"{row.accuracy:.4g}"


def _number(value: float | None, text: str, style: str = "") -> Cell:
    return (NONE, "dim") if value is None else (text, style)


def _bar_text(row: ResultRow, scale: Scale) -> str:
    share = scale.share(row)
    return "" if share is None else eighths(share, BAR_WIDTH)


def _coverage(row: ResultRow) -> Cell:
    if row.coverage == "partial" and row.total_nodes:
        return f"{row.delegated_nodes or 0}/{row.total_nodes}", "yellow"
    if row.coverage in ("", "unknown"):
        return NONE, "dim"
    return clean(row.coverage), "" if row.coverage == "full" else "dim"


def natural_widths(
    cells: Sequence[Mapping[str, Cell]], shown: frozenset[str], columns: Sequence[Column] = COLUMNS
) -> list[int]:
    """Cells each column wants; 0 for one that is not shown."""
    return [
        max([width_of(column.header), *(width_of(row[column.name][0]) for row in cells)]) if column.name in shown else 0
        for column in columns
    ]
