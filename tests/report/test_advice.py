"""Advice: measured figures decide, rules fill the gaps, and each statement says which it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.domain import ResultRow, Status, Verdict
from harness.report.advice import Advice, Option, Wish, advise
from harness.report.advice.model import Standing
from harness.report.advice.tree import newest_rows
from tests.report.factory import row


def measured(variant: str, latency_ms: float, loss: float | None = 0.001, **changes: object) -> ResultRow:
    made = row(
        variant=variant,
        latency_p50_ms=latency_ms,
        accuracy_metric="top1",
        accuracy=0.9,
        accuracy_direction="higher",
        accuracy_loss=None if variant == "float32" else loss,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def option(advice: Advice, variant: str) -> Option:
    return next(found for found in advice.options if found.variant == variant)


def known(advice: Advice, question: str) -> tuple[str, str]:
    step = next(step for step in advice.steps if question in step.question)
    return step.answer, step.known


ROWS = (measured("float32", 10.0), measured("int8", 2.0, 0.004), measured("dynamic_range", 4.0, 0.0))


def test_measured_figures_rank_before_rules() -> None:
    advice = advise("m", Wish(latency_ms=5.0, max_loss=0.01), ROWS)
    assert [found.variant for found in advice.options[:2]] == ["int8", "dynamic_range"]
    assert option(advice, "int8").standing is Standing.MEETS
    assert {reason.known for reason in option(advice, "int8").reasons} == {"measured"}
    assert option(advice, "float32").standing is Standing.FAILS
    assert option(advice, "float16").standing is Standing.OPEN
    assert {reason.known for reason in option(advice, "float16").reasons} == {"rule"}
    assert known(advice, "original model") == ("no: 10.00 ms on cpu xnnpack on host-lab1, wished 5 ms", "measured")
    assert known(advice, "after post-training") == ("yes, by int8, dynamic_range", "measured")
    assert "float16" in advice.unsettled
    assert "int8" not in advice.unsettled


def test_without_rows_the_rules_order_and_say_so() -> None:
    advice = advise("m", Wish(data="labelled"), ())
    assert [found.variant for found in advice.options][:3] == ["int8", "full_integer", "dynamic_range"]
    assert all(reason.known == "rule" for found in advice.options for reason in found.reasons)
    assert known(advice, "original model") == ("not measured", "rule")


def test_a_loss_over_the_wish_rules_out_and_int16x8_shows_that_the_range_matters() -> None:
    rows = (*ROWS[:1], measured("int8", 2.0, 0.4), measured("int16x8", 300.0, 0.001))
    advice = advise("m", Wish(max_loss=0.01), rows)
    assert option(advice, "int8").standing is Standing.FAILS
    assert option(advice, "int16x8").standing is Standing.MEETS
    assert known(advice, "sensitive")[0].startswith("yes: int8 loses 0.4")


@pytest.mark.parametrize(
    ("changes", "standing"),
    [
        ({"verdict": Verdict.NOISY, "reasons": "wide"}, Standing.OPEN),
        ({"verdict": Verdict.WRONG_OUTPUT, "reasons": "NaN"}, Standing.FAILS),
        ({"status": Status.CRASHED, "verdict": None, "latency_p50_ms": None, "reasons": "signal 11"}, Standing.FAILS),
        ({"accuracy_loss": None, "weights": "random"}, Standing.OPEN),
    ],
)
def test_what_cannot_be_believed_never_meets_a_wish(changes: dict[str, object], standing: Standing) -> None:
    advice = advise("m", Wish(), (ROWS[0], measured("int8", 0.1, **changes)))  # type: ignore[arg-type]
    assert option(advice, "int8").standing is standing
    assert advice.options[0].variant != "int8" or standing is Standing.OPEN


def test_a_wrong_row_does_not_hide_a_right_one_on_another_backend() -> None:
    wrong = measured("int8", 0.1, verdict=Verdict.WRONG_OUTPUT, backend="gpu")
    found = option(advise("m", Wish(), (wrong, ROWS[1])), "int8")
    assert (found.latency_ms, found.standing) == (2.0, Standing.MEETS)
    on_gpu = option(advise("m", Wish(target="gpu"), (wrong, ROWS[1])), "int8")
    assert on_gpu.standing is Standing.FAILS


@pytest.mark.parametrize(
    ("target", "data", "out", "why"),
    [
        ("edgetpu", "labelled", "float16", "integers only"),
        ("edgetpu", "labelled", "int16x8", "8-bit"),
        ("hexagon", "labelled", "float32", "integers only"),
        ("gpu", "labelled", "int16x8", "does not expect"),
        ("any", "none", "int8", "needs representative data"),
        ("any", "representative", "qat", "needs labelled data"),
    ],
)
def test_what_cannot_be(target: str, data: str, out: str, why: str) -> None:
    found = option(advise("m", Wish(target=target, data=data), ()), out)
    assert found.standing is Standing.FAILS
    assert why in found.reasons[0].text


def test_the_edge_tpu_is_advised_what_it_runs_by_its_name() -> None:
    found = advise("m", Wish(target="edgetpu", data="labelled"), ())
    open_ones = [one.variant for one in found.options if one.standing is Standing.OPEN]
    assert open_ones == ["edgetpu", "qat+edgetpu"]
    assert "compiled for the Edge TPU" in option(found, "edgetpu").reasons[0].text
    assert not any(one.variant == "int8" for one in found.options)
    assert option(advise("m", Wish(target="cpu"), (measured("edgetpu", 1.0),)), "edgetpu").standing is Standing.FAILS


def test_small_downloads_bring_compressed_variants_to_the_top() -> None:
    advice = advise("m", Wish(data="labelled", small_download=True), ())
    assert advice.options[0].variant == "pruned_clustered+int8"


def test_newest_rows_are_one_a_setup() -> None:
    new, old = measured("int8", 2.0), measured("int8", 3.0)
    other = replace(old, backend="gpu")
    skipped = replace(old, status=Status.SKIPPED, backend="qnn")
    found = newest_rows([[new], [old, other, skipped, replace(old, model="x")]], "digits_cnn")
    assert found == [new, other]


@pytest.mark.parametrize("status", [Status.INTERRUPTED, Status.OFFLINE])
def test_a_row_that_was_cut_off_does_not_hide_an_older_measurement(status: Status) -> None:
    old = measured("int8", 3.0)
    cut = replace(old, status=status, verdict=None, latency_p50_ms=None)
    assert newest_rows([[cut], [old]], "digits_cnn") == [old]


def test_foreign_variant_names_are_left_out() -> None:
    assert not any(found.variant == "mine" for found in advise("m", Wish(), (measured("mine", 1.0),)).options)
