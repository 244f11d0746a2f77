"""`harness run`: a sweep, live."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from harness.cli.live import display_option, live_session, make_reports_dir
from harness.cli.options import (
    cache_option,
    jobs_option,
    reports_option,
    set_option,
    store_location,
    store_option,
    sweep_argument,
    typed_command,
)
from harness.cli.outcome import EXIT_FAILED_ROW, EXIT_INTERRUPTED, EXIT_OK
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.domain import RunRecord
    from harness.lab import SweepOutcome, SweepRequest
    from harness.store import Store
    from harness.sweep import Sweep


@click.command()
@sweep_argument
@set_option
@click.option(
    "--resume",
    is_flag=False,
    flag_value="latest",
    default=None,
    metavar="[RUN]",
    help="Continue the newest unfinished run of this sweep, or the one named; finished invocations are not repeated.",
)
@display_option
@reports_option
@store_option
@cache_option
@jobs_option
def run(
    sweep_path: Path,
    overrides: tuple[str, ...],
    resume: str | None,
    display_kind: str | None,
    reports_dir: Path,
    store_url: str | None,
    cache_dir: Path | None,
    jobs: int,
) -> int:
    """Run SWEEP and write reports/<run>/.

    Ctrl-C once finishes the invocation in flight and leaves; twice leaves now. Either way `--resume` continues.
    """
    from harness.lab import SweepRequest
    from harness.prepare import default_cache_dir, recipe_names
    from harness.store import Store
    from harness.sweep import load_sweep

    places = {"--reports": reports_dir, "--store": store_url, "--cache": cache_dir}
    resume_command = typed_command(["run", str(sweep_path)], {"--set": overrides, **places}, "--resume")
    sweep = load_sweep(sweep_path, overrides, known_models=recipe_names())
    make_reports_dir(reports_dir)
    with Store.open(store_location(store_url, reports_dir)) as store:
        request = SweepRequest(
            sweep, reports_dir, cache_dir or default_cache_dir(), jobs, resume=_resumed(store, sweep, resume)
        )
        outcome = _run(request, store, display_kind, resume_command)
    return _exit_code(outcome, sweep.require_coverage)


def _resumed(store: Store, sweep: Sweep, resume: str | None) -> RunRecord | None:
    if resume is None:
        return None
    found = store.unfinished_run(sweep.sha256) if resume == "latest" else store.find_run(resume)
    if found is None:
        raise UsageError(
            "this sweep has no unfinished run to resume",
            remedy="A changed sweep file is another sweep. Leave --resume away to start anew.",
        )
    if found.sweep_sha256 != sweep.sha256:
        raise UsageError(
            f"run {found.run_id} was made from another version of this sweep file",
            remedy="Resume with the same file and the same --set options, or start anew without --resume.",
        )
    return found


def _run(request: SweepRequest, store: Store, display_kind: str | None, resume_command: str) -> SweepOutcome:
    from harness.lab import run_sweep

    with live_session(store, display_kind, resume_command) as live:
        return run_sweep(request, **live.arguments)


def _exit_code(outcome: SweepOutcome, require_coverage: str) -> int:
    from harness.lab.ledger import counts_as_failed

    if outcome.state == "interrupted":
        return EXIT_INTERRUPTED
    failed = any(counts_as_failed(row, require_coverage) for row in outcome.rows)
    return EXIT_FAILED_ROW if failed or outcome.state != "finished" else EXIT_OK
