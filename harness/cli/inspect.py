"""`harness inspect`: what is inside a model file, or what differs between two."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from harness.cli.options import json_option, reports_option, store_location, store_option
from harness.errors import StoreError, UsageError

if TYPE_CHECKING:
    from harness.inspect import Report
    from harness.store import Store


@click.command("inspect")
@click.argument("path", metavar="MODEL.tflite", type=click.Path(path_type=Path))
@click.argument("other", metavar="[OTHER.tflite]", type=click.Path(path_type=Path), required=False)
@click.option(
    "--html", "page_path", metavar="FILE", type=click.Path(path_type=Path), help="Write a page with the graph."
)
@click.option("--gzip", is_flag=True, help="Compute the compressed size too; takes a while for large files.")
@reports_option
@store_option
@json_option
def inspect_command(
    path: Path,
    other: Path | None,
    page_path: Path | None,
    gzip: bool,
    reports_dir: Path,
    store_url: str | None,
    as_json: bool,
) -> None:
    """Print what is inside MODEL.tflite, read in a process of its own, or what differs in OTHER.tflite.

    Inputs, outputs, operators, costs, float islands, what each delegate should take by its rules, what an app needs to
    fill the inputs, and what the results store has measured of this very file.
    """
    from harness.inspect import compare, comparison_json, comparison_lines, lines, page, report_json

    reports = _reports([path] if other is None else [path, other], gzip, reports_dir, store_url)
    comparison = compare(*reports) if len(reports) == 2 else None
    if page_path is not None:
        _write(page_path, page(reports[0], comparison))
    if as_json:
        value = report_json(reports[0]) if comparison is None else comparison_json(comparison)
        click.echo(json.dumps(value, indent=2))
        return
    click.echo("\n".join(lines(reports[0]) if comparison is None else comparison_lines(comparison)))
    if page_path is not None:
        click.echo(page_path)


def _reports(paths: list[Path], gzip: bool, reports_dir: Path, store_url: str | None) -> list[Report]:
    """Each file with what the store has of it. A store that nobody named and that cannot be read is only said."""
    from harness.inspect import inspect_file, report_on, stored_of

    files = [inspect_file(path, gzip=gzip) for path in paths]
    location = store_location(store_url, reports_dir)
    if store_url is None and not Path(location).exists():
        return [report_on(file) for file in files]
    try:
        with _opened(location) as store:
            return [report_on(file, stored_of(store, file.sha256)) for file in files]
    except StoreError as error:
        if store_url is not None:
            raise
        return [report_on(file, store_problem=str(error)) for file in files]


def _opened(location: str) -> Store:
    from harness.store import Store

    return Store.open(location, read_only=True)


def _write(path: Path, text: str) -> None:
    from harness.report.writer import write_atomically

    try:
        write_atomically(path, text)
    except OSError as error:
        raise UsageError(f"the page cannot be written: {error.strerror or error}", where=str(path)) from error
