"""`harness history`: the ratio of every series to its reference, night by night."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from harness.cli.options import json_option, reports_option, store_location, store_option
from harness.cli.outcome import EXIT_FAILED_ROW, EXIT_OK
from harness.errors import UsageError
from harness.units import parse_moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.domain import DatedOutcome
    from harness.measure.history_series import SeriesHistory

# Stated here too: importing the statistics to print --help would take longer than all the rest of it.
FORMAT_NAMES = ("terminal", "csv", "otava", "html", "json")
LEAST_COLUMNS = 40
METRIC_NAMES = ("latency", "init", "first_inference", "peak_rss", "pss", "model_size")


@click.command("history")
@click.option("--series", metavar="GLOB", default="*", help="Only series whose name or model matches. [default: all]")
@click.option("--device", "device_id", metavar="ID", default=None, help="Only this device.")
@click.option("--since", metavar="DATE", default=None, help="Only nights from then on, such as 2026-05-31.")
@click.option("--metric", type=click.Choice(METRIC_NAMES), default="latency", show_default=True, help="Which ratio.")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMAT_NAMES),
    default="terminal",
    show_default=True,
    help="How it is written; otava writes its configuration beside --output.",
)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), default=None, help="Write to this file instead."
)
@click.option("--check", is_flag=True, help="Exit with 1 when a series has crept or stepped up and still is.")
@reports_option
@store_option
@json_option
def history(
    series: str,
    device_id: str | None,
    since: str | None,
    metric: str,
    form: str,
    output: Path | None,
    check: bool,
    reports_dir: Path,
    store_url: str | None,
    as_json: bool,
) -> int:
    """Show the history of the nightly ratios: steady, creeping or stepped, and since when."""
    from harness.lab.history import stored_histories, stored_nights
    from harness.store import Store

    _check_date(since)
    location = store_location(store_url, reports_dir)
    if "://" not in location and not Path(location).exists():
        raise UsageError(
            "there is no results store", where=location, remedy="Run a night first, or name a store with --store."
        )
    with Store.open(location, read_only=True) as store:
        nights = stored_nights(store, series=series, device_id=device_id, since=since)
        if not nights:
            raise _nothing(stored_nights(store), series, device_id, since, location)
        found = stored_histories(store, nights, metric=metric)
    text = _text("json" if as_json else form, found, nights, metric, output)
    if output is None:
        click.echo(text, nl=False)
    else:
        _write(output, text, form, nights, metric)
    return EXIT_FAILED_ROW if check and any(one.slower for one in found) else EXIT_OK


def _check_date(since: str | None) -> None:
    if since and parse_moment(since) is None:
        remedy = "Write it as 2026-05-31 or 2026-05-31T02:00:00+00:00."
        raise UsageError(f"{since!r} is no date", where="--since", remedy=remedy)


def _nothing(
    every: Sequence[DatedOutcome], series: str, device_id: str | None, since: str | None, location: str
) -> UsageError:
    """Which of the options leaves nothing, with what there is."""
    from difflib import get_close_matches

    if not every:
        return UsageError("the store has no nights", where=location, remedy="`harness nightly SWEEP` makes one.")
    devices = sorted({night.outcome.device_id for night in every})
    if device_id is not None and device_id not in devices:
        return UsageError(
            f"no night has the device {device_id!r}", where="--device", remedy=f"There are: {', '.join(devices[:10])}."
        )
    names = sorted({name for night in every for name in (night.outcome.model, night.outcome.series)})
    close = get_close_matches(series.strip("*"), names, n=3, cutoff=0.4) or names[:5]
    if series != "*":
        remedy = f"There is, for example: {', '.join(json.dumps(name, ensure_ascii=False) for name in close)}."
        return UsageError(f"no series or model matches {series!r}", where="--series", remedy=remedy)
    return UsageError(f"there is no night since {since}", where="--since", remedy=f"The last one: {every[-1].at[:10]}.")


def _text(
    form: str, found: Sequence[SeriesHistory], nights: Sequence[DatedOutcome], metric: str, output: Path | None
) -> str:
    from shutil import get_terminal_size

    from harness.report.history.table import history_csv, history_json
    from harness.report.history.terminal import history_text
    from harness.report.nightly.otava import otava_csv

    if form == "html":
        from harness.report.history.html import history_html  # Jinja2 is slow to import

        return history_html(found)
    if form == "otava":
        return otava_csv(nights, (metric,))
    if form == "terminal":
        return history_text(found, max(LEAST_COLUMNS, get_terminal_size((120, 24)).columns) if output is None else 120)
    return history_csv(found) if form == "csv" else history_json(found)


def _write(output: Path, text: str, form: str, nights: Sequence[DatedOutcome], metric: str) -> None:
    from harness.report.nightly.otava import otava_yaml
    from harness.report.writer import write_atomically

    files = {output: text}
    if form == "otava":
        beside = output.with_suffix(".yaml" if output.suffix != ".yaml" else ".otava.yaml")
        files[beside] = otava_yaml(nights, (metric,), str(output))
    for path, content in files.items():
        try:
            write_atomically(path, content)
        except OSError as error:
            raise UsageError(f"the history cannot be written: {error.strerror or error}", where=str(path)) from error
        click.echo(path)
