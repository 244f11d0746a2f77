from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.domain import Status, Verdict
from harness.report.findings import findings
from harness.report.wording import clip, merged, number, percent, skeleton
from tests.report.factory import row, run_view


def test_trusted_rows_are_no_findings() -> None:
    assert findings([row()]) == []


def test_rows_with_the_same_leading_reason_are_one_finding_with_ranges() -> None:
    rows = [
        row(case_id="a", verdict=Verdict.NOISY, reasons="load up to 75%; 1 of 4 slow; 2 of 4 cold", remedy="Stop it."),
        row(case_id="b", verdict=Verdict.NOISY, reasons="load up to 82%; 3 of 4 slow", remedy="Stop it."),
    ]
    (found,) = findings(rows)
    assert found.reason == "load up to 82%"
    assert found.also == (("1 to 3 of 4 slow", 2), ("2 of 4 cold", 1))
    assert found.remedy == "Stop it."
    assert len(found.rows) == 2


def test_failures_come_first_and_what_did_not_run_last() -> None:
    rows = [
        row(case_id="s", status=Status.SKIPPED, verdict=None),
        row(case_id="n", verdict=Verdict.NOISY),
        row(case_id="w", verdict=Verdict.WRONG_OUTPUT),
        row(case_id="c", status=Status.CRASHED, verdict=None),
    ]
    assert [found.outcome for found in findings(rows)] == ["CRASHED", "WRONG_OUTPUT", "NOISY", "SKIPPED"]


def test_every_row_that_cannot_be_quoted_is_in_one_finding() -> None:
    view = run_view()
    assert sum(len(found.rows) for found in findings(view.rows)) == 6


@given(st.lists(st.text(alphabet="ab 0123.;%", max_size=12), min_size=1, max_size=4))
def test_texts_of_one_skeleton_can_be_merged(texts: list[str]) -> None:
    same = [text for text in texts if skeleton(text) == skeleton(texts[0])]
    assert isinstance(merged(same), str)
    assert merged(texts[:1]) == texts[0] or "up to" in texts[0]


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (None, 3, "—"),
        (0.0, 3, "0"),
        (3e-7, 2, "3e-7"),
        (0.0123, 3, "0.0123"),
        (1234567.0, 3, "1,234,567"),
        (14.0, 3, "14"),
    ],
)
def test_numbers_for_people(value: float | None, digits: int, text: str) -> None:
    assert number(value, digits) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.8, "0.80 %"), (3.14, "3.1 %"), (14.4, "14 %"), (0.001, "< 0.01 %"), (0.0, "0.00 %")]
)
def test_percentages_for_people(value: float, text: str) -> None:
    assert percent(value) == text


def test_a_clipped_text_is_one_short_line() -> None:
    assert clip("one two\nthree", 40) == "one two three"
    assert clip("alpha beta gamma", 12) == "alpha beta…"
    assert len(clip("x" * 500, 20)) == 20
