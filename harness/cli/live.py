"""What every command that measures needs around it: leases, the live view, Ctrl-C, reports at the end."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from harness.cli.options import Command
from harness.errors import StableError

if TYPE_CHECKING:
    from harness.lab.around import Around
    from harness.store import Store


@contextmanager
def live_session(store: Store, display_kind: str | None, resume_command: str) -> Iterator[Around]:
    """Take signals and show what happens, until the block ends. `resume_command` is what a person types to go on."""
    from harness.display import open_display
    from harness.events import Message
    from harness.lab.around import Around
    from harness.lab.interrupt import Interrupt, handle_signals
    from harness.report import write_reports
    from harness.store import LeaseBook

    interrupt = Interrupt()

    def write(run_id: str, directory: Path) -> None:
        write_reports(store.view(run_id), directory)

    with LeaseBook.open() as leases, open_display(display_kind, resume_command=resume_command) as display:

        def say(text: str) -> None:
            display.post(Message("warning", text, time.monotonic()))

        with handle_signals(interrupt, say):
            yield Around(store, leases, display.post, interrupt, write)


def display_option(command: Command) -> Command:
    """`--display KIND`."""
    return click.option(
        "--display",
        "display_kind",
        type=click.Choice(["rich", "plain", "json", "none"]),
        default=None,
        help="Live view. [default: rich on a terminal, plain when piped or in CI]",
    )(command)


def make_reports_dir(reports_dir: Path) -> None:
    """Make the folder of the reports, before hours are spent on what goes into it.

    Raises:
        StableError: it cannot be made or written.
    """
    try:
        reports_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StableError(
            f"the reports folder cannot be made: {error.strerror}",
            where=str(reports_dir),
            remedy="Name a writable folder with --reports.",
        ) from error
    if not os.access(reports_dir, os.W_OK):
        raise StableError(
            "the reports folder is not writable",
            where=str(reports_dir),
            remedy="Name a writable folder with --reports.",
        )
