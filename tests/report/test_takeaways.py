from __future__ import annotations

import pytest

from harness.domain import Status, Verdict
from harness.report import takeaways
from harness.report.takeaways import faster_by, told_apart
from tests.report.factory import empty_view, failed_view, row, run_view


def test_no_rows() -> None:
    fastest, doubtful, sure = takeaways(empty_view())
    assert "No case was run" in fastest
    assert "no row to doubt" in doubtful
    assert "Nothing was timed" in sure


def test_everything_failed() -> None:
    fastest, doubtful, sure = takeaways(failed_view())
    assert "nothing is known about what is fastest" in fastest
    assert doubtful.startswith("Do not quote 4 of 4 rows: 4 crashed")
    assert "signal 11" in doubtful
    assert "Nothing was timed" in sure


def test_one_row_claims_no_comparison() -> None:
    fastest, doubtful, sure = takeaways([row()])
    assert fastest == "digits_cnn is fastest as float32 on cpu xnnpack: 1.000 ms, with its accuracy unknown."
    assert doubtful == "The row that finished passed every check."
    assert "±1.0 %" in sure


def test_fastest_is_told_against_float32_with_its_accuracy_cost() -> None:
    rows = [
        row(case_id="f", accuracy_metric="top1", accuracy=0.985),
        _at(0.4, case_id="i", variant="int8", accuracy_metric="top1", accuracy=0.97),
        _at(0.5, case_id="d", variant="dynamic_range"),
    ]
    fastest = takeaways(rows)[0]
    assert "fastest as int8 on cpu xnnpack: 0.4000 ms, 2.5 times as fast as float32 (1.000 ms)" in fastest
    assert "at a top-1 of 97.00 % against 98.50 %" in fastest


def test_an_untrusted_row_is_never_the_fastest() -> None:
    rows = [row(case_id="f"), _at(0.001, case_id="w", variant="int8", verdict=Verdict.WRONG_OUTPUT, reasons="NaN")]
    fastest, doubtful, _ = takeaways(rows)
    assert "fastest as float32" in fastest
    assert "int8" not in fastest
    assert "1 of 2 rows: 1 wrong output (digits_cnn int8 on cpu xnnpack: NaN)" in doubtful


def test_a_noisy_row_that_is_faster_for_certain_is_named_beside_the_fastest_to_quote() -> None:
    """Leaving it out would tell the reader that the slower one is the fastest there is."""
    noisy = _at(0.3, case_id="n", variant="int8", verdict=Verdict.NOISY, reasons="the interval is wide")
    fastest = takeaways([row(case_id="f"), noisy])[0]
    assert "digits_cnn is fastest as float32 on cpu xnnpack of what can be quoted: 1.000 ms" in fastest
    assert "int8 on cpu xnnpack is faster (0.3000 ms) but noisy" in fastest


def test_the_fastest_is_compared_with_float32_of_its_own_backend_even_if_that_is_noisy() -> None:
    rows = [
        row(case_id="f", verdict=Verdict.NOISY, reasons="the interval is wide"),
        _at(9.0, case_id="b", backend="cpu builtin"),
        _at(0.4, case_id="i", variant="int8"),
    ]
    assert "about 2.5 times as fast as float32 (1.000 ms, noisy)" in takeaways(rows)[0]


def test_a_noisy_row_that_may_not_be_faster_is_left_out() -> None:
    near = _at(0.999, case_id="n", variant="int8", verdict=Verdict.NOISY, reasons="the interval is wide")
    assert "int8" not in takeaways([row(case_id="f"), near])[0]


def test_rows_whose_intervals_overlap_are_called_level() -> None:
    rows = [_at(1.0, case_id="a", variant="int8"), _at(1.005, case_id="b", variant="full_integer")]
    assert "level with full_integer on cpu xnnpack" in takeaways(rows)[0]
    assert "times as fast" not in takeaways(rows)[0]


def test_without_an_interval_nothing_is_told_apart() -> None:
    alone = row(latency_ci_low_ms=None, latency_ci_high_ms=None, invocations=1)
    assert not told_apart(alone, _at(5.0))
    assert "No row has an interval" in takeaways([alone])[2]


def test_accuracy_of_another_metric_is_not_compared() -> None:
    rows = [
        row(case_id="f", accuracy_metric="top1", accuracy=0.9),
        _at(0.4, case_id="i", variant="int8", accuracy_metric="miou", accuracy=0.8),
    ]
    assert "against 90" not in takeaways(rows)[0]


def test_random_weights_are_named() -> None:
    fastest, _, sure = takeaways(run_view())
    assert "the weights of mobilenet_v2 are random, so no accuracy is claimed there" in sure
    assert "RMSE off the float reference" in fastest


def test_clock_and_detectable_effect_are_told() -> None:
    sure = takeaways(run_view())[2]
    assert "the clock was watched on every row by add_chain and moved at most" in sure
    assert "could have seen a change of" in sure
    assert "no clock was seen" in takeaways([row(clock_source="")])[2]
    assert "on 1 of 2 rows" in takeaways([row(), row(case_id="b", clock_source="")])[2]


def test_cases_that_did_not_run_are_counted_apart() -> None:
    absent = row(case_id="g", status=Status.UNSUPPORTED, verdict=None, latency_p50_ms=None, reasons="no Vulkan device")
    doubtful = takeaways([row(), absent])[1]
    assert doubtful == "The row that finished passed every check; 1 case did not run (no Vulkan device)."
    assert takeaways([absent])[1] == "There is no row to doubt: 1 case did not run (no Vulkan device)."


def test_devices_are_told_apart() -> None:
    rows = [row(case_id="a", device="Pixel 8"), _at(9.0, case_id="b", device="Pixel 6")]
    fastest = takeaways(rows)[0]
    assert "on Pixel 8" in fastest
    assert "on Pixel 6" in fastest


def test_two_phones_of_one_model_are_two_places() -> None:
    rows = [
        row(case_id="a", device="Pixel 8", target="adb serial=1"),
        _at(9.0, case_id="b", device="Pixel 8", target="adb serial=2"),
    ]
    assert "Pixel 8 (adb serial=1)" in takeaways(rows)[0]


def test_many_models_stay_one_sentence() -> None:
    rows = [row(case_id=str(index), model=f"m{index}") for index in range(9)]
    fastest = takeaways(rows)[0]
    assert "5 more groups of model and device in the table" in fastest
    assert "m5" not in fastest


@pytest.mark.parametrize(("ratio", "words"), [(2.41, "2.4 times as fast as"), (1.05, "5.0 % faster than")])
def test_ratios_are_worded_by_their_size(ratio: float, words: str) -> None:
    assert faster_by(ratio) == words


@pytest.mark.parametrize("view", [empty_view(), failed_view(), run_view()])
def test_each_takeaway_is_one_sentence(view: object) -> None:
    for sentence in takeaways(view):  # type: ignore[arg-type]
        assert sentence[0].isupper() or sentence.startswith(("digits", "mobilenet"))
        assert sentence.endswith(".")
        assert ". " not in sentence
        assert "\n" not in sentence


def _at(latency_ms: float, **changes: object):  # type: ignore[no-untyped-def]
    interval = {"latency_ci_low_ms": 0.99 * latency_ms, "latency_ci_high_ms": 1.01 * latency_ms}
    return row(latency_p50_ms=latency_ms, **interval, **changes)
