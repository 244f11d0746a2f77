"""Tables in the forms that the field publishes: ours beside theirs, doubts and failures named."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace

import pytest

from harness.cli.report import FORMAT_NAMES, TABLE_NAMES
from harness.domain import (
    AccuracyResult,
    Backend,
    Case,
    ModelRef,
    OutputsCheck,
    RunView,
    Status,
    Target,
    VariantFile,
    Verdict,
)
from harness.errors import UsageError
from harness.report.tables import FORMATS, TABLES, Table, build_table, render
from harness.report.tables.published import published
from tests.report.factory import row, run_record, run_view
from tests.report.hostile import SCRIPT, hostile_view

LOSSES = {"float32": 0.0, "int8": 0.004, "qat": 0.001, "int16x8": 0.0005}


def view_of(
    variants: Sequence[str], model: str = "mobilenet_v2", metric: str = "top1", recipe: str = "", **changes: object
) -> RunView:
    cases = [Case(ModelRef(model, recipe=recipe), variant, backend=Backend()) for variant in variants]
    rows, files, checks = [], [], {}
    for number, case in enumerate(cases):
        value = 0.7 - LOSSES.get(case.variant, 0.0)
        made = row(
            case_id=case.case_id,
            model=model,
            variant=case.variant,
            latency_p50_ms=10.0 / (number + 1),
            model_size_mb=14.0 / (1 + 2.5 * (number > 0)),
            accuracy_metric=metric,
            accuracy=value,
            accuracy_loss=None if case.variant == "float32" else LOSSES.get(case.variant, 0.0),
            sparsity=0.75 if "pruned" in case.variant else 0.001,
            clusters=16,
        )
        rows.append(replace(made, **changes))  # type: ignore[arg-type]
        files.append(
            VariantFile(
                model,
                case.variant,
                Status.DONE,
                size_bytes=14_000_000,
                gzip_bytes=12_600_000 // (number + 1),
                reduction_pct=71.4,
            )
        )
        checks[case.case_id] = OutputsCheck(accuracy=AccuracyResult(metric, value, 500, {metric: value, "top5": 0.9}))
    empty = run_view(models=())
    return replace(empty, run=run_record(), cases=tuple(cases), rows=tuple(rows), files=tuple(files), checks=checks)


def lines(table: Table) -> list[list[str]]:
    return [[cell.shown for cell in line] for line in table.rows]


def test_quantization_lays_the_published_figures_beside_ours() -> None:
    table = build_table("quantization", view_of(["float32", "int8", "qat"]))
    assert [line[2:] for line in lines(table)] == [
        ["top-1", "70.00 %", "69.60 %", "69.90 %", "71.90 %", "63.70 %", "70.90 %"],
        ["latency, ms", "10.00", "5.000", "3.333", "89", "98", "54"],
        ["size, MB", "14", "4", "4", "14", "3.6", "—"],
    ]
    assert "Pixel 2, one big core" in table.notes[0]


def test_the_recipe_finds_published_figures_whatever_the_model_is_called() -> None:
    table = build_table("quantization", view_of(["float32", "int8"], model="mine", recipe="mobilenet_v2"))
    assert lines(table)[0][6] == "71.90 %"
    alone = build_table("quantization", view_of(["float32", "int8"], model="mine"))
    assert lines(alone)[0][6] == "—"
    assert not any("Published" in note for note in alone.notes)


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"verdict": Verdict.NOISY}, "10.00 (noisy)"),
        ({"verdict": Verdict.WRONG_OUTPUT}, "10.00 (wrong output)"),
        ({"status": Status.FAILED, "verdict": None, "latency_p50_ms": None}, "failed"),
    ],
)
def test_what_cannot_be_quoted_says_so(changes: dict[str, object], shown: str) -> None:
    table = build_table("quantization", view_of(["float32", "int8"], **changes))
    assert lines(table)[1][3] == shown


def test_a_fast_wrong_figure_is_marked_for_programs_too() -> None:
    view = view_of(["float32", "int8"])
    wrong = replace(view, rows=(view.rows[0], replace(view.rows[1], verdict=Verdict.WRONG_OUTPUT)))
    heads, rows = build_table("quantization", wrong).for_programs()
    assert [dict(zip(heads, line, strict=True))["Doubts"] for line in rows] == ["PTQ: wrong output"] * 2 + [""]
    assert build_table("quantization", view).for_programs()[1][1][-1] == ""


def test_two_phones_of_one_model_are_two_places() -> None:
    one = view_of(["float32", "int8"])
    targets = [replace(case, target=Target("adb", (("serial", "b"),))) for case in one.cases]
    rows = [
        replace(row, case_id=case.case_id, target=case.target.label, latency_p50_ms=77.0)
        for row, case in zip(one.rows, targets, strict=True)
    ]
    both = replace(one, cases=(*one.cases, *targets), rows=(*one.rows, *rows))
    table = build_table("quantization", both)
    latencies = [line[3] for line in lines(table) if line[2] == "latency, ms"]
    assert latencies == ["10.00", "77.00"]
    assert len({line[1] for line in lines(table)}) == 2


def test_int16_shows_every_figure_of_the_task() -> None:
    table = build_table("int16", view_of(["float32", "int8", "int16x8"]))
    assert [line[2] for line in lines(table)] == ["top-1", "top-5", "latency, ms"]
    assert lines(table)[0][3:] == ["70.00 %", "69.60 %", "69.95 %", "71.80 %", "71.26 %", "71.37 %"]


def test_a_failed_mode_is_a_row_with_its_reason() -> None:
    view = view_of(["float32", "int8", "int16x8"], model="hrnet_landmarks", metric="nme_pct")
    broken = replace(
        view.rows[2],
        status=Status.FAILED,
        verdict=None,
        latency_p50_ms=None,
        accuracy=None,
        reasons="no RESIZE_BILINEAR",
    )
    table = build_table("ptq-modes", replace(view, rows=(*view.rows[:2], broken)))
    assert lines(table)[2][2] == "int16x8"
    assert lines(table)[2][-1] == "failed: no RESIZE_BILINEAR"
    assert lines(table)[1][-3:-1] == ["3.4", "6.3476"]
    assert lines(table)[1][4] == "71.4 %"


def test_compression_is_by_file_and_names_zeros_and_clusters() -> None:
    table = build_table("compression", view_of(["float32", "pruned", "clustered+int8"]))
    assert [line[1:7] for line in lines(table)] == [
        ["float32", "14", "12.6", "100.0 %", "0.1 %", "—"],
        ["pruned", "4", "6.3", "50.0 %", "75.0 %", "—"],
        ["clustered+int8", "4", "4.2", "33.3 %", "0.1 %", "16"],
    ]


def test_accuracy_is_every_variant_with_its_loss() -> None:
    changes = {"accuracy_loss_low": -0.001, "accuracy_loss_high": 0.009, "accuracy_p_value": 0.02, "samples_worse": 3}
    table = build_table("accuracy", view_of(["float32", "qat"], accuracy_samples=500, **changes))
    assert lines(table)[1][2:] == [
        *("qat", "top-1", "69.90 %", "0.001", "-0.001 to 0.009", "0.02", "—", "3", "500", "trusted"),
    ]


def test_the_command_knows_every_table() -> None:
    assert set(TABLE_NAMES) == set(TABLES)
    assert FORMAT_NAMES == FORMATS


@pytest.mark.parametrize("name", list(TABLES))
def test_a_run_without_what_a_table_needs(name: str) -> None:
    with pytest.raises(UsageError, match="no rows for the table"):
        build_table(name, run_view(models=()))


def test_an_unknown_table() -> None:
    with pytest.raises(UsageError, match="no table 'sizes'"):
        build_table("sizes", run_view())


@pytest.mark.parametrize("name", ["ptq-modes", "compression", "quantization", "int16"])
@pytest.mark.parametrize("form", FORMATS)
def test_every_table_in_every_form(name: str, form: str) -> None:
    table = build_table(name, run_view())
    text = render(table, form)
    assert "mobilenet_v2" in text
    if form == "csv":
        read = list(csv.reader(io.StringIO(text)))
        assert [len(line) for line in read] == [len(table.heads) + 1] * (1 + len(table.rows))
        assert read[0] == [*table.heads, "Doubts"]
        assert len(set(read[0])) == len(read[0])


@pytest.mark.parametrize("form", FORMATS)
def test_hostile_names_stay_text(form: str) -> None:
    view = hostile_view()
    text = render(build_table("compression", view), form) if view.files else ""
    assert SCRIPT not in text or form in ("terminal", "csv")
    assert "\x1b" not in text


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_no_terminal_cuts_a_figure(width: int) -> None:
    table = build_table("ptq-modes", run_view())
    words = {word for row in table.rows for cell in row for word in cell.shown.split()}
    heads = {word for index, head in enumerate(table.heads) for word in head.split() if index >= table.names - 1}
    text = render(table, "terminal", width)
    blank = {head for head in heads if head not in text.split()}
    assert "…" not in text
    assert not (words - {"—"}) - set(text.split())
    assert all(len(line) <= max(width, 60) for line in text.splitlines())
    assert blank <= {
        word
        for index, head in enumerate(table.heads)
        if all(row[index].shown == "—" for row in table.rows)
        for word in head.split()
    }


def test_published_figures_are_in_our_units() -> None:
    found = published()
    assert len(found) > 60
    for (_, _, _, figure), one in found.items():
        assert one.source
        assert one.value >= 0
        if figure in ("top1", "wer", "cer", "map50", "f1", "exact_match"):
            assert one.value <= 1, figure
    assert {key[0] for key in found} == {"int16", "paddle", "ptq-modes", "quantization"}
