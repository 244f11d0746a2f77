"""Each rule of the verdict at both sides of its threshold."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.domain import (
    AccuracyResult,
    AccuracySettings,
    Backend,
    Coverage,
    OperatorTime,
    OutputError,
    OutputsCheck,
    Verdict,
)
from harness.measure import CaseEvidence, judge
from harness.measure.output_rules import cosine_at, output_findings, snr_floor_db
from tests.measure.build import GOOD_CHECK, case, evidence_of, result, samples, spoil, timings


def error(snr_db: float) -> OutputError:
    """Independent noise of the given strength on a reference of RMS 1."""
    return OutputError(1.0, 10 ** (-snr_db / 20), cosine_at(snr_db), 8, reference_rms=1.0)


def verdict(evidence: CaseEvidence) -> Verdict:
    judgement = judge(evidence)
    assert judgement.reasons
    assert all(any(letter.isdigit() for letter in reason) or "NaN" in reason for reason in judgement.reasons)
    assert bool(judgement.remedy) == (judgement.verdict is not Verdict.TRUSTED)
    return judgement.verdict


def test_good_evidence_is_trusted_and_says_why() -> None:
    judgement = judge(evidence_of(case()))
    assert judgement.verdict is Verdict.TRUSTED
    assert "8 invocations" in judgement.reasons[0]
    assert "XNNPACK took 66 of 66 nodes" in judgement.reasons[0]
    assert judgement.remedy == ""


def test_a_case_without_timings_or_with_an_unknown_demand_has_no_verdict() -> None:
    good = evidence_of(case())
    with pytest.raises(ValueError, match="status, not a verdict"):
        replace(good, timings=())
    with pytest.raises(ValueError, match="'ful' cannot be required"):
        replace(good, require_coverage="ful")


# ---- outputs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variant", "measured_db"),
    [
        ("float32", 98.0),
        ("float16", 36.5),
        ("dynamic_range", 11.5),
        ("int8", 11.0),
        ("full_integer", 11.0),
        ("int16x8", 16.0),
    ],
)
def test_honest_variants_of_a_random_weight_model_pass(variant: str, measured_db: float) -> None:
    assert verdict(evidence_of(case(variant), check=OutputsCheck(error(measured_db)))) is Verdict.TRUSTED


@pytest.mark.parametrize(
    ("variant", "broken_db"),
    [
        ("float32", 30.0),
        ("float16", 12.0),
        ("dynamic_range", 5.0),
        ("int8", 5.0),
        ("full_integer", 0.0),
        ("int16x8", -11.2),
    ],
)
def test_outputs_far_from_the_reference_are_wrong(variant: str, broken_db: float) -> None:
    judgement = judge(evidence_of(case(variant), check=OutputsCheck(error(broken_db))))
    assert judgement.verdict is Verdict.WRONG_OUTPUT
    assert f"{cosine_at(broken_db):.4f}" in judgement.reasons[0]


def test_a_gpu_may_compute_float32_in_half_precision() -> None:
    assert snr_floor_db(case("float32", kind="gpu")) < 36.0 < snr_floor_db(case("float32"))
    assert snr_floor_db(case("int8", kind="gpu")) == snr_floor_db(case("int8"))


def test_the_right_direction_at_the_wrong_scale_is_wrong() -> None:
    """Outputs that were not dequantized: the cosine sees nothing, the RMSE does."""
    judgement = judge(
        evidence_of(case("int8"), check=OutputsCheck(OutputError(99.0, 50.0, 0.99, 8, reference_rms=1.0)))
    )
    assert judgement.verdict is Verdict.WRONG_OUTPUT
    assert "RMSE of 50" in judgement.reasons[0]


def test_not_finite_or_not_a_number_is_wrong() -> None:
    assert verdict(evidence_of(case(), check=replace(GOOD_CHECK, finite=False))) is Verdict.WRONG_OUTPUT
    nan = OutputsCheck(OutputError(math.nan, math.nan, math.nan, 8))
    assert verdict(evidence_of(case(), check=nan)) is Verdict.WRONG_OUTPUT


@pytest.mark.parametrize(
    ("value", "count", "expected"),
    [
        (0.9917, 719, Verdict.TRUSTED),
        (0.93, 719, Verdict.TRUSTED),
        (0.6704, 719, Verdict.WRONG_OUTPUT),
        (0.8, 20, Verdict.TRUSTED),
    ],
)
def test_accuracy_that_collapsed_against_float32(value: float, count: int, expected: Verdict) -> None:
    """Under 90 % of float32, and by more than chance: 16 of 20 samples prove nothing."""
    check = replace(GOOD_CHECK, accuracy=AccuracyResult("top1", value, count))
    assert verdict(evidence_of(case("float32"), check=check, float32_accuracy=0.9903)) is expected
    assert verdict(evidence_of(case("float32"), check=check)) is Verdict.TRUSTED


@pytest.mark.parametrize(("value", "expected"), [(8.9, Verdict.TRUSTED), (15.7, Verdict.WRONG_OUTPUT)])
def test_an_error_rate_that_doubles_is_wrong(value: float, expected: Verdict) -> None:
    check = replace(GOOD_CHECK, accuracy=AccuracyResult("nme_pct", value, 500, higher_is_better=False))
    assert verdict(evidence_of(case(), check=check, float32_accuracy=7.8)) is expected


@pytest.mark.parametrize(
    ("value", "higher", "allowed", "expected"),
    [
        (0.975, True, 0.02, Verdict.TRUSTED),
        (0.965, True, 0.02, Verdict.WRONG_OUTPUT),
        (0.995, True, 0.02, Verdict.TRUSTED),
        (8.4, False, 0.5, Verdict.WRONG_OUTPUT),
        (8.2, False, 0.5, Verdict.TRUSTED),
        (7.0, False, 0.5, Verdict.TRUSTED),
    ],
)
def test_no_more_loss_than_the_sweep_allows(value: float, higher: bool, allowed: float, expected: Verdict) -> None:
    check = replace(GOOD_CHECK, accuracy=AccuracyResult("m", value, 500, higher_is_better=higher))
    evidence = evidence_of(
        case(), check=check, float32_accuracy=0.99 if higher else 7.8, allowed=AccuracySettings(max_loss=allowed)
    )
    assert verdict(evidence) is expected
    assert ("the sweep allows" in "; ".join(judge(evidence).reasons)) is (expected is Verdict.WRONG_OUTPUT)


@pytest.mark.parametrize(
    ("variant", "allowed", "expected"),
    [("int8", 0.02, Verdict.UNVERIFIED), ("int8", None, Verdict.TRUSTED), ("float32", 0.02, Verdict.TRUSTED)],
)
def test_a_demand_that_could_not_be_checked_is_not_met(variant: str, allowed: float | None, expected: Verdict) -> None:
    check = replace(GOOD_CHECK, accuracy=AccuracyResult("top1", 0.9, 500))
    assert verdict(evidence_of(case(variant), check=check, allowed=AccuracySettings(max_loss=allowed))) is expected


def distance(share: float) -> OutputError:
    return OutputError(max_abs=1.0, rmse=share * 2.0, cosine=0.9, samples=10, reference_rms=2.0)


@pytest.mark.parametrize(
    ("variant", "kind", "share", "asked", "expected"),
    [
        ("float32", "cpu", 0.0005, None, Verdict.TRUSTED),
        ("float32", "cpu", 0.002, None, Verdict.WRONG_OUTPUT),
        ("float32", "cpu", 0.002, 0.01, Verdict.TRUSTED),
        ("int8", "cpu", 0.21, None, Verdict.TRUSTED),
        ("int8", "cpu", 0.21, 0.1, Verdict.WRONG_OUTPUT),
        ("pruned+int8", "cpu", 0.21, None, Verdict.TRUSTED),
        ("int8", "cpu", 0.5, None, Verdict.WRONG_OUTPUT),
        ("float32", "gpu", 0.05, None, Verdict.TRUSTED),
        ("float32", "gpu", 0.2, None, Verdict.WRONG_OUTPUT),
    ],
)
def test_outputs_are_those_of_the_same_file_on_the_cpu(
    variant: str, kind: str, share: float, asked: float | None, expected: Verdict
) -> None:
    of = replace(case(variant), backend=Backend(kind))
    check = replace(GOOD_CHECK, same_file=distance(share))
    evidence = evidence_of(of, check=check, allowed=AccuracySettings(tolerance=asked), require_coverage="any")
    found = [finding.verdict for finding in output_findings(evidence)]
    assert (Verdict.WRONG_OUTPUT in found) is (expected is Verdict.WRONG_OUTPUT)


# ---- delegates -------------------------------------------------------------------------------------------------------


def reasons(evidence: CaseEvidence) -> str:
    return "; ".join(judge(evidence).reasons)


@pytest.mark.parametrize(
    ("require", "taken", "expected"),
    [
        ("any", 0, Verdict.TRUSTED),
        ("partial", 0, Verdict.FELL_BACK),
        ("full", 0, Verdict.FELL_BACK),
        ("any", 60, Verdict.TRUSTED),
        ("partial", 60, Verdict.TRUSTED),
        ("full", 60, Verdict.FELL_BACK),
        ("full", 66, Verdict.TRUSTED),
    ],
)
def test_coverage_against_what_is_required(require: str, taken: int, expected: Verdict) -> None:
    evidence = evidence_of(case(), coverage=Coverage("XNNPACK", taken, 66, 2), require_coverage=require)
    assert verdict(evidence) is expected
    if expected is Verdict.FELL_BACK:
        assert f"XNNPACK took {taken} of 66 nodes" in reasons(evidence)
        assert "the runtime's built-in CPU kernels ran" in reasons(evidence)


def test_what_was_not_asked_for_is_no_fallback_and_what_was_not_wanted_is() -> None:
    builtin = case(xnnpack=False)
    assert verdict(evidence_of(builtin, coverage=Coverage("", 0, 66, 0))) is Verdict.TRUSTED
    assert verdict(evidence_of(builtin, coverage=None)) is Verdict.TRUSTED
    assert verdict(evidence_of(builtin, coverage=Coverage("XNNPACK", 60, 66, 2))) is Verdict.FELL_BACK


def test_a_delegate_without_coverage_evidence_is_unverified() -> None:
    for coverage in (None, Coverage("XNNPACK")):
        assert verdict(evidence_of(case(), coverage=coverage)) is Verdict.UNVERIFIED


@pytest.mark.parametrize(
    ("stated", "required", "expected", "words"),
    [
        ("full", "full", Verdict.TRUSTED, ""),
        ("partial", "partial", Verdict.TRUSTED, ""),
        ("partial", "full", Verdict.FELL_BACK, "the GPU delegate took some nodes (0 invocations of 8 tell how many)"),
        (
            "none",
            "partial",
            Verdict.FELL_BACK,
            "the GPU delegate took none of the nodes (0 invocations of 8 tell how many)",
        ),
    ],
)
def test_a_coverage_in_words_is_told_in_words(stated: str, required: str, expected: Verdict, words: str) -> None:
    coverage = Coverage("GPU", stated=stated)
    evidence = evidence_of(case(kind="gpu"), coverage=coverage, require_coverage=required)
    assert verdict(evidence) is expected
    text = reasons(evidence)
    assert words in text
    assert "None" not in text
    assert "other 0" not in text
    assert ("kernels ran the rest" in text) == (stated == "partial" and expected is Verdict.FELL_BACK)


def test_a_coverage_in_words_that_was_not_asked_for_is_a_fallback_too() -> None:
    evidence = evidence_of(case(xnnpack=False), coverage=Coverage("XNNPACK", stated="partial"))
    assert verdict(evidence) is Verdict.FELL_BACK
    assert "XNNPACK took some nodes" in reasons(evidence)


def test_reference_kernels_beside_a_coverage_in_words_are_not_counted() -> None:
    text = reasons(slow_integer("int8", coverage=Coverage("XNNPACK", stated="partial"), require_coverage="any"))
    assert "some nodes of this int8 model ran on slow reference kernels" in text
    assert "None" not in text


def slow_integer(variant: str = "int16x8", **fields: Any) -> CaseEvidence:
    runs = timings(medians_ms=[158.0 + 0.1 * index for index in range(8)])
    values: dict[str, Any] = {"coverage": Coverage("XNNPACK", 0, 66, 0), "float32_latency_ms": 3.5}
    return evidence_of(case(variant, xnnpack=fields.pop("xnnpack", True)), runs, **values | fields)


def test_an_integer_model_on_reference_kernels_is_named_in_plain_words() -> None:
    text = reasons(slow_integer())
    assert "int16x8 has reference kernels only on this runtime" in text
    assert "158.3 ms against 3.500 ms float32" in text
    assert "XNNPACK took 0 of 66 nodes" in text
    assert "do not read this as the device's speed" in text
    assert verdict(slow_integer()) is Verdict.FELL_BACK
    assert "int16x8 kernels" in judge(slow_integer()).remedy


def test_an_old_runtime_without_any_delegate_is_recognised_too() -> None:
    """The desktop trap: int8 at 823 ms beside float32 at 14.6 ms, built-in kernels, no delegate at all."""
    runs = timings(medians_ms=[823.0 + index for index in range(8)])
    evidence = evidence_of(case("int8", xnnpack=False), runs, coverage=None, float32_latency_ms=14.6)
    assert verdict(evidence) is Verdict.FELL_BACK
    assert "this int8 model ran on slow reference kernels" in reasons(evidence)


def test_a_profile_that_names_reference_kernels_is_enough() -> None:
    profile = (OperatorTime("CONV_2D", 100.0, 0.83, 12, "reference"), OperatorTime("ADD", 20.0, 0.17))
    text = reasons(slow_integer(float32_latency_ms=None, operators=profile))
    assert "CONV_2D (reference) takes 83% of the time" in text
    assert "float32" not in text.split("(do not")[0]


@pytest.mark.parametrize(
    "evidence",
    [
        slow_integer(float32_latency_ms=90.0, require_coverage="any"),
        slow_integer(coverage=Coverage("XNNPACK", 66, 66, 1)),
        slow_integer("float16", require_coverage="any"),
        replace(slow_integer(require_coverage="any"), case=case("int8", kernels="reference")),
    ],
    ids=["not slow", "fully delegated", "not an integer model", "reference kernels were asked for"],
)
def test_where_the_reference_kernel_diagnosis_does_not_apply(evidence: CaseEvidence) -> None:
    assert "reference kernels" not in reasons(evidence)


def test_a_software_gpu_is_never_a_gpus_speed() -> None:
    gpu = evidence_of(case(kind="gpu"), coverage=Coverage("GPU", 66, 66, 1))
    assert verdict(gpu) is Verdict.TRUSTED
    soft = replace(gpu, accelerator="WebGPU, SwiftShader Device (Subzero)")
    assert verdict(soft) is Verdict.UNVERIFIED
    assert "SwiftShader" in reasons(soft)


def test_samples_of_an_asynchronous_call_are_unverified() -> None:
    """0.52 ms for the call, 439 ms until the outputs can be read."""
    runs = spoil(
        timings(medians_ms=[0.52 + 0.001 * index for index in range(8)], timed="call"), 8, output_read_us=439e3
    )
    gpu = evidence_of(case(kind="gpu"), runs, coverage=Coverage("GPU", 66, 66, 1))
    assert verdict(gpu) is Verdict.UNVERIFIED
    assert "439000.0 us" in reasons(gpu)
    read = spoil(timings(timed="call+read"), 8, output_read_us=439e3)
    assert verdict(evidence_of(case(kind="gpu"), read, coverage=Coverage("GPU", 66, 66, 1))) is Verdict.TRUSTED


# ---- clock -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bad", "expected"), [(1, Verdict.TRUSTED), (2, Verdict.THROTTLED), (8, Verdict.THROTTLED)])
def test_a_clock_that_fell_in_more_invocations_than_trimming_tolerates(bad: int, expected: Verdict) -> None:
    evidence = evidence_of(case(), spoil(timings(), bad, clock_end_ghz=2.8))
    assert verdict(evidence) is expected
    if expected is Verdict.THROTTLED:
        assert f"in {bad} of 8 invocations (worst 3.00 to 2.80 GHz)" in reasons(evidence)


def test_a_clock_that_fell_by_less_than_five_percent_held() -> None:
    assert verdict(evidence_of(case(), spoil(timings(), 8, clock_end_ghz=2.86))) is Verdict.TRUSTED


@pytest.mark.parametrize(
    ("share", "expected"), [(0.95, Verdict.TRUSTED), (0.61, Verdict.TRUSTED), (0.55, Verdict.THROTTLED)]
)
def test_a_core_far_under_its_highest_clock(share: float, expected: Verdict) -> None:
    assert verdict(evidence_of(case(), spoil(timings(), 8, clock_share=share))) is expected


def slowing(count: int) -> tuple[Any, ...]:
    from harness.measure import Timing, summarise_invocation

    slower = np.concatenate([samples(3.45, 130), samples(3.65, 70)])
    bad = result(samples_ns=slower)
    return (*[Timing(bad, summarise_invocation(slower))] * count, *timings()[count:])


def test_invocations_that_slow_down_are_throttled_unless_the_clock_is_known_to_have_held() -> None:
    unknown = {"clock_start_ghz": None, "clock_end_ghz": None, "clock_share": 0.9}
    assert verdict(evidence_of(case(), spoil(slowing(2), 8, **unknown))) is Verdict.THROTTLED
    assert verdict(evidence_of(case(), spoil(slowing(1), 8, **unknown))) is Verdict.TRUSTED
    held = evidence_of(case(), slowing(2))
    assert verdict(held) is Verdict.NOISY
    assert "although the clock held" in reasons(held)


def warming(per_degree: float, degrees: float) -> CaseEvidence:
    runs = timings(medians_ms=[3.5 * math.exp(per_degree * degrees * index / 7) for index in range(8)])
    spoilt = [spoil((timing,), 1, temp_end_c=30.0 + degrees * index / 7)[0] for index, timing in enumerate(runs)]
    return evidence_of(case(), tuple(spoilt))


def test_latency_that_follows_the_temperature_is_throttled() -> None:
    judgement = judge(warming(0.004, 12.0))
    assert judgement.verdict is Verdict.THROTTLED
    assert "from 30.0 to 42.0 C" in judgement.reasons[0]
    assert verdict(warming(0.001, 12.0)) is Verdict.TRUSTED
    assert verdict(warming(-0.004, 12.0)) is Verdict.TRUSTED
    assert verdict(warming(0.03, 1.0)) is Verdict.TRUSTED


# ---- noise -----------------------------------------------------------------------------------------------------------


def spread(percent: float) -> CaseEvidence:
    logs = percent / 100 * np.array([-1.4, -1.1, -0.6, -0.2, 0.2, 0.6, 1.1, 1.4])
    return evidence_of(case(), timings(medians_ms=list(3.5 * np.exp(logs))))


def test_a_wide_interval_is_noisy() -> None:
    assert verdict(spread(1.5)) is Verdict.TRUSTED
    assert verdict(spread(5.0)) is Verdict.NOISY
    assert "wider than ±3%" in reasons(spread(5.0))


@pytest.mark.parametrize(("field", "fine", "bad"), [("foreign_load", 0.09, 0.11), ("wait_share", 0.04, 0.06)])
def test_others_on_the_core_make_it_noisy(field: str, fine: float, bad: float) -> None:
    assert verdict(evidence_of(case(), spoil(timings(), 8, **{field: fine}))) is Verdict.TRUSTED
    assert verdict(evidence_of(case(), spoil(timings(), 1, **{field: bad}))) is Verdict.TRUSTED
    noisy = evidence_of(case(), spoil(timings(), 2, **{field: bad}))
    assert verdict(noisy) is Verdict.NOISY
    assert f"2 of 8 invocations (up to {bad:.0%})" in reasons(noisy)


def test_invocations_that_never_settle_are_noisy() -> None:
    unsteady = [
        replace(timing, summary=replace(timing.summary, steady="unsteady")) if index < 2 else timing
        for index, timing in enumerate(timings())
    ]
    assert verdict(evidence_of(case(), tuple(unsteady))) is Verdict.NOISY
    assert verdict(evidence_of(case(), timings(warmup_capped=True))) is Verdict.NOISY


def test_two_speeds_are_noisy_and_both_are_named() -> None:
    bimodal = evidence_of(case(), timings(medians_ms=[20.0, 20.1, 19.9, 20.0, 30.0, 30.1, 29.9, 30.0]))
    assert verdict(bimodal) is Verdict.NOISY
    assert "two speeds" in reasons(bimodal)
    assert "50% are slow" in reasons(bimodal)


# ---- evidence --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"clock_start_ghz": None, "clock_end_ghz": None},
        {"cpus_verified": False},
    ],
)
def test_what_nobody_looked_at_is_unverified(fields: dict[str, Any]) -> None:
    assert verdict(evidence_of(case(), spoil(timings(), 8, **fields))) is Verdict.UNVERIFIED


def test_one_kind_of_clock_evidence_is_enough() -> None:
    runs = spoil(timings(), 8, clock_start_ghz=None, clock_end_ghz=None, clock_share=0.99)
    assert verdict(evidence_of(case(), runs)) is Verdict.TRUSTED


@pytest.mark.parametrize(
    ("count", "expected"), [(1, Verdict.UNVERIFIED), (2, Verdict.UNVERIFIED), (3, Verdict.TRUSTED)]
)
def test_fewer_than_three_invocations_are_unverified(count: int, expected: Verdict) -> None:
    runs = timings(medians_ms=[3.5, 3.501, 3.499][:count])
    assert verdict(evidence_of(case(), runs)) is expected


def test_outputs_that_nobody_checked_are_unverified() -> None:
    assert verdict(evidence_of(case(), check=None)) is Verdict.UNVERIFIED
    assert verdict(evidence_of(case(), check=OutputsCheck())) is Verdict.UNVERIFIED
    assert verdict(evidence_of(case(), check=OutputsCheck(), reference_exists=False)) is Verdict.TRUSTED


def test_the_worst_finding_is_the_verdict_and_all_reasons_are_told_worst_first() -> None:
    runs = spoil(timings(), 8, clock_end_ghz=2.0, foreign_load=0.5, cpus_verified=False)
    check = OutputsCheck(error(0.0))
    judgement = judge(evidence_of(case(), runs, coverage=Coverage("XNNPACK", 0, 66, 0), check=check))
    words = ("cosine", "took 0 of 66", "the clock ended", "other processes", "not proven on which cores")
    assert judgement.verdict is Verdict.WRONG_OUTPUT
    assert len(judgement.reasons) == len(words)
    assert all(word in reason for word, reason in zip(words, judgement.reasons, strict=True))
    assert "convert it again" in judgement.remedy


RUNS = timings()


@settings(deadline=None)
@given(st.floats(-60.0, 120.0), st.sampled_from(["float32", "float16", "int8", "int16x8"]))
def test_better_outputs_are_never_judged_worse(snr_db: float, variant: str) -> None:
    wrong = verdict(evidence_of(case(variant), RUNS, check=OutputsCheck(error(snr_db)))) is Verdict.WRONG_OUTPUT
    better = verdict(evidence_of(case(variant), RUNS, check=OutputsCheck(error(snr_db + 1.0)))) is Verdict.WRONG_OUTPUT
    assert wrong or not better
    assert wrong == (snr_db < snr_floor_db(case(variant))) or abs(snr_db - snr_floor_db(case(variant))) < 1e-6


def test_missing_evidence_does_not_hide_what_is_known() -> None:
    runs = spoil(timings(), 8, clock_end_ghz=2.0)
    judgement = judge(evidence_of(case(), runs, coverage=None))
    assert judgement.verdict is Verdict.THROTTLED
    assert "how many nodes" in judgement.reasons[1]
