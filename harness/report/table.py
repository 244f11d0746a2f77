"""The results table of the page: its columns, and what its cells say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.domain import ResultRow
from harness.metric_names import metric_label
from harness.report.wording import (
    Labels,
    clip,
    half_width_pct,
    is_trusted,
    number,
    outcome,
    percent,
    score,
    shortened,
)
from harness.units import format_latency

GLYPHS = {
    "TRUSTED": "✓",
    "UNVERIFIED": "?",
    "NOISY": "≈",
    "THROTTLED": "↓",
    "FELL_BACK": "↩",
    "WRONG_OUTPUT": "✗",
    "DONE": "?",
    "SKIPPED": "–",
    "UNSUPPORTED": "–",
}


@dataclass(frozen=True)
class Column:
    """A column of the table: its title, the column of the data it sorts by, and what to know of it."""

    title: str
    key: str
    hint: str = ""


@dataclass(frozen=True)
class Line:
    """One row as text, with its worst reason where it cannot be quoted.

    `bar_pct` is the latency's share of the slowest quotable one of the same model, at most 100.
    """

    outcome: str
    glyph: str
    word: str
    reasons: str
    cells: tuple[str, ...]
    bar_pct: int | None
    trusted: bool


def columns(rows: Sequence[ResultRow], labels: Labels) -> tuple[Column, ...]:
    """The columns worth showing for these rows."""
    device = (Column("Device", "device"),) if labels.places_vary else ()
    metrics = {row.accuracy_metric for row in rows if row.accuracy is not None}
    return (
        Column("Model", "model"),
        Column("Variant", "variant"),
        Column("Backend", "backend"),
        *device,
        Column("Latency, ms", "latency_p50_ms", "20 % trimmed mean over the invocations of each one's median"),
        Column("±", "interval_pct", "The 95 % interval over invocations, as a share of the latency"),
        Column("p90, ms", "latency_p90_ms"),
        Column("× float32", "speedup", "Speed against float32 on the same backend; both must be trusted"),
        Column(_accuracy_title(metrics), "accuracy"),
        Column("Ref. error", "reference_error", "RMSE of the outputs against the float source model"),
        Column("Size, MB", "model_size_mb"),
        Column("Memory, MiB", "peak_rss_mib", "Peak resident memory, from a pass of its own"),
        Column("Delegated", "delegated_nodes", "Nodes of the graph that the delegate took"),
    )


def _accuracy_title(metrics: set[str]) -> str:
    if len(metrics) != 1:
        return "Accuracy"
    label = metric_label(next(iter(metrics)))
    return label[:1].upper() + label[1:]


def lines(rows: Sequence[ResultRow], labels: Labels, words: Mapping[str, str]) -> list[Line]:
    """The rows in their order."""
    slowest = _slowest_ms(rows)
    speedups = speedups_over_float32(rows)
    return [_line(row, labels, words, slowest, speedup) for row, speedup in zip(rows, speedups, strict=True)]


def _line(
    row: ResultRow, labels: Labels, words: Mapping[str, str], slowest: Mapping[object, float], speedup: float | None
) -> Line:
    name = outcome(row)
    width = half_width_pct(row)
    scale_ms = slowest.get((row.model, row.device, row.target))
    bar_pct = None
    if row.latency_p50_ms and scale_ms:
        bar_pct = min(100, max(1, round(100 * row.latency_p50_ms / scale_ms)))
    cells = (
        row.model,
        row.variant,
        labels.setup(row),
        *((labels.place(row),) if labels.places_vary else ()),
        format_latency(row.latency_p50_ms),
        "—" if width is None else percent(width),
        format_latency(row.latency_p90_ms),
        "—" if speedup is None else f"{speedup:.2f}" if speedup < 100 else f"{speedup:,.0f}",
        score(row.accuracy_metric, row.accuracy),
        number(row.reference_error, 2, pad=True),
        number(row.model_size_mb, pad=True),
        number(row.peak_rss_mib, pad=True),
        _coverage(row),
    )
    return Line(
        name,
        GLYPHS.get(name, "!"),
        words[name],
        "" if is_trusted(row) else shortened(row.reasons),
        cells,
        bar_pct,
        is_trusted(row),
    )


def _coverage(row: ResultRow) -> str:
    if row.delegated_nodes is None or row.total_nodes is None:
        return clip(row.coverage, 10) or "—"
    return f"{row.delegated_nodes}/{row.total_nodes}"


def _slowest_ms(rows: Sequence[ResultRow]) -> dict[object, float]:
    """The slowest quotable latency of each model and device, or the slowest of all where none is quotable."""
    found: dict[object, tuple[bool, float]] = {}
    for row in rows:
        if row.latency_p50_ms:
            key = (row.model, row.device, row.target)
            found[key] = max(found.get(key, (False, 0.0)), (is_trusted(row), row.latency_p50_ms))
    return {key: latency_ms for key, (_, latency_ms) in found.items()}


def speedups_over_float32(rows: Sequence[ResultRow]) -> list[float | None]:
    """How many times as fast as float32 with all else equal; None unless both rows can be quoted."""
    floats = {_alike(row): row.latency_p50_ms for row in rows if row.variant == "float32" and is_trusted(row)}
    return [_ratio(floats.get(_alike(row)), row.latency_p50_ms) if is_trusted(row) else None for row in rows]


def _alike(row: ResultRow) -> tuple[object, ...]:
    return row.model, row.device, row.target, row.backend, row.threads, row.cores, row.runtime, row.runtime_version


def _ratio(reference_ms: float | None, latency_ms: float | None) -> float | None:
    return reference_ms / latency_ms if reference_ms and latency_ms else None
