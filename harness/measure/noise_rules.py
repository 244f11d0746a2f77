"""Is the number precise, and is there enough evidence to say so?"""

from __future__ import annotations

from harness.domain import Verdict
from harness.measure.clock_rules import has_clock_evidence, slowed_with_steady_clock
from harness.measure.findings import CaseEvidence, Finding, too_many
from harness.measure.modes import find_modes

# The margin within which a comparison calls two cases the same: a number known less well than that settles nothing.
WIDE_HALF_WIDTH = 0.03
FOREIGN_LOAD = 0.10
WAIT_SHARE = 0.05
LEAST_INVOCATIONS = 3

_QUIET = "Stop other work on the device, or pin to a core that is free of it, and measure again."


def noise_findings(evidence: CaseEvidence) -> list[Finding]:
    """NOISY for a wide interval, foreign load, waiting, unsteady invocations, or two speeds."""
    return [*_wide(evidence), *_load(evidence), *_unsteady(evidence), *_two_speeds(evidence)]


def unverified_findings(evidence: CaseEvidence) -> list[Finding]:
    """UNVERIFIED for what nobody looked at: absence of evidence is not a pass."""
    return [
        *_few(evidence),
        *_no_clock(evidence),
        *_no_affinity(evidence),
        *_no_outputs(evidence),
        *_no_accuracy(evidence),
    ]


def _wide(evidence: CaseEvidence) -> list[Finding]:
    estimate = evidence.estimate
    if estimate.half_width is None or estimate.half_width <= WIDE_HALF_WIDTH:
        return []
    reason = (
        f"the 95 % interval is ±{min(estimate.half_width, 9.99):.1%} of the latency over {estimate.invocations} "
        f"invocations, wider than ±{WIDE_HALF_WIDTH:.0%}"
    )
    return [Finding(Verdict.NOISY, reason, f"Measure more blocks (now {estimate.invocations}), on a quieter device.")]


def _load(evidence: CaseEvidence) -> list[Finding]:
    found = []
    loads = [timing.result.evidence.foreign_load or 0.0 for timing in evidence.timings]
    if count := too_many(load > FOREIGN_LOAD for load in loads):
        reason = (
            f"other processes took more than {FOREIGN_LOAD:.0%} of the pinned cores in {count} of {len(loads)} "
            f"invocations (up to {max(loads):.0%})"
        )
        found.append(Finding(Verdict.NOISY, reason, _QUIET))
    waits = [timing.result.evidence.wait_share or 0.0 for timing in evidence.timings]
    if count := too_many(wait > WAIT_SHARE for wait in waits):
        reason = (
            f"the process waited for a core more than {WAIT_SHARE:.0%} of the time in {count} of {len(waits)} "
            f"invocations (up to {max(waits):.0%})"
        )
        found.append(Finding(Verdict.NOISY, reason, _QUIET))
    return found


def _unsteady(evidence: CaseEvidence) -> list[Finding]:
    found = []
    total = len(evidence.timings)
    if count := too_many(timing.summary.steady == "unsteady" for timing in evidence.timings):
        reason = f"{count} of {total} invocations reached no steady level for half of their samples"
        found.append(Finding(Verdict.NOISY, reason, _QUIET + " A longer window (`min_s`) helps too."))
    if count := too_many(slowed_with_steady_clock(timing) for timing in evidence.timings):
        reason = f"{count} of {total} invocations slowed down by more than 2 % although the clock held"
        found.append(Finding(Verdict.NOISY, reason, _QUIET))
    if count := too_many(timing.result.warmup_capped for timing in evidence.timings):
        reason = f"{count} of {total} invocations were still warming up when the longest warm-up time was over"
        found.append(Finding(Verdict.NOISY, reason, "Raise `warmup_max_s`."))
    return found


def _two_speeds(evidence: CaseEvidence) -> list[Finding]:
    modes = find_modes([timing.summary.median_ms for timing in evidence.timings])
    if modes is None:
        return []
    reason = (
        f"the invocations have two speeds, {modes.fast_ms:.4g} ms and {modes.slow_ms:.4g} ms "
        f"({modes.slow_share:.0%} are slow): one number does not describe them"
    )
    return [Finding(Verdict.NOISY, reason, "Pin to one kind of core and lock the clocks, then measure again.")]


def _few(evidence: CaseEvidence) -> list[Finding]:
    count = len(evidence.timings)
    if count >= LEAST_INVOCATIONS:
        return []
    reason = f"only {count} timing invocation{'s' if count != 1 else ''} succeeded, {LEAST_INVOCATIONS} are the least"
    return [Finding(Verdict.UNVERIFIED, reason, "Run at least 3 blocks, 8 for a useful interval.")]


def _no_clock(evidence: CaseEvidence) -> list[Finding]:
    blind = too_many(not has_clock_evidence(timing.result.evidence) for timing in evidence.timings)
    if not blind:
        return []
    reason = f"nothing is known of the clock in {blind} of {len(evidence.timings)} invocations"
    return [Finding(Verdict.UNVERIFIED, reason, "Make cpufreq readable, or use a runner that times an add chain.")]


def _no_affinity(evidence: CaseEvidence) -> list[Finding]:
    loose = too_many(not timing.result.evidence.cpus_verified for timing in evidence.timings)
    if not loose:
        return []
    reason = f"it is not proven on which cores {loose} of {len(evidence.timings)} invocations ran"
    return [
        Finding(Verdict.UNVERIFIED, reason, "Allow the harness to set the CPU affinity (a container may forbid it).")
    ]


def _no_outputs(evidence: CaseEvidence) -> list[Finding]:
    check = evidence.check
    if check is not None and (check.reference or check.accuracy or not check.finite or not evidence.reference_exists):
        return []
    reason = "the outputs were not compared with a reference: 0 inputs checked on this device and backend"
    return [
        Finding(Verdict.UNVERIFIED, reason, "Let the outputs pass run: see the log of this case for why it did not.")
    ]


def _no_accuracy(evidence: CaseEvidence) -> list[Finding]:
    """An accuracy pass that failed, and a loss that cannot be held against what the sweep allows."""
    if evidence.accuracy_failure:
        remedy = "Mend what it says (the log of this case has more), and run the sweep anew."
        return [Finding(Verdict.UNVERIFIED, evidence.accuracy_failure, remedy)]
    accuracy = evidence.check.accuracy if evidence.check is not None else None
    asked = evidence.allowed.max_loss is not None and evidence.case.variant != "float32"
    if accuracy is None or not asked or evidence.float32_accuracy is not None:
        return []
    reason = f"how much of {accuracy.metric} it lost is not known: no float32 case of this model was scored"
    return [Finding(Verdict.UNVERIFIED, reason, "Add float32 to `variants`, on any backend, or drop `max_loss`.")]
