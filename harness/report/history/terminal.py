"""The history on a terminal: a line a series with a sparkline, those that changed first."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise
from statistics import median
from textwrap import wrap

from harness.measure.history_series import SeriesHistory
from harness.report.history.words import GLYPHS, ORDER, change_words, relative, state_words, verdict_line
from harness.report.wording import clip, visible

BARS = "▁▂▃▄▅▆▇█"
SPARK_WIDTH = 24
LEAST_SPARK = 6  # a narrower one says nothing
LEAST_SPAN = 0.04  # so that noise is not drawn large


def history_text(histories: Sequence[SeriesHistory], width: int) -> str:
    """The table, in `width` columns, and below it what changed and the segments of what changed."""
    ordered = sorted(histories, key=lambda one: (one.device_id, ORDER.index(one.state), one.series))
    lines = wrap(f"{verdict_line(tuple(histories))}.", width)
    spark_width = _spark_width(width)
    name_width = max(8, min(max((len(one.series) for one in ordered), default=0), width - spark_width - 34))
    for device, group in groupby(ordered, key=lambda one: one.device_id):
        some = list(group)
        model = some[0].device_model
        lines += ["", visible(f"{device} ({model})" if model else device)]
        for one in some:
            lines += _series(one, name_width, spark_width, width)
    return "\n".join(lines) + "\n"


def _spark_width(width: int) -> int:
    """The names give way last: below 80 columns sparklines become shorter, and at last there are none."""
    room = min(SPARK_WIDTH, width - 80 + SPARK_WIDTH)
    return room if room >= LEAST_SPARK else 0


def _series(history: SeriesHistory, name_width: int, spark_width: int, width: int) -> list[str]:
    name = clip(visible(history.series), name_width).ljust(name_width)
    last = relative(history.points[-1].ratio if history.points else None)
    spark = sparkline([point.ratio for point in history.points], spark_width).rjust(spark_width) if spark_width else ""
    glyph, words = GLYPHS[history.state], state_words(history)
    head = f"  {name}{spark and ' '}{spark} {last:>8}  {glyph} "
    room = width - len(head)
    lines = [head + (words if len(words) <= room else history.state)]
    told = [change for change in history.changes if change.current] if len(words) > room or history.current else []
    below = [change_words(history, change) for change in told]
    if told and len(history.segments) > 1:
        last_segment = history.segments[-1]
        below.append(f"segment since {history.day(last_segment.start)}: {last_segment.reason}")
    for text in below:
        lines += wrap(visible(text), width, initial_indent=" " * 6, subsequent_indent=" " * 8)
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
