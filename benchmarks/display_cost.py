"""What the dashboard costs: CPU time of its thread over a busy simulated run, as a share of one core.

    python -m benchmarks.display_cost [--seconds 20] [--rows 40]

The run is made up, its events arrive by the clock; the display draws on a pseudo-terminal of 120 x 50 that a
child reads.
Counted is the CPU time of the display's thread. Target: below 2 % of one core at 40 rows.
"""

from __future__ import annotations

import argparse
import itertools
import os
import pty
import struct
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from typing import IO

from harness.display import open_display
from harness.display.demo import demo_cases, demo_events
from harness.display.replay import play
from harness.display.threaded import ThreadedDisplay
from harness.events import Event

TARGET_PCT = 2.0
WIDTH, HEIGHT = 120, 50


@contextmanager
def terminal(width: int, height: int) -> Iterator[IO[str]]:
    """A pseudo-terminal with somebody who reads it, in another process so that reading costs us nothing."""
    master, slave = pty.openpty()
    ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    reader = os.fork()
    if reader == 0:
        os.close(slave)
        _drain(master)
    os.close(master)
    with os.fdopen(slave, "w", encoding="utf-8") as stream:
        yield stream
    os.waitpid(reader, 0)


def _drain(master: int) -> None:
    try:
        while os.read(master, 65536):
            pass
    except OSError:  # the other end closed
        pass
    os._exit(0)


def thread_cpu_s(thread: threading.Thread) -> float:
    """CPU seconds of a live thread."""
    assert thread.ident is not None
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))


def measure(seconds: float, rows: int, invocation_s: float) -> tuple[float, float, int]:
    """CPU seconds of the display, wall seconds, and events shown, once all rows are there."""
    events = demo_events(demo_cases(rows), invocation_s=invocation_s, blocks=10_000)
    with terminal(WIDTH, HEIGHT) as stream:
        display = open_display("rich", stream=stream, environ={"TERM": "xterm-256color"})
        assert isinstance(display, ThreadedDisplay)
        with display:
            while len(display.state.rows) < rows:
                display.post(next(events))
                time.sleep(0.001)
            timed = _first_seconds(events, seconds)
            begin_s, begin_cpu_s = time.monotonic(), thread_cpu_s(display.thread)
            play(timed, display)
            return thread_cpu_s(display.thread) - begin_cpu_s, time.monotonic() - begin_s, len(timed)


def _first_seconds(events: Iterator[Event], seconds: float) -> list[Event]:
    first = next(events)
    return [first, *itertools.takewhile(lambda event: event.at_s - first.at_s < seconds, events)]


def main() -> int:
    """Print the share; 1 when it misses the target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rows", type=int, default=40)
    parser.add_argument(
        "--invocation-s", type=float, default=0.5, help="a row changes that often on each of two devices"
    )
    options = parser.parse_args()
    cpu_s, wall_s, events = measure(options.seconds, options.rows, options.invocation_s)
    share_pct = 100 * cpu_s / wall_s
    print(
        f"display: {cpu_s:.3f} s CPU in {wall_s:.1f} s with {events} events and {options.rows} rows "
        f"at {WIDTH}x{HEIGHT}: {share_pct:.2f} % of one core (target below {TARGET_PCT:g} %)"
    )
    return 0 if share_pct < TARGET_PCT else 1


if __name__ == "__main__":
    sys.exit(main())
