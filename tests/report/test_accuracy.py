"""Accuracy in the reports: all figures, the loss on the same samples, and which samples changed."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace
from pathlib import Path

import pytest

from harness.domain import AccuracyDifference, AccuracyResult, ChangedSample, OutputsCheck, RunView, Verdict
from harness.report.accuracy import CHANGED_COLUMNS, accuracy_lines, changed_samples_csv
from harness.report.csv_files import metrics_csv
from harness.report.html import report_html
from harness.report.writer import write_reports
from tests.report.factory import DIGITS, run_view
from tests.report.hostile import SCRIPT

CHANGED = (ChangedSample(f"{SCRIPT}.png", 1.0, 0.0), ChangedSample("b.png", 0.0, 1.0))


def scored_view(metric: str = "top1", higher: bool = True) -> RunView:
    view = run_view(models=(DIGITS,), variants=("float32", "int8"), blocks=2, samples=30)
    float32, int8 = view.rows[0], next(row for row in view.rows if row.variant == "int8")
    result = AccuracyResult(metric, 0.95, 719, {metric: 0.95, "ties_share": 0.25}, higher)
    difference = AccuracyDifference(metric, 0.0125, -0.001, 0.026, 0.07, "McNemar", 719, 3, 12, CHANGED)
    return replace(
        view,
        checks={
            float32.case_id: OutputsCheck(accuracy=replace(result, value=0.9625)),
            int8.case_id: OutputsCheck(accuracy=result, difference=difference),
        },
    )


def test_a_line_has_all_figures_and_the_loss() -> None:
    float32, int8 = accuracy_lines(scored_view())
    assert (float32.loss, float32.changed) == ("—", ())
    assert int8.figures == "top-1 95.00 %, ties_share 25.00 %"
    assert (int8.loss, int8.interval, int8.p_value) == ("+1.25 pt", "-0.10 pt to +2.60 pt", "0.07")
    assert (int8.better, int8.worse, int8.samples) == ("3", "12", "719")
    assert int8.changed[1] == "b.png: 0.00 % in float32, here 100.00 %"


def test_a_wrong_row_is_named_beside_its_figures() -> None:
    view = scored_view()
    rows = tuple(replace(row, verdict=Verdict.WRONG_OUTPUT) if row.variant == "int8" else row for row in view.rows)
    assert accuracy_lines(replace(view, rows=rows))[1].doubt == "wrong output"


def test_which_samples_changed_is_a_file(tmp_path: Path) -> None:
    read = list(csv.reader(io.StringIO(changed_samples_csv(scored_view()))))
    assert tuple(read[0]) == CHANGED_COLUMNS
    assert [line[5:] for line in read[1:]] == [
        ["top1", f"{SCRIPT}.png", "1.0", "0.0", "worse"],
        ["top1", "b.png", "0.0", "1.0", "better"],
    ]
    lower = list(csv.reader(io.StringIO(changed_samples_csv(scored_view("nme_pct", higher=False)))))
    assert [line[-1] for line in lower[1:]] == ["better", "worse"]
    assert "changed_samples.csv" in {path.name for path in write_reports(scored_view(), tmp_path)}


@pytest.mark.parametrize("higher", [True, False])
def test_a_figure_that_is_not_defined_is_the_worse_one(higher: bool) -> None:
    view = scored_view(higher=higher)
    (case_id, check), *_ = [(name, one) for name, one in view.checks.items() if one.difference is not None]
    assert check.difference is not None
    lost, found = ChangedSample("lost", 0.5, math.nan), ChangedSample("found", math.nan, 0.5)
    checks = {**view.checks, case_id: replace(check, difference=replace(check.difference, changed=(lost, found)))}
    read = list(csv.reader(io.StringIO(changed_samples_csv(replace(view, checks=checks)))))
    assert [line[6:] for line in read[1:]] == [["lost", "0.5", "", "worse"], ["found", "", "0.5", "better"]]


def test_without_scores_there_is_no_such_file(tmp_path: Path) -> None:
    assert "changed_samples.csv" not in {path.name for path in write_reports(run_view(models=(DIGITS,)), tmp_path)}


def test_every_figure_is_in_metrics_csv() -> None:
    lines = [line for line in csv.DictReader(io.StringIO(metrics_csv(scored_view()))) if line["metric"] == "ties_share"]
    assert [(line["value"], line["stat"]) for line in lines] == [("0.25", "value")] * 2


def test_the_page_shows_it_and_runs_nothing_of_it() -> None:
    page = report_html(scored_view())
    assert "+1.25 pt" in page
    assert SCRIPT not in page
    assert 'id="accuracy"' not in report_html(run_view(models=(DIGITS,)))
