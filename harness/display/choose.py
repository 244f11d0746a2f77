"""Which display a run gets."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import IO

from harness.display.base import Display
from harness.errors import UsageError

KINDS = ("rich", "plain", "json", "none")
RESUME = "harness run SWEEP --resume"


def open_display(
    kind: str | None = None,
    *,
    stream: IO[str] | None = None,
    errors: IO[str] | None = None,
    clock: Callable[[], float] = time.monotonic,
    environ: Mapping[str, str] = os.environ,
    avoid_cpus: tuple[int, ...] = (),
    resume_command: str = RESUME,
    heartbeat_s: float = 30.0,
) -> Display:
    """The display for a run; use it as a context manager.

    Args:
        kind: ``rich``, ``plain``, ``json`` or ``none``; None chooses: rich at a capable
            terminal that a person sees, else plain.
        stream: where it is shown; None is standard output.
        errors: where ``none`` reports errors; None is standard error.
        clock: seconds, for elapsed time and heartbeats; it is aligned with the events' times at the first event.
        avoid_cpus: CPUs that are measured: the display's thread stays off them.
        resume_command: what an interrupted run tells the reader to type.
        heartbeat_s: how often ``plain`` says that it is alive.

    Raises:
        UsageError: `kind` is not a known display.
    """
    stream, errors = stream or sys.stdout, errors or sys.stderr
    kind = choose_kind(stream, environ) if kind is None else kind
    if kind not in KINDS:
        raise UsageError(f"there is no display {kind!r}", remedy=f"Use one of {', '.join(KINDS)}.")

    from harness.display.output import Output
    from harness.display.threaded import ThreadedDisplay, View

    view: View
    if kind == "rich":
        from harness.display.rich_display import RichView

        view = RichView(stream, environ=environ, resume_command=resume_command, heartbeat_s=heartbeat_s)
    elif kind == "plain":
        from harness.display.plain import PlainView

        view = PlainView(stream, environ=environ, resume_command=resume_command, heartbeat_s=heartbeat_s)
    elif kind == "json":
        from harness.display.json_display import JsonView

        view = JsonView(Output(stream))
    else:
        from harness.display.quiet import QuietView

        view = QuietView(Output(errors))
    return ThreadedDisplay(view, clock=clock, avoid_cpus=avoid_cpus)


def choose_kind(stream: IO[str], environ: Mapping[str, str]) -> str:
    """``rich`` where a person looks at a terminal that can show it, else ``plain``.

    `NO_COLOR` does not change the kind: the dashboard is then drawn without colours.
    """
    capable = environ.get("TERM", "") not in ("", "dumb", "unknown")
    unattended = environ.get("CI", "").lower() not in ("", "0", "false", "no")
    unicode = "utf" in (getattr(stream, "encoding", None) or "").lower()
    return "rich" if _is_terminal(stream) and capable and unicode and not unattended else "plain"


def _is_terminal(stream: IO[str]) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False
