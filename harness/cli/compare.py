"""`harness compare`: inside one run, two stored runs, or two builds measured now."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from harness.cli.live import display_option
from harness.cli.options import (
    cache_option,
    jobs_option,
    json_option,
    reports_option,
    set_option,
    store_location,
    store_option,
)
from harness.cli.outcome import EXIT_INCONCLUSIVE, JudgingCommand
from harness.errors import UnknownRunError, UsageError

if TYPE_CHECKING:
    from harness.domain import RunRecord
    from harness.store import Store

# Stated here too: importing the reports to print --help would take longer than all the rest of it.
AXIS_NAMES = ("backend", "variant", "runtime", "threads", "device")
FORMAT_NAMES = ("terminal", "csv", "html", "markdown")
SWEEP_SUFFIXES = (".yaml", ".yml")
MODEL_SUFFIXES = (".tflite", ".keras", ".h5", ".py")
ACCEPTED = (
    "Name one stored run, two stored runs, or two sweeps or model files to measure "
    "(`harness report --list` shows the runs)."
)
Rendered = tuple[Callable[[str, int], str], dict[str, Any], int]  # text of a form, values for --json, exit code


@click.command("compare", cls=JudgingCommand)
@click.argument("base", metavar="RUN|BASE")
@click.argument("candidate", metavar="[CANDIDATE]", required=False)
@click.option(
    "--by",
    type=click.Choice(AXIS_NAMES),
    default=None,
    help="What to compare inside RUN. [default: the first of these that varies in it]",
)
@click.option(
    "--reference",
    metavar="NAME",
    default=None,
    help="What the others are compared with. [default: the CPU with XNNPACK, float32, 1 thread, or the first]",
)
@click.option("--model", "model_glob", metavar="GLOB", default=None, help="Only these models of RUN.")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMAT_NAMES),
    default="terminal",
    show_default=True,
    help="How it is written.",
)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), default=None, help="Write to this file instead."
)
@set_option
@click.option("--set-base", "for_base", multiple=True, metavar="PATH=VALUE", help="As --set, for BASE alone.")
@click.option(
    "--set-candidate", "for_candidate", multiple=True, metavar="PATH=VALUE", help="As --set, for CANDIDATE alone."
)
@click.option(
    "--blocks",
    type=click.IntRange(2, 1000),
    default=None,
    help="Measure so many blocks. [default: 8, 12, 20 or 30, until there is an answer]",
)
@click.option(
    "--resume",
    is_flag=False,
    flag_value="latest",
    default=None,
    metavar="[RUN]",
    help="Continue the newest unfinished run of this comparison, or the one named.",
)
@display_option
@reports_option
@store_option
@cache_option
@jobs_option
@json_option
def compare(
    base: str,
    candidate: str | None,
    by: str | None,
    reference: str | None,
    model_glob: str | None,
    form: str,
    output: Path | None,
    overrides: tuple[str, ...],
    for_base: tuple[str, ...],
    for_candidate: tuple[str, ...],
    blocks: int | None,
    resume: str | None,
    display_kind: str | None,
    reports_dir: Path,
    store_url: str | None,
    cache_dir: Path | None,
    jobs: int,
    as_json: bool,
) -> int:
    """Compare inside one stored RUN, or BASE with CANDIDATE: stored runs, or sweeps and model files to measure now.

    Two builds that are measured now run interleaved, block by block. Rows of two stored runs did not, so that their
    comparison is a hint and never a verdict. Exit code 1 on a regression, 4 when there is no answer, 5 when the
    comparison itself could not be made.
    """
    inside = {"--by": by, "--reference": reference, "--model": model_glob}
    given = {
        "--set": overrides,
        "--set-base": for_base,
        "--set-candidate": for_candidate,
        "--blocks": blocks,
        "--resume": resume,
    }
    files = [name for name in (base, candidate) if name is not None and can_be_measured(name)]
    if files:
        _refuse_options(inside, "is for one stored run")
        if candidate is None or len(files) < 2:
            raise UsageError(_mixed(files[0], base, candidate), remedy=ACCEPTED)
        from harness.cli.compare_now import Measurement
        from harness.cli.compare_outcomes import measured

        asked = Measurement(
            *(base, candidate, overrides, for_base, for_candidate, blocks, resume, display_kind),
            *(reports_dir, store_url, cache_dir, jobs),
        )
        return _write(measured(asked), form, output, as_json)
    _refuse_options(given, "is for builds that are measured now")
    with without_collection():
        found = _stored(base, candidate, inside, store_location(store_url, reports_dir), form == "csv")
        return _write(found, form, output, as_json)


@contextmanager
def without_collection() -> Iterator[None]:
    """Keep the garbage collector from looking through all imports and 20,000 rows again and again: a quarter of the
    time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def can_be_measured(name: str) -> bool:
    """Whether `name` is something to measure, a sweep or a model, and not a stored run."""
    path = Path(name)
    return path.suffix in (*SWEEP_SUFFIXES, *MODEL_SUFFIXES) or (path.is_dir() and (path / "saved_model.pb").exists())


def _refuse_options(given: dict[str, Any], why: str) -> None:
    for name, value in given.items():
        if value is not None and value != ():
            raise UsageError(f"{name} {why}", where=name, remedy=ACCEPTED)


def _mixed(file: str, base: str, candidate: str | None) -> str:
    if candidate is None:
        return f"{file} can be measured, and there is nothing to compare it with"
    other = candidate if file == base else base
    return f"{file} can be measured, and {other} is no sweep and no model file"


def _write(found: Rendered, form: str, output: Path | None, as_json: bool) -> int:
    from shutil import get_terminal_size

    render, plain, code = found
    text = f"{json.dumps(plain, indent=2)}\n" if as_json else render(form, get_terminal_size((200, 24)).columns)
    if output is None:
        click.echo(text, nl=False)
        return code
    from harness.report.writer import write_atomically

    try:
        write_atomically(output, text)
    except OSError as error:
        raise UsageError(f"the comparison cannot be written: {error.strerror or error}", where=str(output)) from error
    click.echo(output)
    return code


# ---- stored ----------------------------------------------------------------------------------------------------------


def _stored(
    base: str, candidate: str | None, inside: dict[str, str | None], location: str, everything: bool
) -> Rendered:
    from harness.store import Store

    if "://" not in location and not Path(location).exists():
        raise UsageError(
            "there is no results store", where=location, remedy="Run a sweep first, or name one with --store."
        )
    with Store.open(location, read_only=True) as store:
        run = _find(store, base)
        if candidate is not None:
            _refuse_options(inside, "is for one stored run")
            return _two_runs(store, run, _find(store, candidate), everything)
        comparison = store.run_settings(run.run_id).get("comparison")
        if comparison is None:
            from harness.cli.compare_inside import one_run

            return one_run(store, run, inside["--by"], inside["--reference"], inside["--model"])
        from harness.cli.compare_outcomes import comparison_run

        _refuse_arms(run, comparison, inside)
        return comparison_run(store, run)


def _refuse_arms(run: RunRecord, comparison: Any, inside: dict[str, str | None]) -> None:
    """Refuse to compare inside a run whose rows are the two arms of pairs."""
    for name, value in inside.items():
        if value is not None:
            purpose = comparison.get("purpose") if isinstance(comparison, dict) else ""
            kind = {"nightly": "a night", "calibrate": "a calibration"}.get(str(purpose), "a comparison of two builds")
            raise UsageError(
                f"the run {run.run_id} is {kind}: its rows are the two arms of each pair, and {name} is for the run "
                "of a sweep",
                where=name,
                remedy=f"`harness compare {run.run_id}` shows its verdicts; to compare inside a run, make one with "
                "`harness run SWEEP`.",
            )


def _find(store: Store, name: str) -> RunRecord:
    """The run that `name` means; an unknown one with the nearest names there are."""
    from difflib import get_close_matches

    try:
        return store.find_run(name)
    except UnknownRunError as error:
        runs = store.list_runs()
        if not runs:
            raise UsageError(
                "the results store has no runs yet", where=store.where, remedy="Run a sweep first: `harness run SWEEP`."
            ) from error
        known = dict.fromkeys(("latest", *(text for run in runs for text in (run.name, run.run_id))))
        close = get_close_matches(name, known, n=3, cutoff=0.5)
        if not close or "begin with" in error.what:
            raise
        hint = f"Did you mean {' or '.join(close)}? {error.remedy}"
        raise UnknownRunError(error.what, where=error.where, remedy=hint) from error


def _two_runs(store: Store, base: RunRecord, candidate: RunRecord, everything: bool) -> Rendered:
    from harness.cli.compare_stored import two_runs

    if base.run_id == candidate.run_id:
        raise UsageError(
            f"both are the run {base.run_id}",
            remedy="Name two runs, or compare inside it: `harness compare RUN --by backend`.",
        )
    render, plain = two_runs(store, base, candidate, everything)
    return render, plain, EXIT_INCONCLUSIVE
