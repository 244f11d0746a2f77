"""What only phones show, and that no other device is judged by it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.domain import Case, Coverage, ResultRow, Status, Target, VariantFile, Verdict
from harness.measure import judge, summarise_case
from harness.measure.phone_rules import PHONE_MEMORY_GB_PER_S, minimum_gpu_ms, phone_findings
from tests.measure.build import case, evidence_of, record, result, spoil, timings

PHONE = Target("adb", (("serial", "1"),))
FULL = Coverage("GPU", 66, 66, 1)


def phone_case(variant: str = "float32", **backend: Any) -> Case:
    return replace(case(variant, **backend), target=PHONE)


def test_a_good_phone_row_is_trusted() -> None:
    assert judge(evidence_of(phone_case())).verdict is Verdict.TRUSTED


SPOILT = [
    (
        {"thermal_status": 2},
        Verdict.THROTTLED,
        "Android reported a thermal status in 3 of 8 invocations (up to moderate)",
    ),
    (
        {"clock_cap_ghz": 1.747},
        Verdict.THROTTLED,
        "the phone lowered the clock limit of the pinned cores during 3 of 8 invocations (down to 1.75 GHz)",
    ),
    (
        {"offline_cpus": (7,)},
        Verdict.UNVERIFIED,
        "pinned cores went offline in 3 of 8 invocations (core 7): they ran elsewhere",
    ),
    (
        {"foreign_load": None},
        Verdict.UNVERIFIED,
        "nothing is known of heat or other load in 3 of 8 invocations: telemetry was missing",
    ),
]


@pytest.mark.parametrize(("fields", "verdict", "reason"), SPOILT)
def test_what_a_phone_shows_against_a_number(fields: dict[str, Any], verdict: Verdict, reason: str) -> None:
    judgement = judge(evidence_of(phone_case(), spoil(timings(), 3, **fields)))
    assert (judgement.verdict, judgement.reasons) == (verdict, (reason,))
    assert judgement.remedy


@pytest.mark.parametrize(("fields", "verdict", "reason"), SPOILT)
def test_a_trimmed_mean_tolerates_one_of_eight(fields: dict[str, Any], verdict: Verdict, reason: str) -> None:
    assert phone_findings(evidence_of(phone_case(), spoil(timings(), 1, **fields))) == []


@pytest.mark.parametrize(("fields", "verdict", "reason"), SPOILT)
def test_another_device_is_not_judged_by_it(fields: dict[str, Any], verdict: Verdict, reason: str) -> None:
    assert judge(evidence_of(case(), spoil(timings(), 8, **fields))).verdict is Verdict.TRUSTED


def test_the_cost_of_watching_counts_by_its_mean() -> None:
    """A tick of 10 ms more or less in a short invocation is nothing."""
    assert phone_findings(evidence_of(phone_case(), spoil(timings(), 3, telemetry_load=0.06))) != []
    quantised = spoil(spoil(timings(), 8, telemetry_load=0.03), 4, telemetry_load=0.069)
    assert phone_findings(evidence_of(phone_case(), quantised)) == []
    judgement = judge(evidence_of(phone_case(), spoil(timings(), 8, telemetry_load=0.073)))
    reason = "watching the phone took 7.3% of a core like the measured one (mean of 8 invocations, 5% is the most)"
    assert (judgement.verdict, judgement.reasons) == (Verdict.NOISY, (reason,))
    assert judge(evidence_of(case(), spoil(timings(), 8, telemetry_load=0.5))).verdict is Verdict.TRUSTED


@pytest.mark.parametrize(
    "fields", [{"thermal_status": 0}, {"thermal_status": None}, {"telemetry_load": 0.05}, {"telemetry_load": None}]
)
def test_no_finding_at_the_limit_or_without_a_figure(fields: dict[str, Any]) -> None:
    assert phone_findings(evidence_of(phone_case(), spoil(timings(), 8, **fields))) == []


def test_clock_and_affinity_are_judged_once() -> None:
    """They are every device's: the phone's rules must not say them again."""
    blind = spoil(timings(), 8, clock_start_ghz=None, clock_end_ghz=None, clock_share=None, cpus_verified=False)
    judgement = judge(evidence_of(phone_case(), blind))
    assert judgement.verdict is Verdict.UNVERIFIED
    assert len(judgement.reasons) == 2


# ---- faster than memory ----------------------------------------------------------------------------------------------


def test_the_least_time_is_the_weights_over_the_rate() -> None:
    assert minimum_gpu_ms(160e6, 160.0) == pytest.approx(1.0)
    assert minimum_gpu_ms(14e6) == pytest.approx(14.0 / PHONE_MEMORY_GB_PER_S)
    assert minimum_gpu_ms(0) == 0.0


@pytest.mark.parametrize(("size", "rate"), [(-1, 100.0), (1, 0.0), (1, -5.0), (1, float("nan"))])
def test_a_bound_that_makes_no_sense(size: float, rate: float) -> None:
    with pytest.raises(ValueError, match="makes sense"):
        minimum_gpu_ms(size, rate)


def test_the_bound_is_above_what_any_phone_memory_moves() -> None:
    assert PHONE_MEMORY_GB_PER_S > 10.667 * 8
    assert PHONE_MEMORY_GB_PER_S > 14.4 * 96 / 8 * 8 / 9


def queued(variant: str = "int8", size_bytes: int | None = 100_000_000, kind: str = "gpu", timed: str = "call") -> Any:
    """A row of 0.05 ms."""
    runs = timings(medians_ms=[0.05] * 8, timed=timed, coverage=FULL)
    found = evidence_of(phone_case(variant, kind=kind), runs, coverage=FULL, model_size_bytes=size_bytes)
    return [finding for finding in phone_findings(found) if "reading the weights" in finding.reason]


@pytest.mark.parametrize("kind", ["gpu", "hexagon", "qnn", "nnapi"])
def test_faster_than_memory_is_unverified(kind: str) -> None:
    (finding,) = queued(kind=kind)
    assert finding.verdict is Verdict.UNVERIFIED
    assert "0.05" in finding.reason
    assert "0.625" in finding.reason
    assert "160 GB/s" in finding.reason


def test_float32_may_be_kept_in_half_precision() -> None:
    """15 MB are 0.094 ms; half of them 0.047 ms."""
    assert queued("int8", 15_000_000)
    assert not queued("float32", 15_000_000)
    assert queued("float32", 18_000_000)


def test_what_is_no_case_for_the_bound() -> None:
    assert not queued(timed="call+read")
    assert not queued(kind="cpu")
    assert not queued(size_bytes=None)
    assert not queued(size_bytes=0)
    assert not queued(size_bytes=7_000_000)


def row(target: Target, kind: str = "gpu") -> ResultRow:
    """From records to the line of the table, with a model of 100 MB and 0.05 ms."""
    of = replace(case("int8", kind=kind), target=target)
    file = VariantFile("mobilenet_v2", "int8", Status.DONE, path="m.tflite", size_bytes=100_000_000)
    records = [record(of, block, result(0.05, block, timed="call", coverage=FULL)) for block in range(8)]
    return summarise_case(
        run_id="r", case=of, file=file, facts=None, records=records, check=None, require_coverage="partial"
    )


def test_the_size_of_the_model_reaches_the_rule() -> None:
    assert "reading the weights once" in row(PHONE).reasons
    assert row(PHONE).verdict is Verdict.UNVERIFIED
    assert "reading the weights" not in row(Target("host")).reasons
