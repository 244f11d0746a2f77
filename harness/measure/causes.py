"""Why did it change: everything stamped on both arms that differs, the likeliest cause of the latency's change first.

A likelihood is a rule of thumb in [0, 1] that orders, no probability. What was chosen or installed has a fixed one and
may explain any change. What was measured counts as far as it explains the change: 0 when it moved the wrong way, or
when the latency did not change. From the top: coverage, operators, device and accelerator, variant and backend, model
file, runtime, options, system, clock, load, heat.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from harness.domain import ContextDifference, Purpose
from harness.measure.arm import Arm
from harness.measure.latency_change import is_amount
from harness.measure.measured_causes import measured_differences
from harness.measure.operator_causes import operator_differences
from harness.measure.stamped_causes import UNKNOWN, stamped_differences
from harness.measure.summary import profiled_operators

CHANGE = 0.01  # below it the latency has no direction that something could explain
COVERAGE = 0.95


def context_differences(base: Arm, candidate: Arm, *, ratio: float | None = None) -> tuple[ContextDifference, ...]:
    """What differs between the arms, the likeliest cause of the change first.

    Args:
        base: the base.
        candidate: the candidate.
        ratio: candidate over base of the latency; that of the rows' p50 where it is not given.
    """
    log_ratio = _log_ratio(base, candidate, ratio)
    found = [
        *_coverage(base, candidate, log_ratio),
        *_operators(base, candidate, log_ratio),
        *stamped_differences(base, candidate),
        *measured_differences(base, candidate, log_ratio),
    ]
    return tuple(sorted(found, key=lambda difference: -difference.likelihood))


def same_build(base: Arm, candidate: Arm) -> bool:
    """Whether the arms are known to be one build: the same model file, variant, runtime, backend and options."""
    if not base.row.model_sha256 or base.row.model_sha256 != candidate.row.model_sha256:
        return False
    one, other = (
        (arm.row.variant, arm.row.runtime_version, arm.case.runtime, arm.case.backend, arm.row.accelerator)
        for arm in (base, candidate)
    )
    return bool(base.row.runtime_version) and one == other


def _log_ratio(base: Arm, candidate: Arm, ratio: float | None) -> float:
    """How the latency changed; 0.0 when it did not, or nobody knows."""
    before, after = base.row.latency_p50_ms, candidate.row.latency_p50_ms
    if ratio is None and is_amount(before) and is_amount(after):
        ratio = after / before
    found = math.log(ratio) if is_amount(ratio) else 0.0
    return found if abs(math.expm1(found)) >= CHANGE else 0.0


_STATED = {"none": 0.0, "partial": 0.5, "full": 1.0}


def _coverage(base: Arm, candidate: Arm, log_ratio: float) -> Iterator[ContextDifference]:
    one, other = _coverage_text(base), _coverage_text(candidate)
    before, after = _covered(base), _covered(candidate)
    if one == other or before == after:  # a graph of more nodes is told by itself
        return
    likelihood, explains = 0.0, ""
    if before is not None and after is not None and (before - after) * log_ratio > 0:
        taken = "less" if after < before else "more"
        likelihood, explains = COVERAGE, f"the delegate took {taken} of the graph: {other} where it took {one}"
    yield ContextDifference("coverage", one, other, likelihood, explains)


def _coverage_text(arm: Arm) -> str:
    if arm.row.delegated_nodes is None or arm.row.total_nodes is None:
        return arm.row.coverage or UNKNOWN
    return f"{arm.row.delegated_nodes} of {arm.row.total_nodes} nodes"


def _covered(arm: Arm) -> float | None:
    """The share of the nodes on the delegate."""
    if arm.row.delegated_nodes is None or not arm.row.total_nodes:
        return _STATED.get(arm.row.coverage)
    return arm.row.delegated_nodes / arm.row.total_nodes


def _operators(base: Arm, candidate: Arm, log_ratio: float) -> tuple[ContextDifference, ...]:
    before, after = (profiled_operators(arm.last(Purpose.PROFILE)) for arm in (base, candidate))
    level_ms = base.row.latency_p50_ms
    lost_ms = level_ms * math.expm1(log_ratio) if is_amount(level_ms) else None
    return operator_differences(before, after, lost_ms)
