"""What stays on the screen when a run is over: results, what to look at, where the reports lie, how to go on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from harness.display import eta
from harness.display.labels import row_label
from harness.display.marks import mark_named, mark_of
from harness.display.state import DashboardState
from harness.display.table import results_table
from harness.display.text import clean
from harness.domain import ResultRow
from harness.report.findings import Finding, findings
from harness.units import format_duration

MAX_ROWS = 200
_MAX_CASES = 6
_MAX_ALSO = 4
_REPORT_FILES = ("report.html", "summary.md", "summary.csv")


def print_ending(console: Console, state: DashboardState, resume_command: str) -> None:
    """Print the ending of `state` on `console`; nothing when no run began."""
    if not state.run_id:
        return
    for part in ending(state, console.width, resume_command):
        console.print(part)


def ending(state: DashboardState, width: int, resume_command: str) -> Iterator[RenderableType]:
    """The parts of the ending, from top to bottom."""
    rows = state.final_rows
    if rows:
        yield ""
        yield results_table(rows, width, limit=MAX_ROWS, reasons=False)
    yield ""
    yield _outcome(state)
    if rows:
        yield from _what_to_look_at(rows)
    if state.end is not None and state.end.report_dir:
        yield ""
        yield from _reports(Path(clean(state.end.report_dir)))
    if rows:
        yield ""
        yield from _to_take_away(rows)
    if state.end is None or state.end.state != "finished":
        yield ""
        yield _how_to_resume(state, resume_command)


def _outcome(state: DashboardState) -> Text:
    """``vision: 22 rows in 5 min 12 s: 18 TRUSTED, 3 NOISY, 1 CRASHED``."""
    rows = state.final_rows
    took_s = 0.0
    if state.started_s is not None:
        last_s = [lane.last_s for lane in state.lanes.values() if lane.last_s is not None]
        took_s = (state.end.at_s if state.end is not None else max(last_s, default=state.started_s)) - state.started_s
    count = f"{len(rows)} row{'s' if len(rows) != 1 else ''}"
    line = Text(f"{clean(state.name) or clean(state.run_id)}: {count} in {format_duration(max(0.0, took_s))}")
    tally = Counter(mark_of(row).word for row in rows)
    for place, (word, number) in enumerate(sorted(tally.items(), key=lambda item: mark_named(item[0]).rank)):
        line.append(", " if place else ": ")
        line.append(f"{number} {word}", style=mark_named(word).style)
    return line


def _what_to_look_at(rows: tuple[ResultRow, ...]) -> Iterator[RenderableType]:
    found = findings(rows)
    if not found:
        return
    several_devices = len({row.device or row.target for row in rows}) > 1
    yield ""
    yield Text("What to look at", style="bold")
    for finding in found:
        yield from _finding_lines(finding, several_devices)


def _finding_lines(finding: Finding, several_devices: bool) -> Iterator[RenderableType]:
    mark, count = mark_of(finding.rows[0]), len(finding.rows)
    head = Text(mark.text, style=mark.style)
    of_all = f" ({count} cases)" if count > 1 else ""
    head.append(of_all + (f"  {clean(finding.reason)}" if finding.reason else ""), style="default not bold not dim")
    yield Padding(head, (0, 0, 0, 2), expand=False)
    labels = [clean(row_label(row, with_device=several_devices)) for row in finding.rows[:_MAX_CASES]]
    more = f" and {count - _MAX_CASES} more" if count > _MAX_CASES else ""
    yield Padding(Text(", ".join(labels) + more, style="dim"), (0, 0, 0, 4), expand=False)
    for reason, number in finding.also[:_MAX_ALSO]:
        share = f" ({number} of {count})" if count > 1 else ""
        yield Padding(Text(f"also: {clean(reason)}{share}", style="dim"), (0, 0, 0, 4), expand=False)
    if finding.remedy:
        yield Padding(Text(f"→ {clean(finding.remedy)}"), (0, 0, 0, 4), expand=False)


def _reports(directory: Path) -> Iterator[Text]:
    present = [directory / name for name in _REPORT_FILES if (directory / name).is_file()]
    yield Text("Reports", style="bold")
    for path in present or [directory]:
        yield Text(f"  {path}", overflow="fold")


def _to_take_away(rows: tuple[ResultRow, ...]) -> Iterator[RenderableType]:
    from harness.report import takeaways

    yield Text("To take away", style="bold")
    for sentence in takeaways(rows):
        yield Padding(Text(clean(sentence)), (0, 0, 0, 2), expand=False)


def _how_to_resume(state: DashboardState, resume_command: str) -> Text:
    done, planned = eta.done_invocations(state), eta.planned_invocations(state)
    figures = f"{done} of {planned} invocations" if state.end is None else f"{done} invocations"
    why = "A device was lost" if state.end is not None and state.end.state == "incomplete" else "Interrupted"
    line = Text(f"{why}. {figures} are kept; go on with  ")
    line.append(clean(resume_command), style="bold")
    return line
