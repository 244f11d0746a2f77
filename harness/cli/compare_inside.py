"""`harness compare RUN`: the rows of one stored run, held against each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.cli.outcome import EXIT_INCONCLUSIVE, EXIT_OK
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.cli.compare import Rendered
    from harness.domain import ResultRow, RunRecord, RunView
    from harness.measure.matrix_values import Noise
    from harness.store import Store


def one_run(store: Store, run: RunRecord, by: str | None, reference: str | None, model_glob: str | None) -> Rendered:
    """The matrix of a run; the exit code says whether any of its ratios has an answer."""
    from harness.lab import current_view
    from harness.measure.matrix import compare_inside
    from harness.report.comparison.inside import render_matrix
    from harness.report.comparison.matrix_tables import matrix_json

    view = _only_models(current_view(store, run.run_id), model_glob)
    matrix = compare_inside(view, by or "", reference, noise=_noise(store, view))
    return (
        lambda form, width: render_matrix(view, matrix, form, width),
        {"run_id": run.run_id, **matrix_json(matrix)},
        EXIT_OK if matrix.answers else EXIT_INCONCLUSIVE,
    )


def _noise(store: Store, view: RunView) -> Callable[[ResultRow], Noise]:
    """What calibration found on a row's device, as far as it held when the run began."""
    from harness.measure.matrix_values import Noise
    from harness.measure.profiles import in_force, quarantine_reason, threshold_for

    known = {profile.device_id: profile for profile in store.profiles(at=view.run.started_at)}
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
