from __future__ import annotations

import json
import math

import pytest

from harness.domain import Status, Verdict
from harness.report import table
from harness.report.plots.series import Series
from harness.report.table_data import LETTERS, packed, rows_without_script, table_data
from harness.report.wording import WORDS
from tests.report.factory import row, run_view
from tests.report.hostile import hostile_view


def unpacked(column: object, count: int) -> list[object]:
    """As the script of the page does it."""
    if isinstance(column, list):
        return column
    assert isinstance(column, dict)
    if "all" in column:
        return [column["all"]] * count
    wide = len(column["at"]) // count
    codes = [column["at"][index * wide : (index + 1) * wide] for index in range(count)]
    return [
        column["of"][sum(LETTERS.index(one) * 64 ** (wide - 1 - at) for at, one in enumerate(code))] for code in codes
    ]


@pytest.mark.parametrize("kinds", [1, 2, 64, 65, 700, 4096])
def test_what_is_packed_can_be_unpacked(kinds: int) -> None:
    values = [f"value {index % kinds}" for index in range(2 * kinds + 1)]
    column = packed(values)
    assert unpacked(column, len(values)) == values
    assert len(json.dumps(column)) < len(json.dumps(values))


def test_each_form_is_used_where_it_is_smallest() -> None:
    assert packed(["a", "a"]) == {"all": "a"}
    assert packed([None, "b", "b", None]) == {"of": [None, "b"], "at": "abba"}
    assert packed([1, 2, 3]) == [1, 2, 3]
    assert packed([]) == []


def test_figures_keep_seven_digits_and_what_is_no_number_is_missing() -> None:
    assert packed([12.345678912, 0.1, math.nan]) == [12.34568, 0.1, None]
    assert packed([math.inf]) == {"all": None}


def test_the_texts_are_those_of_the_table() -> None:
    for view in (run_view(blocks=2), hostile_view()):
        series = Series.of(view.rows)
        columns = table.columns(view.rows, series.labels)
        lines = table.lines(view.rows, series.labels, WORDS)
        found = table_data(view.rows, columns, lines)
        cells = found["cells"]
        assert isinstance(cells, list)
        assert len(cells) == len(columns)
        for index, column in enumerate(cells):
            assert all("\u202e" not in str(text) for text in unpacked(column, len(lines)))
            if view.run.name == "vision":
                assert unpacked(column, len(lines)) == [line.cells[index] for line in lines]
        assert unpacked(found["quotable"], len(lines)) == [int(line.trusted) for line in lines]
        json.dumps(found, allow_nan=False)


def test_without_a_script_the_best_and_the_doubtful_are_listed() -> None:
    rows = [row(case_id=str(index), model=f"m{index % 3}", latency_p50_ms=100.0 - index) for index in range(60)]
    rows[7] = row(case_id="7", verdict=Verdict.NOISY)
    rows[9] = row(case_id="9", verdict=None, status=Status.CRASHED)
    rows[11] = row(case_id="11", verdict=None, status=Status.SKIPPED)
    assert rows_without_script(rows, 60) == list(range(60))
    assert rows_without_script(rows, 10) == [7, 9, 11, 57, 58, 59]
    assert rows_without_script(rows, 5) == [7, 9, 11, 57, 58]
    assert 11 not in rows_without_script(rows, 4)
