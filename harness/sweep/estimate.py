"""How long a plan will take, before anything was measured.

The figures are expectations for planning, not promises: a slow model runs longer than the shortest window, and
preparing variants is not counted.
"""

from __future__ import annotations

from harness.domain import MeasureSettings, ModelRef, Purpose, Target
from harness.sweep.plan import Plan

STARTUP_S = 0.6  # a Python interpreter, the runtime's import, the model and the delegate's initialisation
OUTPUTS_S = 0.5  # a few check inputs
ACCURACY_S = 2.0  # a test split of a few hundred samples through a model of some ms
MEMORY_S = 0.5  # a few inferences at the peak
PROFILE_S = 1.0  # a few dozen inferences with the profiler on

_BUSY_S = {
    Purpose.OUTPUTS: OUTPUTS_S,
    Purpose.ACCURACY: ACCURACY_S,
    Purpose.MEMORY: MEMORY_S,
    Purpose.PROFILE: PROFILE_S,
}


def expected_invocation_s(measure: MeasureSettings, purpose: Purpose, latency_s: float = 0.0) -> float:
    """Seconds that one process is expected to take, with the pause after it.

    Args:
        measure: the protocol.
        purpose: what the process is for.
        latency_s: one inference in seconds where it is known; it lengthens warm-up and window up to their limits.
    """
    if purpose is Purpose.TIMING:
        warmup_s = _span_s(measure.warmup_min_s, measure.warmup_min_iterations, measure.warmup_max_s, latency_s)
        busy_s = warmup_s + _span_s(measure.min_s, measure.min_iterations, measure.max_s, latency_s)
    else:
        busy_s = _BUSY_S[purpose]
    return min(STARTUP_S + busy_s, measure.timeout_s) + measure.gap_s


def _span_s(min_s: float, min_iterations: int, max_s: float, latency_s: float) -> float:
    return min(max(min_s, min_iterations * latency_s), max_s)


def passes(measure: MeasureSettings) -> dict[Purpose, int]:
    """How many processes of each purpose one case takes, without its accuracy pass.

    Which models have a data set is only known when they are prepared.
    """
    return {
        Purpose.OUTPUTS: 1,
        Purpose.TIMING: measure.blocks,
        Purpose.MEMORY: int(measure.memory),
        Purpose.PROFILE: int(measure.profile),
    }


def invocations(plan: Plan, measure: MeasureSettings) -> int:
    """How many processes the plan takes on all devices."""
    return len(plan.cases) * sum(passes(measure).values())


def lane_estimates_s(plan: Plan, measure: MeasureSettings) -> dict[str, float]:
    """Seconds for each device lane, by the label of its target. A target is one device, or as many as it counts: they
    share the models, so at most as many of them are busy as there are models."""
    case_s = sum(count * expected_invocation_s(measure, purpose) for purpose, count in passes(measure).items())
    lanes: dict[str, float] = {}
    models: dict[Target, set[ModelRef]] = {}
    for case in plan.cases:
        models.setdefault(case.target, set()).add(case.model)
    for case in plan.cases:
        wanted = int(dict(case.target.selector).get("count", "1"))
        busy = min(wanted, len(models[case.target]))
        lanes[case.target.label] = lanes.get(case.target.label, 0.0) + case_s / busy
    return lanes


def estimate_s(plan: Plan, measure: MeasureSettings) -> float:
    """Seconds of the longest lane: devices work side by side. 0.0 for a plan without cases."""
    return max(lane_estimates_s(plan, measure).values(), default=0.0)
