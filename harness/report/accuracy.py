"""What the accuracy passes showed: every figure, how far from float32, and which samples changed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from harness.domain import AccuracyDifference, AccuracyResult, ChangedSample, ResultRow, RunView
from harness.metric_names import is_fraction, metric_label
from harness.report.csv_files import csv_table
from harness.report.wording import WORDS, Labels, number, outcome, score

CHANGED_COLUMNS = (
    "case_id",
    "model",
    "variant",
    "backend",
    "device",
    "metric",
    "sample_id",
    "float32",
    "value",
    "change",
)
FIGURES_SHOWN = 5
SAMPLES_SHOWN = 10


@dataclass(frozen=True)
class AccuracyLine:
    """One scored case for the page. `changed` are sentences on the samples that changed most."""

    name: str
    doubt: str
    figures: str
    samples: str
    loss: str
    interval: str
    p_value: str
    better: str
    worse: str
    changed: tuple[str, ...]


def accuracy_lines(view: RunView) -> list[AccuracyLine]:
    """The scored cases, in plan order."""
    labels = Labels.of(view.rows)
    return [_line(row, accuracy, difference, labels) for row, accuracy, difference in _scored(view)]


def _scored(view: RunView) -> Iterator[tuple[ResultRow, AccuracyResult, AccuracyDifference | None]]:
    for row in view.rows:
        check = view.checks.get(row.case_id)
        if check is not None and check.accuracy is not None:
            yield row, check.accuracy, check.difference


def _line(row: ResultRow, accuracy: AccuracyResult, found: AccuracyDifference | None, labels: Labels) -> AccuracyLine:
    names = [accuracy.metric, *(name for name in accuracy.metrics if name != accuracy.metric)]
    told = [f"{metric_label(name)} {score(name, accuracy.metrics.get(name, accuracy.value))}" for name in names]
    doubt = WORDS["WRONG_OUTPUT"] if outcome(row) == "WRONG_OUTPUT" else ""
    common = (labels.full(row), doubt, ", ".join(told[:FIGURES_SHOWN]), f"{accuracy.samples:,}")
    if found is None:
        return AccuracyLine(*common, "—", "—", "—", "—", "—", ())
    return AccuracyLine(
        *common,
        _signed(found.metric, found.loss),
        f"{_signed(found.metric, found.low)} to {_signed(found.metric, found.high)}",
        "—" if found.p_value is None else number(found.p_value, 2),
        f"{found.better:,}",
        f"{found.worse:,}",
        tuple(_sentence(found.metric, sample) for sample in found.changed[:SAMPLES_SHOWN]),
    )


def _signed(metric: str, value: float) -> str:
    """A loss: points of a per cent for shares."""
    return f"{100 * value:+.2f} pt" if is_fraction(metric) else f"{value:+.4g}"


def _sentence(metric: str, sample: ChangedSample) -> str:
    return f"{sample.sample_id}: {score(metric, sample.reference)} in float32, here {score(metric, sample.value)}"


def changed_samples_csv(view: RunView) -> str:
    """One line a sample whose own figure is not float32's, the largest changes of each case first."""
    return csv_table(CHANGED_COLUMNS, _changed_lines(view))


def _changed_lines(view: RunView) -> Iterator[list[object]]:
    for row, accuracy, found in _scored(view):
        for sample in found.changed if found is not None else ():
            change = "better" if _is_better(sample, accuracy.higher_is_better) else "worse"
            identity = [row.case_id, row.model, row.variant, row.backend, row.device, accuracy.metric]
            yield [*identity, sample.sample_id, sample.reference, sample.value, change]


def _is_better(sample: ChangedSample, higher_is_better: bool) -> bool:
    """A figure that is not defined, as with NaN outputs, is worse than any."""
    if math.isnan(sample.value) or math.isnan(sample.reference):
        return not math.isnan(sample.value)
    return (sample.value > sample.reference) == higher_is_better
