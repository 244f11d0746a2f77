"""`harness restore`: put back what a crash left changed."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import rich_click as click

from harness.cli.options import adb_server_option, json_option
from harness.cli.outcome import EXIT_FAILED_ROW, EXIT_NO_DEVICE, EXIT_OK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.devices.android.restore_all import PhoneReport

_SAID = {
    "clean": ("green", "nothing is changed"),
    "restored": ("green", "everything is back"),
    "failed": ("red", "not everything is back"),
    "busy": ("yellow", "in use; its settings are put back when that ends"),
    "absent": ("yellow", "not there; its settings are still changed"),
}


@click.command()
@click.argument("device", required=False, default="")
@adb_server_option
@json_option
def restore(device: str, adb_server: str, as_json: bool) -> int:
    """Put back what a crash left changed on DEVICE (its id or serial), or on all phones.

    Exit code 0 when nothing is left changed, 1 when a setting could not be put back, 3 when a phone is not there or in
    use.
    """
    from harness.devices.android.journal import Journal
    from harness.devices.android.restore_all import restore_known

    journal = Journal.open()
    problems = journal.contents().problems
    reports = restore_known(journal, device, adb_server)
    if as_json:
        click.echo(json.dumps({"phones": [asdict(one) for one in reports], "problems": problems}, indent=2))
    else:
        _print(reports, problems)
    return _exit_code(reports, problems)


def _exit_code(reports: Sequence[PhoneReport], problems: Sequence[str]) -> int:
    states = {report.state for report in reports}
    if problems or "failed" in states:
        return EXIT_FAILED_ROW
    return EXIT_NO_DEVICE if states & {"busy", "absent"} else EXIT_OK


def _print(reports: Sequence[PhoneReport], problems: Sequence[str]) -> None:
    if not reports and not problems:
        click.echo("Nothing is changed: the journal is empty, and no phone is attached that could say otherwise.")
    for report in reports:
        colour, said = _SAID[report.state]
        click.echo(f"{report.device}  {click.style(said, fg=colour)}")
        lines = [*(f"put back    {text}" for text in report.restored)]
        lines += [f"rebooted    {key}: undone by a restart of the phone" for key in report.rebooted]
        lines += [f"note        {text}" for text in report.notes]
        if report.state in ("busy", "absent") and report.changed:
            lines.append(f"changed     {', '.join(report.changed)}")
        for failure in report.failed:
            lines += [f"failed      {failure.key}: {failure.why}", f"  by hand   {failure.by_hand}"]
        for line in lines:
            click.echo(f"  {line}")
    for problem in problems:
        click.echo(f"{click.style('unreadable', fg='red')}  {problem}")
