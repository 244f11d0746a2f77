"""How steady each case was: one small panel a case, one stroke and point an invocation, on a scale that all share.

With too many cases the panels are for those that spread most; of the others each is one
stroke of an overview, in which what is suspect or off the scale still is a point.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from harness.domain import ResultRow
from harness.report.plots.series import Series, by_model, panel
from harness.report.plots.svg import Axis, canvas, color, compact, element, rules, text
from harness.report.reduce import Distribution, Spread
from harness.report.wording import WORDS, is_trusted, number, order, outcome, plural
from harness.units import format_latency

PANELS_SHOWN = 72
STROKES_SHOWN = 40
OVERVIEW_WIDTH = 1000
WIDTH, HEIGHT = 220, 96
LEFT, RIGHT, TOP, BOTTOM = 38, 216, 8, 88
_LIMITS_PCT = (1, 2, 5, 10, 20, 50, 100)


@dataclass(frozen=True)
class Steadiness:
    """The panels in groups of one model and device, and the half range that all share.

    `overviews` hold the cases without a panel, one chart for each model and device; `folded` says how many these are,
    `thinned` whether a case had more invocations than its panel draws.
    """

    groups: tuple[tuple[str, tuple[Markup, ...]], ...]
    limit_pct: float
    overviews: tuple[Markup, ...] = ()
    folded: int = 0
    thinned: bool = False


def steadiness(rows: Sequence[ResultRow], spreads: Mapping[str, Distribution], series: Series) -> Steadiness:
    """Panels for every timed case, or for as many as fit, the least steady first."""
    timed = [row for row in rows if row.latency_p50_ms and row.case_id in spreads]
    reach = {row.case_id: _reach_pct(spreads[row.case_id]) for row in timed}
    urgent = sorted(timed, key=lambda row: (-reach[row.case_id], is_trusted(row), -order(outcome(row))))
    kept = {row.case_id for row in urgent[:PANELS_SHOWN]}
    limit_pct = _limit_pct(list(reach.values()))
    groups = []
    for title, group in by_model([row for row in timed if row.case_id in kept], series.labels):
        groups.append((title, tuple(_panel(row, spreads[row.case_id], series, limit_pct) for row in group)))
    rest = [row for row in timed if row.case_id not in kept]
    overviews = tuple(
        _overview(title, [spreads[row.case_id] for row in group], limit_pct)
        for title, group in by_model(rest, series.labels)
    )
    thinned = any(len(spreads[case_id].p50s_ms) > STROKES_SHOWN for case_id in kept)
    return Steadiness(tuple(groups), limit_pct, overviews, len(rest), thinned)


def _limit_pct(reaches_pct: Sequence[float]) -> float:
    """The least round half range that four cases in five fit into: the noisiest may not flatten the rest."""
    wanted = float(np.quantile(reaches_pct, 0.8)) if reaches_pct else 1.0
    return next((limit for limit in _LIMITS_PCT if limit >= wanted), _LIMITS_PCT[-1])


def _reach_pct(found: Distribution) -> float:
    """How far the medians and the ends of a typical stroke lie from the middle: a single bad invocation is clipped."""
    middle_ms = _middle_ms(found)
    ends_ms = (min(found.p50s_ms), max(found.p50s_ms), found.p10_ms, found.p90_ms)
    return 100 * max(abs(end_ms / middle_ms - 1) for end_ms in ends_ms)


def _middle_ms(found: Distribution) -> float:
    return found.p50_ms or 1e-12


def _panel(row: ResultRow, found: Distribution, series: Series, limit_pct: float) -> Markup:
    middle_ms = row.latency_p50_ms or _middle_ms(found)
    axis = Axis(-limit_pct, limit_pct, BOTTOM, TOP)
    shown = _thinned(found.spreads)
    step = (RIGHT - LEFT) / len(shown)
    xs = [LEFT + step * (index + 0.5) for index in range(len(shown))]

    def y(value_ms: float) -> float:
        return axis.at(100 * (value_ms / middle_ms - 1))

    frame = [text(LEFT - 5, axis.at(tick) + 3.5, _signed(tick), "t", "end") for tick in (-limit_pct, 0, limit_pct)]
    frame.append(rules(*((LEFT, axis.at(tick), RIGHT, axis.at(tick)) for tick in (-limit_pct, 0, limit_pct))))
    if row.latency_ci_low_ms is not None and row.latency_ci_high_ms is not None:
        high, low = y(row.latency_ci_high_ms), y(row.latency_ci_low_ms)
        frame.append(element("rect", class_="band", x=LEFT, y=high, width=RIGHT - LEFT, height=max(1.0, low - high)))
    shade = color(series.style(row))
    strokes = (
        element("path", class_=f"{shade} thin", d=_bars(xs, [(y(one.p10_ms), y(one.p90_ms)) for one in shown])),
        element("path", class_=f"{shade} thick", d=_bars(xs, [(y(one.p25_ms), y(one.p75_ms)) for one in shown])),
        *_points(
            [(x, 100 * (one.p50_ms / middle_ms - 1), bool(one.doubt)) for x, one in zip(xs, shown, strict=True)], axis
        ),
    )
    label = f"{series.labels.case(row)}: {plural(len(found.p50s_ms), 'invocation')}{_doubts(found)}"
    chart = canvas(WIDTH, HEIGHT, *frame, *strokes, label=label)
    doubt = "" if is_trusted(row) else element("i", WORDS[outcome(row)], class_=f"o {outcome(row)}")
    caption = element(
        "figcaption",
        element("div", element("b", row.variant), doubt),
        element("div", element("span", series.labels.setup(row)), element("em", _latency(row))),
    )
    return element("figure", caption, chart)


def _latency(row: ResultRow) -> str:
    return f"{format_latency(row.latency_p50_ms)} ms"


def _doubts(found: Distribution) -> str:
    """What is said of the invocations that are suspect or that ended early; empty where there are none."""
    doubts = Counter(filter(None, found.doubts))
    parts = [f"{count} suspect: {doubt}" for doubt, count in doubts.items()]
    parts += [f"{found.unfinished} did not finish"] if found.unfinished else []
    return "".join(f"; {part}" for part in parts)


def _thinned(spreads: Sequence[Spread]) -> Sequence[Spread]:
    """Of many invocations the fastest and the slowest of each stretch, and all that are suspect."""
    if len(spreads) <= STROKES_SHOWN:
        return spreads
    kept = {index for index, one in enumerate(spreads) if one.doubt}
    for chunk in np.array_split(np.arange(len(spreads)), STROKES_SHOWN // 2):
        kept |= {pick(chunk.tolist(), key=lambda index: spreads[index].p50_ms) for pick in (min, max)}
    return [spreads[index] for index in sorted(kept)]


def _points(points: Sequence[tuple[float, float, bool]], axis: Axis) -> list[Markup]:
    """Medians (x, % off the middle, suspect): dots; crosses where they are suspect, arrows where they are off scale."""
    limit_pct = max(axis.low, axis.high)
    dots, crosses, arrows = [], [], []
    for x, off_pct, suspect in points:
        spot = f"M{compact(x)} {compact(axis.at(off_pct))}"
        if suspect:
            crosses.append(f"{spot}m-3-3l6 6m0-6l-6 6")
        elif abs(off_pct) > limit_pct:
            arrows.append(f"{spot}l-3.5 {5 if off_pct > 0 else -5}h7z")
        else:
            dots.append(f"{spot}h0")  # a stroke of no length: round line caps turn it into a dot
    drawn = (("dots", dots), ("cross", crosses), ("arrow", arrows))
    return [element("path", class_=name, d="".join(parts)) for name, parts in drawn if parts]


def _overview(title: str, found: Sequence[Distribution], limit_pct: float) -> Markup:
    """One stroke a case from its fastest to its slowest invocation; points for what is suspect or off the scale."""
    axis = Axis(-limit_pct, limit_pct, BOTTOM, TOP)
    step = (OVERVIEW_WIDTH - LEFT) / len(found)
    strokes, points = [], []
    for index, one in enumerate(found):
        x, middle_ms = LEFT + step * (index + 0.5), _middle_ms(one)
        offs_pct = [100 * (p50_ms / middle_ms - 1) for p50_ms in one.p50s_ms]
        low, high = min(offs_pct), max(offs_pct)
        strokes.append(f"M{compact(x)} {compact(axis.at(low))}V{compact(axis.at(high))}")
        if low < -limit_pct or high > limit_pct or any(one.doubts):
            doubts = map(bool, one.doubts)
            points += [(x, off, bad) for off, bad in zip(offs_pct, doubts, strict=True) if bad or abs(off) > limit_pct]
    ticks = (-limit_pct, 0, limit_pct)
    chart = canvas(
        OVERVIEW_WIDTH,
        HEIGHT,
        *(text(LEFT - 5, axis.at(tick) + 3.5, _signed(tick), "t", "end") for tick in ticks),
        rules(*((LEFT, axis.at(tick), OVERVIEW_WIDTH, axis.at(tick)) for tick in ticks)),
        element("path", class_="s0 range", d="".join(strokes)),
        *_points(points, axis),
        label=f"{title}: {plural(len(found), 'case')}, each from its fastest to its slowest invocation",
    )
    invocations = sum(len(one.p50s_ms) for one in found)
    note = f"{plural(len(found), 'case')}, {plural(invocations, 'invocation')}, {len(points):,} of them marked"
    return panel(title, note, chart)


def _signed(value_pct: float) -> str:
    return "0" if value_pct == 0 else f"{'+' if value_pct > 0 else '−'}{number(abs(value_pct))} %"


def _bars(xs: Sequence[float], ends: Sequence[tuple[float, float]]) -> str:
    return "".join(f"M{compact(x)} {compact(low)}V{compact(high)}" for x, (low, high) in zip(xs, ends, strict=True))
