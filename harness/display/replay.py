"""Replay a recorded or made-up run: ``python -m harness.display.replay [EVENTS.jsonl]``.

`harness run SWEEP --display json > EVENTS.jsonl` makes a recording. It can be watched again in any display, at any
speed, or drawn as a picture.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from harness.display import KINDS, Display, open_display
from harness.display.codec import decode
from harness.display.demo import demo_events
from harness.display.image import export_svg
from harness.display.state import DashboardState, reduce
from harness.errors import HarnessError, ParseError
from harness.events import Event


def read_events(path: Path) -> tuple[Event, ...]:
    """The events of a recording; a last line that was cut off is left out.

    Raises:
        ParseError: the file cannot be read, or a line is not an event.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ParseError(f"the recording cannot be read: {error}", where=str(path)) from error
    out: list[Event] = []
    for number, line in enumerate(lines, 1):
        try:
            out.append(decode(line))
        except ParseError as error:
            if number == len(lines) and out:
                break
            raise ParseError(error.what, where=f"{path}:{number}", remedy=error.remedy) from error
    return tuple(out)


def play(
    events: Iterable[Event],
    display: Display,
    *,
    speed: float = 1.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Post `events` at the pace of their own times, `speed` times as fast."""
    begin_s, first_s = clock(), None
    for event in events:
        first_s = event.at_s if first_s is None else first_s
        wait_s = (event.at_s - first_s) / speed - (clock() - begin_s)
        if wait_s > 0:
            sleep(wait_s)
        display.post(event)


def state_at(events: Iterable[Event], share: float) -> tuple[DashboardState, float]:
    """The state after the first `share` of the run's time, and that time on the clock of the events."""
    recorded = list(events)
    if not recorded:
        return DashboardState(), 0.0
    first_s, last_s = recorded[0].at_s, recorded[-1].at_s
    now_s = first_s + min(1.0, max(0.0, share)) * (last_s - first_s)
    state = DashboardState()
    for event in recorded:
        if event.at_s <= now_s:
            state = reduce(state, event)
    return state, now_s


def main(arguments: list[str] | None = None) -> int:
    """The command; 2 for a recording that cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        events = read_events(options.events) if options.events else tuple(demo_events(invocation_s=2.0))
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.svg is not None:
        state, now_s = state_at(events, options.at)
        options.svg.write_text(export_svg(state, options.width, options.height, now_s=now_s), encoding="utf-8")
        return 0
    clock = _faster_clock(options.speed)
    try:
        with open_display(options.display, clock=clock) as display:
            play(events, display, speed=options.speed)
    except KeyboardInterrupt:
        return 130
    return 0


def _faster_clock(speed: float) -> Callable[[], float]:
    return lambda: time.monotonic() * speed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m harness.display.replay", description=__doc__)
    parser.add_argument("events", type=Path, nargs="?", help="a recording; without one, made-up events")
    parser.add_argument("--display", choices=KINDS, help="as for `harness run`")
    parser.add_argument("--speed", type=_positive, default=1.0, help="times faster than recorded")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw one frame as SVG instead")
    parser.add_argument("--at", type=float, default=0.7, metavar="SHARE", help="share of the run for --svg, 0 to 1")
    parser.add_argument("--width", type=int, default=120, help="columns of --svg")
    parser.add_argument("--height", type=int, default=32, help="lines of --svg")
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


if __name__ == "__main__":
    sys.exit(main())
