"""`harness report`: the files of a run, again from the store."""

from __future__ import annotations

import json
from pathlib import Path

import rich_click as click

from harness.cli.options import json_option, reports_option, store_location, store_option
from harness.errors import UsageError


@click.command()
@click.argument("run_ref", metavar="[RUN]", default="latest")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Where to write. [default: <reports>/<run>]",
)
@click.option("--list", "list_runs", is_flag=True, help="List the runs in the store instead.")
@reports_option
@store_option
@json_option
def report(
    run_ref: str, output: Path | None, list_runs: bool, reports_dir: Path, store_url: str | None, as_json: bool
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
    written = write_reports(view, output or reports_dir / found.run_id)
    if as_json:
        click.echo(json.dumps({"run_id": found.run_id, "files": [str(path) for path in written]}, indent=2))
        return
    _print_rows(view.rows)
    for path in written:
        click.echo(path)


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
