from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.domain import CANDIDATE, ContextDifference, OperatorTime, RuntimeRef
from harness.measure.causes import context_differences, same_build
from tests.measure.arms import FACTS, FILE, arm, pair

SLOWER, FASTER, EQUAL = 1.07, 0.93, 1.0


def differences(ratio: float, before: dict | None = None, after: dict | None = None, **candidate):  # type: ignore[no-untyped-def]
    """What differs between two arms with these columns, by name."""
    base, changed = pair(ratio, row=after, **candidate)
    base = replace(base, row=replace(base.row, **(before or {})))
    return {found.name: found for found in context_differences(base, changed)}


def test_equal_arms_differ_in_nothing() -> None:
    assert differences(SLOWER) == {}


def test_the_likeliest_cause_comes_first() -> None:
    after = {
        "delegated_nodes": 60,
        "model_sha256": "cd" * 32,
        "runtime_version": "2.4.0",
        "temp_start_c": 31.0,
        "converter": "tflite 2.22",
    }
    found = list(differences(SLOWER, {"temp_start_c": 30.0}, after).values())
    names = [difference.name for difference in found]
    assert names == ["coverage", "model file", "runtime version", "converter", "start temperature"]
    assert all(0 < difference.likelihood <= 1 for difference in found)
    assert found[0] == ContextDifference(
        "coverage",
        "66 of 66 nodes",
        "60 of 66 nodes",
        0.95,
        "the delegate took less of the graph: 60 of 66 nodes where it took 66 of 66 nodes",
    )
    assert found[-1].likelihood == pytest.approx(0.02)
    assert (found[-1].base, found[-1].candidate) == ("30.0 °C", "31.0 °C")


@pytest.mark.parametrize(
    ("column", "low", "high", "name", "slower_when"),
    [
        ("clock_share", 0.80, 1.00, "clock share", -1),
        ("clock_ghz", 2.0, 2.8, "clock", -1),
        ("temp_start_c", 25.0, 45.0, "start temperature", 1),
        ("thermal_status", 0, 3, "thermal status", 1),
        ("foreign_load", 0.01, 0.30, "foreign load", 1),
        ("partitions", 1, 6, "partitions", 1),
        ("total_nodes", 60, 66, "graph nodes", 1),
        ("delegated_nodes", 30, 66, "coverage", -1),
    ],
)
def test_what_moved_the_wrong_way_cannot_be_the_cause(
    column: str, low: float, high: float, name: str, slower_when: int
) -> None:
    """The clock share is higher and the model slower: not because of the clock."""
    for ratio, direction in ((SLOWER, 1), (FASTER, -1), (EQUAL, 0)):
        for before, after, moved in ((low, high, 1), (high, low, -1)):
            found = differences(ratio, {column: before}, {column: after})[name]
            assert (found.likelihood > 0) == (moved * slower_when * direction > 0)
            assert bool(found.explains) == (found.likelihood > 0)


def test_a_clock_counts_as_far_as_it_explains() -> None:
    whole = differences(1.10, {"clock_share": 1.0}, {"clock_share": 0.90})["clock share"]
    part = differences(1.10, {"clock_share": 1.0}, {"clock_share": 0.98})["clock share"]
    assert whole.likelihood == pytest.approx(0.85)
    assert 0.1 < part.likelihood < 0.25
    assert whole.explains == "the core ran further below its highest clock"
    load = differences(1.10, {"foreign_load": 0.0}, {"foreign_load": 0.05})["foreign load"]
    assert load.likelihood == pytest.approx(0.35, rel=0.05)


@pytest.mark.parametrize(
    ("column", "value", "nearly"),
    [
        ("clock_share", 0.95, 0.952),
        ("clock_ghz", 2.0, 2.005),
        ("temp_start_c", 30.0, 30.3),
        ("foreign_load", 0.02, 0.025),
    ],
)
def test_what_every_two_measurements_differ_in_is_no_difference(column: str, value: float, nearly: float) -> None:
    assert differences(SLOWER, {column: value}, {column: nearly}) == {}
    assert differences(SLOWER, {column: None}, {column: value}) == {}


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("OS build", {"facts": replace(FACTS, os_build="AP1A.2")}),
        ("governor", {"facts": replace(FACTS, governor="performance")}),
        ("SoC", {"facts": replace(FACTS, soc="Tensor G4")}),
        ("accelerator", {"row": {"accelerator": "OpenGL"}}),
        ("model file", {"row": {"model_sha256": "cd" * 32}}),
        ("model size", {"row": {"model_size_mb": 9.9, "model_sha256": "cd" * 32}}),
        ("weights", {"row": {"weights": "random", "model_sha256": "cd" * 32}}),
        ("runtime version", {"row": {"runtime_version": "benchmark_model sha256:1234"}}),
        ("what a sample holds", {"row": {"timed": "call"}}),
        ("threads", {"backend": {"threads": 4}}),
        ("cores", {"backend": {"cores": "little"}}),
        ("backend", {"backend": {"kind": "gpu"}}),
        ("backend option precision", {"backend": {"options": (("precision", "float32"),)}}),
        ("delegate libraries", {"backend": {"options": (("libraries", "/opt/qnn/2.30"),)}}),
    ],
)
def test_what_was_chosen_explains_a_change_in_any_direction(name: str, fields: dict) -> None:
    fields = dict(fields)
    row = fields.pop("row", None)
    for ratio in (SLOWER, FASTER, EQUAL):
        base, candidate = pair(ratio, row=row, **fields)
        base = replace(base, row=replace(base.row, accelerator="OpenCL", weights="imagenet"))
        if name != "accelerator":
            candidate = replace(candidate, row=replace(candidate.row, accelerator="OpenCL"))
        if name != "weights":
            candidate = replace(candidate, row=replace(candidate.row, weights="imagenet"))
        found = {one.name: one for one in context_differences(base, candidate)}
        assert found[name].likelihood > 0
        assert found[name].explains


def test_runtimes_are_told_by_their_files() -> None:
    base, candidate = pair(SLOWER)
    old = RuntimeRef("benchmark_model", options=(("binary", "/old/benchmark_model"),))
    new = RuntimeRef("benchmark_model", "/opt/py/bin/python", (("binary", "/new/benchmark_model"),))
    base = replace(base, case=replace(base.case, runtime=old))
    candidate = replace(candidate, case=replace(candidate.case, runtime=new))
    found = {one.name: one for one in context_differences(base, candidate)}
    assert (found["runtime binary"].base, found["runtime binary"].candidate) == (
        "/old/benchmark_model",
        "/new/benchmark_model",
    )
    assert "Python" not in found, "one of them has none of its own"


def test_how_a_file_was_made_explains_nothing_when_it_is_the_same_file() -> None:
    found = differences(SLOWER, after={"converter": "tflite 2.22"})
    assert (found["converter"].likelihood, found["converter"].explains) == (0.0, "")


def test_a_runtime_that_fell_silent_about_its_accelerator_is_told() -> None:
    found = differences(SLOWER, {"accelerator": "OpenCL"}, {"accelerator": ""})["accelerator"]
    assert (found.base, found.candidate) == ("OpenCL", "not known")
    assert 0 < found.likelihood < 0.9


def test_coverage_that_is_stated_in_words() -> None:
    words = {"delegated_nodes": None, "total_nodes": None}
    found = differences(SLOWER, {**words, "coverage": "full"}, {**words, "coverage": "partial"})["coverage"]
    assert (found.base, found.candidate, found.likelihood) == ("full", "partial", 0.95)
    unknown = differences(SLOWER, {**words, "coverage": "full"}, {**words, "coverage": "unknown"})["coverage"]
    assert unknown.likelihood == 0.0


def test_the_ratio_of_the_test_is_believed_before_that_of_the_rows() -> None:
    base, candidate = pair(SLOWER, row={"partitions": 5})
    assert context_differences(base, candidate)[0].likelihood > 0
    assert context_differences(base, candidate, ratio=0.9)[0].likelihood == 0.0


# ---- operators -------------------------------------------------------------------------------------------------------


def op(name: str, ms: float, count: int = 1, kernel: str = "XNNPACK") -> OperatorTime:
    return OperatorTime(name, 1e3 * ms, float("nan"), count, kernel)


def profiled(ratio: float, before: list[OperatorTime], after: list[OperatorTime]) -> dict[str, ContextDifference]:
    base = arm(medians_ms=[20.0] * 12, operators=before)
    candidate = arm(CANDIDATE, [20.0 * ratio] * 12, operators=after)
    return {found.name: found for found in context_differences(base, candidate)}


def test_the_operator_that_grew_is_named_with_its_share_of_the_loss() -> None:
    before = [op("CONV_2D", 12.0, 30), op("ADD", 6.0, 10), op("SOFTMAX", 2.0)]
    after = [op("CONV_2D", 13.2, 30), op("ADD", 6.1, 10), op("SOFTMAX", 2.0)]
    found = profiled(1.065, before, after)
    assert set(found) == {"operator CONV_2D"}
    conv = found["operator CONV_2D"]
    assert conv.explains == "CONV_2D grew by 1.2 ms of the 1.3 ms that the model lost"
    assert conv.likelihood == pytest.approx(0.85 * 1.2 / 1.3)
    assert (conv.base, conv.candidate) == ("12 ms, 60%, 30 calls, XNNPACK", "13 ms, 62%, 30 calls, XNNPACK")


def test_an_operator_that_shrank_explains_a_gain_and_not_a_loss() -> None:
    before, after = [op("CONV_2D", 12.0), op("ADD", 8.0)], [op("CONV_2D", 10.0), op("ADD", 8.0)]
    assert "CONV_2D shrank by 2 ms of the 2 ms that the model gained" in (
        profiled(0.9, before, after)["operator CONV_2D"].explains
    )
    assert profiled(1.1, before, after)["operator CONV_2D"].likelihood == 0.0
    assert profiled(1.0, before, after)["operator CONV_2D"].likelihood == 0.0


def test_operators_that_moved_from_the_delegate_to_the_cpu() -> None:
    before = [op("CONV_2D", 12.0, 30), op("ADD", 8.0, 10)]
    after = [op("CONV_2D", 9.0, 22), op("CONV_2D", 9.0, 8, "built-in"), op("ADD", 8.0, 10)]
    found = profiled(1.3, before, after)["operator CONV_2D"]
    assert "8 of 30 moved from XNNPACK to the CPU's kernels" in found.explains
    assert found.likelihood == pytest.approx(0.93)
    assert found.candidate == "18 ms, 69%, 30 calls, XNNPACK and built-in"
    back = profiled(0.7, after, before)["operator CONV_2D"]
    assert "8 of 30 moved from the CPU's kernels to XNNPACK" in back.explains


def test_new_operators_and_other_kernels() -> None:
    before = [op("CONV_2D", 12.0), op("ADD", 8.0)]
    new = profiled(1.1, before, [*before, op("DEQUANTIZE", 2.0, 4, "built-in")])["operator DEQUANTIZE"]
    assert (new.base, new.candidate) == ("none", "2 ms, 9%, 4 calls, built-in")
    assert "DEQUANTIZE was not there before" in new.explains
    gone = profiled(0.6, before, [op("CONV_2D", 12.0)])["operator ADD"]
    assert "ADD is gone" in gone.explains
    other = profiled(1.2, before, [op("CONV_2D", 16.0, kernel="GPU"), op("ADD", 8.0)])["operator CONV_2D"]
    assert "GPU computed it instead of XNNPACK" in other.explains


def test_profiles_without_times_name_no_operator() -> None:
    untimed = [op("CONV_2D", 0.0, 30)]
    assert profiled(1.5, untimed, untimed) == {}
    assert profiled(1.5, [], [op("CONV_2D", 5.0)]) == {}


def test_at_most_five_operators_are_listed_the_largest() -> None:
    before = [op(f"OP_{index}", 10.0) for index in range(9)]
    after = [op(f"OP_{index}", 10.0 + index) for index in range(9)]
    found = profiled(1.4, before, after)
    assert list(found) == [f"operator OP_{index}" for index in (8, 7, 6, 5, 4)]


def test_the_same_build_is_known_by_its_stamps() -> None:
    base, candidate = pair()
    assert same_build(base, candidate)
    for row in ({"model_sha256": "cd" * 32}, {"runtime_version": "2.4.0"}, {"model_sha256": ""}):
        assert not same_build(base, replace(candidate, row=replace(candidate.row, **row)))
    unknown = replace(base, row=replace(base.row, runtime_version=""))
    assert not same_build(unknown, unknown), "nobody knows"


COLUMNS = st.fixed_dictionaries(
    {},
    optional={
        "clock_share": st.none() | st.floats(allow_nan=True),
        "clock_ghz": st.none() | st.floats(0, 5),
        "temp_start_c": st.none() | st.floats(-20, 120),
        "thermal_status": st.none() | st.integers(-3, 99),
        "foreign_load": st.none() | st.floats(0, 1),
        "partitions": st.none() | st.integers(0, 99),
        "delegated_nodes": st.none() | st.integers(0, 99),
        "total_nodes": st.none() | st.integers(0, 99),
        "coverage": st.sampled_from(["", "full", "partial", "none", "unknown", "odd"]),
        "accelerator": st.text(max_size=5),
        "runtime_version": st.text(max_size=5),
        "model_sha256": st.text(max_size=5),
        "latency_p50_ms": st.none() | st.floats(allow_nan=True),
    },
)
BASE_ARM, CANDIDATE_ARM = pair(SLOWER)


@settings(max_examples=150, deadline=None)
@given(COLUMNS, COLUMNS, st.none() | st.floats(0.01, 100))
def test_whatever_is_stamped_likelihoods_are_in_order_and_only_causes_explain(
    before: dict, after: dict, ratio: float | None
) -> None:
    base = replace(BASE_ARM, row=replace(BASE_ARM.row, **before))
    candidate = replace(CANDIDATE_ARM, row=replace(CANDIDATE_ARM.row, **after))
    found = context_differences(base, candidate, ratio=ratio)
    likelihoods = [one.likelihood for one in found]
    assert likelihoods == sorted(likelihoods, reverse=True)
    assert all(0.0 <= one.likelihood <= 1.0 and bool(one.explains) == (one.likelihood > 0) for one in found)
    assert all(one.base != one.candidate for one in found)
    assert len({one.name for one in found}) == len(found)
    backwards = context_differences(candidate, base, ratio=None if ratio is None else 1 / ratio)
    assert {one.name for one in backwards} == {one.name for one in found}


def test_a_file_that_nobody_has_is_no_crash() -> None:
    base, candidate = pair(SLOWER, file=None, facts=None, check=None)
    assert {one.name for one in context_differences(replace(base, file=FILE), candidate)} <= {"device", "device model"}
