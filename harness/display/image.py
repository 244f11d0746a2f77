"""A frame of the dashboard as SVG, for documents."""

from __future__ import annotations

import io
import re

from rich.console import Console

from harness.display.layout import render
from harness.display.state import DashboardState

# A picture in a document loads nothing from elsewhere; the reader's own monospaced font serves.
_WEB_FONTS = re.compile(r"@font-face\s*\{.*?\}\s*", re.DOTALL)


def export_svg(
    state: DashboardState, width: int, height: int, *, now_s: float | None = None, title: str = "harness run"
) -> str:
    """The frame of `state` in `width` x `height` cells as an SVG document.

    Args:
        now_s: the time of the frame on the clock of the events; None is the time of the last thing that happened.
    """
    console = Console(
        record=True, width=width, height=height, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    console.print(render(state, width, height, _last_s(state) if now_s is None else now_s))
    return _WEB_FONTS.sub("", console.export_svg(title=title))


def _last_s(state: DashboardState) -> float:
    if state.end is not None:
        return state.end.at_s
    lanes = [lane.since_s for lane in state.lanes.values() if lane.since_s is not None]
    return max([*lanes, *(entry.at_s for entry in state.log), state.started_s or 0.0])
