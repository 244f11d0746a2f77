"""How steady each case was: one small panel a case, one stroke an invocation, on a scale that all panels share."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from harness.domain import ResultRow
from harness.report.plots.series import Series, by_model
from harness.report.plots.svg import STYLES, Axis, canvas, compact, element, rules, text
from harness.report.reduce import Distribution, Spread
from harness.report.wording import WORDS, is_trusted, number, order, outcome
from harness.units import format_latency

PANELS_SHOWN = 240
STROKES_SHOWN = 40
WIDTH, HEIGHT = 220, 96
LEFT, RIGHT, TOP, BOTTOM = 38, 216, 8, 88
_LIMITS_PCT = (1, 2, 5, 10, 20, 50, 100)


@dataclass(frozen=True)
class Steadiness:
    """The panels in groups of one model and device, the half range that all share, and how many cases were left out."""

    groups: tuple[tuple[str, tuple[Markup, ...]], ...]
    limit_pct: float
    left_out: int


def steadiness(rows: Sequence[ResultRow], spreads: Mapping[str, Distribution], series: Series) -> Steadiness:
    """Panels for every timed case; with too many, those that cannot be quoted come first and the rest is left out."""
    timed = [row for row in rows if row.latency_p50_ms and row.case_id in spreads]
    urgent = sorted(timed, key=lambda row: (is_trusted(row), -order(outcome(row))))[:PANELS_SHOWN]
    kept = {row.case_id for row in urgent}
    limit_pct = _limit_pct([spreads[case_id] for case_id in kept])
    groups = []
    for title, group in by_model([row for row in timed if row.case_id in kept], series.labels):
        panels = tuple(_panel(row, spreads[row.case_id], series, limit_pct) for row in group)
        groups.append((title, panels))
    return Steadiness(tuple(groups), limit_pct, len(timed) - len(kept))


def _limit_pct(found: Sequence[Distribution]) -> float:
    """The least round half range that four cases in five fit into: the noisiest may not flatten the rest."""
    wanted = float(np.quantile([_reach_pct(one) for one in found], 0.8)) if found else 1.0
    return next((limit for limit in _LIMITS_PCT if limit >= wanted), _LIMITS_PCT[-1])


def _reach_pct(found: Distribution) -> float:
    """How far the medians and the ends of a typical stroke lie from the middle: a single bad invocation is clipped."""
    middle_ms = _middle_ms(found)
    medians = [abs(spread.p50_ms / middle_ms - 1) for spread in found.spreads]
    ends = [max(1 - spread.p10_ms / middle_ms, spread.p90_ms / middle_ms - 1) for spread in found.spreads]
    return 100 * max(*medians, statistics.median(ends))


def _middle_ms(found: Distribution) -> float:
    return statistics.median(spread.p50_ms for spread in found.spreads) or 1e-12


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
    color = f"s{series.style(row) % STYLES}"
    strokes = (
        element("path", class_=f"{color} thin", d=_bars(xs, [(y(one.p10_ms), y(one.p90_ms)) for one in shown])),
        element("path", class_=f"{color} thick", d=_bars(xs, [(y(one.p25_ms), y(one.p75_ms)) for one in shown])),
        element("path", class_="dots", d=_dots(xs, [y(one.p50_ms) for one in shown])),
    )
    label = f"{series.labels.case(row)}: {len(found.spreads)} invocations"
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


def _thinned(spreads: Sequence[Spread]) -> Sequence[Spread]:
    if len(spreads) <= STROKES_SHOWN:
        return spreads
    chosen = np.linspace(0, len(spreads) - 1, STROKES_SHOWN).round().astype(int)
    return [spreads[index] for index in chosen]


def _signed(value_pct: float) -> str:
    return "0" if value_pct == 0 else f"{'+' if value_pct > 0 else '−'}{number(abs(value_pct))} %"


def _bars(xs: Sequence[float], ends: Sequence[tuple[float, float]]) -> str:
    return "".join(f"M{compact(x)} {compact(low)}V{compact(high)}" for x, (low, high) in zip(xs, ends, strict=True))


def _dots(xs: Sequence[float], ys: Sequence[float]) -> str:
    """Points as strokes of no length, which round line caps turn into dots: a tenth of the bytes of circles."""
    return "".join(f"M{compact(x)} {compact(y)}h0" for x, y in zip(xs, ys, strict=True))
