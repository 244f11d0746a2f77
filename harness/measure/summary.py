"""From the invocations of a case to its line in summary.csv."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from harness.domain import (
    AccuracySettings,
    Case,
    Coverage,
    DeviceFacts,
    Evidence,
    InvocationRecord,
    InvocationResult,
    OperatorTime,
    OutputsCheck,
    Purpose,
    ResultRow,
    Status,
    VariantFile,
)
from harness.figures import HIGHER, LOWER
from harness.measure.edgetpu_rules import mapping_notes, of_the_model
from harness.measure.findings import CaseEvidence, Timing
from harness.measure.invocation import sample_count, summarise_result
from harness.measure.output_rules import relative_error
from harness.measure.quality import judge
from harness.measure.statistics import detectable_between_rows, estimate_latency
from harness.measure.sustained import SUSTAINED_FAILED, pass_failure, sustained_of, unsettled_note
from harness.units import bytes_to_mb, us_to_ms

_REMEDIES = {
    Status.TIMEOUT: "Raise `timeout_s`, or look in the log of the invocation for where it hung.",
    Status.CRASHED: "The log of the invocation has the signal and the last output; try another runtime or backend.",
    Status.OOM: "Use a smaller variant or batch, or free memory on the device.",
    Status.OFFLINE: "Check the device (`harness doctor`), then continue with `harness run --resume`.",
    Status.UNSUPPORTED: "Choose another variant or backend for this model, or exclude the case in the sweep.",
    Status.FAILED: "The log of the invocation or of the conversion says more.",
    Status.INTERRUPTED: "Continue with `harness run --resume`.",
}
MAX_NOTES = 20
DEFAULT_ACCURACY = AccuracySettings()
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_NOT_MADE = "no timing invocation was made"


def summarise_case(
    *,
    run_id: str,
    case: Case,
    file: VariantFile | None,
    facts: DeviceFacts | None,
    records: Sequence[InvocationRecord],
    check: OutputsCheck | None,
    require_coverage: str,
    float32_latency_ms: float | None = None,
    float32_accuracy: float | None = None,
    allowed: AccuracySettings = DEFAULT_ACCURACY,
) -> ResultRow:
    """The row of a case as its evidence stands now; records of other cases are ignored.

    It is DONE when at least half of its timing invocations succeeded (the last attempt of each block counts), with
    failures counted in `reasons`; otherwise it has the status that most of the failed ones have, and no numbers to be
    misread.

    Args:
        run_id: the run.
        case: the case.
        file: its model file, None when there is none.
        facts: the device, None when unknown.
        records: invocations in any order and for all purposes.
        check: what the outputs pass showed, None when it did not run (to its end).
        require_coverage: ``full``, ``partial`` (at least one node) or ``any`` (no demand).
        float32_latency_ms: p50 of the float32 case of the same model, target, backend and runtime, if known.
        float32_accuracy: its accuracy, if known.
        allowed: how far outputs and accuracy may be off.
    """
    last = last_attempts(record for record in records if record.case_id == case.case_id)
    status, failures = _outcome(last)
    not_scored = _failures_of(last, Purpose.ACCURACY)
    own = [record for record in records if record.case_id == case.case_id]
    not_sustained = [failure] if (failure := pass_failure(own)) else []
    row = _base(run_id, case, status, facts, file) | _passes(last) | _checked(check)
    if status is not Status.DONE:
        reasons = "; ".join([*failures, *not_scored, *not_sustained])
        return ResultRow(**row | {"reasons": reasons, "remedy": _REMEDIES.get(status, "")})
    timings = tuple(
        Timing(result, summary)
        for result in _results(last, Purpose.TIMING)
        if result.status is Status.DONE and (summary := summarise_result(result)) is not None
    )
    mapping = file.edgetpu if file is not None else None
    evidence = CaseEvidence(
        case=case,
        timings=timings,
        estimate=estimate_latency([timing.summary for timing in timings]),
        coverage=of_the_model(_coverage(last), mapping),
        mapping=mapping,
        require_coverage=require_coverage,
        check=check,
        reference_exists=file is not None and bool(file.check_path or file.data_path),
        operators=profiled_operators(last),
        accelerator=timings[-1].result.accelerator,
        float32_latency_ms=float32_latency_ms,
        float32_accuracy=float32_accuracy,
        allowed=allowed,
        accuracy_failure="; ".join(not_scored),
        model_size_bytes=file.size_bytes or None if file is not None else None,
    )
    judgement = judge(evidence)
    judged = {
        "verdict": judgement.verdict,
        "reasons": "; ".join([*judgement.reasons, *failures, *not_sustained, *_made_again(case, records)]),
        "remedy": judgement.remedy,
    }
    observed = _observed([timing.result.evidence for timing in timings], mapping_notes(mapping))
    return ResultRow(**row | _timed(evidence) | observed | _sustained(own, observed["notes"]) | judged)


def skipped_row(
    run_id: str,
    case: Case,
    status: Status,
    reason: str,
    facts: DeviceFacts | None = None,
    file: VariantFile | None = None,
) -> ResultRow:
    """The row of a case that was not measured: skipped by the sweep, unsupported, or without a model file."""
    row = _base(run_id, case, status, facts, file)
    return ResultRow(**row | {"reasons": reason, "remedy": _REMEDIES.get(status, "")})


def accuracy_pass_failed(row: ResultRow) -> bool:
    """Whether the accuracy pass of a measured row failed; a runtime that cannot give the outputs is no failure."""
    return re.search(r"accuracy invocations failed \((?!\d+ UNSUPPORTED)", row.reasons) is not None


def profiled_operators(records: Iterable[InvocationRecord]) -> tuple[OperatorTime, ...]:
    """The operator times of the profile pass, if there was one."""
    return next((result.operators for result in _results(records, Purpose.PROFILE) if result.operators), ())


def sustained_pass_failed(row: ResultRow) -> bool:
    """Whether the sustained pass of a row failed; one that was interrupted is no failure."""
    return SUSTAINED_FAILED in row.reasons


# ---- which records count ---------------------------------------------------------------------------------------------


def last_attempts(records: Iterable[InvocationRecord]) -> list[InvocationRecord]:
    """Of each purpose and block the last attempt, in the order of the blocks."""
    last: dict[tuple[Purpose, int], InvocationRecord] = {}
    for record in records:
        key = (record.purpose, record.block)
        if key not in last or record.attempt >= last[key].attempt:
            last[key] = record
    return sorted(last.values(), key=lambda record: record.block)


def _results(records: Iterable[InvocationRecord], purpose: Purpose) -> list[InvocationResult]:
    return [record.result for record in records if record.purpose is purpose]


def _succeeded(result: InvocationResult) -> bool:
    return result.status is Status.DONE and sample_count(result) > 0


def _outcome(last: list[InvocationRecord]) -> tuple[Status, list[str]]:
    """The status of the case, and sentences on what failed."""
    timing = _results(last, Purpose.TIMING)
    failed = [result for result in timing if not _succeeded(result)]
    reasons = _failure_reasons("timing", failed, len(timing))
    for purpose in (Purpose.OUTPUTS, Purpose.MEMORY, Purpose.PROFILE):
        reasons += _failures_of(last, purpose)
    if timing and 2 * len(failed) <= len(timing):
        return Status.DONE, reasons
    if timing:  # an invocation that says DONE and has no samples failed, too
        return _failing_status(failed) or Status.FAILED, reasons
    return _failing_status(_results(last, Purpose.OUTPUTS)) or Status.INTERRUPTED, reasons or [_NOT_MADE]


def _failures_of(last: list[InvocationRecord], purpose: Purpose) -> list[str]:
    """A sentence on the failed invocations of a pass beside the timing, if there are any."""
    results = _results(last, purpose)
    return _failure_reasons(purpose.value, [each for each in results if each.status is not Status.DONE], len(results))


def _made_again(case: Case, records: Iterable[InvocationRecord]) -> list[str]:
    """A sentence on blocks whose first measurement was set aside because the device throttled during it."""
    timed = [record for record in records if record.case_id == case.case_id and record.purpose is Purpose.TIMING]
    last = {record.block: record.attempt for record in last_attempts(timed)}
    blocks = {record.block for record in timed if _succeeded(record.result) and record.attempt < last[record.block]}
    if not blocks:
        return []
    return [f"{len(blocks)} of {len(last)} blocks were measured again because the device throttled"]


def _failing_status(results: list[InvocationResult]) -> Status | None:
    """The most frequent status other than DONE; the first met wins a tie."""
    statuses = [result.status for result in results if result.status is not Status.DONE]
    return Counter(statuses).most_common(1)[0][0] if statuses else None


def _failure_reasons(purpose: str, failed: list[InvocationResult], total: int) -> list[str]:
    """One sentence for each kind of failure, with its count and the first error text."""
    if not failed:
        return []
    counts = Counter("no samples" if each.status is Status.DONE else each.status.value for each in failed)
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
    error = next((each.error for each in failed if each.error), "")
    detail = f": {' '.join(error.split())}" if error else ""
    return [f"{len(failed)} of {total} {purpose} invocations failed ({kinds}){detail}"]


# ---- columns ---------------------------------------------------------------------------------------------------------

_Columns = dict[str, Any]


def _base(run_id: str, case: Case, status: Status, facts: DeviceFacts | None, file: VariantFile | None) -> _Columns:
    row: _Columns = {
        "run_id": run_id,
        "case_id": case.case_id,
        "status": status,
        "verdict": None,
        "reasons": "",
        "target": case.target.label,
        "device": facts.model if facts is not None else "",
        "device_id": facts.device_id if facts is not None else "",
        "model": case.model.name,
        "variant": case.variant,
        "backend": case.backend.label,
        "threads": case.backend.threads,
        "cores": case.backend.cores_label,
        "runtime": case.runtime.label,
    }
    if file is not None:
        row |= {
            "model_size_mb": bytes_to_mb(file.size_bytes) if file.size_bytes else None,
            "model_size_gzip_mb": bytes_to_mb(file.gzip_bytes) if file.gzip_bytes else None,
            "weights": file.weights,
            "converter": file.converter,
            "model_sha256": file.sha256,
            "sparsity": file.sparsity,
            "clusters": file.clusters,
            "data_needed": file.data_needed,
            "hardware": ", ".join(file.hardware),
        }
    return row


def _passes(last: list[InvocationRecord]) -> _Columns:
    """What the memory pass and the runtime itself say."""
    done = [record.result for record in last if record.result.status is Status.DONE]
    memory = [result for result in _results(last, Purpose.MEMORY) if result.status is Status.DONE]
    return {
        "peak_rss_mib": _largest(result.peak_rss_mib for result in memory),
        "pss_mib": _largest(result.pss_mib for result in memory),
        "gpu_memory_mib": _largest(result.gpu_memory_mib for result in memory),
        "runtime_version": next((result.runtime_version for result in done if result.runtime_version), ""),
        "accelerator": next((result.accelerator for result in done if result.accelerator), ""),
    }


def _checked(check: OutputsCheck | None) -> _Columns:
    row: _Columns = {}
    if check is not None and check.reference is not None:
        row |= {
            "reference_error": check.reference.rmse,
            "reference_max_abs": check.reference.max_abs,
            "reference_cosine": check.reference.cosine,
        }
    if check is not None and check.accuracy is not None:
        row |= {
            "accuracy_metric": check.accuracy.metric,
            "accuracy": check.accuracy.value,
            "accuracy_samples": check.accuracy.samples,
            "accuracy_direction": HIGHER if check.accuracy.higher_is_better else LOWER,
            "top1": check.accuracy.metrics.get("top1"),
            "top5": check.accuracy.metrics.get("top5"),
        }
    if check is not None and check.same_file is not None:
        row["same_file_error"] = relative_error(check.same_file)
    return row | _difference(check)


def _difference(check: OutputsCheck | None) -> _Columns:
    found = check.difference if check is not None else None
    if found is None:
        return {}
    return {
        "accuracy_loss": found.loss,
        "accuracy_loss_low": found.low,
        "accuracy_loss_high": found.high,
        "accuracy_p_value": found.p_value,
        "samples_better": found.better,
        "samples_worse": found.worse,
    }


def _timed(evidence: CaseEvidence) -> _Columns:
    estimate, coverage = evidence.estimate, evidence.coverage
    summaries = [timing.summary for timing in evidence.timings]
    results = [timing.result for timing in evidence.timings]
    detectable = detectable_between_rows(summaries)
    return {
        "latency_p50_ms": estimate.p50_ms,
        "latency_p90_ms": estimate.p90_ms,
        "latency_ci_low_ms": estimate.ci_low_ms,
        "latency_ci_high_ms": estimate.ci_high_ms,
        "latency_min_ms": min((summary.min_ms for summary in summaries if summary.min_ms is not None), default=None),
        "invocations": estimate.invocations,
        "samples": sum(summary.samples for summary in summaries),
        "init_ms": _to_ms(_median(result.init_us for result in results)),
        "first_inference_ms": _to_ms(_median(result.first_inference_us for result in results)),
        "minimum_detectable_effect_pct": None if detectable is None else 100.0 * detectable,
        "timed": ", ".join(sorted({result.timed for result in results})),
        "coverage": "unknown" if coverage is None else coverage.kind,
        "delegated_nodes": None if coverage is None else coverage.delegated_nodes,
        "total_nodes": None if coverage is None else coverage.total_nodes,
        "partitions": None if coverage is None else coverage.partitions,
    }


def _observed(seen: list[Evidence], of_the_file: tuple[str, ...]) -> _Columns:
    """Clock, temperature and load over the timing invocations, in order of the blocks."""
    return {
        "clock_ghz": _median(_clock_ghz(each) for each in seen),
        "clock_share": _median(each.clock_share for each in seen),
        "clock_source": next((each.clock_source for each in seen if each.clock_source), ""),
        "temp_start_c": next((each.temp_start_c for each in seen if each.temp_start_c is not None), None),
        "temp_end_c": next((each.temp_end_c for each in reversed(seen) if each.temp_end_c is not None), None),
        "foreign_load": _median(each.foreign_load for each in seen),
        "thermal_status": max((each.thermal_status for each in seen if each.thermal_status is not None), default=None),
        "battery_pct": next((each.battery_pct for each in reversed(seen) if each.battery_pct is not None), None),
        "telemetry_load": _median(each.telemetry_load for each in seen),
        "notes": "; ".join(filter(None, [*of_the_file, _notes(seen)])),
    }


def _sustained(own: list[InvocationRecord], notes: str) -> _Columns:
    """The columns of the sustained pass, and `notes` with a remark on one that did not settle."""
    found = sustained_of(own)
    if found is None:
        return {}
    return {
        "sustained_first_ms": found.first.ms,
        "sustained_settled_ms": found.settled_ms,
        "sustained_ratio": found.ratio if found.settled else None,
        "sustained_settled_after_s": found.settled_after_s,
        "sustained_duty": found.duty,
        "notes": "; ".join(filter(None, [notes, unsettled_note(found)])),
    }


def _notes(seen: list[Evidence]) -> str:
    """The remarks on the invocations, each once, with the number of those that it holds for where that is not all.

    Remarks that differ in their numbers alone are one; the first is shown.
    """
    alike: dict[str, list[str]] = {}
    for each in seen:
        for shape, note in {_NUMBER.sub("#", note): note for note in each.notes}.items():
            alike.setdefault(shape, []).append(note)
    told = [
        notes[0] if len(notes) == len(seen) else f"{notes[0]} ({len(notes)} of {len(seen)})" for notes in alike.values()
    ]
    return "; ".join(told[:MAX_NOTES])


def _coverage(last: list[InvocationRecord]) -> Coverage | None:
    """The worst coverage that a timing invocation had; another pass speaks only where none of them does."""

    known = [
        (record.purpose, coverage)
        for record in last
        if record.result.status is Status.DONE
        and (coverage := record.result.coverage) is not None
        and coverage.kind != "unknown"
    ]
    timing = [coverage for purpose, coverage in known if purpose is Purpose.TIMING]
    candidates = timing or [coverage for _, coverage in known]
    return min(candidates, key=_share_taken, default=None)


def _share_taken(coverage: Coverage) -> tuple[int, int]:
    """Order of coverages: by kind, as some have words and no counts, then by the nodes taken."""
    return ("none", "partial", "full").index(coverage.kind), coverage.delegated_nodes or 0


def _clock_ghz(evidence: Evidence) -> float | None:
    ends = [clock for clock in (evidence.clock_start_ghz, evidence.clock_end_ghz) if clock is not None]
    return sum(ends) / len(ends) if ends else None


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None


def _largest(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _to_ms(value_us: float | None) -> float | None:
    return None if value_us is None else us_to_ms(value_us)
