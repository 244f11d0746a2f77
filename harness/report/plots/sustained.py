"""A sustained pass over time: latency, clock and temperature, one below the other, a line and a marker a setup."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from markupsafe import Markup

from harness.domain import ResultRow
from harness.measure.sustained import LAST_SHARE, Sustained, SustainedPoint
from harness.report.plots.series import Series, panel
from harness.report.plots.svg import (
    EMPTY,
    Axis,
    canvas,
    color,
    element,
    join,
    linear_axis,
    log_axis,
    marker,
    polyline,
    rules,
    text,
)
from harness.report.wording import number
from harness.units import format_duration, format_latency, s_to_min

WIDTH, LEFT, RIGHT, TOP, GAP = 480, 52, 470, 30, 30
LATENCY_HEIGHT, OTHER_HEIGHT = 170, 78
MARKERS = 10  # on a line: enough to tell it by

_Value = Callable[[SustainedPoint], float | None]


@dataclass(frozen=True)
class _Strip:
    """One quantity; it spans at least `least_share` of its middle, so that noise is not drawn large."""

    title: str
    unit: str
    of: _Value
    height: float
    least_share: float
    write: Callable[[float], str]


_LATENCY = _Strip("latency", "ms", lambda point: point.median_ms, LATENCY_HEIGHT, 0.05, format_latency)
_SHARE = _Strip(
    "clock", "% of the highest", lambda point: _pct(point.clock_share), OTHER_HEIGHT, 0.1, partial(number, digits=3)
)
_CLOCK = _Strip("clock", "GHz", lambda point: point.clock_ghz, OTHER_HEIGHT, 0.1, partial(number, digits=3))
_TEMPERATURE = _Strip("temperature", "°C", lambda point: point.temp_c, OTHER_HEIGHT, 0.1, partial(number, digits=3))


def _pct(share: float | None) -> float | None:
    return None if share is None else 100 * share


def sustained_panel(title: str, rows: Sequence[ResultRow], passes: Mapping[str, Sustained], series: Series) -> Markup:
    """A figure of the passes of `rows`, which share an axis of minutes; `passes` is by case id."""
    end_s = max(passes[row.case_id].duration_s for row in rows)
    points = [point for row in rows for point in passes[row.case_id].points]
    strips = [_LATENCY, *_known((_SHARE, _CLOCK), points), *_known((_TEMPERATURE,), points)]
    x = Axis(0.0, end_s, LEFT, RIGHT)
    parts, top = [_windows(passes[rows[0].case_id], x)], float(TOP)
    for strip in strips:
        parts.append(_drawn(strip, rows, passes, series, x, top))
        top += strip.height + GAP
    bottom = top - GAP
    parts.append(_times(end_s, bottom))
    label = f"{title}: {', '.join(strip.title for strip in strips)} over {format_duration(end_s)}"
    return panel(title, "", canvas(WIDTH, bottom + 36, join(parts), label=label))


def _times(end_s: float, bottom: float) -> Markup:
    """Ticks below the strips: in minutes, or in seconds where the pass is short."""
    unit, end = ("minutes", s_to_min(end_s)) if end_s > 180 else ("seconds", end_s)
    axis = Axis(0.0, end, LEFT, RIGHT)
    ticks = [text(axis.at(tick), bottom + 16, number(tick), "t", "middle") for tick in axis.ticks(6)]
    return join([*ticks, text(RIGHT, bottom + 32, f"{unit} →", "t", "end")])


def _known(strips: Sequence[_Strip], points: Sequence[SustainedPoint]) -> list[_Strip]:
    """The first of `strips` that the device told, if any."""
    return [strip for strip in strips if any(_finite(strip.of(point)) for point in points)][:1]


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _windows(found: Sustained, x: Axis) -> Markup:
    """The two stretches that are compared, behind the latency."""
    last_s = (1 - LAST_SHARE) * found.duration_s
    parts = []
    for begin_s, end_s in ((0.0, found.first_s), (last_s, found.duration_s)):
        left, right = x.at(begin_s), x.at(end_s)
        parts.append(element("rect", class_="band", x=left, y=TOP, width=right - left, height=LATENCY_HEIGHT))
    return join(parts)


def _drawn(
    strip: _Strip, rows: Sequence[ResultRow], passes: Mapping[str, Sustained], series: Series, x: Axis, top: float
) -> Markup:
    known = [
        (row, [(point.middle_s, value) for point in passes[row.case_id].points if _finite(value := strip.of(point))])
        for row in rows
    ]
    values = [value for _, line in known for _, value in line if value is not None]
    y = _axis(strip, values, top)
    ticks = y.ticks(4 if strip.height > OTHER_HEIGHT else 2)
    parts = [text(0, top - 8, f"{strip.title}, {strip.unit}{' (log)' if y.log else ''}", "h")]
    parts.append(rules(*((LEFT, y.at(tick), RIGHT, y.at(tick)) for tick in ticks)))
    parts += [text(LEFT - 6, y.at(tick) + 4, number(tick, 4), "t", "end") for tick in ticks]
    parts.append(rules((LEFT, top + strip.height, RIGHT, top + strip.height), class_="a"))
    return join([*parts, *(_line(row, line, strip, series, x, y) for row, line in known if line)])


def _axis(strip: _Strip, values: Sequence[float], top: float) -> Axis:
    """Logarithmic for latencies that lie far apart: the same slowing has then the same height on each."""
    bottom, least = top + strip.height - 4, abs(max(values) + min(values)) / 2 * strip.least_share
    if strip is _LATENCY and max(values) > 2 * min(values):
        return log_axis(values, bottom, top + 4, 1.1)
    return linear_axis(values, bottom, top + 4, max(least, 1e-9), 0.06)


def _line(
    row: ResultRow, line: Sequence[tuple[float, float | None]], strip: _Strip, series: Series, x: Axis, y: Axis
) -> Markup:
    style = series.style(row)
    spots = [(x.at(at_s), y.at(value), at_s, value) for at_s, value in line if value is not None]
    path = element("path", class_=f"{color(style)} w", d=polyline((left, top) for left, top, _, _ in spots))
    step = max(1, len(spots) // MARKERS)
    name = series.labels.setup(row)
    marks = (
        marker(style, left, top, "m", f"{name}: {strip.write(value)} {strip.unit} after {format_duration(at_s)}")
        for left, top, at_s, value in spots[step // 2 :: step]
    )
    return join((path, *marks)) if spots else EMPTY
