"""The outcomes of an interleaved comparison for programs: a line for every metric of every pair, figures as numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.domain import MetricChange, PairOutcome
from harness.report.csv_files import csv_table

ACCURACY = "accuracy"
COLUMNS = (
    *("series", "series_id", "model", "variant", "backend", "device_id", "device", "base_case_id", "candidate_case_id"),
    *("base_status", "candidate_status", "pair_verdict", "stage", "metric", "verdict", "base", "candidate", "unit"),
    *("ratio", "ratio_low", "ratio_high", "difference", "difference_low", "difference_high", "confidence_pct"),
    *("p_value", "minimum_detectable_effect_pct", "minimum_detectable_difference"),
    *("counts_from_pct", "counts_from_difference", "blocks", "note"),
)


def outcomes_csv(outcomes: Sequence[PairOutcome]) -> str:
    """CSV text in the order of COLUMNS. `base`, `candidate` and what is called a difference are in `unit`; an accuracy
    has differences, every other metric ratios."""
    return csv_table(COLUMNS, (_line(outcome, change) for outcome in outcomes for change in outcome.changes))


def _line(outcome: PairOutcome, change: MetricChange) -> list[object]:
    found: list[object] = [outcome.series, outcome.series_id, outcome.model, outcome.variant, outcome.backend]
    found += [outcome.device_id, outcome.device_model, outcome.base_case_id, outcome.candidate_case_id]
    found += [outcome.base_status, outcome.candidate_status, outcome.verdict, outcome.stage]
    found += [change.metric, change.verdict, change.base, change.candidate, change.unit]
    return [*found, *_figures(change, 99.0 if outcome.interleaved else 95.0), change.blocks, change.note]


def _figures(change: MetricChange, confidence_pct: float) -> Iterator[object]:
    """From `ratio` to `counts_from_difference`."""
    interval = (change.ci_low, change.ci_high)
    nothing = (None, None, None)
    if change.metric == ACCURACY:
        yield from (*nothing, _difference(change), *interval)
    else:
        yield from (change.ratio, *interval, *nothing)
    yield None if change.ci_low is None else 95.0 if change.metric == ACCURACY else confidence_pct
    yield change.p
    for value in (change.mde, change.min_effect):
        yield from (None, value) if change.metric == ACCURACY else (None if value is None else 100 * value, None)


def _difference(change: MetricChange) -> float | None:
    return None if change.base is None or change.candidate is None else change.candidate - change.base
