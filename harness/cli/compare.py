"""`harness compare`: inside one run, two stored runs, or two builds measured now."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
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
from harness.cli.outcome import EXIT_FAILED_ROW, EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, EXIT_OK
from harness.errors import UnknownRunError, UsageError

if TYPE_CHECKING:
    from harness.cli.compare_now import Measurement
    from harness.domain import PairOutcome, ResultRow, RunRecord, RunView
    from harness.measure.matrix_values import Noise
    from harness.store import Store

# Stated here too: importing the reports to print --help would take longer than all the rest of it.
AXIS_NAMES = ("backend", "variant", "runtime", "threads", "device")
FORMAT_NAMES = ("terminal", "csv", "html", "markdown")
ACCEPTED = (
    "Name one stored run, two stored runs, or two sweeps or model files to measure "
    "(`harness report --list` shows the runs)."
)
Rendered = tuple[Callable[[str, int], str], dict[str, Any], int]  # text of a form, values for --json, exit code


@click.command("compare")
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
    comparison is a hint and never a verdict. Exit code 1 on a regression, 4 when there is no answer.
    """
    from harness.cli.compare_now import Measurement, can_be_measured

    inside = {"--by": by, "--reference": reference, "--model": model_glob}
    measured = {
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
        asked = Measurement(
            *(base, candidate, overrides, for_base, for_candidate, blocks, resume, display_kind),
            *(reports_dir, store_url, cache_dir, jobs),
        )
        found = _measured(asked)
    else:
        _refuse_options(measured, "is for builds that are measured now")
        found = _stored(base, candidate, inside, store_location(store_url, reports_dir), form == "csv")
    return _write(found, form, output, as_json)


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

    from harness.report.writer import write_atomically

    render, plain, code = found
    text = f"{json.dumps(plain, indent=2)}\n" if as_json else render(form, get_terminal_size((200, 24)).columns)
    if output is None:
        click.echo(text, nl=False)
        return code
    try:
        write_atomically(output, text)
    except OSError as error:
        raise UsageError(f"the comparison cannot be written: {error.strerror or error}", where=str(output)) from error
    click.echo(output)
    return code


# ---- measured now ----------------------------------------------------------------------------------------------------


def _measured(asked: Measurement) -> Rendered:
    from harness.cli.compare_now import measure_now

    result, unpaired = measure_now(asked)
    notes = [f"Run {result.run_id}, reports in {result.report_dir}.", *unpaired]
    if result.state != "finished":
        notes.append(f"The run is {result.state}. To continue: {asked.command}")
    render, plain, code = _outcomes(result.outcomes, notes)
    return render, plain, EXIT_INTERRUPTED if result.state == "interrupted" else code


def _outcomes(outcomes: Sequence[PairOutcome], notes: Sequence[str]) -> Rendered:
    from harness.domain import ComparisonVerdict
    from harness.report.comparison.outcomes import outcomes_json, overall, render_outcomes

    codes = {ComparisonVerdict.REGRESSION: EXIT_FAILED_ROW, ComparisonVerdict.INCONCLUSIVE: EXIT_INCONCLUSIVE}
    broken = [outcome.series for outcome in outcomes if _newly_failing(outcome)]
    told = [*notes, *(f"The candidate fails where the base does not: {series}" for series in broken)]
    return (
        lambda form, width: render_outcomes(outcomes, told, form, width),
        outcomes_json(outcomes, told),
        EXIT_FAILED_ROW if broken else codes.get(overall(outcomes), EXIT_OK),
    )


def _newly_failing(outcome: PairOutcome) -> bool:
    """Whether the candidate itself fails, and not the device or the person at the keyboard."""
    return outcome.base_status == "DONE" and outcome.candidate_status in ("FAILED", "CRASHED", "TIMEOUT", "OOM")


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
        if "comparison" in store.run_settings(run.run_id) and inside["--by"] is None:
            return _comparison_run(store, run)
        return _one_run(store, run, inside)


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


def _comparison_run(store: Store, run: RunRecord) -> Rendered:
    from harness.measure.run_doubts import run_doubts

    outcomes = store.outcomes(run.run_id)
    if not outcomes:
        from harness.lab.pairs import stored_outcomes

        outcomes = stored_outcomes(store, run.run_id)
    return _outcomes(outcomes, (f"Run {run.run_id}, {run.started_at}.", *run_doubts(run)))


def _one_run(store: Store, run: RunRecord, inside: dict[str, str | None]) -> Rendered:
    from harness.lab import current_view
    from harness.measure.matrix import compare_inside
    from harness.report.comparison.inside import render_matrix
    from harness.report.comparison.matrix_tables import matrix_json

    view = _only_models(current_view(store, run.run_id), inside["--model"])
    matrix = compare_inside(view, inside["--by"] or "", inside["--reference"], noise=_noise(store, view))
    return (
        lambda form, width: render_matrix(view, matrix, form, width),
        {"run_id": run.run_id, **matrix_json(matrix)},
        EXIT_OK if matrix.ratios else EXIT_INCONCLUSIVE,
    )


def _noise(store: Store, view: RunView) -> Callable[[ResultRow], Noise]:
    """What calibration found on a row's device, as far as it held when the run began."""
    from harness.measure.matrix_values import Noise
    from harness.measure.profiles import in_force, quarantine_reason, threshold_for

    known = {profile.device_id: profile for profile in store.profiles()}
    facts = {one.device_id: one for one in view.facts}
    profiles = {name: in_force(known.get(name), one, view.run.started_at) for name, one in facts.items()}
    kinds = {case.case_id: case.backend.kind for case in view.cases}

    def noise(row: ResultRow) -> Noise:
        profile = profiles.get(row.device_id)
        return Noise(threshold_for(profile, kinds[row.case_id], row.latency_p50_ms or 0.0), quarantine_reason(profile))

    return noise


def _only_models(view: RunView, glob: str | None) -> RunView:
    from dataclasses import replace
    from fnmatch import fnmatchcase

    if glob is None:
        return view
    cases = tuple(case for case in view.cases if fnmatchcase(case.model.name, glob))
    if not cases:
        models = ", ".join(dict.fromkeys(case.model.name for case in view.cases)) or "none"
        raise UsageError(f"no model is called {glob!r}", where="--model", remedy=f"The run has: {models}.")
    kept = {case.case_id for case in cases}
    return replace(view, cases=cases, rows=tuple(row for row in view.rows if row.case_id in kept))


def _two_runs(store: Store, base: RunRecord, candidate: RunRecord, everything: bool) -> Rendered:
    from harness.cli.compare_stored import read_names, read_runs, without_collection
    from harness.measure.stored_comparison import compare_stored
    from harness.report.comparison.stored import StoredView, render_stored, stored_json

    if base.run_id == candidate.run_id:
        raise UsageError(
            f"both are the run {base.run_id}",
            remedy="Name two runs, or compare inside it: `harness compare RUN --by backend`.",
        )
    with without_collection():
        found = compare_stored(read_runs(store, base, candidate))
        view = StoredView(found, read_names(store, found, everything))
    return lambda form, width: render_stored(view, form, width), stored_json(view), EXIT_INCONCLUSIVE
