from __future__ import annotations

from harness.domain import InvocationRecord, InvocationResult, OperatorTime, Purpose, Status
from harness.report.html import report_html
from harness.report.operator_profile import CASES_SHOWN, OPERATORS_SHOWN, ModelProfile, model_profiles
from harness.report.plots.series import Series
from tests.report.factory import BUILTIN, DIGITS, XNNPACK, run_view
from tests.report.profiled import CONV, DENSE, profile, profiled_view


def profiles(**kinds: tuple[OperatorTime, ...]) -> list[ModelProfile]:
    view = profiled_view(kinds)
    return model_profiles(view.rows, view.invocations, Series.of(view.rows))[0]


def test_kernels_stand_under_the_operator_that_they_compute() -> None:
    (found,) = profiles(float32=(CONV, DENSE), int8=(OperatorTime("CONV_2D", 900.0, 1.0, 2, "built-in"),))
    assert [line.name for line in found.lines] == ["CONV_2D", "FULLY_CONNECTED"]
    assert [case.variant for case in found.cases] == ["float32", "int8"]
    assert found.lines[1].bars[1] is None
    assert found.cases[0].kernels == "XNNPACK 100 %"
    assert found.cases[0].total == "0.4 ms"
    assert ("float32, cpu xnnpack", CONV.name, "XNNPACK", "2", "0.3000", "75 %") in found.kernels


def test_convolutions_that_one_case_computes_as_dense_layers_are_one_line() -> None:
    (found,) = profiles(
        float32=(CONV, DENSE),
        int8=(OperatorTime("CONV_2D", 50.0, 0.1, 1, "x"), OperatorTime("FULLY_CONNECTED", 450.0, 0.9, 2, "x")),
    )
    (line,) = found.lines
    assert line.name == "CONV_2D and FULLY_CONNECTED"
    bar = line.bars[1]
    assert bar is not None
    assert bar.grew == "+0.1 ms"
    assert bar.share == "100 %, 3 ×"


def test_what_grew_most_is_marked_and_small_change_is_not_told() -> None:
    (found,) = profiles(
        float32=(CONV, DENSE),
        int8=(OperatorTime("CONV_2D", 500.0, 0.8, 2, "built-in"), OperatorTime("FULLY_CONNECTED", 103.0, 0.2, 1, "x")),
    )
    conv, dense = (line.bars[1] for line in found.lines)
    assert conv is not None
    assert dense is not None
    assert conv.grew == "+0.2 ms"
    assert conv.most
    assert conv.width_pct == 100
    assert dense.grew == ""
    assert not dense.most
    first = found.lines[0].bars[0]
    assert first is not None
    assert first.grew == ""


def test_what_shrank_is_told_and_never_marked() -> None:
    (found,) = profiles(float32=(CONV, DENSE), int8=(OperatorTime("CONV_2D", 100.0, 1.0, 2, "built-in"),))
    bar = found.lines[0].bars[1]
    assert bar is not None
    assert bar.grew == "−0.2 ms"
    assert not bar.most


def test_many_operators_and_cases_are_folded_and_it_is_said() -> None:
    many = tuple(OperatorTime(f"OP_{index}", 10.0 + index, 0.1, 1, "built-in") for index in range(OPERATORS_SHOWN + 4))
    (found,) = profiles(float32=many)
    assert len(found.lines) == OPERATORS_SHOWN
    assert "4 more operators, each shorter" in found.note
    view = run_view(models=(DIGITS,), backends=(XNNPACK, BUILTIN), blocks=1)
    records = [profile(row.case_id, (CONV,)) for row in view.rows]
    (crowd,), left = model_profiles(view.rows, records, Series.of(view.rows))
    assert len(crowd.cases) == CASES_SHOWN
    assert crowd.note == "6 more cases with a profile"
    assert left == 0


def test_profiles_without_times_or_that_failed_are_none() -> None:
    view = run_view(models=(DIGITS,), variants=("float32",), backends=(XNNPACK,), blocks=1)
    case_id = view.rows[0].case_id
    no_times = profile(case_id, (OperatorTime("CONV_2D", 0.0, 0.0),))
    failed = InvocationRecord(
        case_id, Purpose.PROFILE, 0, 0, 1, "", InvocationResult(Status.CRASHED, operators=(CONV,))
    )
    assert model_profiles(view.rows, [no_times, failed], Series.of(view.rows)) == ([], 0)


def test_the_page_shows_them() -> None:
    page = report_html(profiled_view({"float32": (CONV, DENSE), "int8": (CONV,)}))
    assert "Where the time goes" in page
    assert "Kernels by their own names" in page
    assert CONV.name in page
