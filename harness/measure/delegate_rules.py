"""Did what was asked for compute the model? A delegate that takes nothing leaves no error, only a slower number."""

from __future__ import annotations

from harness.domain import Coverage, Verdict
from harness.measure.edgetpu_rules import left_on_cpu
from harness.measure.findings import CaseEvidence, Finding, asked_delegate
from harness.units import format_latency, ms_to_us
from harness.variants import is_integer, mode_of

SLOWER_THAN_FLOAT = 2.0  # optimised integer kernels are faster than float ones, or nearly so
READ_SHARE = 0.1
_FALLBACK = "the runtime's built-in CPU kernels"
_STATED = {"full": "all", "partial": "some", "none": "none of the"}
SOFTWARE_GPUS = ("swiftshader", "llvmpipe", "lavapipe")


def delegate_findings(evidence: CaseEvidence) -> list[Finding]:
    """FELL_BACK for graphs that ran elsewhere or on reference kernels; UNVERIFIED where that cannot be told."""
    found = _reference_kernels(evidence) or _coverage_findings(evidence)  # the former tells the coverage, too
    return [*found, *_software_gpu(evidence), *_asynchronous(evidence)]


def took(evidence: CaseEvidence) -> str:
    """``XNNPACK took 0 of 66 nodes``, ``GPU took some nodes`` where no counts are known, or an empty text."""
    coverage, asked = evidence.coverage, asked_delegate(evidence.case)
    if coverage is None or coverage.kind == "unknown":
        return ""
    name = asked or coverage.delegate or "a delegate"
    if _remaining(coverage) is None:
        return f"{name} took {_STATED[coverage.kind]} nodes (0 invocations of {len(evidence.timings)} tell how many)"
    return f"{name} took {coverage.delegated_nodes} of {coverage.total_nodes} nodes"


def _remaining(coverage: Coverage) -> int | None:
    """Nodes that the delegate left, None without counts."""
    if coverage.total_nodes is None or coverage.delegated_nodes is None:
        return None
    return coverage.total_nodes - coverage.delegated_nodes


def _coverage_findings(evidence: CaseEvidence) -> list[Finding]:
    asked, coverage = asked_delegate(evidence.case), evidence.coverage
    kind = "unknown" if coverage is None else coverage.kind
    if asked is None:
        return _unasked(evidence) if kind in ("partial", "full") else []
    if kind == "unknown":
        reason = f"the runtime does not say how many nodes {asked} took (0 invocations of {len(evidence.timings)} tell)"
        return [Finding(Verdict.UNVERIFIED, reason, "Use a runtime version that reports delegated nodes.")]
    assert coverage is not None
    if kind == "none" and evidence.require_coverage != "any":
        reason = f"{took(evidence)}: {_fallback(evidence)} ran all of them"
        return [Finding(Verdict.FELL_BACK, reason, _coverage_remedy(evidence, asked))]
    if kind == "partial" and evidence.require_coverage == "full":
        rest = _remaining(coverage)
        parts = f" in {coverage.partitions} partitions" if coverage.partitions else ""
        others = "the rest" if rest is None else f"the other {rest}"
        reason = f"{took(evidence)}{parts} where full coverage is required: {_fallback(evidence)} ran {others}"
        return [Finding(Verdict.FELL_BACK, reason, _coverage_remedy(evidence, asked))]
    return []


def _fallback(evidence: CaseEvidence) -> str:
    """What ran the nodes that a delegate left: with XNNPACK among it, unless that is the delegate."""
    return _FALLBACK if evidence.case.backend.kind == "cpu" else "the runtime's CPU kernels"


def _unasked(evidence: CaseEvidence) -> list[Finding]:
    reason = f"{took(evidence)}, but the case asks for {evidence.case.backend.label}: it measures something else"
    return [Finding(Verdict.FELL_BACK, reason, "Use a runtime in which the default delegate can be switched off.")]


def _coverage_remedy(evidence: CaseEvidence, asked: str) -> str:
    variant = evidence.case.variant
    if evidence.mapping is not None and (left := left_on_cpu(evidence.mapping)):
        return (
            f"The compiler left {left}. Change these operators in the model, or allow it with "
            "`require: {coverage: partial}`."
        )
    return (
        f"Read this row as the speed of the fallback. {asked} has no kernels for these operators in {variant}: choose "
        "another variant or backend, or allow it with `require: {coverage: any}`."
    )


def _reference_kernels(evidence: CaseEvidence) -> list[Finding]:
    """An integer model that is far slower than the float one ran on kernels written to be correct, not fast."""
    case, coverage = evidence.case, evidence.coverage
    if not is_integer(case.variant) or case.backend.kind != "cpu" or case.backend.kernels == "reference":
        return []
    if coverage is not None and coverage.kind == "full":
        return []
    latency_ms, float_ms = evidence.estimate.p50_ms, evidence.float32_latency_ms
    slow = float_ms is not None and latency_ms > SLOWER_THAN_FLOAT * float_ms
    named = any("reference" in operator.kernel.lower() for operator in evidence.operators)
    if not slow and not named:
        return []
    against = f" against {format_latency(float_ms)} ms float32" if float_ms is not None else ""
    reason = (
        f"{_what_ran(case.variant, coverage)}: {format_latency(latency_ms)} ms{against}"
        f"{_evidence_text(evidence)} (do not read this as the device's speed)"
    )
    remedy = (
        "Reference kernels are plain loops without vector code. Use int8 with XNNPACK on a current LiteRT, or a "
        f"runtime or accelerator with optimised {case.variant} kernels, before comparing speeds."
    )
    return [Finding(Verdict.FELL_BACK, reason, remedy)]


def _what_ran(variant: str, coverage: Coverage | None) -> str:
    if coverage is not None and coverage.kind == "partial":
        rest = _remaining(coverage)
        return f"{'some' if rest is None else rest} nodes of this {variant} model ran on slow reference kernels"
    if mode_of(variant) == "int16x8":
        return "int16x8 has reference kernels only on this runtime"
    return f"this {variant} model ran on slow reference kernels"


def _evidence_text(evidence: CaseEvidence) -> str:
    parts = [took(evidence)] if asked_delegate(evidence.case) is not None and took(evidence) else []
    top = max(evidence.operators, key=lambda operator: operator.share, default=None)
    if top is not None and top.share > 0:  # without a profiler the operators are known, their times are not
        kernel = f" ({top.kernel})" if top.kernel else ""
        parts.append(f"{top.name}{kernel} takes {top.share:.0%} of the time")
    return "".join(f", {part}" for part in parts)


def _software_gpu(evidence: CaseEvidence) -> list[Finding]:
    name = evidence.accelerator
    if evidence.case.backend.kind != "gpu" or not any(word in name.lower() for word in SOFTWARE_GPUS):
        return []
    latency = format_latency(evidence.estimate.p50_ms)
    reason = f"the GPU is a software one ({name}): {latency} ms is time of the CPU that imitates it"
    return [Finding(Verdict.UNVERIFIED, reason, "Take it as a test of coverage and outputs, never as a GPU's speed.")]


def _asynchronous(evidence: CaseEvidence) -> list[Finding]:
    """A sample must end when the outputs can be read: a call that returns at once has only queued the work."""
    slowest_read_us = max(
        (timing.result.evidence.output_read_us or 0.0 for timing in evidence.timings if timing.result.timed == "call"),
        default=0.0,
    )
    p50_us = ms_to_us(evidence.estimate.p50_ms)
    if slowest_read_us <= READ_SHARE * p50_us:
        return []
    reason = (
        f"the samples end with the call after {p50_us:.1f} us, but reading the outputs took {slowest_read_us:.1f} us: "
        "the backend computes asynchronously"
    )
    return [Finding(Verdict.UNVERIFIED, reason, "Time the call together with reading the outputs.")]
