"""Size, latency and accuracy of each variant of a model, side by side.

Sizes are bars from zero. Latencies spread over decades and accuracies over a few points, where a bar from zero would
hide what matters, so these are dots on their own axes. The numbers at the right are those of the variant's fastest
quotable row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from markupsafe import Markup

from harness.domain import VARIANTS, ResultRow
from harness.metric_names import is_fraction
from harness.report.plots.series import Series, by_model, panel
from harness.report.plots.svg import (
    EMPTY,
    Axis,
    canvas,
    element,
    fraction_axis,
    join,
    linear_axis,
    log_axis,
    marker,
    rules,
    text,
)
from harness.report.plots.tradeoff import quality
from harness.report.wording import WORDS, clip, is_trusted, number, outcome
from harness.units import format_latency

ROWS_SHOWN = 60
WIDTH, LEFT, RIGHT, TOP, PITCH = 360, 98, 308, 24, 26


def variant_charts(rows: Sequence[ResultRow], series: Series) -> list[Markup]:
    """One figure of three charts for each model and device with at least one prepared or measured row."""
    figures = []
    for title, whole in by_model(rows, series.labels):
        group = _thinned(whole)
        order = [*(name for name in VARIANTS if any(row.variant == name for row in group))]
        order += [name for name in dict.fromkeys(row.variant for row in group) if name not in order]
        charts = (_sizes(group, order), _latencies(group, order, series), _qualities(group, order, series))
        if any(charts):
            folded = len(whole) - len(group)
            note = f"the fastest of each variant and backend; {folded:,} slower rows are folded" if folded else ""
            figures.append(panel(title, note, element("div", *charts, class_="trio")))
    return figures


def _thinned(rows: Sequence[ResultRow]) -> Sequence[ResultRow]:
    """With many rows, the fastest of each variant and backend: of those that can be quoted, and of the others."""
    if len(rows) <= ROWS_SHOWN:
        return rows
    best: dict[tuple[str, str, bool], ResultRow] = {}
    for row in sorted(rows, key=lambda row: row.latency_p50_ms or math.inf):
        best.setdefault((row.variant, row.backend, is_trusted(row)), row)
    kept = {row.case_id for row in best.values()}
    return [row for row in rows if row.case_id in kept]


def _sizes(rows: Sequence[ResultRow], order: Sequence[str]) -> Markup:
    sizes = {row.variant: row for row in rows if row.model_size_mb}
    if not sizes:
        return EMPTY
    axis = Axis(0.0, max(row.model_size_mb or 0.0 for row in sizes.values()), LEFT, RIGHT)
    parts = []
    for index, name in enumerate(order):
        row = sizes.get(name)
        if row is None or row.model_size_mb is None:
            continue
        middle = _middle(index)
        end = axis.at(row.model_size_mb)
        parts.append(element("rect", class_="bar", x=LEFT, y=middle - 6, width=end - LEFT, height=12))
        if row.model_size_gzip_mb is not None:
            packed = axis.at(row.model_size_gzip_mb)
            parts.append(element("rect", class_="bar in", x=LEFT, y=middle - 6, width=packed - LEFT, height=12))
        parts.append(text(end + 6, middle + 4, number(row.model_size_mb), "v"))
    return _chart("Size, MB", order, None, parts)


def _latencies(rows: Sequence[ResultRow], order: Sequence[str], series: Series) -> Markup:
    measured = [row for row in rows if row.latency_p50_ms]
    if not measured:
        return EMPTY
    axis = log_axis([row.latency_p50_ms or 1.0 for row in measured], LEFT, RIGHT)
    parts = _dots([(row, row.latency_p50_ms or 1.0) for row in measured], axis, order, series, " ms")
    best = {name: format_latency(row.latency_p50_ms) for name, row in _fastest(rows).items()}
    return _chart("Latency, ms (log)", order, axis, [*parts, *_figures(order, best)])


def _qualities(rows: Sequence[ResultRow], order: Sequence[str], series: Series) -> Markup:
    what = quality(rows)
    points = [(row, value) for row, value in zip(rows, what.values, strict=True) if value is not None]
    if not points or what.kind == "size":
        return EMPTY
    values = [value for _, value in points]
    if is_fraction(what.kind):
        axis = fraction_axis(values, LEFT, RIGHT, 0.06)
    elif what.higher:
        axis = linear_axis(values, LEFT, RIGHT, 0.02 * max(1e-9, *map(abs, values)), 0.06)
    else:
        axis = log_axis([value for value in values if value > 0] or [1.0], LEFT, RIGHT)
    parts = _dots(points, axis, order, series, "")
    own = {row.case_id: value for row, value in points}
    best = {name: what.write(own[row.case_id]) for name, row in _fastest(rows).items() if row.case_id in own}
    parts += _figures(order, best)
    title = what.title if what.higher else f"{what.title} (log)"
    write: Callable[[float], str] = (lambda tick: number(100 * tick, 4)) if is_fraction(what.kind) else number
    return _chart(title[0].upper() + title[1:], order, axis, parts, write)


def _fastest(rows: Sequence[ResultRow]) -> dict[str, ResultRow]:
    """The fastest quotable row of each variant that has one."""
    quoted = sorted(filter(is_trusted, rows), key=lambda row: row.latency_p50_ms or 0.0, reverse=True)
    return {row.variant: row for row in quoted}


def _figures(order: Sequence[str], written: Mapping[str, str]) -> list[Markup]:
    return [text(WIDTH, _middle(order.index(name)) + 4, figure, "v", "end") for name, figure in written.items()]


def _dots(
    points: Sequence[tuple[ResultRow, float]], axis: Axis, order: Sequence[str], series: Series, unit: str
) -> list[Markup]:
    """Each series has a height of its own, so that equal values do not hide each other."""
    count = len(series.styles)
    gap = min(7.0, 14.0 / max(1, count - 1))
    spots = [
        (
            series.style(row),
            "m" if is_trusted(row) else "m hollow",
            axis.at(value),
            _middle(order.index(row.variant)) + (series.style(row) - (count - 1) / 2) * gap,
        )
        for row, value in points
    ]
    told = (f"{series.labels.setup(row)}: {number(value, 4)}{unit}, {WORDS[outcome(row)]}" for row, value in points)
    return [marker(style, x, y, class_, text) for (style, class_, x, y), text in zip(spots, told, strict=True)]


def _middle(index: int) -> float:
    return TOP + PITCH * (index + 0.5)


def _chart(
    title: str,
    order: Sequence[str],
    axis: Axis | None,
    parts: Sequence[Markup],
    write: Callable[[float], str] = number,
) -> Markup:
    bottom = TOP + PITCH * len(order)
    frame = [text(0, 14, title, "h")]
    frame.append(rules(*((LEFT, _middle(index), RIGHT, _middle(index)) for index in range(len(order)))))
    for index, name in enumerate(order):
        frame.append(text(LEFT - 8, _middle(index) + 4, clip(name, 14), "t", "end"))
    if axis:
        ticks = axis.ticks(4)
        frame.append(rules(*((axis.at(tick), TOP, axis.at(tick), bottom) for tick in ticks)))
        frame += [text(axis.at(tick), bottom + 15, write(tick), "t", "middle") for tick in ticks]
    return canvas(WIDTH, bottom + (20 if axis else 4), join(frame), join(parts), label=title)
