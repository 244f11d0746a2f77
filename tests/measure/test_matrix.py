"""A run compared with itself."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from harness.domain import Backend, ComparisonVerdict, RuntimeRef, Status, Verdict
from harness.errors import UsageError
from harness.measure import block_medians, compare_blocks
from harness.measure.matrix import compare_inside
from harness.measure.matrix_values import Cell, Matrix, Noise
from tests.measure.matrices import BUILTIN, GPU, XNNPACK, case, view

NONE: dict[str, Any] = {}


def cell(matrix: Matrix, level: str, line: int = 0) -> Cell:
    found = matrix.lines[line].cells[matrix.levels.index(level)]
    assert found is not None
    return found


def test_a_ratio_is_paired_by_block_and_what_compare_blocks_says() -> None:
    run = view([(case(), 10.0, NONE), (case(GPU), 5.0, NONE)], drift=0.05)
    matrix = compare_inside(run, "backend")
    ratio = cell(matrix, "gpu").ratio
    arms = [block_medians(one for one in run.invocations if one.case_id == made.case_id) for made in run.cases]
    expected = compare_blocks(*arms, planned=8)
    assert ratio is not None
    assert (ratio.value, ratio.low, ratio.high) == (expected.ratio, expected.ci_low, expected.ci_high)
    assert ratio.verdict is ComparisonVerdict.IMPROVEMENT
    # A drift of 40 % over the run is in both arms of a block: unpaired, the interval would be as wide as that.
    assert 0.495 < (ratio.low or 0) < 0.5 < (ratio.high or 0) < 0.505
    assert cell(matrix, "cpu xnnpack").is_reference
    assert cell(matrix, "cpu xnnpack").ratio is None


def test_all_blocks_count_and_not_only_those_of_a_look() -> None:
    ratio = cell(compare_inside(view([(case(), 10.0, NONE), (case(GPU), 5.0, NONE)], blocks=10)), "gpu").ratio
    assert ratio is not None
    assert ratio.blocks == 10


@pytest.mark.parametrize("blocks", [2, 5, 7])
def test_few_blocks_give_a_ratio_and_no_verdict(blocks: int) -> None:
    ratio = cell(compare_inside(view([(case(), 10.0, NONE), (case(GPU), 5.0, NONE)], blocks=blocks)), "gpu").ratio
    assert ratio is not None
    assert ratio.value == pytest.approx(0.5, rel=0.01)
    assert ratio.verdict is None
    assert (ratio.low is None) is (ratio.mde is None) is (blocks < 6)  # of two blocks it would span decades


def test_what_the_test_says_of_its_arms_is_said_of_the_reference_and_the_row() -> None:
    run = view([(case(), 10.0, NONE), (case(GPU), 5.0, NONE)], blocks=12)
    ordered = [replace(one, order=0 if one.case_id == run.cases[0].case_id else 1) for one in run.invocations]
    found = cell(compare_inside(replace(run, invocations=tuple(ordered)), "backend"), "gpu")
    assert "the reference ran first in all 12 blocks: the order hardly was random" in found.caveats
    assert not [told for told in found.caveats if "arm " in told]


def test_one_block_gives_a_reason() -> None:
    found = cell(compare_inside(view([(case(), 10.0, NONE), (case(GPU), 5.0, NONE)], blocks=1)), "gpu")
    assert found.ratio is None
    assert "share 1 block" in found.refused[0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"verdict": Verdict.WRONG_OUTPUT, "reasons": "RMSE 0.9; more"}, "wrong outputs, .*(RMSE 0.9)"),
        ({"status": Status.CRASHED, "verdict": None, "reasons": "signal 11"}, "CRASHED .signal 11."),
        ({"latency_p50_ms": None}, "no latency"),
        ({"runtime_version": "9.9"}, "runtime version differs: 2.3.0 and 9.9"),
        ({"timed": "call"}, "what a sample holds differs: call.read and call"),
        ({"model_sha256": "e" * 64}, "model file differs: ffffffffffff and eeeeeeeeeeee"),
    ],
)
def test_what_is_not_comparable_gets_its_reason_and_no_ratio(changes: dict[str, Any], said: str) -> None:
    made = view([(case(), 10.0, NONE), (case(GPU), 5.0, changes)])
    found = cell(compare_inside(made), "gpu")
    assert found.ratio is None
    assert len(found.refused) == 1
    assert re.search(said, found.refused[0])


def test_a_wrong_reference_forbids_all_ratios_and_one_that_fell_back_is_told() -> None:
    wrong = view([(case(), 10.0, {"verdict": Verdict.WRONG_OUTPUT}), (case(GPU), 5.0, NONE)])
    assert "the reference cpu xnnpack: wrong outputs" in cell(compare_inside(wrong), "gpu").refused[0]
    back = view([(case(), 10.0, {"verdict": Verdict.FELL_BACK, "reasons": "0 of 3 nodes"}), (case(GPU), 5.0, NONE)])
    found = cell(compare_inside(back), "gpu")
    assert found.ratio is not None
    assert found.caveats == ("the reference fell back (0 of 3 nodes)",)


@pytest.mark.parametrize("verdict", [Verdict.WRONG_OUTPUT, Verdict.FELL_BACK, Verdict.UNVERIFIED, Verdict.THROTTLED])
def test_the_fastest_row_wins_only_when_it_is_proven_and_right(verdict: Verdict) -> None:
    run = view([(case(), 10.0, NONE), (case(GPU), 5.0, {"verdict": verdict}), (case(BUILTIN), 20.0, NONE)])
    choice = compare_inside(run, "backend").choices[0]
    assert choice.best is not None
    assert choice.best.level == "cpu xnnpack"
    assert choice.second is not None
    assert choice.second.level == "cpu builtin"
    assert choice.ratio is not None
    assert choice.ratio.value == pytest.approx(2.0, rel=0.01)
    assert [name for name, _ in choice.barred] == ["gpu · float32"]


def test_a_noisy_row_may_win_and_what_is_not_told_apart_is_named() -> None:
    run = view([(case(), 10.0, NONE), (case(GPU), 9.99, {"verdict": Verdict.NOISY})])
    choice = compare_inside(run, "backend").choices[0]
    assert choice.best is not None
    assert choice.best.level == "gpu"
    assert choice.ratio is not None
    assert not choice.ratio.told_apart
    assert choice.level_with == ("cpu xnnpack · float32",)


def test_no_row_may_win() -> None:
    run = view([(case(), 10.0, {"verdict": Verdict.UNVERIFIED}), (case(GPU), None, {"status": Status.FAILED})])
    choice = compare_inside(run, "backend").choices[0]
    assert choice.best is None
    assert choice.barred == (("cpu xnnpack · float32", "unverified"),)


def test_threads_make_lines_and_an_accelerator_stands_in_each() -> None:
    many = Backend(threads=4)
    run = view([(case(), 10.0, NONE), (case(many), 4.0, NONE), (case(GPU), 5.0, NONE)])
    matrix = compare_inside(run, "backend")
    assert [line.held for line in matrix.lines] == ["float32 · 1 thread", "float32 · 4 threads"]
    ratios = [cell(matrix, "gpu", line).ratio for line in (0, 1)]
    assert [one and one.value for one in ratios] == pytest.approx([0.5, 1.25], rel=0.01)
    threads = compare_inside(run, "threads")
    assert threads.levels == ("1 thread", "4 threads")
    assert len(threads.lines) == 1
    found = cell(threads, "4 threads").ratio
    assert found is not None
    assert round(found.value, 1) == 0.4


def test_only_accelerators_make_a_line_of_their_own() -> None:
    npu = Backend("npu")
    matrix = compare_inside(view([(case(GPU), 5.0, NONE), (case(npu), 4.0, NONE)]), "backend")
    assert matrix.reference == "gpu"
    assert cell(matrix, "npu").ratio is not None


def test_models_and_variants_are_never_mixed() -> None:
    rows = [
        (case(one, variant, model), 10.0, NONE)
        for one in (XNNPACK, GPU)
        for variant in ("float32", "int8")
        for model in "ab"
    ]
    matrix = compare_inside(view(rows), "backend")
    assert [line.title for line in matrix.lines] == ["a · float32", "b · float32", "a · int8", "b · int8"]
    for line in matrix.lines:
        assert len({(one.row.model, one.row.variant) for one in line.cells if one is not None}) == 1


def test_variants_are_compared_with_float32_on_the_same_backend() -> None:
    rows = [
        (case(one, variant), 8.0 if variant == "int8" else 16.0, NONE)
        for variant in ("int8", "float32")
        for one in (XNNPACK, GPU)
    ]
    matrix = compare_inside(view(rows), "variant")
    assert matrix.levels == ("float32", "int8")
    assert [line.held for line in matrix.lines] == ["cpu xnnpack", "gpu"]


def test_a_level_without_its_reference_says_so() -> None:
    rows = [(case(), 10.0, NONE), (case(GPU), 5.0, NONE), (case(GPU, model="other"), 5.0, NONE)]
    found = cell(compare_inside(view(rows), "backend"), "gpu", 1)
    assert found.refused == ("there is no cpu xnnpack beside it to compare with",)


def test_runtimes_may_differ_in_their_version_when_they_are_compared() -> None:
    old = RuntimeRef("litert", "/opt/old/bin/python")
    rows = [(case(), 10.0, NONE), (case(runtime=old), 11.0, {"runtime_version": "2.1.0"})]
    ratio = cell(compare_inside(view(rows), "runtime"), old.label).ratio
    assert ratio is not None
    assert ratio.verdict is ComparisonVerdict.REGRESSION


def test_devices_are_compared_by_their_levels_without_a_verdict() -> None:
    rows = [(case(serial="one"), 10.0, NONE), (case(serial="two"), 5.0, NONE)]
    matrix = compare_inside(view(rows), "device")
    assert matrix.levels == ("Pixel 8 (one)", "Pixel 8 (two)")
    ratio = cell(matrix, "Pixel 8 (two)").ratio
    assert ratio is not None
    assert not ratio.paired
    assert ratio.verdict is None
    assert ratio.blocks == 0
    assert (ratio.low, ratio.high) == (pytest.approx(0.5 * 0.99 / 1.01), pytest.approx(0.5 * 1.01 / 0.99))
    assert {line.device for line in compare_inside(view(rows), "backend").lines} == {"Pixel 8 (one)", "Pixel 8 (two)"}


def test_devices_without_intervals_have_a_ratio_and_are_not_told_apart() -> None:
    rows = [(case(serial=name), 5.0, {"latency_ci_low_ms": None}) for name in ("one", "two")]
    ratio = cell(compare_inside(view(rows), "device"), "Pixel 8 (two)").ratio
    assert ratio is not None
    assert ratio.low is None
    assert not ratio.told_apart


def test_a_slower_start_pays_off_after_so_many_inferences() -> None:
    start = {"init_ms": 2.0, "first_inference_ms": 12.0}
    slow = {"init_ms": 100.0, "first_inference_ms": 20.0}
    found = cell(compare_inside(view([(case(), 10.0, start), (case(GPU), 5.0, slow)], noise=1e-9)), "gpu")
    assert found.costs.start_ms == pytest.approx(106.0)
    n = found.costs.break_even
    assert n is not None
    # n inferences, the first being part of the start: no longer behind, and one before that still behind.
    assert 14.0 + (n - 1) * 10.0 >= 120.0 + (n - 1) * 5.0 - 0.01
    assert 14.0 + (n - 2) * 10.0 < 120.0 + (n - 2) * 5.0


def test_a_start_that_is_no_slower_has_nothing_to_pay_off() -> None:
    start = {"init_ms": 2.0, "first_inference_ms": 12.0}
    found = cell(compare_inside(view([(case(), 10.0, start), (case(GPU), 5.0, start)])), "gpu")
    assert found.costs.start_ms == 0.0
    assert found.costs.break_even is None


def test_costs_are_unknown_where_one_side_is() -> None:
    costs = cell(
        compare_inside(view([(case(), 10.0, {"peak_rss_mib": 30.0, "init_ms": 1.0}), (case(GPU), 5.0, NONE)])), "gpu"
    ).costs
    assert (costs.start_ms, costs.memory_mib, costs.size_mb, costs.accuracy_loss) == (None, None, None, None)


@pytest.mark.parametrize(("direction", "loss"), [("higher", 0.02), ("lower", -0.02)])
def test_accuracy_is_compared_on_the_same_samples_only(direction: str, loss: float) -> None:
    ours = {"accuracy_metric": "top1", "accuracy": 0.98, "accuracy_samples": 500, "accuracy_direction": direction}
    theirs = ours | {"accuracy": 0.96}
    found = cell(compare_inside(view([(case(), 10.0, ours), (case(GPU), 5.0, theirs)])), "gpu").costs
    assert found.accuracy_loss == pytest.approx(loss)
    assert found.metric == "top1"
    for other in ({"accuracy_samples": 100}, {"accuracy_metric": "top5"}, {"weights": "random"}):
        found = cell(compare_inside(view([(case(), 10.0, ours), (case(GPU), 5.0, theirs | other)])), "gpu").costs
        assert found.accuracy_loss is None


def test_the_paired_interval_of_the_accuracy_is_taken_where_float32_is_the_reference() -> None:
    scored = {"accuracy_metric": "top1", "accuracy_samples": 500, "accuracy_direction": "higher"}
    worse = {"accuracy": 0.96, "accuracy_loss": 0.02, "accuracy_loss_low": 0.01, "accuracy_loss_high": 0.03}
    rows = [(case(), 10.0, scored | {"accuracy": 0.98}), (case(variant="int8"), 5.0, scored | worse)]
    costs = cell(compare_inside(view(rows), "variant"), "int8").costs
    assert (costs.accuracy_loss_low, costs.accuracy_loss_high) == (0.01, 0.03)


@pytest.mark.parametrize("wanted", ["cpu builtin", "CPU BUILTIN", "builtin", "cpu b"])
def test_a_reference_is_found_by_enough_of_its_name(wanted: str) -> None:
    run = view([(case(), 10.0, NONE), (case(BUILTIN), 20.0, NONE)])
    matrix = compare_inside(run, "backend", wanted)
    assert matrix.levels == ("cpu builtin", "cpu xnnpack")
    found = cell(matrix, "cpu xnnpack").ratio
    assert found is not None
    assert found.value == pytest.approx(0.5, rel=0.01)


@pytest.mark.parametrize(("wanted", "said"), [("tpu", "not in this run: cpu xnnpack, cpu builtin"), ("cpu", "several")])
def test_an_unknown_or_ambiguous_reference_names_what_there_is(wanted: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        compare_inside(view([(case(), 10.0, NONE), (case(BUILTIN), 20.0, NONE)]), "backend", wanted)


def test_the_axis_that_varies_is_the_default() -> None:
    assert compare_inside(view([(case(), 10.0, NONE), (case(variant="int8"), 5.0, NONE)])).by == "variant"
    assert compare_inside(view([(case(), 10.0, NONE)])).by == "backend"
    with pytest.raises(UsageError, match="colour"):
        compare_inside(view([(case(), 10.0, NONE)]), "colour")


def test_the_noise_of_a_device_is_the_threshold_and_quarantine_takes_the_verdict_away() -> None:
    run = view([(case(), 10.0, NONE), (case(GPU), 10.4, NONE)])
    assert _verdict(run, Noise()) is ComparisonVerdict.REGRESSION
    assert _verdict(run, Noise(floor=0.1)) is ComparisonVerdict.SAME
    assert _verdict(run, Noise(quarantine="false alarms")) is ComparisonVerdict.INCONCLUSIVE


def _verdict(run: Any, noise: Noise) -> ComparisonVerdict | None:
    found = cell(compare_inside(run, "backend", noise=lambda row: noise), "gpu")
    assert found.ratio is not None
    assert (noise.quarantine in found.caveats) is bool(noise.quarantine)
    return found.ratio.verdict


def test_a_run_with_one_case_and_one_with_none() -> None:
    one = compare_inside(view([(case(), 10.0, NONE)]), "backend")
    assert one.ratios == 0
    assert one.levels == ("cpu xnnpack",)
    assert one.choices[0].second is None
    none = compare_inside(replace(view([(case(), 10.0, NONE)]), cases=(), rows=(), invocations=()), "backend")
    assert none.lines == ()
    assert none.levels == ()
    assert "The run has no cases." in none.notes


def test_the_best_choice_is_not_told_apart_where_the_answer_is_inconclusive() -> None:
    run = view([(case(), 10.0, NONE), (case(GPU), 10.4, NONE)])
    sure, doubted = (
        compare_inside(run, "backend", noise=lambda row, noise=noise: noise).choices[0]
        for noise in (Noise(), Noise(quarantine="false alarms"))
    )
    assert sure.level_with == ()
    assert doubted.level_with == ("gpu · float32",)
    assert sure.ratio is not None
    assert doubted.ratio is not None
    assert (sure.ratio.told_apart, doubted.ratio.told_apart) == (True, True)
    assert (sure.ratio.decided, doubted.ratio.decided) == (True, False)


def test_how_many_ratios_have_an_answer() -> None:
    rows = [(case(), 10.0, NONE), (case(GPU), 5.0, NONE), (case(BUILTIN), 10.0, NONE)]
    assert compare_inside(view(rows), "backend").answers == 2
    few = compare_inside(view(rows, blocks=7), "backend")
    assert (few.ratios, few.answers) == (2, 0)


def test_backends_and_runtimes_that_differ_by_a_path_are_columns_of_their_own() -> None:
    backends = [Backend("gpu", options=(("library", f"/lib/{name}/libdelegate.so"),)) for name in ("v1", "v2")]
    rows = [(case(), 10.0, NONE), (case(backends[0]), 5.0, NONE), (case(backends[1]), 6.0, NONE)]
    matrix = compare_inside(view(rows), "backend")
    assert matrix.levels == ("cpu xnnpack", "gpu (v1)", "gpu (v2)")
    assert matrix.ratios == 2
    runtimes = [RuntimeRef("litert", f"/opt/{name}/bin/python") for name in ("old", "new")]
    matrix = compare_inside(view([(case(runtime=one), 10.0, NONE) for one in runtimes]), "runtime")
    assert matrix.levels == ("litert (old)", "litert (new)")
