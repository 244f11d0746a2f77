"""The history on a terminal: a line a series with a sparkline, those that changed first."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise
from statistics import median

from harness.measure.history import SeriesHistory
from harness.report.history.words import GLYPHS, ORDER, change_words, relative, state_words, verdict_line
from harness.report.wording import clip, visible

BARS = "▁▂▃▄▅▆▇█"
SPARK_WIDTH = 24
LEAST_SPAN = 0.04  # so that noise is not drawn large


def history_text(histories: Sequence[SeriesHistory], width: int) -> str:
    """The table, in `width` columns, and below it what changed and the segments of what changed."""
    ordered = sorted(histories, key=lambda one: (one.device_id, ORDER.index(one.state), one.series))
    lines = [f"{verdict_line(tuple(histories))}."]
    name_width = max(16, min(max((len(one.series) for one in ordered), default=0), width - SPARK_WIDTH - 34))
    for device, group in groupby(ordered, key=lambda one: one.device_id):
        some = list(group)
        model = some[0].device_model
        lines += ["", visible(f"{device} ({model})" if model else device)]
        for one in some:
            lines += _series(one, name_width, width)
    return "\n".join(lines) + "\n"


def _series(history: SeriesHistory, name_width: int, width: int) -> list[str]:
    name = clip(visible(history.series), name_width).ljust(name_width)
    last = relative(history.points[-1].ratio if history.points else None)
    spark = sparkline([point.ratio for point in history.points]).rjust(SPARK_WIDTH)
    glyph, words = GLYPHS[history.state], state_words(history)
    head = f"  {name} {spark} {last:>8}  {glyph} "
    room = width - len(head)
    lines = [head + (words if len(words) <= room else history.state)]
    told = [change for change in history.changes if change.current] if len(words) > room or history.current else []
    lines += [f"      {visible(change_words(history, change))}" for change in told]
    if told and len(history.segments) > 1:
        last_segment = history.segments[-1]
        lines.append(f"      segment since {history.day(last_segment.start)}: {visible(last_segment.reason)}")
    return lines


def sparkline(ratios: Sequence[float], width: int = SPARK_WIDTH) -> str:
    """The ratios in at most `width` bars, each the median of its nights; the scale spans 4 % at least."""
    if not ratios:
        return ""
    count = min(width, len(ratios))
    bounds = [round(index * len(ratios) / count) for index in range(count + 1)]
    values = [median(ratios[low:high]) for low, high in pairwise(bounds)]
    low, high = min(values), max(values)
    span = max(high - low, LEAST_SPAN)
    start = (low + high - span) / 2
    return "".join(BARS[min(len(BARS) - 1, int((value - start) / span * len(BARS)))] for value in values)
