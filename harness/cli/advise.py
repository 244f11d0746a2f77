"""`harness advise`: which variant on which backend, from what was measured and from rules."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from harness.cli.options import json_option, reports_option, store_location, store_option

if TYPE_CHECKING:
    from harness.domain import ResultRow
    from harness.report.advice import Advice, Wish

# Stated here too: importing the reports to print --help would take longer than all the rest of it.
TARGETS = ("any", "cpu", "gpu", "edgetpu", "hexagon", "qnn", "nnapi")
DATA = ("none", "representative", "labelled")
SWEEP = "settle.yaml"


@click.command("advise")
@click.argument("model", metavar="MODEL")
@click.option("--target", type=click.Choice(TARGETS), default="any", show_default=True, help="What has to compute it.")
@click.option("--latency-ms", type=click.FloatRange(min=0, min_open=True), default=None, help="At most this latency.")
@click.option("--max-loss", type=click.FloatRange(min=0), default=None, help="At most this loss of the leading metric.")
@click.option(
    "--data",
    type=click.Choice(DATA),
    default="representative",
    show_default=True,
    help="What there is to prepare variants with.",
)
@click.option("--small-download", is_flag=True, help="The compressed size matters: pruning and clustering count.")
@click.option(
    "--write-sweep",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="Write a sweep that measures what is open.",
)
@reports_option
@store_option
@json_option
def advise_command(
    model: str,
    target: str,
    latency_ms: float | None,
    max_loss: float | None,
    data: str,
    small_download: bool,
    write_sweep: Path | None,
    reports_dir: Path,
    store_url: str | None,
    as_json: bool,
) -> None:
    """Rank the variants and backends for MODEL, a recipe or a model file, by the published decision tree.

    Where runs in the store have measured MODEL, those figures decide; elsewhere the tree's rules do. Every statement
    says which it was.
    """
    from harness.cli.prepare import model_reference
    from harness.report.advice import Wish, advise

    reference = model_reference(model)
    wish = Wish(target, latency_ms, max_loss, data, small_download)
    found = advise(reference.name, wish, _measured(store_location(store_url, reports_dir), reference.name))
    if write_sweep is not None:
        _write_sweep(write_sweep, model, reference.file is not None, found)
    if as_json:
        click.echo(json.dumps({"wish": asdict(wish), **asdict(found)}, indent=2))
    else:
        _print(found, wish, model, write_sweep)


def _measured(location: str, model: str) -> list[ResultRow]:
    """What all runs of the store measured of `model`; nothing when there is no store yet."""
    from harness.report.advice.tree import newest_rows
    from harness.store import Store

    if "://" not in location and not Path(location).exists():
        return []
    with Store.open(location, read_only=True) as store:
        return newest_rows([store.rows(run.run_id) for run in store.list_runs()], model)


def _write_sweep(path: Path, model: str, is_file: bool, advice: Advice) -> None:
    from harness.errors import UsageError
    from harness.variants import source_variant

    variants = ", ".join(dict.fromkeys(["float32", *advice.unsettled]))
    entry = f"{{file: {json.dumps(str(Path(model).absolute()))}}}" if is_file else model
    compiled = any(source_variant(name) != name for name in advice.unsettled)
    targets = "host, edgetpu" if compiled else "host"
    text = f"name: settle\nmodels: [{entry}]\nvariants: [{variants}]\ntargets: [{targets}]\n"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"the sweep cannot be written: {error.strerror or error}", where=str(path)) from error


def _print(advice: Advice, wish: Wish, model: str, sweep: Path | None) -> None:
    from harness.display.text import clean

    click.echo(f"{clean(advice.model)}: the decision tree")
    for step in advice.steps:
        click.echo(f"  {step.question} {clean(step.answer)} [{step.known}]")
    click.echo("\nBest first")
    for place, option in enumerate(advice.options, 1):
        where = f", {clean(option.backend)}" if option.backend else ""
        click.echo(f"{place:>3}. {clean(option.variant)}{where}: {option.standing}")
        for reason in option.reasons:
            click.echo(f"       {clean(reason.text)} [{reason.known}]")
    for line in _commands(advice, wish, model, sweep):
        click.echo(line)


def _commands(advice: Advice, wish: Wish, model: str, sweep: Path | None) -> list[str]:
    import shlex

    if not advice.unsettled:
        return []
    name = shlex.quote(model)
    path = shlex.quote(str(sweep or SWEEP))
    lines = ["", f"Open: {', '.join(advice.unsettled)}. To settle it:"]
    if sweep is None:
        lines.append(f"  harness advise {name} --write-sweep {path}")
    lines.append(f"  harness run {path}   # on a phone: put its target into the file")
    if wish.max_loss is not None:
        lines.append(f"  harness prepare {name} --diagnose   # which layers cost the accuracy")
    return lines
