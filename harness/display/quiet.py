"""No display: only what went wrong, on standard error."""

from __future__ import annotations

from harness.display.labels import describe_row
from harness.display.marks import mark_of
from harness.display.output import Output
from harness.display.state import DashboardState
from harness.display.text import clean
from harness.events import Event, Message, RowUpdated


class QuietView:
    """Writes error messages and cases that ended without a usable number, one line each."""

    interval_s = 1.0

    def __init__(self, output: Output) -> None:
        self._output = output

    def start(self) -> None:
        """Nothing is taken."""

    def show(self, event: Event, before: DashboardState, after: DashboardState, now_s: float) -> None:
        """Write `event` if it is an error."""
        if isinstance(event, Message) and event.level == "error":
            device = f"{event.device_id}: " if event.device_id else ""
            self._output.line(clean(f"error: {device}{event.text}"))
        if isinstance(event, RowUpdated) and event.final and mark_of(event.row).kind == "bad":
            known = before.rows.get(event.row.case_id)
            if known is None or not known.final:
                self._output.line(clean(f"error: {event.case.label}: {describe_row(event.row)}"))

    def tick(self, state: DashboardState, now_s: float) -> None:
        """Silence."""

    def stop(self, state: DashboardState, now_s: float) -> None:
        """Nothing was taken."""

    def finish(self, state: DashboardState) -> None:
        """The exit code says it."""
