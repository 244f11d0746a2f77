"""Latency against accuracy, with the Pareto front of the rows that can be quoted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from harness.domain import ResultRow
from harness.figures import LOWER
from harness.metric_names import is_fraction, metric_label
from harness.report import pareto
from harness.report.plots.series import Series, by_model, panel
from harness.report.plots.svg import (
    EMPTY,
    Axis,
    canvas,
    color,
    compact,
    element,
    fraction_axis,
    join,
    linear_axis,
    log_axis,
    marker,
    markers,
    rules,
    text,
)
from harness.report.reduce import Distribution
from harness.report.wording import (
    WORDS,
    clip,
    is_trusted,
    number,
    outcome,
    plural,
    score,
)
from harness.units import format_latency

WIDTH, HEIGHT = 480, 340
LEFT, RIGHT, TOP, BOTTOM = 56, 466, 28, 294
_CHARACTER = 7.1
POINTS_NAMED = 30
POINTS_WHOLE = 60  # of a panel, with whiskers and tooltips


@dataclass(frozen=True)
class Quality:
    """What the vertical axis shows. `value` is None for a row that has none; `higher` is True when more is better."""

    kind: str
    title: str
    note: str
    higher: bool
    values: tuple[float | None, ...]

    def score(self, value: float) -> float:
        """Higher is better."""
        return value if self.higher else -value

    def write(self, value: float) -> str:
        """The value for people."""
        return score(self.kind, value)


def tradeoffs(rows: Sequence[ResultRow], spreads: Mapping[str, Distribution], series: Series) -> list[Markup]:
    """One panel for each model and device with at least one measured row."""
    panels = []
    for title, group in by_model(rows, series.labels):
        measured = [row for row in group if row.latency_p50_ms]
        if measured:
            panels.append(_tradeoff(title, measured, spreads, series))
    return panels


def quality(rows: Sequence[ResultRow]) -> Quality:
    """Accuracy where rows have it, else the error against the float reference, else the size of the model file.

    A row is only ever placed by its own figure: one without accuracy is left out, never given another variant's.
    """
    metric = next((row.accuracy_metric for row in rows if row.accuracy is not None), "")
    if metric:
        values = tuple(row.accuracy if row.accuracy_metric == metric else None for row in rows)
        higher = not any(row.accuracy_direction == LOWER for row in rows)
        return Quality(metric, clip(metric_label(metric), 24), "" if higher else "lower is better", higher, values)
    why = "random weights" if any(row.weights == "random" for row in rows) else "no accuracy task"
    errors = tuple(row.reference_error for row in rows)
    if any(value is not None for value in errors):
        note = f"{why}: outputs against the float reference instead of accuracy"
        return Quality("error", "RMSE against the float reference", note, False, errors)
    sizes = tuple(row.model_size_mb for row in rows)
    return Quality("size", "model size, MB", f"{why} and no reference: size instead of accuracy", False, sizes)


@dataclass(frozen=True)
class _Plot:
    """One panel: its points (row, vertical value), what they are, and the axes around them."""

    points: tuple[tuple[ResultRow, float], ...]
    what: Quality
    spreads: Mapping[str, Distribution]
    series: Series

    def whisker(self, row: ResultRow) -> tuple[float, float]:
        """p10 and p90 of the samples, the ends of the interval, or nothing, whichever is there, in ms."""
        found = self.spreads.get(row.case_id)
        if found is not None:
            return found.p10_ms, found.p90_ms
        return row.latency_ci_low_ms or _ms(row), row.latency_ci_high_ms or _ms(row)

    @cached_property
    def x(self) -> Axis:
        """Latency."""
        drawn = self.points if self.spacious else self.front
        ends = [_ms(row) for row, _ in self.points] + [end for row, _ in drawn for end in self.whisker(row) if end > 0]
        return log_axis(ends, LEFT + 8, RIGHT - 8, 1.15)

    @cached_property
    def y(self) -> Axis:
        """Quality, better at the top."""
        values = [value for _, value in self.points]
        if self.what.higher:
            if is_fraction(self.what.kind):
                return fraction_axis(values, BOTTOM, TOP)
            return linear_axis(values, BOTTOM, TOP, 0.02 * max(1e-9, *map(abs, values)))
        positive = [value for value in values if value > 0] or [1.0]
        floor = min(positive) / (3 if min(values) <= 0 else 1)
        return log_axis([floor, *positive], TOP, BOTTOM, 1.6)

    @cached_property
    def front(self) -> tuple[tuple[ResultRow, float], ...]:
        """The points that no other quotable point beats, by rising latency."""
        quoted = [(row, value) for row, value in self.points if is_trusted(row)]
        best = pareto.front([(_ms(row), self.what.score(value)) for row, value in quoted])
        return tuple(quoted[index] for index in best)

    @cached_property
    def leaders(self) -> frozenset[str]:
        """Case ids on the front."""
        return frozenset(row.case_id for row, _ in self.front)

    @property
    def spacious(self) -> bool:
        """Whether there is room for the whisker and the tooltip of every point."""
        return len(self.points) <= POINTS_WHOLE

    def class_of(self, row: ResultRow) -> str:
        """On the front, beaten, or not to be quoted."""
        return "m" if row.case_id in self.leaders else "m dim" if is_trusted(row) else "m hollow"


def _tradeoff(title: str, rows: Sequence[ResultRow], spreads: Mapping[str, Distribution], series: Series) -> Markup:
    what = quality(rows)
    points = tuple((row, value) for row, value in zip(rows, what.values, strict=True) if value is not None)
    left_out = len(rows) - len(points)
    dense = "whiskers of the front only" if len(points) > POINTS_WHOLE else ""
    missing = f"{plural(left_out, 'row')} without it" if left_out else ""
    note = "; ".join(part for part in (what.note, missing, dense) if part)
    if not points:
        return panel(title, "nothing to set the latency against", EMPTY)
    plot = _Plot(points, what, spreads, series)
    chart = join((_grid(plot), _front(plot), *_marks(plot), *_names(plot)))
    label = f"{title}: latency against {what.title}, {plural(len(points), 'point')}, {len(plot.front)} on the front"
    return panel(title, note, canvas(WIDTH, HEIGHT, chart, label=label))


def _ms(row: ResultRow) -> float:
    return row.latency_p50_ms or math.nan


def _grid(plot: _Plot) -> Markup:
    x, y, what = plot.x, plot.y, plot.what
    across, up = x.ticks(6), y.ticks(5)
    parts = [rules(*((x.at(tick), TOP, x.at(tick), BOTTOM) for tick in across))]
    parts.append(rules(*((LEFT, y.at(tick), RIGHT, y.at(tick)) for tick in up)))
    for tick in across:
        parts.append(text(x.at(tick), BOTTOM + 17, number(tick), "t", "middle"))
    for tick in up:
        written = f"{number(100 * tick, 4)} %" if is_fraction(what.kind) else number(tick)
        parts.append(text(LEFT - 6, y.at(tick) + 4, written, "t", "end"))
    parts.append(rules((LEFT, BOTTOM, RIGHT, BOTTOM), class_="a"))
    parts.append(text(RIGHT, HEIGHT - 8, "latency, ms (log) →", "t", "end"))
    parts.append(text(0, 11, f"↑ {what.title}{'' if what.higher else ' (less is up)'}", "t"))
    return join(parts)


def _front(plot: _Plot) -> Markup:
    if not plot.front:
        return EMPTY
    path = f"M{compact(plot.x.at(_ms(plot.front[0][0])))} {BOTTOM}"
    for row, value in plot.front:
        path += f"H{compact(plot.x.at(_ms(row)))}V{compact(plot.y.at(value))}"
    return element("path", class_="front", d=f"{path}H{RIGHT}")


def _marks(plot: _Plot) -> list[Markup]:
    """The points; with many of them, whiskers and tooltips are for those on the front."""
    whole = [(row, value) for row, value in plot.points if plot.spacious or row.case_id in plot.leaders]
    others = [(row, value) for row, value in plot.points if not plot.spacious and row.case_id not in plot.leaders]
    spots = (
        (plot.series.style(row), plot.class_of(row), plot.x.at(_ms(row)), plot.y.at(value)) for row, value in others
    )
    return [markers(spots), *(_mark(plot, row, value) for row, value in whole)]


def _mark(plot: _Plot, row: ResultRow, value: float) -> Markup:
    class_ = plot.class_of(row)
    name, latency = plot.series.labels.setup(row), format_latency(row.latency_p50_ms)
    told = f"{row.variant}, {name}: {latency} ms, {plot.what.write(value)}, {WORDS[outcome(row)]}"
    low, high = (compact(plot.x.at(end)) for end in plot.whisker(row))
    style, y = plot.series.style(row), plot.y.at(value)
    whisker = element("path", class_=f"{color(style)} w {class_}", d=f"M{low} {compact(y)}H{high}")
    return whisker + marker(style, plot.x.at(_ms(row)), y, class_, told)


Box = tuple[float, float, float, float]


def _names(plot: _Plot) -> list[Markup]:
    """The variant beside its point, where it covers nothing; the front first, and alone when there are many points.

    What has no room is in the tooltip.
    """
    spots = [(row, plot.x.at(_ms(row)), plot.y.at(value)) for row, value in plot.points]
    taken: list[Box] = [(x - 5, y - 5, x + 5, y + 5) for _, x, y in spots]
    written = []
    named = [spot for spot in spots if len(spots) <= POINTS_NAMED or spot[0].case_id in plot.leaders]
    for row, x, y in sorted(named, key=lambda spot: spot[0].case_id not in plot.leaders):
        name = clip(row.variant, 24)
        width = len(name) * _CHARACTER
        for left, baseline in _places(x, y, width):
            box = (left - 1, baseline - 10, left + width + 1, baseline + 3)
            if _inside(box) and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                written.append(text(left, baseline, name, "n" if row.case_id in plot.leaders else "n dim"))
                break
    return written


def _places(x: float, y: float, width: float) -> list[tuple[float, float]]:
    return [
        (x + 9, y - 6),
        (x - width - 9, y - 6),
        (x + 9, y + 13),
        (x - width - 9, y + 13),
        (x - width / 2, y - 10),
        (x - width / 2, y + 19),
        (x + 10, y + 4),
        (x - width - 10, y + 4),
    ]


def _inside(box: Box) -> bool:
    return box[0] >= LEFT and box[1] >= TOP - 12 and box[2] <= WIDTH and box[3] <= BOTTOM


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
