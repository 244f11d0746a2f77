"""One JSON object per event and line, for programs; `docs/dashboard.md` describes the schema."""

from __future__ import annotations

from harness.display.codec import encode
from harness.display.output import Output
from harness.display.state import DashboardState
from harness.events import Event


class JsonView:
    """Writes every event as it comes; nothing else goes to the stream."""

    interval_s = 1.0

    def __init__(self, output: Output) -> None:
        self._output = output

    def start(self) -> None:
        """Nothing is taken."""

    def show(self, event: Event, before: DashboardState, after: DashboardState, now_s: float) -> None:
        """Write `event`."""
        self._output.line(encode(event))

    def tick(self, state: DashboardState, now_s: float) -> None:
        """Time alone is no event."""

    def stop(self, state: DashboardState, now_s: float) -> None:
        """Nothing was taken."""

    def finish(self, state: DashboardState) -> None:
        """The last event has said it."""
