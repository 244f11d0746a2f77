"""`harness compare A B` of two stored runs: what is read of them. Whole rows are read of what differs only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.cli.compare_context import DeviceReasons, run_differences, run_notes, settings_of, version_differences
from harness.domain import RunRecord
from harness.measure.comparability import protocol_reasons
from harness.measure.stored_comparison import (
    LATENCY,
    METRICS,
    StoredComparison,
    StoredRuns,
    Values,
    compare_stored,
)
from harness.measure.stored_rows import CONTEXT, Fields, Matched, match_by_name, match_series

if TYPE_CHECKING:
    from harness.store import Store

_COLUMNS = {  # where a figure stands in a row
    ("latency", "p50"): "latency_p50_ms",
    ("latency", "ci_low"): "latency_ci_low_ms",
    ("latency", "ci_high"): "latency_ci_high_ms",
    ("latency", "minimum_detectable_effect"): "minimum_detectable_effect_pct",
    ("init", "p50"): "init_ms",
    ("first_inference", "p50"): "first_inference_ms",
    ("peak_rss", "value"): "peak_rss_mib",
    ("pss", "value"): "pss_mib",
    ("model_size", "value"): "model_size_mb",
    ("accuracy", "value"): "accuracy",
}
_FIGURES = tuple(_COLUMNS)
assert {(one.name, one.stat) for one in (LATENCY, *METRICS)} <= set(_FIGURES)
_BUILD = ("backend", "timed", "runtime_version", "model_sha256")  # of rows of two series: why they differ
_ACCURACY = ("accuracy", "value")
_ONE_BY_ONE = 2000
_Rows = Mapping[str, Sequence[Any]]  # by case id, in the order of _COLUMNS and _BUILD


def two_runs(
    store: Store, base: RunRecord, candidate: RunRecord, everything: bool
) -> tuple[Callable[[str, int], str], dict[str, Any]]:
    """What two stored runs show: a text for each form and width, and the values for programs.

    Args:
        store: that has both.
        base: the one.
        candidate: the other.
        everything: every row will be named, not only what stands out.
    """
    from harness.report.comparison.stored import StoredView, render_stored, stored_json

    found = compare_stored(read_runs(store, base, candidate))
    view = StoredView(found, read_names(store, found, everything))
    return lambda form, width: render_stored(view, form, width), stored_json(view)


def read_runs(store: Store, base: RunRecord, candidate: RunRecord) -> StoredRuns:
    """Everything that a comparison of two stored runs rests on."""
    runs = (base, candidate)
    # One pass over the rows: a fraction of the pages that the single figures of all metrics lie on.
    tables = [store.row_table(run.run_id, (*_COLUMNS.values(), *_BUILD)) for run in runs]
    matched = match_series(*(keys for keys, _ in tables))
    left = [[key.case_id for key in side] for side in (matched.only_base, matched.only_candidate)]
    if all(left):
        named = (store.row_fields(run.run_id, CONTEXT, _listed(ids)) for run, ids in zip(runs, left, strict=True))
        matched = match_by_name(matched, *named)
    rows = [{key.case_id: row for key, row in zip(*table, strict=True)} for table in tables]
    values = _values(matched, rows)
    other_data = _other_data(store, base, candidate, matched, values)
    builds = [_builds(matched, side, found) for side, found in enumerate(rows)]
    device = DeviceReasons(store.facts(base.run_id), store.facts(candidate.run_id))
    settings = [settings_of(store, run) for run in runs]
    return StoredRuns(
        base,
        candidate,
        matched,
        values,
        dict(_reasons(matched, builds, device, protocol_reasons(*settings))),
        other_data,
        tuple(run_differences(base, candidate, device, settings, version_differences(matched, builds))),
        tuple(run_notes(base, candidate)),
    )


def read_names(store: Store, found: StoredComparison, everything: bool = False) -> tuple[Fields, Fields]:
    """The columns that name a row, by case id, of the base and the candidate: of what is told, or of all rows."""
    runs = found.runs
    places = {*found.changed, *found.newly_failing, *found.newly_passing, *runs.reasons, *runs.other_data}
    if found.is_short:
        places.update(range(len(found.pairs)))
    alone = (runs.matched.only_base, runs.matched.only_candidate)
    told = []
    for side, run in enumerate((runs.base, runs.candidate)):
        ids = [found.pairs[place][side].case_id for place in sorted(places)]
        ids += [key.case_id for key in alone[side]]
        told.append(store.row_fields(run.run_id, CONTEXT, None if everything else _listed(ids)))
    return told[0], told[1]


def _listed(case_ids: list[str]) -> list[str] | None:
    """The case ids to ask for, None for all rows: half of them one by one take as long."""
    return None if len(case_ids) > _ONE_BY_ONE else case_ids


def _values(matched: Matched, rows: Sequence[_Rows]) -> dict[tuple[str, str], tuple[Values, Values]]:
    pairs = (*matched.alike, *matched.other)
    sides = [_numbers([rows[side][pair[side].case_id][: len(_FIGURES)] for pair in pairs]) for side in (0, 1)]
    return {figure: (sides[0][:, place], sides[1][:, place]) for place, figure in enumerate(_FIGURES)}


def _numbers(rows: Sequence[Sequence[Any]]) -> Values:
    """(rows, figures) numbers, NaN where there is none."""
    if not rows:
        return np.empty((0, len(_FIGURES)), np.float64)
    try:
        return np.array(rows, np.float64)  # None becomes NaN
    except (TypeError, ValueError):
        known = (int, float)
        return np.array([[one if isinstance(one, known) else np.nan for one in row] for row in rows], np.float64)


def _builds(matched: Matched, side: int, rows: _Rows) -> Fields:
    """What is known of the builds of the pairs that are of two series, by case id."""
    ids = (pair[side].case_id for pair in matched.other)
    return {case_id: dict(zip(_BUILD, rows[case_id][len(_FIGURES) :], strict=True)) for case_id in ids}


def _reasons(
    matched: Matched, rows: Sequence[Fields], device: DeviceReasons, protocol: tuple[str, ...]
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """By place of the pair."""
    for place, (a, b) in enumerate((*matched.alike, *matched.other)):
        told = device(a.device_id, b.device_id) + protocol
        if place >= len(matched.alike):
            told += _timed(rows[0][a.case_id], rows[1][b.case_id])
        if told:
            yield place, told


def _timed(base: Mapping[str, Any], candidate: Mapping[str, Any]) -> tuple[str, ...]:
    """On the CPU a call is over when it returns; an accelerator may only have queued the work."""
    ours, theirs = base["timed"], candidate["timed"]
    if str(base["backend"]).startswith("cpu") or not ours or not theirs or ours == theirs:
        return ()
    return (f"what a sample holds differs: {ours} and {theirs}",)


def _other_data(
    store: Store,
    base: RunRecord,
    candidate: RunRecord,
    matched: Matched,
    values: dict[tuple[str, str], tuple[Values, Values]],
) -> frozenset[int]:
    """Places of the pairs that were both scored, and not on one task and data set; of one series their accuracies are
    taken out of `values`.

    The store pairs accuracies of one data set only, as far as it knew the data set when it kept them.
    """
    pairs = (*matched.alike, *matched.other)
    ours, theirs = values[_ACCURACY]
    scored = ~np.isnan(ours) & ~np.isnan(theirs)
    found: set[int] = set()
    if scored[: len(matched.alike)].any():
        known = store.metric_pairs(base.run_id, candidate.run_id, *_ACCURACY)
        paired = set(zip(known.case_a, known.case_b, strict=True))
        found = {
            place
            for place, (a, b) in enumerate(matched.alike)
            if scored[place] and (a.case_id, b.case_id) not in paired
        }
        ours, theirs = (np.where(np.isin(np.arange(len(pairs)), list(found)), np.nan, side) for side in (ours, theirs))
        values[_ACCURACY] = (ours, theirs)
    moved = [int(place) for place in np.flatnonzero(np.abs(np.nan_to_num(ours - theirs)) > 0)]
    told = []
    for side, run in enumerate((base, candidate)):
        ids = [pairs[place][side].case_id for place in moved]
        names = ("accuracy_metric", "accuracy_samples", "accuracy_direction")
        scores = store.row_fields(run.run_id, names, ids) if ids else {}
        data = store.accuracy_data(run.run_id, ids)
        told.append([(*scores[one].values(), data.get(one, "")) for one in ids])
    found |= {place for place, one, other in zip(moved, *told, strict=True) if not _same_data(one, other)}
    return frozenset(found)


def _same_data(base: tuple[Any, ...], candidate: tuple[Any, ...]) -> bool:
    """One metric, as many samples, and one data set where both say which."""
    known = bool(base[-1] and candidate[-1])
    return base[:-1] == candidate[:-1] and (not known or base[-1] == candidate[-1])
