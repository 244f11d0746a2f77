"""Verdicts of two builds: measured now, or of a run that compared them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.cli.outcome import EXIT_FAILED_ROW, EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, EXIT_OK

if TYPE_CHECKING:
    from harness.cli.compare import Rendered
    from harness.cli.compare_now import Measurement
    from harness.domain import Case, PairOutcome, RunRecord
    from harness.store import Store


def measured(asked: Measurement) -> Rendered:
    """Measure both builds interleaved, and tell what came of it."""
    from harness.cli.compare_now import measure_now

    result, remarks = measure_now(asked)
    notes = [f"Run {result.run_id}, reports in {result.report_dir}.", *remarks]
    if result.state != "finished":
        notes.append(f"The run is {result.state}. To continue: {asked.command}")
    render, plain, code = _outcomes(result.outcomes, notes, (asked.base, asked.candidate))
    return render, plain, EXIT_INTERRUPTED if result.state == "interrupted" else code


def comparison_run(store: Store, run: RunRecord) -> Rendered:
    """The verdicts of a stored run that compared two builds."""
    from harness.measure.run_doubts import run_doubts

    outcomes = store.outcomes(run.run_id)
    if not outcomes:
        from harness.lab.pairs import stored_outcomes

        outcomes = stored_outcomes(store, run.run_id)
    notes = (f"Run {run.run_id}, {run.started_at}.", *run_doubts(run))
    return _outcomes(outcomes, notes, _files(store.cases(run.run_id)))


def _files(cases: Sequence[Case]) -> tuple[str, str] | None:
    """What tells the two model files of a run apart; None where the builds are not two files."""
    from harness.domain import BASE, CANDIDATE
    from harness.short_paths import telling_parts

    arms = [{case.model.file for case in cases if case.arm == arm and case.model.file} for arm in (BASE, CANDIDATE)]
    if any(len(files) != 1 for files in arms) or arms[0] == arms[1]:
        return None
    base, candidate = telling_parts([str(*files) for files in arms])
    return base, candidate


def _outcomes(outcomes: Sequence[PairOutcome], notes: Sequence[str], builds: tuple[str, str] | None = None) -> Rendered:
    from harness.domain import ComparisonVerdict
    from harness.report.comparison.outcomes import outcomes_json, overall, render_outcomes

    codes = {ComparisonVerdict.REGRESSION: EXIT_FAILED_ROW, ComparisonVerdict.INCONCLUSIVE: EXIT_INCONCLUSIVE}
    broken = [outcome.series for outcome in outcomes if _newly_failing(outcome)]
    told = [*notes, *(f"The candidate fails where the base does not: {series}" for series in broken)]
    return (
        lambda form, width: render_outcomes(outcomes, told, form, width, builds=builds),
        outcomes_json(outcomes, told, builds=builds),
        EXIT_FAILED_ROW if broken else codes.get(overall(outcomes), EXIT_OK),
    )


def _newly_failing(outcome: PairOutcome) -> bool:
    """Whether the candidate itself fails, and not the device or the person at the keyboard."""
    return outcome.base_status == "DONE" and outcome.candidate_status in ("FAILED", "CRASHED", "TIMEOUT", "OOM")
