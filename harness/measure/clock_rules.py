"""Did the clock hold? Throttling is the other silent failure."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from harness.domain import Evidence, Verdict
from harness.measure.findings import CaseEvidence, Finding, Timing, too_many
from harness.measure.statistics import t_two_sided_p

CLOCK_HELD = 0.95
LOW_SHARE = 0.6
TREND_P = 0.01
TREND_EFFECT = 0.02
TREND_INVOCATIONS = 6
TREND_WARMING_C = 2.0

_COOL = "Let the device cool, give the lane a pause (`gap_s`) or lock the clocks, and measure again."


def clock_findings(evidence: CaseEvidence) -> list[Finding]:
    """THROTTLED for a clock that fell, ran low, or latencies that follow the temperature."""
    return [*_fallen(evidence), *_low(evidence), *_slowed(evidence), *_warming(evidence)]


def clock_ratio(evidence: Evidence) -> float | None:
    """The clock at the end of an invocation over that at its start."""
    if evidence.clock_start_ghz is None or evidence.clock_end_ghz is None or evidence.clock_start_ghz <= 0.0:
        return None
    return evidence.clock_end_ghz / evidence.clock_start_ghz


def has_clock_evidence(evidence: Evidence) -> bool:
    """Whether anything is known of the clock during an invocation."""
    return clock_ratio(evidence) is not None or evidence.clock_share is not None


def slowed_with_steady_clock(timing: Timing) -> bool:
    """The samples slowed down although the clock is known to have held: something else was in the way."""
    ratio = clock_ratio(timing.result.evidence)
    return timing.summary.steady == "slowdown" and ratio is not None and ratio >= CLOCK_HELD


def _fallen(evidence: CaseEvidence) -> list[Finding]:
    ratios = [clock_ratio(timing.result.evidence) for timing in evidence.timings]
    count = too_many(ratio is not None and ratio < CLOCK_HELD for ratio in ratios)
    if not count:
        return []
    worst = min(evidence.timings, key=lambda timing: clock_ratio(timing.result.evidence) or math.inf).result.evidence
    reason = (
        f"the clock ended under {CLOCK_HELD:.0%} of where it began in {count} of {len(ratios)} invocations "
        f"(worst {worst.clock_start_ghz:.2f} to {worst.clock_end_ghz:.2f} GHz)"
    )
    return [Finding(Verdict.THROTTLED, reason, _COOL)]


def _low(evidence: CaseEvidence) -> list[Finding]:
    shares = [share for timing in evidence.timings if (share := timing.result.evidence.clock_share) is not None]
    if not shares or float(np.median(shares)) >= LOW_SHARE:
        return []
    reason = (
        f"the core ran at {float(np.median(shares)):.0%} of its highest clock (median of {len(shares)} invocations, "
        f"{LOW_SHARE:.0%} is the least)"
    )
    return [Finding(Verdict.THROTTLED, reason, "Set the performance governor or raise the clock limit. " + _COOL)]


def _slowed(evidence: CaseEvidence) -> list[Finding]:
    count = too_many(
        timing.summary.steady == "slowdown" and not slowed_with_steady_clock(timing) for timing in evidence.timings
    )
    if not count:
        return []
    reason = (
        f"{count} of {len(evidence.timings)} invocations ended more than 2 % slower than they were at their fastest"
    )
    return [Finding(Verdict.THROTTLED, reason, _COOL)]


def _warming(evidence: CaseEvidence) -> list[Finding]:
    known = [
        (timing.result.evidence.temp_end_c, timing.summary.median_ms)
        for timing in evidence.timings
        if timing.result.evidence.temp_end_c is not None
    ]
    if len(known) < TREND_INVOCATIONS:
        return []
    temps_c, medians_ms = np.array(known, np.float64).T
    warmed_c = float(np.ptp(temps_c))
    if warmed_c < TREND_WARMING_C or not _rises_with(temps_c, medians_ms):
        return []
    slope = float(np.polyfit(temps_c, np.log(medians_ms), 1)[0])
    effect = math.expm1(slope * warmed_c)
    if effect < TREND_EFFECT:
        return []
    reason = (
        f"latency follows the temperature: {effect:+.1%} from {temps_c.min():.1f} to {temps_c.max():.1f} C "
        f"over {len(known)} invocations"
    )
    return [Finding(Verdict.THROTTLED, reason, _COOL)]


def _rises_with(temps_c: NDArray[np.float64], medians_ms: NDArray[np.float64]) -> bool:
    """Spearman's rank correlation is positive at 1 %, by its t approximation."""
    correlation = float(np.corrcoef(_ranks(temps_c), _ranks(medians_ms))[0, 1]) if np.ptp(medians_ms) else 0.0
    if correlation >= 1.0 - 1e-12:
        return True
    df = len(temps_c) - 2
    statistic = correlation * math.sqrt(df / (1.0 - correlation**2)) if correlation > 0 else 0.0
    return correlation > 0 and t_two_sided_p(statistic, df) < TREND_P


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mid-ranks: equal values share the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    middle: NDArray[np.float64] = (ends - (counts - 1) / 2.0)[inverse]
    return middle
