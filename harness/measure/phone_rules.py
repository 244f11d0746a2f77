"""What only phones show: heat as Android reports it, cores that leave, what watching costs, work that is only queued.

Clock and affinity are judged for all devices alike, in `clock_rules` and `noise_rules`.
"""

from __future__ import annotations

from harness.domain import THERMAL_STATUSES, Verdict
from harness.measure.findings import CaseEvidence, Finding, asked_delegate, too_many
from harness.units import bytes_to_mb, format_latency
from harness.variants import mode_of

PHONES = ("adb", "any")
# The loop runs on another core: taking 1.2 % of it changes a latency by less than 0.5 % (benchmarks/telemetry_cost.py).
TELEMETRY_LOAD = 0.05
ACCELERATORS = ("gpu", "hexagon", "qnn", "nnapi")
# More than any phone's memory can move. 64 bits of LPDDR5X at 10,667 MT/s (JEDEC JESD209-5) are 85.3 GB/s; 96 bits of
# LPDDR6 at 14,400 MT/s (JESD209-6), 8/9 of them data, 153.6 GB/s. Caches hold part of the weights, but starting the
# kernels takes longer than reading that part would.
PHONE_MEMORY_GB_PER_S = 160.0
# GPU delegates may keep float32 weights in half precision.
_STORED_SHARE = {"float32": 0.5}

_COOL = (
    "Let the phone cool (`gate`), take it out of its case, or lower the clock to one it can hold, and measure again."
)


def phone_findings(evidence: CaseEvidence) -> list[Finding]:
    """THROTTLED, UNVERIFIED or NOISY for what a phone showed; nothing for other devices."""
    if evidence.case.target.kind not in PHONES:
        return []
    return [
        *_hot(evidence),
        *_capped(evidence),
        *_offline(evidence),
        *_too_fast(evidence),
        *_watched(evidence),
        *_unwatched(evidence),
    ]


def minimum_gpu_ms(model_size_bytes: float, assumed_gb_per_s: float = PHONE_MEMORY_GB_PER_S) -> float:
    """The least time in which an inference can read all weights once, in ms: below it, it was only queued.

    Args:
        model_size_bytes: what the accelerator has to read.
        assumed_gb_per_s: more than the memory can move, in 10^9 bytes a second.

    Raises:
        ValueError: a size that is negative, or a rate that is not positive.
    """
    if model_size_bytes < 0 or not assumed_gb_per_s > 0:
        raise ValueError(f"{model_size_bytes} bytes at {assumed_gb_per_s} GB/s take no time that makes sense")
    return bytes_to_mb(model_size_bytes) / assumed_gb_per_s  # MB over GB/s is ms


def _hot(evidence: CaseEvidence) -> list[Finding]:
    levels = [timing.result.evidence.thermal_status or 0 for timing in evidence.timings]
    count = too_many(level >= 1 for level in levels)
    if not count:
        return []
    worst = THERMAL_STATUSES[min(max(levels), len(THERMAL_STATUSES) - 1)]
    reason = f"Android reported a thermal status in {count} of {len(levels)} invocations (up to {worst})"
    return [Finding(Verdict.THROTTLED, reason, _COOL)]


def _capped(evidence: CaseEvidence) -> list[Finding]:
    caps = [cap for timing in evidence.timings if (cap := timing.result.evidence.clock_cap_ghz) is not None]
    count = too_many(timing.result.evidence.clock_cap_ghz is not None for timing in evidence.timings)
    if not count:
        return []
    reason = (
        f"the phone lowered the clock limit of the pinned cores during {count} of {len(evidence.timings)} invocations "
        f"(down to {min(caps):.2f} GHz)"
    )
    return [Finding(Verdict.THROTTLED, reason, _COOL)]


def _offline(evidence: CaseEvidence) -> list[Finding]:
    gone = [timing.result.evidence.offline_cpus for timing in evidence.timings]
    count = too_many(bool(cpus) for cpus in gone)
    if not count:
        return []
    cores = ", ".join(map(str, sorted({cpu for cpus in gone for cpu in cpus})))
    reason = f"pinned cores went offline in {count} of {len(gone)} invocations (core {cores}): they ran elsewhere"
    remedy = "Keep the core online (core control, battery saver, heat), or pin to `little` or to another core."
    return [Finding(Verdict.UNVERIFIED, reason, remedy)]


def _unwatched(evidence: CaseEvidence) -> list[Finding]:
    """A phone may tell its clock and nothing else: then nobody knows of heat or of other work."""
    seen = [timing.result.evidence for timing in evidence.timings]
    blind = too_many(
        each.foreign_load is None and each.thermal_status is None and each.temp_end_c is None for each in seen
    )
    if not blind:
        return []
    reason = f"nothing is known of heat or other load in {blind} of {len(seen)} invocations: telemetry was missing"
    return [Finding(Verdict.UNVERIFIED, reason, "Look at the connection and at `harness doctor`, and measure again.")]


def _too_fast(evidence: CaseEvidence) -> list[Finding]:
    backend, size_bytes = evidence.case.backend, evidence.model_size_bytes
    unread = any(timing.result.timed != "call+read" for timing in evidence.timings)
    if backend.kind not in ACCELERATORS or not size_bytes or not unread:
        return []
    least_ms = minimum_gpu_ms(size_bytes * _STORED_SHARE.get(mode_of(evidence.case.variant), 1.0))
    if evidence.estimate.p50_ms >= least_ms:
        return []
    reason = (
        f"{format_latency(evidence.estimate.p50_ms)} ms are less than reading the weights once can take "
        f"({format_latency(least_ms)} ms at {PHONE_MEMORY_GB_PER_S:.0f} GB/s): {asked_delegate(evidence.case)} had "
        "only been given the work when the call returned"
    )
    return [Finding(Verdict.UNVERIFIED, reason, "Use the device runner, whose samples end when the outputs are read.")]


def _watched(evidence: CaseEvidence) -> list[Finding]:
    """By the mean: the kernel counts in steps of 10 ms, which is much of a single short invocation."""
    loads = [load for timing in evidence.timings if (load := timing.result.evidence.telemetry_load) is not None]
    mean = sum(loads) / len(loads) if loads else 0.0
    if mean <= TELEMETRY_LOAD:
        return []
    reason = (
        f"watching the phone took {mean:.1%} of a core like the measured one (mean of {len(loads)} invocations, "
        f"{TELEMETRY_LOAD:.0%} is the most)"
    )
    return [Finding(Verdict.NOISY, reason, "Measure on a phone with a free little core, and with less running on it.")]
