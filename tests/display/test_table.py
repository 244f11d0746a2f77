from __future__ import annotations

import io

import pytest
from rich.console import Console

from harness.display.row_cells import accuracy_text
from harness.display.table import results_table
from harness.display.text import width_of
from harness.domain import ResultRow, Status, Verdict
from tests.display.builders import CASE, HOSTILE, case, failed, row


def printed(rows: list[ResultRow], width: int, **options: object) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(results_table(rows, width, **options))  # type: ignore[arg-type]
    return stream.getvalue()


ROWS = [row(), failed(case("other")), row(case("third"), verdict=Verdict.NOISY, reasons="wide interval")]


def test_a_wide_table_has_every_column() -> None:
    rows = [*ROWS, row(case("fourth"), accuracy=0.981, accuracy_metric="top1", device="phone")]
    header = printed(rows, 220).splitlines()[0].split()
    assert header == [
        *("Model", "Variant", "Backend", "Device", "p50", "ms", "±", "ms", "Peak", "MiB", "Size", "MB"),
        *("Accuracy", "Coverage", "Verdict", "Reason"),
    ]


def test_a_row_reads_as_expected() -> None:
    line = printed(ROWS, 160).splitlines()[2]
    assert " ".join(line.split()) == "mobilenet_v2 int8 cpu xnnpack 1T 12.35 ±0.05 41.2 3.62 full ✓ TRUSTED"


@pytest.mark.parametrize("width", [1, 8, 20, 40, 60, 80, 100, 120, 160, 300])
def test_no_width_is_exceeded(width: int) -> None:
    rows = [*ROWS, *(failed(case(name, name), reasons=name, device=name) for name in HOSTILE)]
    rows += [failed(status=status) for status in Status if status is not Status.DONE]
    assert max(width_of(line) for line in printed(rows, width).splitlines()) <= width


@pytest.mark.parametrize("width", range(60, 150, 3))
def test_names_and_numbers_are_left_out_before_they_are_cut(width: int) -> None:
    assert "…" not in printed(ROWS[:2], width, reasons=False)


def test_narrow_tables_keep_what_matters() -> None:
    text = printed(ROWS, 24)
    assert "CRASHED" in text
    assert "Size" not in text


def test_no_rows_is_an_empty_table() -> None:
    assert "Verdict" in printed([], 80)


def test_beyond_the_limit_the_worst_are_kept_and_the_rest_counted() -> None:
    rows = [row(case(f"m{index}")) for index in range(500)] + [failed(CASE)]
    text = printed(rows, 100, limit=10)
    assert "CRASHED" in text
    assert "+491 more rows, in summary.csv" in text
    assert len(text.splitlines()) == 2 + 10 + 1


def test_rows_stay_in_their_order() -> None:
    text = printed(ROWS, 120)
    assert text.index("mobilenet_v2") < text.index("other") < text.index("third")


def test_reasons_can_be_left_to_others() -> None:
    assert "wide interval" in printed(ROWS, 160)
    assert "wide interval" not in printed(ROWS, 160, reasons=False)


def test_names_are_not_markup() -> None:
    assert "[red]x[/red]" in printed([row(case("[red]x[/red]"))], 120, title="[b]title[/b]")
    assert "[b]title[/b]" in printed([row()], 120, title="[b]title[/b]")


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"coverage": "partial", "delegated_nodes": 61}, "61/64"),
        ({"coverage": "none"}, "none"),
        ({"latency_p50_ms": 0.0047, "latency_ci_low_ms": 0.00469, "latency_ci_high_ms": 0.00471}, "<0.0001"),
        ({"latency_p50_ms": 0.5, "latency_ci_low_ms": 0.49, "latency_ci_high_ms": 0.51}, "±0.0100"),
        ({"latency_p50_ms": 0.5, "latency_ci_low_ms": 0.5, "latency_ci_high_ms": 0.5}, "±0.0000"),
        ({"verdict": None}, "? DONE"),
    ],
)
def test_cells(values: dict[str, object], part: str) -> None:
    assert part in printed([row(**values)], 160)


def test_accuracy_is_percent_only_where_it_is_a_share() -> None:
    assert accuracy_text(row(accuracy=0.9812, accuracy_metric="top1")) == "98.1 %"
    assert accuracy_text(row(accuracy=31.4159, accuracy_metric="psnr_db")) == "31.42"
    assert accuracy_text(row()) == "—"
