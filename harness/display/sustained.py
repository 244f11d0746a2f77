"""The live plot of a sustained pass: latency and temperature against time, in block characters. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.display.grid import Line, segment
from harness.display.labels import case_label
from harness.display.state import DashboardState, Lane
from harness.display.text import clean, fit, width_of
from harness.domain import Purpose
from harness.events import SustainedProgress
from harness.units import format_duration, format_latency

PLOT_LINES = 6  # title, heads, and the bars
_SIDE_BY_SIDE, _GAP, _LABEL = 72, 3, 7
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_NONE_YET = "·"


@dataclass(frozen=True)
class _Quantity:
    """What a chart shows, how a value is written, and the least range that it is drawn over, as a share of it."""

    name: str
    unit: str
    of: Callable[[SustainedProgress], float | None]
    write: Callable[[float], str]
    least_share: float
    style: str

    def points(self, seen: Sequence[SustainedProgress]) -> list[tuple[float, float]]:
        """(seconds, value) of what is known."""
        found = [(one.elapsed_s, self.of(one)) for one in seen]
        return [(at_s, value) for at_s, value in found if value is not None and math.isfinite(value + at_s)]


_LATENCY = _Quantity("latency", "ms", lambda one: one.median_ms, format_latency, 0.05, "cyan")
_OTHERS = (
    _Quantity("temperature", "°C", lambda one: one.temp_c, lambda value: f"{value:.1f}", 0.1, "yellow"),
    _Quantity("clock", "GHz", lambda one: one.clock_ghz, lambda value: f"{value:.2f}", 0.1, "magenta"),
)


def sustained_lanes(state: DashboardState) -> list[Lane]:
    """The lanes whose present or last task is a sustained pass; none once the run is over."""
    if state.end is not None:
        return []
    return [lane for lane in state.lanes.values() if lane.purpose is Purpose.SUSTAINED and lane.case is not None]


def sustained_lines(lane: Lane, width: int, height: int, *, with_device: bool) -> list[Line]:
    """The plot of one lane in at most `height` lines of at most `width` cells; empty where it would show nothing."""
    if height < 3 or width < 20:
        return []
    out = [_title(lane, width, with_device)]
    if not lane.sustained:
        return [*out, (segment(fit("The first point comes with the first slice.", width), "dim"),)]
    wanted_s, rows = lane.sustained[-1].wanted_s, height - 2
    second = next((other for other in _OTHERS if other.points(lane.sustained)), None)
    if second is None or width < _SIDE_BY_SIDE:
        return [*out, *_chart(_LATENCY, lane.sustained, width, rows, wanted_s)]
    left = (width - _GAP) * 3 // 5
    charts = (
        _chart(_LATENCY, lane.sustained, left, rows, wanted_s),
        _chart(second, lane.sustained, width - _GAP - left, rows, wanted_s),
    )
    return [*out, *((*one, segment(" " * _GAP), *other) for one, other in zip(*charts, strict=True))]


def progress_text(lane: Lane) -> str:
    """``14.82 ms, 41.5 °C``: the last slice; empty before the first."""
    if not lane.sustained:
        return ""
    seen = [(one, one.points(lane.sustained[-1:])) for one in (_LATENCY, *_OTHERS)]
    return ", ".join(f"{one.write(points[0][1])} {one.unit}" for one, points in seen if points)


def _title(lane: Lane, width: int, with_device: bool) -> Line:
    assert lane.case is not None
    head, device = "Sustained ", f"{clean(lane.device_id)}: " if with_device else ""
    told = f"{device}{clean(case_label(lane.case))} {_progress(lane)}"
    told = fit(told, min(width_of(told), width - len(head)))
    rule = " " + "─" * max(0, width - len(head) - width_of(told) - 1) if width_of(told) < width - len(head) else ""
    return (segment(head, "bold"), segment(told), segment(rule, "dim"))


def _progress(lane: Lane) -> str:
    if not lane.sustained or not math.isfinite(lane.sustained[-1].elapsed_s + lane.sustained[-1].wanted_s):
        return ""
    last = lane.sustained[-1]
    return f"· {format_duration(min(last.elapsed_s, last.wanted_s))} of {format_duration(last.wanted_s)}"


def _chart(
    quantity: _Quantity, seen: Sequence[SustainedProgress], width: int, rows: int, wanted_s: float
) -> list[Line]:
    """A head, then `rows` lines of bars, each exactly `width` cells."""
    points = quantity.points(seen)
    if not points or not (math.isfinite(wanted_s) and wanted_s > 0):
        return [(segment(" " * width),)] * (rows + 1)
    head = fit(_head(quantity, points), width)
    values = [value for _, value in points]
    middle = (min(values) + max(values)) / 2
    reach = max((max(values) - min(values)) / 2 * 1.1, abs(middle) * quantity.least_share / 2, 1e-12)
    low, high = middle - reach, middle + reach
    columns = _columns(points, width - _LABEL - 1, wanted_s)
    heights = [None if value is None else (value - low) / (high - low) * rows for value in columns]
    labels = [quantity.write(high), *[""] * (rows - 2), quantity.write(low)] if rows > 1 else [""]
    bars = [
        (
            segment(fit(label, _LABEL, right=True) + " ", "dim"),
            segment("".join(_cell(height, rows - 1 - row) for height in heights), quantity.style),
        )
        for row, label in enumerate(labels)
    ]
    return [(segment(head),), *bars]


def _head(quantity: _Quantity, points: Sequence[tuple[float, float]]) -> str:
    first, last = points[0][1], points[-1][1]
    times = f" ({last / first:.2f} times)" if quantity is _LATENCY and first > 0 else ""
    return f"{quantity.name}, {quantity.unit}: {quantity.write(first)} → {quantity.write(last)}{times}"


def _columns(points: Sequence[tuple[float, float]], count: int, wanted_s: float) -> list[float | None]:
    """One value a column of time: the mean of its points; a gap holds the value before it, the future is None."""
    found: list[list[float]] = [[] for _ in range(max(1, count))]
    for at_s, value in points:
        # A slice is known at its end, so it belongs to the column that ends there.
        place = math.ceil(at_s / wanted_s * len(found)) - 1
        found[min(len(found) - 1, max(0, place))].append(value)
    last = max(index for index, values in enumerate(found) if values)
    out: list[float | None] = []
    held = points[0][1]
    for index, values in enumerate(found):
        held = sum(values) / len(values) if values else held
        out.append(held if index <= last else None)
    return out


def _cell(height: float | None, row: int) -> str:
    """The part of a bar of `height` rows that lies in `row`, counted from the bottom."""
    if height is None:
        return _NONE_YET if row == 0 else " "
    eighths = round(8 * (height - row))
    return _EIGHTHS[min(8, max(1 if row == 0 else 0, eighths))]
