from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from harness.display.ending import print_ending
from harness.display.state import DashboardState
from harness.display.text import width_of
from harness.domain import Status, Verdict
from tests.display.builders import (
    CASE,
    HOSTILE,
    case,
    failed,
    finished,
    row,
    row_event,
    run_finished,
    run_started,
    started,
    state_of,
)


def ending_of(state: DashboardState, width: int = 100) -> str:
    stream = io.StringIO()
    print_ending(Console(file=stream, width=width, color_system=None), state, "harness run vision.yaml --resume")
    return stream.getvalue()


def test_nothing_is_said_of_a_run_that_never_began() -> None:
    assert ending_of(DashboardState()) == ""


def test_a_good_run_ends_quietly(tmp_path: Path) -> None:
    (tmp_path / "report.html").touch()
    (tmp_path / "summary.csv").touch()
    text = ending_of(state_of(run_started(), run_finished((row(),), report_dir=str(tmp_path))), 200)
    assert "vision: 1 row in 1 min 40 s: 1 TRUSTED" in text
    assert "What to look at" not in text
    assert f"  {tmp_path}/report.html\n  {tmp_path}/summary.csv\n" in text
    assert "--resume" not in text


def test_reports_that_could_not_be_written_are_not_named(tmp_path: Path) -> None:
    text = ending_of(state_of(run_started(), run_finished((row(),), report_dir=str(tmp_path))), 200)
    assert "report.html" not in text
    assert str(tmp_path) in text


def test_failures_and_doubts_are_explained_once() -> None:
    cases = [case(f"m{index}") for index in range(9)]
    noisy = [
        row(of, verdict=Verdict.NOISY, reasons=f"±{5 + i} %; neighbours", remedy="Quiet.") for i, of in enumerate(cases)
    ]
    text = ending_of(state_of(run_started(), run_finished((*noisy, failed(CASE)))))
    assert "✗ CRASHED  signal 11\n" in text
    assert "! NOISY (9 cases)  ±5 to 13 %\n" in text
    assert "and 3 more" in text
    assert "also: neighbours (9 of 9)" in text
    assert "→ Quiet." in text


def test_an_interrupted_run_says_how_to_go_on() -> None:
    text = ending_of(state_of(run_started(), started(), finished(), run_finished((row(),), "interrupted")))
    assert "Interrupted. 1 invocations are kept; go on with  harness run vision.yaml --resume" in text


def test_a_run_that_broke_off_shows_what_it_has() -> None:
    text = ending_of(
        state_of(run_started(), started(), finished(), row_event(row()), row_event(row(case("x")), final=False))
    )
    assert "vision: 1 row in" in text
    assert "1 of 5 invocations are kept" in text


@pytest.mark.parametrize("width", [10, 20, 40, 80, 200])
def test_hostile_rows_fit_any_width(width: int) -> None:
    rows = tuple(failed(case(name, name), Status.FAILED, name, remedy=name, device=name) for name in HOSTILE)
    text = ending_of(state_of(run_started(name=HOSTILE[1]), run_finished(rows, report_dir=HOSTILE[0])), width)
    assert max(width_of(line) for line in text.splitlines()) <= width
    assert not [char for char in text if ord(char) < 32 and char != "\n"]
