"""A matrix on paper: terminal, CSV, Markdown, JSON and the page."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from harness.domain import RunView, Status, Verdict
from harness.measure.matrix import compare_inside
from harness.measure.matrix_values import Matrix, Ratio
from harness.report.comparison import FORMATS
from harness.report.comparison.heat_map import shade
from harness.report.comparison.inside import render_matrix
from harness.report.comparison.matrix_tables import CSV_COLUMNS, matrix_json
from harness.report.comparison.refusals import refusals
from harness.report.comparison.wording import accuracy, choice_sentence, signed, start_up
from tests.measure.matrices import BUILTIN, GPU, case, view
from tests.report.hostile import NAMES, SCRIPT, hostile_view

SCORED = {"accuracy_metric": "top1", "accuracy_samples": 500, "accuracy_direction": "higher"}
COSTS = {
    "init_ms": 2.0,
    "first_inference_ms": 12.0,
    "peak_rss_mib": 30.0,
    "model_size_mb": 4.0,
    **SCORED,
    "accuracy": 0.98,
}
DEAR = {
    "init_ms": 100.0,
    "first_inference_ms": 20.0,
    "peak_rss_mib": 80.0,
    "model_size_mb": 4.0,
    **SCORED,
    "accuracy": 0.96,
}


def run() -> RunView:
    fell_back = {"verdict": Verdict.FELL_BACK, "reasons": "0 of 3 nodes", "delegated_nodes": 0, "total_nodes": 3}
    crashed = {"status": Status.CRASHED, "verdict": None, "reasons": "signal 11"}
    return view(
        [
            (case(), 10.0, COSTS),
            (case(GPU), 5.0, DEAR),
            (case(BUILTIN), 12.0, fell_back),
            (case(variant="int8"), 4.0, {}),
            (case(GPU, "int8"), None, crashed),
        ],
        noise=1e-5,
    )


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return compare_inside(run(), "backend")


def test_what_is_not_comparable_comes_before_any_ratio(matrix: Matrix) -> None:
    for form in ("terminal", "markdown", "html"):
        text = render_matrix(run(), matrix, form)
        assert text.index("signal 11") < text.index("0.500"), form


def test_the_terminal_tells_ratio_costs_and_answer(matrix: Matrix) -> None:
    text = render_matrix(run(), matrix, "terminal", 200)
    line = next(line for line in text.splitlines() if line.startswith("gpu") and "0.500" in line)
    for part in ("0.500", "faster", "+106 ms, paid off after 23", "+50 MiB", "−2 points top-1"):
        assert part in line, part
    assert next(line for line in text.splitlines() if line.startswith("cpu builtin")).endswith("fell back")


def test_the_best_choice_is_a_sentence_with_what_it_costs() -> None:
    rows = [(case(), 10.0, COSTS), (case(GPU), 5.0, DEAR), (case(BUILTIN), 2.0, {"verdict": Verdict.FELL_BACK})]
    sentence = choice_sentence(compare_inside(view(rows), "backend").choices[0])
    for part in (
        "net on Lab PC: gpu · float32, 5.000 ms, ",
        " times as fast as cpu xnnpack · float32 (99 % interval of their ratio: 1.9",
        "it costs 106.0 ms of start-up (paid off after 23 inferences), 50 MiB of memory, 2.0 points of top-1",
        "measured faster, but not to be believed: cpu builtin · float32 (fell back)",
    ):
        assert part in sentence, sentence


def test_rows_that_are_level_are_not_called_faster() -> None:
    sentence = choice_sentence(compare_inside(view([(case(), 10.0, {}), (case(GPU), 9.99, {})]), "backend").choices[0])
    assert "not told apart from" in sentence
    assert "faster" not in sentence


def test_without_a_row_that_may_win_none_is_named() -> None:
    rows = [(case(), 10.0, {"verdict": Verdict.UNVERIFIED}), (case(GPU), 5.0, {"verdict": Verdict.WRONG_OUTPUT})]
    assert "none can be named" in choice_sentence(compare_inside(view(rows), "backend").choices[0])


def test_csv_has_a_line_for_each_cell_and_full_precision(matrix: Matrix) -> None:
    lines = list(csv.DictReader(io.StringIO(render_matrix(run(), matrix, "csv"))))
    assert tuple(lines[0]) == CSV_COLUMNS
    assert len(lines) == len(matrix.cells)
    gpu = next(line for line in lines if line["level"] == "gpu" and line["held"] == "float32")
    ratio = next(cell.ratio for cell in matrix.cells if cell.row.case_id == gpu["case_id"])
    assert ratio is not None
    assert float(gpu["ratio"]) == ratio.value
    assert gpu["best"] == "no"
    failed = next(line for line in lines if line["status"] == "CRASHED")
    assert (failed["ratio"], failed["answer"]) == ("", "crashed")
    assert "signal 11" in failed["not_comparable"]


def test_json_is_strict_and_null_where_nothing_is_known(matrix: Matrix) -> None:
    plain = json.loads(json.dumps(matrix_json(matrix), allow_nan=False))
    cells = {(line["held"], cell["level"]): cell for line in plain["lines"] for cell in line["cells"]}
    assert cells["float32", "gpu"]["ratio"]["verdict"] == "IMPROVEMENT"
    assert cells["int8", "gpu"]["ratio"] is None
    assert cells["int8", "gpu"]["costs"]["memory_mib"] is None
    assert plain["best"][0]["told_apart"] is True


def test_one_reason_is_told_once_with_all_its_rows() -> None:
    rows: list[Any] = [(case(model=name), 10.0, {}) for name in "abcdef"]
    gone = {"status": Status.UNSUPPORTED, "verdict": None, "reasons": "no driver"}
    rows += [(case(GPU, model=name), None, gone) for name in "abcdef"]
    found = refusals(compare_inside(view(rows), "backend"))
    assert [one.reason for one in found] == ["UNSUPPORTED (no driver)"]
    assert found[0].told.endswith("and 2 more")
    assert len(found[0].cells) == 6


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("by", ["backend", "variant", "device"])
def test_hostile_names_stay_text(form: str, by: str) -> None:
    hostile = hostile_view()
    text = render_matrix(hostile, compare_inside(hostile, by), form)
    if form in ("html", "markdown"):
        assert SCRIPT not in text
        assert "<img" not in text
    if form == "csv":
        cells = [cell for line in csv.reader(io.StringIO(text)) for cell in line]
        assert not any(cell.startswith(("=", "@")) for cell in cells)
        assert NAMES[5] not in cells
    assert "\x1b" not in text or form == "csv"


@pytest.mark.parametrize("form", FORMATS)
def test_a_run_without_rows_is_told(form: str) -> None:
    empty = view([])
    text = render_matrix(empty, compare_inside(empty), form)
    assert form == "csv" or "nothing to compare" in text


@pytest.mark.parametrize(
    ("ratio", "class_"),
    [
        (Ratio(0.3, 0.29, 0.31, 0.99), "f4"),
        (Ratio(0.95, 0.94, 0.96, 0.99), "f1"),
        (Ratio(1.005, 1.003, 1.007, 0.99), "e"),
        (Ratio(1.2, 1.1, 1.3, 0.99), "w2"),
        (Ratio(1.2, 0.9, 1.5, 0.99), "e"),
        (Ratio(5.0, 4.0, 6.0, 0.99), "w4"),
        (Ratio(5.0, None, None, 0.99), "e"),
    ],
)
def test_a_colour_says_a_direction_only_when_the_interval_does(ratio: Ratio, class_: str) -> None:
    assert shade(ratio) == class_


def test_the_page_marks_what_fell_back_and_has_a_number_in_every_square(matrix: Matrix) -> None:
    page = render_matrix(run(), matrix, "html")
    assert 'class="w2 hollow"' in page
    assert "slower, fell back" in page
    assert "<b>0.500</b>" in page
    assert page.count('class="ref"') == 2


def test_figures_for_people() -> None:
    assert signed(None, "ms") == "—"
    assert signed(0.0, "ms") == "±0 ms"
    assert signed(-3.0, "MiB") == "−3 MiB"
    found = compare_inside(
        view([(case(), 10.0, COSTS), (case(GPU), 12.0, DEAR | {"init_ms": 0.5, "first_inference_ms": 1.0})]), "backend"
    )
    costs = next(cell.costs for cell in found.cells if not cell.is_reference)
    assert start_up(costs) == "−12.5 ms, ahead for the first 8"
    assert accuracy(costs) == "−2 points top-1"
