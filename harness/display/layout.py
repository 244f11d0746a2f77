"""The dashboard as a pure function of state, size and time.

From top to bottom: header, preparation, a lane per device, the results, the log. Each part takes a number of lines and
gives at most that many; nothing wraps and nothing overflows at any size.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rich.segment import Segment

from harness.display import eta
from harness.display.grid import (
    Cell,
    Column,
    Fitted,
    Frame,
    Line,
    bar,
    fit_columns,
    grid_line,
    header_line,
    segment,
    spread,
)
from harness.display.labels import case_label
from harness.display.marks import mark_named, mark_of
from harness.display.row_cells import COLUMNS, Scale, natural_widths, row_cells, scale_of, shown_columns
from harness.display.state import Activity, DashboardState, Lane, LogEntry, Preparation, RowEntry
from harness.display.sustained import PLOT_LINES, sustained_lanes, sustained_lines
from harness.display.text import clean, fit
from harness.domain import Purpose
from harness.units import format_duration

# A lane is between two invocations for a moment only; shown as idle it would flicker.
_IDLE_AFTER_S = 3.0
_NARROW, _WIDE, _ONE_LINE_LANES = 60, 100, 110

_LANE_COLUMNS = (
    Column("device", "", 0, 12, 28, hard_min=8),
    Column("pass", "", 1, 11, 16, hard_min=6),
    Column("case", "", 2, 30, 70),
    Column("progress", "", 6, 10, 10),
    Column("clock", "", 5, 8, 8, right=True),
    Column("temp", "", 4, 5, 6, right=True),
    Column("eta", "", 3, 18, 18, right=True),
)
_LEVEL_STYLES = {"error": "red", "warning": "yellow"}


def render(state: DashboardState, width: int, height: int, now_s: float) -> Frame:
    """The dashboard in exactly `width` x `height` cells.

    Args:
        now_s: the time of the frame, on the clock of the events.
    """
    width, height = max(1, width), max(1, height)
    room = _divide(state, width, height)
    margin = " " if width >= _NARROW else ""
    inner = max(1, width - 2 * len(margin))
    lines = [
        *_header(state, inner, room.header, now_s),
        *_preparation(state.preparation, inner, room.preparation),
        *_lanes(state, inner, room.lanes, now_s, room.titles),
        *_sustained(state, inner, room.sustained),
        *_results(state, inner, room.results, room.titles),
        *_log(state, inner, room.log, room.titles),
    ]
    return Frame([(Segment(margin), *line) for line in lines] if margin else lines, width, height)


# ---- dividing the height ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Room:
    """Lines for each part, titles included."""

    header: int
    preparation: int
    lanes: int
    sustained: int
    results: int
    log: int
    titles: bool


def _divide(state: DashboardState, width: int, height: int) -> _Room:
    titles = height >= 14
    title = 1 if titles else 0
    header = 1 if height < 7 else 2
    preparation = 1 if state.preparing and height >= 4 else 0
    free = height - header - preparation
    lanes = min(2 * len(state.lanes), max(1, free // 3)) + (title if state.lanes else 0)
    if width >= _ONE_LINE_LANES or lanes < 2 * len(state.lanes):
        lanes = min(lanes, len(state.lanes) + title)
    free -= lanes
    # A third of what is left at most: the results must not be pushed out.
    sustained = PLOT_LINES * min(len(sustained_lanes(state)), free // (3 * PLOT_LINES - 2)) if titles else 0
    free -= sustained
    log = min(max(4, free // 4), free) if titles else 0
    rows = max(len(state.rows), len(state.cases))
    # The final number of rows is known from the start, so the log's place does not move while the table grows.
    spare = free - log - (rows + title + 1)
    log = log + spare if titles and spare > 0 else log
    return _Room(header, preparation, lanes, sustained, max(0, free - log), log, titles)


def _title(text: str, width: int, right: Sequence[Segment] = ()) -> Line:
    head = [segment(text, "bold")]
    line = spread(head, right, width, "─")
    if len(line) > len(head):
        return line
    return (*head, segment(" " + "─" * max(0, width - len(text) - 1), "dim"))


# ---- header ----------------------------------------------------------------------------------------------------------


def _header(state: DashboardState, width: int, height: int, now_s: float) -> list[Line]:
    share = eta.progress(state)
    if height == 1:
        return [_small_header(state, share, width, now_s)]
    name = [segment(clean(state.name) or "starting", "bold")]
    if width >= _NARROW:
        name.append(segment("  " + clean(state.run_id), "dim"))
    left = _time_left(state, now_s)
    first = spread(name, [segment(_elapsed(state, now_s)), segment(f" · {left}", "dim")], width)
    if len(first) == len(name):
        room = max(0, width - len(left) - 1)
        first = (segment(fit(name[0].text, room) + " ", "bold"), segment(left, "dim"))
    return [first, _progress_line(state, share, width)]


def _small_header(state: DashboardState, share: float, width: int, now_s: float) -> Line:
    percent, name = f"{100 * share:.0f} %", clean(state.name) or "starting"
    left = f" · {_time_left(state, now_s)}"
    if len(percent) + len(left) + 10 > width:
        left = ""
    room = max(0, width - len(percent) - len(left) - 1)
    return (segment(fit(name, room) + " ", "bold"), segment(percent, "cyan"), segment(left, "dim"))


def _progress_line(state: DashboardState, share: float, width: int) -> Line:
    figures = f" {100 * share:3.0f} %"
    if width >= 40:
        figures += f"  {eta.done_invocations(state)}/{eta.planned_invocations(state)}"
    return (*bar(share, max(1, width - len(figures))), segment(figures))


def _elapsed(state: DashboardState, now_s: float) -> str:
    end_s = state.end.at_s if state.end is not None else now_s
    return format_duration(_sane(end_s - state.started_s)) if state.started_s is not None else "0 s"


def _time_left(state: DashboardState, now_s: float) -> str:
    if state.end is not None:
        return state.end.state
    left_s = eta.eta_s(state, now_s)
    if left_s is None:
        return "preparing" if state.preparing else "no estimate yet"
    return f"{format_duration(_sane(left_s))} left"


def _preparation(made: Preparation | None, width: int, height: int) -> list[Line]:
    if made is None or height < 1:
        return []
    head = [segment("Preparing ", "bold")]
    share = made.done / made.total if made.total else 0.0
    length = max(4, min(24, width // 4))
    figures = f" {made.done}/{made.total}"
    figures += f" · {made.cached} cached" if made.cached else ""
    failed = [segment(f" · {made.failed} failed", "red")] if made.failed else []
    return [(*head, *bar(share, length), segment(figures), *failed, segment(f"  {clean(made.last)}", "dim"))]


# ---- lanes -----------------------------------------------------------------------------------------------------------


def _lanes(state: DashboardState, width: int, height: int, now_s: float, titles: bool) -> list[Line]:
    if not state.lanes or height < 1:
        return []
    out = [_title("Devices", width)] if titles else []
    slots = height - len(out)
    lanes = sorted(state.lanes.values(), key=_lane_rank)
    if width < _ONE_LINE_LANES and 2 * len(lanes) <= slots:
        return out + _two_line_lanes(state, lanes, width, now_s)
    shown = lanes if len(lanes) <= slots else lanes[: max(1, slots - 1)]
    out += _lane_grid([_lane_cells(state, lane, now_s) for lane in shown], _LANE_COLUMNS, width)
    if len(shown) < len(lanes) and len(shown) < slots:
        out.append((segment(f"+{len(lanes) - len(shown)} more devices", "dim"),))
    return out


def _lane_grid(cells: list[dict[str, Cell]], columns: tuple[Column, ...], width: int) -> list[Line]:
    widths = natural_widths(cells, frozenset(column.name for column in columns), columns)
    fitted = fit_columns(columns, widths, width, gap=2 if width >= _NARROW else 1)
    return [grid_line(row, fitted) for row in cells]


def _two_line_lanes(state: DashboardState, lanes: list[Lane], width: int, now_s: float) -> list[Line]:
    """Who and what on the first line, how it goes on the second."""
    cells = [_lane_cells(state, lane, now_s) for lane in lanes]
    firsts = _lane_grid(cells, _LANE_COLUMNS[:3], width)
    out: list[Line] = []
    for lane, row, first in zip(lanes, cells, firsts, strict=True):
        figures = [row[name][0] for name in ("clock", "temp", "eta") if row[name][0]]
        length = max(4, min(24, width // 4))
        running = _shown_activity(state, lane, now_s) is Activity.RUNNING
        drawn = bar(_lane_share(lane, now_s), length) if running else [segment(" " * length)]
        out += [first, (segment("  "), *drawn, segment("  " + " · ".join(figures), "dim"))]
    return out


def _lane_rank(lane: Lane) -> tuple[int, str]:
    """Stuck devices first, then by name, so that a lane stays in its place."""
    return (0 if lane.activity is Activity.OFFLINE else 1, lane.device_id)


def _lane_cells(state: DashboardState, lane: Lane, now_s: float) -> dict[str, Cell]:
    activity = _shown_activity(state, lane, now_s)
    running = activity is Activity.RUNNING
    glyph, style = {
        Activity.RUNNING: ("●", "cyan"),
        Activity.WAITING: ("◌", "yellow"),
        Activity.IDLE: ("○", "dim"),
        Activity.OFFLINE: ("✗", "red"),
    }[activity]
    return {
        "device": (f"{glyph} {clean(lane.device_id)}", style),
        "case": (_lane_text(lane, activity), "" if running else "dim"),
        "pass": (_pass_text(state, lane) if running else str(activity), "" if running else style),
        "progress": ("".join(part.text for part in bar(_lane_share(lane, now_s), 10)) if running else "", "cyan"),
        "clock": ("" if lane.clock_ghz is None else f"{lane.clock_ghz:.2f} GHz", "dim"),
        "temp": ("" if lane.temp_c is None else f"{lane.temp_c:.0f} °C", "dim"),
        "eta": (_lane_eta(state, lane, now_s), "dim"),
    }


def _shown_activity(state: DashboardState, lane: Lane, now_s: float) -> Activity:
    between = lane.activity is Activity.IDLE and lane.case is not None and lane.since_s is not None
    if between and state.end is None and now_s - (lane.since_s or 0.0) < _IDLE_AFTER_S:
        return Activity.RUNNING
    return lane.activity


def _lane_text(lane: Lane, activity: Activity) -> str:
    if activity in (Activity.WAITING, Activity.OFFLINE):
        return clean(lane.reason)
    if activity is Activity.IDLE or lane.case is None:
        return ""
    return clean(case_label(lane.case))


def _pass_text(state: DashboardState, lane: Lane) -> str:
    if lane.purpose is Purpose.TIMING:
        return f"timing {lane.block + 1}/{max(state.blocks, lane.block + 1)}"
    if lane.to_score:
        return f"{lane.purpose} {lane.scored:,}/{lane.to_score:,}"
    if lane.purpose is Purpose.SUSTAINED:
        return f"{lane.purpose} {100 * eta.sustained_share(lane):.0f} %"
    return str(lane.purpose or "")


def _lane_share(lane: Lane, now_s: float) -> float:
    """How far the invocation in flight is, by what it is expected to take."""
    if lane.activity is not Activity.RUNNING:
        return 1.0
    if lane.to_score:
        return lane.scored / lane.to_score
    if lane.since_s is None or lane.expected_s <= 0:
        return 0.0
    if lane.purpose is Purpose.SUSTAINED:
        return (now_s - lane.since_s) / lane.expected_s
    return (now_s - lane.since_s) / (lane.expected_s * eta.ratio(lane))


def _lane_eta(state: DashboardState, lane: Lane, now_s: float) -> str:
    if state.end is not None or lane.activity is Activity.OFFLINE:
        return ""
    left_s = eta.lane_eta_s(state, lane, now_s)
    return "" if left_s is None else f"{format_duration(_sane(left_s))} left"


def _sustained(state: DashboardState, width: int, height: int) -> list[Line]:
    """A plot for each lane with a sustained pass, as many as there is room for."""
    out: list[Line] = []
    for lane in sustained_lanes(state)[: height // PLOT_LINES]:
        out += _filled(sustained_lines(lane, width, PLOT_LINES, with_device=len(state.lanes) > 1), PLOT_LINES)
    return out


# ---- results ---------------------------------------------------------------------------------------------------------


def _results(state: DashboardState, width: int, height: int, titles: bool) -> list[Line]:
    if height < 1 or (not state.rows and not titles):
        return []
    out = [_title("Results", width, _count_segments(state, width - 14))] if titles else []
    if not state.rows:
        return _filled([*out, (segment("The first row comes with the first finished block.", "dim"),)], height)
    count, free = len(state.rows), height - len(out)
    head = 1 if free >= 5 or free > count else 0
    slots = free - head
    visible = _visible(state, slots if count <= slots else max(0, slots - 1))
    fitted, scale = _table_shape(visible, width)
    out += [header_line(fitted)] if head else []
    out += [_row_line(entry, fitted, scale) for entry in visible]
    if count > len(visible):
        out.append((segment(f"+{count - len(visible)} more rows", "dim"),))
    return _filled(out, height)


def _filled(lines: list[Line], height: int) -> list[Line]:
    return lines[:height] + [()] * (height - len(lines))


@lru_cache(maxsize=8)
def _visible(state: DashboardState, slots: int) -> tuple[RowEntry, ...]:
    """What needs a person first, then the newest."""
    return tuple(heapq.nsmallest(slots, state.rows.values(), key=_entry_rank))


def _entry_rank(entry: RowEntry) -> tuple[int, int]:
    rank = mark_of(entry.row, entry.final).rank
    # Trusted and unfinished rows are one kind here: only their age counts.
    return (40 if 40 <= rank <= 50 else rank, -entry.order)


@lru_cache(maxsize=8)
def _table_shape(entries: tuple[RowEntry, ...], width: int) -> tuple[Fitted, Scale]:
    rows = [entry.row for entry in entries]
    scale = scale_of(rows)
    cells = [row_cells(entry.row, entry.final, scale) for entry in entries]
    widths = natural_widths(cells, shown_columns(rows))
    return fit_columns(COLUMNS, widths, width, gap=2 if width >= _WIDE else 1), scale


@lru_cache(maxsize=512)
def _row_line(entry: RowEntry, fitted: Fitted, scale: Scale) -> Line:
    return grid_line(row_cells(entry.row, entry.final, scale), fitted)


def _count_segments(state: DashboardState, room: int) -> list[Segment]:
    """How many rows of each outcome, the worst first, as many as there is room for."""
    out: list[Segment] = []
    for word, count in sorted(state.counts.items(), key=lambda item: mark_named(item[0]).rank):
        text = ("  " if out else "") + f"{count} {word}"
        room -= len(text)
        if room < 0:
            break
        out.append(segment(text, mark_named(word).style))
    return out


# ---- log -------------------------------------------------------------------------------------------------------------


def _log(state: DashboardState, width: int, height: int, titles: bool) -> list[Line]:
    if height < 2:
        return []
    out = [_title("Log", width)] if titles else []
    entries = state.log[-(height - len(out)) :]
    return out + [_log_line(entry, state.started_s or 0.0, width, len(state.lanes) > 1) for entry in entries]


@lru_cache(maxsize=512)
def _log_line(entry: LogEntry, started_s: float, width: int, with_device: bool) -> Line:
    stamp = format_stamp(entry.at_s - started_s)
    device = f"{clean(entry.device_id)}: " if entry.device_id and with_device else ""
    room = max(1, width - len(stamp) - 2)
    return (
        segment(stamp + "  ", "dim"),
        segment(fit(device + clean(entry.text), room), _LEVEL_STYLES.get(entry.level, "")),
    )


def _sane(span_s: float) -> float:
    """A span that can be written, whatever a clock or an estimate made of it."""
    return min(max(0.0, span_s), 1e9) if math.isfinite(span_s) else 0.0


def format_stamp(elapsed_s: float) -> str:
    """Time since the start: ``  2:05``, ``1:02:05``."""
    minutes, seconds = divmod(int(_sane(elapsed_s)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes:3d}:{seconds:02d}"
