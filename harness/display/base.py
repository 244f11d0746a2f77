"""The seam between a running sweep and what shows it."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol

from harness.events import Event


class Display(Protocol):
    """Takes events from any thread; shows them until closed. `post` never blocks and never raises."""

    def __enter__(self) -> Display:
        """Start showing."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was, then print what must stay on the screen."""

    def post(self, event: Event) -> None:
        """Hand over one event."""
