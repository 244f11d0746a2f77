"""`harness compare A B` of two stored runs: what is read of them. Whole rows are read of what differs only."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.domain import ContextDifference, DeviceFacts, MeasureSettings, RunRecord
from harness.measure.comparability import protocol_reasons
from harness.measure.run_doubts import run_doubts
from harness.measure.stored_comparison import LATENCY, METRICS, StoredComparison, StoredRuns, Values
from harness.measure.stored_rows import CONTEXT, Fields, Matched, match_by_name, match_series
from harness.store.codec import CodecError, decode

if TYPE_CHECKING:
    from harness.store import Store

_FIGURES = tuple(
    {(one.name, one.stat): None for one in METRICS} | {(LATENCY.name, end): None for end in ("ci_low", "ci_high")}
)
_COLUMNS = {  # where a figure of the store stands in a row
    ("latency", "p50"): "latency_p50_ms",
    ("latency", "ci_low"): "latency_ci_low_ms",
    ("latency", "ci_high"): "latency_ci_high_ms",
    ("init", "p50"): "init_ms",
    ("first_inference", "p50"): "first_inference_ms",
    ("peak_rss", "value"): "peak_rss_mib",
    ("pss", "value"): "pss_mib",
    ("model_size", "value"): "model_size_mb",
    ("accuracy", "value"): "accuracy",
}
_NAMES = (*CONTEXT, *(name for name in _COLUMNS.values() if name not in CONTEXT))
_ACCURACY = ("accuracy", "value")
_NAMED = 3
_ONE_BY_ONE = 2000


@contextmanager
def without_collection() -> Iterator[None]:
    """Keep the garbage collector from looking through 20,000 rows again and again: a quarter of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def read_runs(store: Store, base: RunRecord, candidate: RunRecord) -> StoredRuns:
    """Everything that a comparison of two stored runs rests on."""
    matched = match_series(store.row_keys(base.run_id), store.row_keys(candidate.run_id))
    rows = tuple(
        store.row_fields(run.run_id, _NAMES, _needed(matched, side)) for side, run in enumerate((base, candidate))
    )
    matched = match_by_name(matched, *rows)
    values = _values(store, base, candidate, matched, rows)
    device = _DeviceReasons(store.facts(base.run_id), store.facts(candidate.run_id))
    settings = [_settings(store, run) for run in (base, candidate)]
    protocol = protocol_reasons(*settings)
    return StoredRuns(
        base,
        candidate,
        matched,
        values,
        dict(_reasons(matched, rows, device, protocol)),
        _other_data(store, base, candidate, matched, values),
        tuple(_differs(base, candidate, device, settings, _versions(matched, rows))),
        tuple(_notes(base, candidate)),
    )


def read_names(store: Store, found: StoredComparison, everything: bool = False) -> tuple[Fields, Fields]:
    """The columns that name a row, by case id, of the base and the candidate: of what is told, or of all rows."""
    runs = found.runs
    places = {*found.changed, *found.newly_failing, *found.newly_passing, *runs.reasons, *runs.other_data}
    alone = (runs.matched.only_base, runs.matched.only_candidate)
    told = []
    for side, run in enumerate((runs.base, runs.candidate)):
        ids = [found.pairs[place][side].case_id for place in sorted(places)]
        ids += [key.case_id for key in alone[side]]
        told.append(store.row_fields(run.run_id, CONTEXT, None if everything or len(ids) > _ONE_BY_ONE else ids))
    return told[0], told[1]


def _needed(matched: Matched, side: int) -> list[str] | None:
    """The case ids whose rows are needed, None for all: half of them one by one take as long."""
    left = (matched.only_base, matched.only_candidate)[side]
    wanted = [*(pair[side].case_id for pair in matched.other), *(key.case_id for key in left)]
    return None if len(wanted) > _ONE_BY_ONE else wanted


def _values(
    store: Store, base: RunRecord, candidate: RunRecord, matched: Matched, rows: Sequence[Fields]
) -> dict[tuple[str, str], tuple[Values, Values]]:
    alike = _Places([(a.case_id, b.case_id) for a, b in matched.alike])
    found: dict[tuple[str, str], tuple[Values, Values]] = {}
    for metric, stat in _FIGURES:
        sides = [np.full(len(alike), np.nan), np.full(len(alike), np.nan)]
        if len(alike):
            pairs = store.metric_pairs(base.run_id, candidate.run_id, metric, stat)
            here, there = alike.of(pairs.case_a, pairs.case_b)
            sides[0][there], sides[1][there] = pairs.a[here], pairs.b[here]
        other = (_column(matched, rows, side, _COLUMNS[metric, stat]) for side in (0, 1))
        left, right = (np.concatenate(parts) for parts in zip(sides, other, strict=True))
        found[metric, stat] = (left, right)
    return found


def _column(matched: Matched, rows: Sequence[Fields], side: int, column: str) -> Values:
    """One column of the pairs that are of two series; NaN where it is empty."""
    told = rows[side]
    return np.array([_number(told[pair[side].case_id][column]) for pair in matched.other], np.float64)


def _number(value: Any) -> float:
    return value if isinstance(value, (int, float)) else np.nan


class _Places:
    """Where pairs of case ids stand among those that were matched."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._places = {pair: place for place, pair in enumerate(pairs)}
        self._last: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
        self._found: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self._places)

    def of(self, base: tuple[str, ...], candidate: tuple[str, ...]) -> tuple[list[int], list[int]]:
        """The index of each pair that was matched, and its place. Most figures are of the same pairs as the last."""
        if (base, candidate) != self._last:
            told = ((here, self._places.get(pair)) for here, pair in enumerate(zip(base, candidate, strict=True)))
            self._found = [(here, place) for here, place in told if place is not None]
            self._last = (base, candidate)
        return [here for here, _ in self._found], [place for _, place in self._found]


class _DeviceReasons:
    """Why two devices are not the same one, told once for each pair of them."""

    def __init__(self, base: Sequence[DeviceFacts], candidate: Sequence[DeviceFacts]) -> None:
        self.base, self.candidate = ({one.device_id: one for one in facts} for facts in (base, candidate))
        self._known: dict[tuple[str, str], tuple[str, ...]] = {}

    def __call__(self, base: str, candidate: str) -> tuple[str, ...]:
        key = (base, candidate)
        if key not in self._known:
            self._known[key] = tuple(self._told(base, candidate))
        return self._known[key]

    def _told(self, base: str, candidate: str) -> Iterator[str]:
        ours, theirs = self.base.get(base), self.candidate.get(candidate)
        left = ours.fingerprint if ours else {"device_id": base}
        right = theirs.fingerprint if theirs else {"device_id": candidate}
        for name in left:
            if left[name] and right.get(name) and left[name] != right[name]:
                words = {"device_id": "device", "model": "device model", "os_build": "OS build", "soc": "SoC"}[name]
                yield f"the {words} differs: {left[name]} and {right[name]}"


def _reasons(
    matched: Matched, rows: Sequence[Fields], device: _DeviceReasons, protocol: tuple[str, ...]
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
    values: Mapping[tuple[str, str], tuple[Values, Values]],
) -> frozenset[int]:
    """Places of the pairs that were both scored, and not on one task and data set.

    The store pairs accuracies of one data set only, as far as it knew the data set when it kept them.
    """
    pairs = (*matched.alike, *matched.other)
    ours, theirs = values[_ACCURACY]
    moved = [int(place) for place in np.flatnonzero(np.abs(np.nan_to_num(ours - theirs)) > 0)]
    told = []
    for side, run in enumerate((base, candidate)):
        ids = [pairs[place][side].case_id for place in moved]
        names = ("accuracy_metric", "accuracy_samples", "accuracy_direction")
        scored = store.row_fields(run.run_id, names, ids) if ids else {}
        data = store.accuracy_data(run.run_id, ids)
        told.append([(*scored[one].values(), data.get(one, "")) for one in ids])
    found = {place for place, one, other in zip(moved, *told, strict=True) if not _same_data(one, other)}
    scored_in = [set(store.metric_pairs(run.run_id, run.run_id, *_ACCURACY).case_a) for run in (base, candidate)]
    unpaired = np.flatnonzero(np.isnan(ours[: len(matched.alike)]))
    found |= {int(place) for place in unpaired if all(pairs[place][side].case_id in scored_in[side] for side in (0, 1))}
    return frozenset(found)


def _same_data(base: tuple[Any, ...], candidate: tuple[Any, ...]) -> bool:
    """One metric, as many samples, and one data set where both say which."""
    known = bool(base[-1] and candidate[-1])
    return base[:-1] == candidate[:-1] and (not known or base[-1] == candidate[-1])


# ---- what differs between the runs ----------------------------------------------------------------------------------


def _settings(store: Store, run: RunRecord) -> MeasureSettings | None:
    stored = store.run_settings(run.run_id)
    try:
        return decode(MeasureSettings, stored.get("measure", stored))
    except CodecError:
        return None


def _differs(
    base: RunRecord,
    candidate: RunRecord,
    device: _DeviceReasons,
    settings: Sequence[MeasureSettings | None],
    versions: Mapping[str, tuple[str, str]],
) -> Iterator[ContextDifference]:
    told = {"harness version": (base.harness_version, candidate.harness_version)}
    told["harness commit"] = (base.git_commit[:12], candidate.git_commit[:12])
    for name, words in (("device_id", "devices"), ("os_build", "OS build")):
        sides = (
            sorted({one.fingerprint[name] for one in facts.values()} - {""})
            for facts in (device.base, device.candidate)
        )
        ours, theirs = map(_listed, sides)
        told[words] = (ours, theirs)
    told |= versions
    if settings[0] is not None and settings[1] is not None:
        for one in fields(MeasureSettings):
            told[f"measure: {one.name}"] = (str(getattr(settings[0], one.name)), str(getattr(settings[1], one.name)))
    told["sweep"] = (base.sweep_sha256[:12], candidate.sweep_sha256[:12])
    for name, (ours, theirs) in told.items():
        if ours != theirs:
            yield ContextDifference(name, ours or "not known", theirs or "not known")


def _versions(matched: Matched, rows: Sequence[Fields]) -> dict[str, tuple[str, str]]:
    """Runtime versions and model files that differ between the rows of a pair."""
    found: dict[str, tuple[str, str]] = {}
    for column, words in (("runtime_version", "runtime version"), ("model_sha256", "model file")):
        changed = [
            (str(ours), str(theirs))
            for a, b in matched.other
            if (ours := rows[0][a.case_id][column]) and (theirs := rows[1][b.case_id][column]) and ours != theirs
        ]
        if changed:
            sides = (list(dict.fromkeys(one[:24] for one in side)) for side in zip(*changed, strict=True))
            ours, theirs = map(_listed, sides)
            found[f"{words} of {len(changed):,} row{'s' if len(changed) > 1 else ''}"] = (ours, theirs)
    return found


def _listed(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _NAMED} more" if len(texts) > _NAMED else ""
    return ", ".join(texts[:_NAMED]) + more


def _notes(base: RunRecord, candidate: RunRecord) -> Iterator[str]:
    for run in (base, candidate):
        yield from (f"{run.run_id}: {note}" for note in run_doubts(run, version=run.harness_version))
    if candidate.started_at < base.started_at:
        yield f"The candidate {candidate.run_id} was measured before the base {base.run_id}."
