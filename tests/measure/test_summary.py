"""From records to a row."""

from __future__ import annotations

import time
from dataclasses import fields, replace

import numpy as np
import pytest

from harness.domain import (
    AccuracyDifference,
    AccuracyResult,
    Coverage,
    DeviceFacts,
    InvocationRecord,
    InvocationResult,
    OutputError,
    OutputsCheck,
    Purpose,
    ResultRow,
    Status,
    SustainedSlice,
    ToolTiming,
    VariantFile,
    Verdict,
)
from harness.measure import skipped_row, summarise_case, sustained_pass_failed
from tests.measure.build import EVIDENCE, GOOD_CHECK, case, record, result

CASE = case("int8")
FACTS = DeviceFacts("host-x", "host", "EPYC 9005")
FILE = VariantFile(
    "mobilenet_v2",
    "int8",
    Status.DONE,
    sha256="ab" * 32,
    size_bytes=3_980_000,
    gzip_bytes=3_100_000,
    converter="tensorflow 2.21",
    weights="random",
    check_path="check.npz",
)
CHECK = OutputsCheck(
    OutputError(0.5, 0.1, 0.99, 8, reference_rms=1.0),
    AccuracyResult("top1", 0.99, 719, {"top1": 0.99, "top5": 0.999}),
)


def rows(records: list[InvocationRecord], **changes: object) -> ResultRow:
    arguments = {
        "run_id": "r1",
        "case": CASE,
        "file": FILE,
        "facts": FACTS,
        "check": CHECK,
        "require_coverage": "partial",
    }
    return summarise_case(records=records, **arguments | changes)  # type: ignore[arg-type]


def test_what_the_accuracy_pass_showed_is_in_the_row() -> None:
    difference = AccuracyDifference("top1", 0.01, -0.002, 0.021, 0.125, "McNemar", 719, 2, 6)
    check = replace(CHECK, same_file=OutputError(0.5, 0.02, 0.99, 8, reference_rms=2.0), difference=difference)
    file = replace(FILE, sparsity=0.75, clusters=16, data_needed="labelled", hardware=("CPU", "Edge TPU"))
    row = rows(good(), check=check, file=file)
    assert (row.accuracy_direction, row.accuracy_loss, row.accuracy_p_value) == ("higher", 0.01, 0.125)
    assert (row.accuracy_loss_low, row.accuracy_loss_high) == (-0.002, 0.021)
    assert (row.samples_better, row.samples_worse, row.same_file_error) == (2, 6, 0.01)
    assert (row.sparsity, row.clusters, row.data_needed, row.hardware) == (0.75, 16, "labelled", "CPU, Edge TPU")


def test_an_accuracy_pass_that_failed_is_no_pass() -> None:
    failed = InvocationResult(Status.FAILED, error="the function score raises KeyError: 'x'")
    row = rows([*good(), record(CASE, 0, failed, Purpose.ACCURACY)])
    assert (row.status, row.verdict) == (Status.DONE, Verdict.UNVERIFIED)
    assert row.reasons == "1 of 1 accuracy invocations failed (1 FAILED): the function score raises KeyError: 'x'"
    assert "run the sweep anew" in row.remedy
    hot = rows([*good(2), record(CASE, 0, failed, Purpose.ACCURACY)])
    assert hot.reasons.count("accuracy invocations failed") == 1
    crashed = [record(CASE, block, InvocationResult(Status.CRASHED)) for block in range(2)]
    assert "accuracy invocations failed" in rows([*crashed, record(CASE, 0, failed, Purpose.ACCURACY)]).reasons


def good(blocks: int = 8) -> list[InvocationRecord]:
    levels = 1.58 * np.exp(np.random.default_rng(0).normal(0.0, 0.002, blocks))
    return [record(CASE, block, result(float(level), block)) for block, level in enumerate(levels)]


def test_a_complete_row_has_every_column_that_there_is_evidence_for() -> None:
    temps = [
        replace(
            entry,
            result=replace(
                entry.result, evidence=replace(EVIDENCE, temp_start_c=40.0 + entry.block, temp_end_c=41.0 + entry.block)
            ),
        )
        for entry in good()
    ]
    memory = record(CASE, 0, result(peak_rss_mib=59.0, pss_mib=50.0, samples_ns=None), Purpose.MEMORY)
    row = rows([*temps, memory])
    empty = {field.name for field in fields(row) if getattr(row, field.name) in (None, "")}
    of_file = {"data_needed", "hardware", "sparsity", "clusters"}
    phones = {"thermal_status", "battery_pct", "telemetry_load", "notes", "gpu_memory_mib"}
    unasked = {name for name in empty if name.startswith(("accuracy_", "samples_", "same_file", "sustained_"))}
    assert empty == {"remedy", "clock_share", "accelerator", *phones, *unasked, *of_file}
    assert (row.status, row.verdict) == (Status.DONE, Verdict.TRUSTED)
    assert (row.device, row.model, row.variant, row.backend) == ("EPYC 9005", "mobilenet_v2", "int8", "cpu xnnpack")
    assert row.latency_p50_ms == pytest.approx(1.58, rel=0.005)
    assert row.latency_min_ms < row.latency_ci_low_ms < row.latency_p50_ms < row.latency_ci_high_ms < row.latency_p90_ms
    assert (row.invocations, row.samples) == (8, 1600)
    assert (row.init_ms, row.first_inference_ms) == (3.0, 5.0)
    assert (row.peak_rss_mib, row.pss_mib) == (59.0, 50.0)
    assert (row.model_size_mb, row.model_size_gzip_mb) == (3.98, 3.1)
    assert (row.coverage, row.delegated_nodes, row.total_nodes, row.partitions) == ("full", 66, 66, 1)
    assert (row.reference_error, row.reference_max_abs, row.reference_cosine) == (0.1, 0.5, 0.99)
    assert (row.accuracy_metric, row.accuracy, row.top1, row.top5) == ("top1", 0.99, 0.99, 0.999)
    assert row.clock_ghz == pytest.approx(2.99)
    assert (row.temp_start_c, row.temp_end_c) == (40.0, 48.0)
    assert (row.foreign_load, row.clock_source, row.timed) == (0.01, "add_chain", "call+read")
    assert (row.weights, row.converter, row.model_sha256) == ("random", "tensorflow 2.21", "ab" * 32)
    assert row.minimum_detectable_effect_pct > 0


def sustained_pass(medians_ms: list[float], attempt: int = 0, wanted_s: float | None = None) -> list[InvocationRecord]:
    made = []
    for block, median_ms in enumerate(medians_ms):
        place = SustainedSlice(10.0 * block, 10.0 * block + 10.0, 9.0, 200, wanted_s or 10.0 * len(medians_ms))
        made.append(record(CASE, block, result(median_ms, block, sustained=place), Purpose.SUSTAINED, attempt))
    return made


def test_the_sustained_pass_is_in_the_row_and_in_nothing_else_of_it() -> None:
    levels = [1.6] * 10 + [2.0] * 20
    row = rows([*good(), *sustained_pass(levels)])
    assert row.sustained_first_ms == pytest.approx(1.6, rel=0.01)
    assert row.sustained_settled_ms == pytest.approx(2.0, rel=0.01)
    assert row.sustained_ratio == pytest.approx(1.25, rel=0.01)
    assert row.sustained_settled_after_s == 100.0
    assert row.sustained_duty == pytest.approx(0.9)
    columns = {name: None for name in row.__dataclass_fields__ if name.startswith("sustained_")}
    assert replace(row, **columns) == rows(good())


def test_a_pass_that_does_not_settle_has_a_note_and_no_settled_figure() -> None:
    row = rows([*good(), *sustained_pass([1.6 * 1.02**step for step in range(30)])])
    assert row.sustained_first_ms is not None
    assert (row.sustained_settled_ms, row.sustained_ratio, row.sustained_settled_after_s) == (None, None, None)
    assert "sustained: not settled within 5 min 00 s" in row.notes


def test_a_pass_that_was_broken_off_is_a_reason_until_a_later_one_is_whole() -> None:
    broken = sustained_pass([5.0] * 4, wanted_s=300.0)
    row = rows([*good(), *broken])
    assert row.sustained_first_ms is None
    assert "the sustained pass was broken off after 40 s and does not count" in row.reasons
    assert not sustained_pass_failed(row)
    again = rows([*good(), *broken, *sustained_pass([1.6] * 30, attempt=1)])
    assert again.sustained_first_ms == pytest.approx(1.6, rel=0.01)
    assert "broken off" not in again.reasons
    crashed = replace(broken[-1], result=replace(broken[-1].result, status=Status.CRASHED, error="SIGSEGV"))
    failed_row = rows([*good(), *broken[:-1], crashed])
    assert failed_row.reasons.endswith("the sustained pass failed after 40 s (CRASHED): SIGSEGV")
    assert sustained_pass_failed(failed_row)


def test_nothing_is_zero_by_default() -> None:
    row = rows(
        [record(CASE, 0, result(init_us=None, first_inference_us=None, coverage=None))],
        file=None,
        facts=None,
        check=None,
    )
    for name in ("latency_ci_low_ms", "init_ms", "peak_rss_mib", "model_size_mb", "delegated_nodes", "accuracy"):
        assert getattr(row, name) is None, name
    assert (row.coverage, row.minimum_detectable_effect_pct) == ("unknown", None)


def failed(block: int, status: Status = Status.TIMEOUT, error: str = "deadline of 120 s passed") -> InvocationRecord:
    return record(CASE, block, result(status=status, error=error, samples_ns=None))


def test_some_failures_are_counted_in_the_reasons() -> None:
    row = rows([*good(6), failed(6), failed(7, Status.CRASHED, "signal 11\nin invoke")])
    assert (row.status, row.verdict, row.invocations) == (Status.DONE, Verdict.TRUSTED, 6)
    assert "2 of 8 timing invocations failed (1 TIMEOUT, 1 CRASHED): deadline of 120 s passed" in row.reasons


def test_mostly_failed_is_failed_and_has_no_number() -> None:
    row = rows(
        [*good(3), *(failed(block) for block in (3, 4)), *(failed(block, Status.CRASHED, "x") for block in (5, 6, 7))]
    )
    assert (row.status, row.verdict, row.latency_p50_ms, row.invocations) == (Status.CRASHED, None, None, 0)
    assert "5 of 8" in row.reasons
    assert row.remedy
    assert row.model_size_mb == 3.98


@pytest.mark.parametrize(("failures", "status"), [(4, Status.DONE), (5, Status.TIMEOUT)])
def test_half_is_still_done(failures: int, status: Status) -> None:
    assert rows([*good(8 - failures), *(failed(block) for block in range(8 - failures, 8))]).status is status


def test_a_retry_that_succeeds_wipes_the_failure_out() -> None:
    row = rows([failed(0), replace(good()[0], attempt=1), *good()[1:]])
    assert (row.invocations, "failed" in row.reasons) == (8, False)


def test_the_order_of_the_records_does_not_matter() -> None:
    records = [*good(), failed(8)]
    assert rows(records) == rows(records[::-1])


def test_records_of_other_cases_are_ignored() -> None:
    other = [replace(entry, case_id="other", block=entry.block + 100) for entry in good()]
    assert rows([*good(), *other]).invocations == 8


def test_success_without_samples_is_a_failure() -> None:
    row = rows([record(CASE, 0, result(samples_ns=np.array([], np.int64)))])
    assert (row.status, row.latency_p50_ms) == (Status.FAILED, None)
    assert "1 no samples" in row.reasons


def test_a_failed_outputs_pass_is_told_and_leaves_the_row_unverified() -> None:
    crash = record(CASE, 0, result(status=Status.CRASHED, error="signal 6", samples_ns=None), Purpose.OUTPUTS)
    row = rows([crash, *good()], check=None)
    assert (row.status, row.verdict) == (Status.DONE, Verdict.UNVERIFIED)
    assert "1 of 1 outputs invocations failed (1 CRASHED): signal 6" in row.reasons
    alone = rows([crash], check=None)
    assert (alone.status, alone.verdict) == (Status.CRASHED, None)


def test_without_any_record_the_row_says_so() -> None:
    row = rows([])
    assert (row.status, row.reasons) == (Status.INTERRUPTED, "no timing invocation was made")


def test_the_worst_coverage_of_the_timed_invocations_counts() -> None:
    lost = replace(good()[3], result=replace(good()[3].result, coverage=Coverage("XNNPACK", 0, 66, 0)))
    row = rows([*good()[:3], lost, *good()[4:]])
    assert (row.verdict, row.delegated_nodes) == (Verdict.FELL_BACK, 0)
    worded = [replace(each, result=replace(each.result, coverage=Coverage("X", stated="full"))) for each in good()]
    partly = replace(lost, result=replace(lost.result, coverage=Coverage("X", 5, 66, 1)))
    assert rows([*worded[:3], partly, *worded[4:]]).coverage == "partial"
    blind = [replace(entry, result=replace(entry.result, coverage=None)) for entry in good()]
    profile = record(CASE, 0, result(samples_ns=None), Purpose.PROFILE)
    assert rows([*blind, profile]).coverage == "full"


def test_the_float32_figures_reach_the_verdict() -> None:
    none = [replace(entry, result=replace(entry.result, coverage=Coverage("XNNPACK", 0, 66, 0))) for entry in good()]
    assert "against 0.1000 ms float32" in rows(none, float32_latency_ms=0.1).reasons
    low = replace(GOOD_CHECK, accuracy=AccuracyResult("top1", 0.5, 719, {"top1": 0.5}))
    assert rows(good(), check=low, float32_accuracy=0.99).verdict is Verdict.WRONG_OUTPUT


def test_a_skipped_row_has_its_reason_and_no_verdict() -> None:
    row = skipped_row("r1", CASE, Status.UNSUPPORTED, "no Vulkan device", facts=FACTS, file=FILE)
    assert (row.status, row.verdict, row.reasons) == (Status.UNSUPPORTED, None, "no Vulkan device")
    assert (row.device, row.model_size_mb, row.latency_p50_ms, row.invocations) == ("EPYC 9005", 3.98, None, 0)
    assert skipped_row("r1", CASE, Status.SKIPPED, "excluded").device == ""


def test_a_row_of_many_samples_is_quick() -> None:
    """Twenty invocations of 100,000 inferences: the row is made again after each of them."""
    base = np.rint(2e4 * np.exp(np.random.default_rng(1).normal(0.0, 0.02, 100_000))).astype(np.int64)
    records = [record(CASE, block, result(samples_ns=base + block)) for block in range(20)]
    start = time.process_time()
    rows(records)
    assert time.process_time() - start < 10.0, "a guard against a square law, not a measurement"


def test_a_block_that_was_measured_again_counts_once_and_is_told() -> None:
    first = replace(good()[0], result=result(9.0))
    row = rows([first, replace(good()[0], attempt=1), *good()[1:]])
    assert row.latency_p50_ms == rows(good()).latency_p50_ms
    assert row.reasons.endswith(f"1 of {len(good())} blocks were measured again because the device throttled")
    assert "measured again" not in rows(good()).reasons


def test_a_tool_that_keeps_its_samples_to_itself_is_summarised_by_what_it_says() -> None:
    def told(tool: ToolTiming) -> ResultRow:
        outcome = replace(result(), samples_ns=None, tool=tool)
        return rows([replace(record, result=outcome) for record in good()])

    row = told(ToolTiming(50, avg_us=4000.0, min_us=3500.0, median_us=3900.0))
    assert (row.status, row.latency_p50_ms, row.latency_min_ms) == (Status.DONE, pytest.approx(3.9), 3.5)
    assert row.samples == 50 * len(good())
    assert told(ToolTiming(50, avg_us=4000.0)).latency_p50_ms == pytest.approx(4.0), "an old tool has no median"
    assert told(ToolTiming(0, avg_us=float("nan"))).status is not Status.DONE


def test_what_a_phone_tells_beside_the_clock_is_in_the_row() -> None:
    hot = replace(EVIDENCE, thermal_status=1, battery_pct=80.0, telemetry_load=0.004, notes=("setting not made: x",))
    cool = replace(hot, thermal_status=0, battery_pct=79.0, notes=("setting not made: x", "core 7 went offline"))
    records = [record(CASE, block, result(evidence=cool if block else hot)) for block in range(4)]
    row = rows(records)
    assert (row.thermal_status, row.battery_pct, row.telemetry_load) == (1, 79.0, 0.004)
    assert row.notes == "setting not made: x; core 7 went offline (3 of 4)"


def test_remarks_that_differ_in_their_numbers_alone_are_one() -> None:
    records = [
        record(CASE, block, result(evidence=replace(EVIDENCE, notes=(f"it ran at 3.{block} GHz",))))
        for block in range(3)
    ]
    assert rows(records).notes == "it ran at 3.0 GHz"
