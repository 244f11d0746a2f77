"""The history on one page: charts per device and model, drawn when they come into view, and everything as tables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from harness.measure.creep import BASELINE_NIGHTS, LEAST_NIGHTS, RECENT_NIGHTS
from harness.measure.history_series import SeriesHistory
from harness.report.history.data import page_data
from harness.report.history.words import (
    GLYPHS,
    ORDER,
    change_words,
    nights_words,
    relative,
    state_words,
    verdict_line,
)
from harness.report.nightly.words import metric_word
from harness.report.page import render_page

HEADS = ("Series", "Device", "Nights", "Last ratio", "99 % interval", "State", "Changes")
NIGHT_HEADS = ("Night", "Ratio", "99 % interval", "Verdict", "Run")
NIGHTS_WITHOUT_SCRIPT = 14


def history_html(histories: Sequence[SeriesHistory], *, title: str = "History of the nightly ratios") -> str:
    """The whole page. What changed comes first in the table; the charts are by device and model."""
    ordered = sorted(histories, key=lambda one: (one.device_id, one.model, one.series, one.metric))
    places = {id(one): index for index, one in enumerate(ordered)}
    return render_page(
        "history.html",
        scripts=("../vendor/uplot/uPlot.iife.min.js", "tables.js", "history.js"),
        styles=("../vendor/uplot/uPlot.min.css", "history.css"),
        data=page_data(ordered),
        heading=title,
        line=verdict_line(tuple(ordered)),
        meta=_meta(ordered),
        counts=[(state, GLYPHS[state], sum(one.state == state for one in ordered)) for state in ORDER],
        heads=HEADS,
        night_heads=NIGHT_HEADS,
        lines=[(places[id(one)], *_line(one)) for one in _changed_first(ordered)],
        devices=_devices(ordered),
        baseline=BASELINE_NIGHTS,
        recent=RECENT_NIGHTS,
        least=LEAST_NIGHTS,
    )


def _meta(histories: Sequence[SeriesHistory]) -> list[str]:
    days = sorted(day for one in histories if one.points for day in (one.day(0), one.day(-1)))
    devices = len({one.device_id for one in histories})
    parts = [f"{days[0]} to {days[-1]}" if days else "no nights", f"{len(histories):,} series"]
    return [*parts, f"{devices:,} device{'' if devices == 1 else 's'}"]


def _changed_first(histories: Sequence[SeriesHistory]) -> list[SeriesHistory]:
    return sorted(histories, key=lambda one: ORDER.index(one.state))


def _line(history: SeriesHistory) -> tuple[str, ...]:
    last = history.points[-1] if history.points else None
    interval = f"{relative(last.ci_low)} to {relative(last.ci_high)}" if last and last.ci_low is not None else "—"
    return (
        _name(history),
        history.device_id,
        nights_words(history),
        relative(last.ratio if last else None),
        interval,
        f"{GLYPHS[history.state]} {state_words(history)}",
        "; ".join(change_words(history, change) for change in history.changes) or "none",
    )


def _name(history: SeriesHistory) -> str:
    return history.series if history.metric == "latency" else f"{history.series} · {metric_word(history.metric)}"


def _devices(ordered: Sequence[SeriesHistory]) -> list[dict[str, Any]]:
    found = []
    numbered = list(enumerate(ordered))
    for device, group in groupby(numbered, key=lambda pair: pair[1].device_id):
        some = list(group)
        models = [
            (model, [_figure(index, one) for index, one in few])
            for model, few in groupby(some, key=lambda pair: pair[1].model)
        ]
        found.append({"device": device, "device_model": some[0][1].device_model, "models": models})
    return found


def _figure(index: int, history: SeriesHistory) -> dict[str, Any]:
    shown = history.points[-NIGHTS_WITHOUT_SCRIPT:]
    return {
        "index": index,
        "name": _name(history),
        "state": history.state,
        "glyph": GLYPHS[history.state],
        "words": state_words(history),
        "nights": nights_words(history),
        "changes": [change_words(history, change) for change in history.changes],
        "segments": [(history.day(one.start), one.reason) for one in history.segments if one.start],
        "points": [
            (
                point.at[:10],
                relative(point.ratio),
                f"{relative(point.ci_low)} to {relative(point.ci_high)}" if point.ci_low is not None else "—",
                str(point.verdict),
                point.run_id,
            )
            for point in reversed(shown)
        ],
    }
