"""The histories of a store: nightly outcomes with what was stamped on each night."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from harness.domain import DatedOutcome, RunRecord
from harness.lab.night_history import NIGHTLY
from harness.lab.night_plan import is_a_a
from harness.measure.history import series_histories
from harness.measure.history_series import NightContext, SeriesHistory
from harness.store import Store

_ROW_FIELDS = ("runtime_version", "model_sha256", "device_id")
_PROTOCOL = {
    "min_s": "windows of {} s",
    "min_iterations": "{} inferences",
    "warmup_min_s": "warm-up {} s",
    "gap_s": "gaps of {} s",
}


def stored_nights(
    store: Store, *, series: str = "*", device_id: str | None = None, since: str | None = None
) -> tuple[DatedOutcome, ...]:
    """The outcomes of all nights, oldest first, without their A/A sets.

    Args:
        store: where they are.
        series: a glob that the name of the series, or its model, matches.
        device_id: only of this device.
        since: only of nights that began at this ISO 8601 time or later.

    Raises:
        StoreError: `since` is no point in time.
    """
    nights = store.outcome_history(device_id=device_id, since=since, purpose=NIGHTLY)
    told = (one for one in nights if not is_a_a(one.outcome.series))
    return tuple(one for one in told if any(fnmatchcase(name, series) for name in _names(one)))


def _names(night: DatedOutcome) -> tuple[str, str]:
    return night.outcome.series, night.outcome.model


def stored_histories(
    store: Store, nights: Sequence[DatedOutcome], *, metric: str = "latency"
) -> tuple[SeriesHistory, ...]:
    """The histories of `nights`, chained over the store's baselines."""
    return series_histories(nights, store.baselines(), night_contexts(store, nights), metric=metric)


def night_contexts(store: Store, nights: Sequence[DatedOutcome]) -> dict[tuple[str, str], NightContext]:
    """What was stamped on each night, by run id and the case id of the candidate."""
    runs = {run.run_id: run for run in store.list_runs()}
    by_run: dict[str, list[DatedOutcome]] = {}
    for night in nights:
        by_run.setdefault(night.run_id, []).append(night)
    found: dict[tuple[str, str], NightContext] = {}
    for run_id, group in by_run.items():
        builds = {facts.device_id: facts.os_build for facts in store.facts(run_id)}
        rows = store.row_fields(run_id, _ROW_FIELDS)
        settings = store.run_settings(run_id)
        for night in group:
            key = (run_id, night.outcome.candidate_case_id)
            found[key] = _context(night, runs.get(run_id), builds, rows, settings)
    return found


def _context(
    night: DatedOutcome,
    run: RunRecord | None,
    builds: Mapping[str, str],
    rows: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Any],
) -> NightContext:
    base, candidate = (
        rows.get(case_id, {}) for case_id in (night.outcome.base_case_id, night.outcome.candidate_case_id)
    )
    return NightContext(
        os_build=builds.get(night.outcome.device_id, ""),
        protocol=_protocol(settings),
        reference_runtime=base.get("runtime_version") or "",
        sweep=run.name if run is not None else "",
        baseline=_baseline(settings),
        candidate_file=(candidate.get("model_sha256") or "")[:12],
        candidate_runtime=candidate.get("runtime_version") or "",
        harness_version=run.harness_version if run is not None else "",
        git_commit=run.git_commit[:12] if run is not None else "",
    )


def _baseline(settings: Mapping[str, Any]) -> str:
    comparison = settings.get("comparison")
    name = comparison.get("baseline") if isinstance(comparison, dict) else None
    return name if isinstance(name, str) else ""


def _protocol(settings: Mapping[str, Any]) -> str:
    """How one invocation is made: not how many there are, which the stopping rule decides."""
    measure = settings.get("measure", settings)
    told = measure if isinstance(measure, dict) else {}
    return ", ".join(text.format(f"{told[name]:g}") for name, text in _PROTOCOL.items() if told.get(name) is not None)
