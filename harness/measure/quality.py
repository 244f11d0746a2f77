"""One verdict for one row: how far its number can be believed, why, and what to do about it.

The thresholds stand beside their rules: `output_rules`, `delegate_rules`, `clock_rules`, `phone_rules`,
`edgetpu_rules`, `noise_rules`; docs/measuring.md explains each. Evidence of single invocations counts only when more of
them are bad than a 20 % trimmed mean tolerates.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.domain import Verdict
from harness.measure.clock_rules import clock_findings, clock_ratio
from harness.measure.delegate_rules import delegate_findings, took
from harness.measure.edgetpu_rules import heat_findings
from harness.measure.findings import CaseEvidence
from harness.measure.noise_rules import noise_findings, unverified_findings
from harness.measure.output_rules import output_findings
from harness.measure.phone_rules import phone_findings

_SEVERITY = {verdict: place for place, verdict in enumerate(Verdict)}


@dataclass(frozen=True)
class Judgement:
    """The worst finding's verdict and remedy; `reasons` are all findings, worst first, or the proof if there are
    none."""

    verdict: Verdict
    reasons: tuple[str, ...]
    remedy: str


def judge(evidence: CaseEvidence) -> Judgement:
    """Weigh all evidence on a case that has at least one successful timing invocation."""
    findings = [
        *output_findings(evidence),
        *delegate_findings(evidence),
        *clock_findings(evidence),
        *phone_findings(evidence),
        *heat_findings(evidence),
        *noise_findings(evidence),
        *unverified_findings(evidence),
    ]
    findings.sort(key=lambda finding: _SEVERITY[finding.verdict])
    if not findings:
        return Judgement(Verdict.TRUSTED, (_proof(evidence),), "")
    worst = findings[0]
    return Judgement(worst.verdict, tuple(finding.reason for finding in findings), worst.remedy)


def _proof(evidence: CaseEvidence) -> str:
    """What speaks for a number against which nothing was found."""
    parts = [f"{len(evidence.timings)} invocations"]
    if evidence.estimate.half_width is not None:
        parts[0] += f" within ±{evidence.estimate.half_width:.1%}"
    if took(evidence):
        parts.append(took(evidence))
    ratios = [clock_ratio(timing.result.evidence) for timing in evidence.timings]
    known = [ratio for ratio in ratios if ratio is not None]
    if known:
        parts.append(f"the clock ended at {min(known):.0%} of its start or more")
    reference = evidence.check.reference if evidence.check is not None else None
    if reference is not None:
        parts.append(f"output cosine {reference.cosine:.4f}")
    return ", ".join(parts)
