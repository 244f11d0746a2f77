"""Two stored runs for programs: CSV and plain JSON values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from harness.domain import ComparisonVerdict
from harness.measure.stored_comparison import StoredComparison
from harness.report.comparison.stored_view import (
    COMMAND,
    NOT_INTERLEAVED,
    StoredView,
    ending_of,
    known,
    reason_of,
    remedy,
)
from harness.report.csv_files import csv_table


def stored_json(view: StoredView) -> dict[str, Any]:
    """Plain values for `--json`."""
    found = view.found
    runs = found.runs
    return {
        "base": runs.base.run_id,
        "candidate": runs.candidate.run_id,
        "interleaved": False,
        "verdict": ComparisonVerdict.INCONCLUSIVE.value if found.compared else ComparisonVerdict.NOT_COMPARABLE.value,
        "note": NOT_INTERLEAVED,
        "command": COMMAND,
        "advice": remedy(found),
        "notes": list(runs.notes),
        "differs": [{"name": one.name, "base": one.base, "candidate": one.candidate} for one in runs.differs],
        "pairs": len(found.pairs),
        "compared": found.compared,
        "unchanged": found.unchanged,
        "geometric_mean": found.geometric_mean if math.isfinite(found.geometric_mean) else None,
        "changed": [_pair_json(view, place) for place in found.changed],
        "latencies": [_latency_json(view, place) for place in range(len(found.pairs))] if found.is_short else None,
        "newly_failing": [_ended_json(view, place) for place in found.newly_failing],
        "newly_passing": [_ended_json(view, place) for place in found.newly_passing],
        "missing": [{"series": view.name(key, 0), "case_id": key.case_id} for key in runs.matched.only_base],
        "new": [{"series": view.name(key, 1), "case_id": key.case_id} for key in runs.matched.only_candidate],
        "not_comparable": [
            {"reason": reason, "series": [view.pair(place) for place in places]} for reason, places in view.refused
        ],
        "accuracy_of_other_data": [view.pair(place) for place in sorted(runs.other_data)],
    }


def _pair_json(view: StoredView, place: int) -> dict[str, Any]:
    a, b = view.found.pairs[place]
    metrics = {}
    for column in view.found.columns:
        base, candidate, change = (known(values[place]) for values in (column.base, column.candidate, column.ratio))
        if base is None and candidate is None:
            continue
        kind = "difference" if column.metric.name == "accuracy" else "ratio"
        told = {"base": base, "candidate": candidate, kind: change, "stands_out": bool(column.apart[place])}
        metrics[column.metric.name] = told
    names = {"series": view.pair(place), "base_case_id": a.case_id, "candidate_case_id": b.case_id}
    mde = known(view.found.mde[place])
    return {
        **names,
        "minimum_detectable_effect_pct": None if mde is None else 100 * mde,
        "verdict": "INCONCLUSIVE",
        "base_verdict": a.verdict,
        "candidate_verdict": b.verdict,
        "metrics": metrics,
    }


def _latency_json(view: StoredView, place: int) -> dict[str, Any]:
    latency = view.found.columns[0]
    base, candidate, ratio, mde = (
        known(values[place]) for values in (latency.base, latency.candidate, latency.ratio, view.found.mde)
    )
    seen = None if mde is None else 100 * mde
    figures = {"base_ms": base, "candidate_ms": candidate, "ratio": ratio, "minimum_detectable_effect_pct": seen}
    return {"series": view.pair(place), **figures}


def _ended_json(view: StoredView, place: int) -> dict[str, Any]:
    a, b = view.found.pairs[place]
    return {
        "series": view.pair(place),
        "base": ending_of(a),
        "candidate": ending_of(b),
        "reason": reason_of(view, place),
    }


def stored_csv(view: StoredView) -> str:
    """A line for every row of either run, figures as numbers."""
    columns = view.found.columns
    heads = ["series", "base_case_id", "candidate_case_id", "outcome", "verdict", "base_verdict", "candidate_verdict"]
    for column in columns:
        kind = "difference" if column.metric.name == "accuracy" else "ratio"
        heads += [*_heads(column.metric.name, column.metric.unit, kind)]
    return csv_table([*heads, "latency_minimum_detectable_effect_pct", "not_comparable"], _csv_lines(view))


def _heads(name: str, unit: str, kind: str) -> Iterator[str]:
    suffix = f"_{unit.lower()}" if unit else ""
    yield from (f"{name}_base{suffix}", f"{name}_candidate{suffix}", f"{name}_{kind}", f"{name}_stands_out")


def _csv_lines(view: StoredView) -> Iterator[list[object]]:
    found = view.found
    outcomes = _outcomes(found)
    for place, (a, b) in enumerate(found.pairs):
        reasons = found.runs.reasons.get(place, ())
        line: list[object] = [view.pair(place), a.case_id, b.case_id, outcomes.get(place, "unchanged")]
        line += ["NOT_COMPARABLE" if reasons else "INCONCLUSIVE", a.verdict or a.status, b.verdict or b.status]
        for column in found.columns:
            line += [known(values[place]) for values in (column.base, column.candidate, column.ratio)]
            line.append("yes" if column.apart[place] else "no")
        mde = known(found.mde[place])
        yield [*line, None if mde is None else 100 * mde, "; ".join(reasons)]
    blank: list[object] = [None] * (4 * len(found.columns) + 2)
    for key in found.runs.matched.only_base:
        yield [view.name(key, 0), key.case_id, None, "missing", None, key.verdict or key.status, None, *blank]
    for key in found.runs.matched.only_candidate:
        yield [view.name(key, 1), None, key.case_id, "new", None, None, key.verdict or key.status, *blank]


def _outcomes(found: StoredComparison) -> Mapping[int, str]:
    told = dict.fromkeys(found.changed, "changed")
    told |= dict.fromkeys(found.runs.reasons, "not comparable")
    return (
        told | dict.fromkeys(found.newly_failing, "newly failing") | dict.fromkeys(found.newly_passing, "newly passing")
    )
