"""Columns that fit a width, and the lines made of them: pure.

A line is a list of segments of exactly the asked width, so that nothing ever wraps, whatever the text and the terminal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import Style

from harness.display.text import fit, width_of

Line = tuple[Segment, ...]
Cell = tuple[str, str]


@dataclass(frozen=True)
class Column:
    """A column. The one with the highest `drop` leaves first when room is short.

    `min_width` is the least that is useful; the columns of `drop` 0 and 1 shrink to `hard_min` before they leave too.
    For a column to have its `good_width`, those that leave before it do leave.
    """

    name: str
    header: str
    drop: int
    min_width: int
    max_width: int
    hard_min: int = 4
    right: bool = False
    good_width: int = 0


@dataclass(frozen=True)
class Fitted:
    """Which columns are shown, with their widths in cells; `gap` cells lie between two."""

    columns: tuple[Column, ...]
    widths: tuple[int, ...]
    gap: int


def fit_columns(columns: Sequence[Column], natural: Sequence[int], width: int, gap: int = 2) -> Fitted:
    """Choose columns and widths for `width` cells.

    Args:
        natural: for each column the cells its content and header want; 0 leaves the column out.
    """
    shown = [index for index, wanted in enumerate(natural) if wanted > 0]
    wants = {index: min(natural[index], columns[index].max_width) for index in shown}
    needs = {index: min(wants[index], max(columns[index].min_width, columns[index].good_width)) for index in shown}
    last_good = max((columns[index].drop for index in shown if columns[index].good_width), default=None)
    if last_good is not None:
        _drop_down_to(columns, needs, width, gap, last_good)
        needs = {index: min(wants[index], columns[index].min_width) for index in needs}
    _drop_down_to(columns, needs, width, gap, 1)
    if _total(needs, gap) > width:
        widths = _squeeze(columns, needs, width, gap)
    else:
        widths = _grow(columns, needs, wants, width, gap)
    kept = sorted(widths)
    return Fitted(tuple(columns[index] for index in kept), tuple(widths[index] for index in kept), gap)


def _drop_down_to(columns: Sequence[Column], needs: dict[int, int], width: int, gap: int, drop: int) -> None:
    """Take columns out of `needs` until the rest fits, but none whose `drop` is `drop` or less."""
    while _total(needs, gap) > width:
        index = max(needs, key=lambda index: columns[index].drop)
        if columns[index].drop <= drop:
            return
        del needs[index]


def _total(widths: dict[int, int], gap: int) -> int:
    return sum(widths.values()) + gap * max(0, len(widths) - 1)


def _squeeze(columns: Sequence[Column], needs: dict[int, int], width: int, gap: int) -> dict[int, int]:
    """Shrink what must stay towards its hard minimum, the least important first; drop it when even that is too wide."""
    widths = dict(needs)
    order = sorted(widths, key=lambda index: -columns[index].drop)
    for index in order:
        excess = _total(widths, gap) - width
        widths[index] = max(min(widths[index], columns[index].hard_min), widths[index] - max(0, excess))
    for index in order[:-1]:
        if _total(widths, gap) > width:
            del widths[index]
    if len(widths) == 1:
        widths = {index: min(value, max(0, width)) for index, value in widths.items()}
    return widths


def _grow(
    columns: Sequence[Column], needs: dict[int, int], wants: dict[int, int], width: int, gap: int
) -> dict[int, int]:
    """Hand spare cells out in order of importance, up to what each column wants."""
    widths = dict(needs)
    for index in sorted(widths, key=lambda index: columns[index].drop):
        spare = width - _total(widths, gap)
        widths[index] += min(spare, wants[index] - widths[index])
    return widths


@lru_cache(maxsize=1024)
def style(text: str) -> Style:
    """A style by its rich definition."""
    return Style.parse(text) if text else Style.null()


def segment(text: str, style_text: str = "") -> Segment:
    """One run of text."""
    return Segment(text, style(style_text))


def grid_line(cells: dict[str, Cell], fitted: Fitted, margin: str = "") -> Line:
    """One row of a grid; a column without a cell is blank."""
    out = [Segment(margin)] if margin else []
    gap = " " * fitted.gap
    last = len(fitted.columns) - 1
    for place, (column, width) in enumerate(zip(fitted.columns, fitted.widths, strict=True)):
        text, style_text = cells.get(column.name, ("", ""))
        out.append(segment(fit(text, width, right=column.right) + (gap if place < last else ""), style_text))
    return tuple(out)


def header_line(fitted: Fitted, margin: str = "") -> Line:
    """The headers of a grid."""
    return grid_line({column.name: (column.header, "dim") for column in fitted.columns}, fitted, margin)


def spread(left: Sequence[Segment], right: Sequence[Segment], width: int, filler: str = " ") -> Line:
    """`left` and `right` at the two ends of a line; `right` is left out where both do not fit."""
    used, end = _length(left), _length(right)
    if not end or used + end + 2 > width:
        return tuple(left)
    room = width - used - end - 2
    return (*left, segment(" " + filler * room + " ", "dim"), *right)


def _length(segments: Sequence[Segment]) -> int:
    return sum(width_of(part.text) for part in segments)


def bar(share: float, width: int, style_text: str = "cyan") -> list[Segment]:
    """A progress bar of `width` cells; `share` is clipped to [0, 1]."""
    filled = round(min(1.0, max(0.0, share)) * width)
    return [segment("━" * filled, style_text), segment("─" * (width - filled), "dim")]


_EIGHTHS = " ▏▎▍▌▋▊▉█"


def eighths(share: float, width: int) -> str:
    """A bar in eighths of a cell; never empty for a share above 0."""
    steps = max(1, round(min(1.0, share) * width * 8)) if share > 0 else 0
    return "█" * (steps // 8) + (_EIGHTHS[steps % 8] if steps % 8 else "")


class Frame:
    """A block of `height` lines, each exactly `width` cells: what `render` returns. Rich can print it."""

    def __init__(self, lines: Sequence[Line], width: int, height: int) -> None:
        self.width, self.height = width, height
        self.lines = [Segment.adjust_line_length(list(line), width) for line in lines[:height]]
        self.lines += [[Segment(" " * width)] for _ in range(height - len(self.lines))]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for index, line in enumerate(self.lines):
            if index:
                yield Segment.line()
            yield from line

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(self.width, self.width)

    def texts(self) -> Iterator[str]:
        """The lines without their styles."""
        for line in self.lines:
            yield "".join(part.text for part in line)
