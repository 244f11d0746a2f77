"""The dashboard on a terminal.

It is drawn on the alternate screen: an inline live area leaves torn copies of itself in the scrollback when the
terminal is resized, the alternate screen leaves nothing. What must stay is printed after it closed.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import IO

from rich.console import Console
from rich.live import Live

from harness.display.ending import print_ending
from harness.display.grid import Frame
from harness.display.layout import render
from harness.display.output import Output, open_console
from harness.display.plain import PlainView
from harness.display.state import DashboardState
from harness.events import Event

_REDRAW_IDLE_S = 1.0
_MIN_INTERVAL_S, _MAX_INTERVAL_S = 0.5, 5.0
_COST_SHARE = 0.01
# Without automatic wrapping a terminal that just became narrower cuts the old frame instead of tearing it.
_WRAP_OFF, _WRAP_ON, _ERASE = "\x1b[?7l", "\x1b[?7h", "\x1b[H\x1b[2J"
_FALLBACK_SIZE = (80, 24)


class RichView:
    """Draws at most every `interval_s`, and only when something changed or a second passed.

    Where a frame costs much (thousands of cases, a slow machine) the next one comes later, so that the cost stays near
    one percent of a core. When drawing fails it says so once and goes on with plain lines.
    """

    interval_s = _MIN_INTERVAL_S

    def __init__(
        self,
        stream: IO[str],
        *,
        environ: Mapping[str, str],
        resume_command: str,
        heartbeat_s: float = 30.0,
        cpu_clock: Callable[[], float] = time.thread_time,
    ) -> None:
        self._cpu_clock = cpu_clock
        self._output, self._environ, self._resume_command = Output(stream), environ, resume_command
        self._plain = PlainView(stream, environ=environ, resume_command=resume_command, heartbeat_s=heartbeat_s)
        self._console: Console = open_console(self._output, environ)
        self._live: Live | None = None
        self._strays = StrayLines()
        self._dirty, self._drawn_s = True, float("-inf")
        self._size = _FALLBACK_SIZE

    def start(self) -> None:
        """Switch to the alternate screen."""
        if not self._console.is_terminal or self._console.is_dumb_terminal:
            self._output.line("This is not a terminal that can show the dashboard: going on with plain lines.")
            return
        self._strays.capture()
        self._live = Live(
            Frame((), 1, 1),
            console=self._console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()
        self._output.write(_WRAP_OFF)

    def show(self, event: Event, before: DashboardState, after: DashboardState, now_s: float) -> None:
        """Remember that something changed."""
        self._dirty = True
        if self._live is None:
            self._plain.show(event, before, after, now_s)

    def tick(self, state: DashboardState, now_s: float) -> None:
        """Draw, if there is reason to."""
        if self._live is None:
            self._plain.tick(state, now_s)
            return
        try:
            self._draw(self._live, state, now_s)
        except Exception as error:  # a defect in drawing must cost the picture, not the run
            self._close()
            self._output.line(
                f"The dashboard could not be drawn ({type(error).__name__}: {error}): going on with plain lines."
            )

    def _draw(self, live: Live, state: DashboardState, now_s: float) -> None:
        size = terminal_size(self._output)
        resized = size != self._size
        if not (self._dirty or resized or now_s - self._drawn_s >= _REDRAW_IDLE_S):
            return
        if resized:
            self._size = size
            self._console.size = size
            self._console.clear()
        self._dirty, self._drawn_s = False, now_s
        begin_s = self._cpu_clock()
        live.update(render(state, *size, now_s), refresh=True)
        cost_s = self._cpu_clock() - begin_s
        self.interval_s = min(_MAX_INTERVAL_S, max(_MIN_INTERVAL_S, cost_s / _COST_SHARE))

    def stop(self, state: DashboardState, now_s: float) -> None:
        """Give the terminal back."""
        self._close()

    def _close(self) -> None:
        if self._live is None:
            return
        live, self._live = self._live, None
        try:
            # Some multiplexers move what is left on a resized alternate screen into the scrollback.
            self._output.write(_WRAP_ON + _ERASE)
            live.stop()
        finally:
            self._strays.release()
            self._output.flush()

    def finish(self, state: DashboardState) -> None:
        """Print what others wrote meanwhile, then the ending."""
        self._strays.replay()
        width = terminal_size(self._output)[0] if self._output.isatty() else None
        print_ending(open_console(self._output, self._environ, width=width), state, self._resume_command)
        self._output.flush()


def terminal_size(output: Output) -> tuple[int, int]:
    """Columns and lines of the terminal as they are now; `COLUMNS` would not follow a resize."""
    try:
        width, height = os.get_terminal_size(output.fileno())
    except (OSError, ValueError):
        return _FALLBACK_SIZE
    return (width, height) if width > 0 and height > 0 else _FALLBACK_SIZE


class StrayLines:
    """Keeps what other code prints while the alternate screen is up; there it would be torn and then lost."""

    def __init__(self, limit: int = 500) -> None:
        self._lines: deque[tuple[bool, str]] = deque(maxlen=limit)
        self._saved: tuple[IO[str], IO[str]] | None = None

    def capture(self) -> None:
        """Take over the standard streams that lead to a terminal."""
        self._saved = (sys.stdout, sys.stderr)
        if sys.stdout.isatty():
            sys.stdout = _Collector(self._lines, is_error=False)
        if sys.stderr.isatty():
            sys.stderr = _Collector(self._lines, is_error=True)

    def release(self) -> None:
        """Put the standard streams back."""
        if self._saved is not None:
            sys.stdout, sys.stderr = self._saved
            self._saved = None

    def replay(self) -> None:
        """Print what was kept, each text to the stream it was meant for."""
        while self._lines:
            is_error, text = self._lines.popleft()
            (sys.stderr if is_error else sys.stdout).write(text)


class _Collector(io.TextIOBase):
    def __init__(self, lines: deque[tuple[bool, str]], *, is_error: bool) -> None:
        self._lines, self._is_error = lines, is_error

    def write(self, text: str) -> int:
        self._lines.append((self._is_error, text))
        return len(text)
