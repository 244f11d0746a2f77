"""`harness report`: the files of a run, again from the store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from harness.cli.options import json_option, reports_option, store_location, store_option
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.domain import RunView

# Stated here too: importing the reports to print --help would take longer than all the rest of it.
TABLE_NAMES = ("quantization", "int16", "ptq-modes", "compression", "accuracy")
FORMAT_NAMES = ("terminal", "csv", "markdown", "html")


@click.command()
@click.argument("run_ref", metavar="[RUN]", default="latest")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=None,
    help="Where to write: a folder, with --table a file. [default: <reports>/<run>]",
)
@click.option(
    "--table",
    "table_name",
    type=click.Choice(TABLE_NAMES),
    default=None,
    help="Print one table in the form the field publishes, with the published figures beside ours, instead.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMAT_NAMES),
    default="terminal",
    show_default=True,
    help="How the table is written; with --output to a file.",
)
@click.option("--list", "list_runs", is_flag=True, help="List the runs in the store instead.")
@reports_option
@store_option
@json_option
def report(
    run_ref: str,
    output: Path | None,
    table_name: str | None,
    form: str,
    list_runs: bool,
    reports_dir: Path,
    store_url: str | None,
    as_json: bool,
) -> None:
    """Write CSV, HTML, Markdown and JUnit of RUN again: its id, the start of it, the sweep's name, or `latest`.

    Works while the run is going on.
    """
    from harness.store import Store

    location = store_location(store_url, reports_dir)
    if "://" not in location and not Path(location).exists():
        raise UsageError(
            "there is no results store", where=location, remedy="Run a sweep first, or name one with --store."
        )
    with Store.open(location, read_only=True) as store:
        if list_runs:
            _list(store.list_runs(), as_json)
            return
        from harness.lab import current_view
        from harness.report import write_reports

        found = store.find_run(run_ref)
        view = current_view(store, found.run_id)
    if table_name is not None:
        _table(view, table_name, form, output, as_json)
        return
    written = write_reports(view, output or reports_dir / found.run_id)
    if as_json:
        click.echo(json.dumps({"run_id": found.run_id, "files": [str(path) for path in written]}, indent=2))
        return
    _print_rows(view.rows)
    for path in written:
        click.echo(path)


def _table(view: RunView, name: str, form: str, output: Path | None, as_json: bool) -> None:
    from shutil import get_terminal_size

    from harness.report.tables import build_table, render
    from harness.report.writer import write_atomically

    table = build_table(name, view)
    if as_json:
        heads, rows = table.for_programs()
        text = json.dumps({"table": name, "heads": heads, "rows": rows, "notes": table.notes}, indent=2) + "\n"
    else:
        text = render(table, form, get_terminal_size((200, 24)).columns)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        write_atomically(output, text)
    except OSError as error:
        raise UsageError(f"the table cannot be written: {error.strerror or error}", where=str(output)) from error
    click.echo(output)


def _list(runs: object, as_json: bool) -> None:
    from collections.abc import Iterable
    from dataclasses import asdict

    from harness.domain import RunRecord

    assert isinstance(runs, Iterable)
    records: list[RunRecord] = list(runs)
    if as_json:
        click.echo(json.dumps([asdict(run) for run in records], indent=2))
        return
    for run in records:
        click.echo(f"{run.run_id}  {run.state:<12} {run.started_at}  {run.name}")


def _print_rows(rows: object) -> None:
    from rich.console import Console

    from harness.display.table import results_table

    console = Console()
    console.print(results_table(rows, console.width))  # type: ignore[arg-type]
