"""How long a plan will take, before anything was measured.

The figures are expectations for planning, not promises: a slow model runs longer than the shortest window, and
preparing variants is not counted.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.domain import Case, MeasureSettings, ModelRef, Purpose, Target
from harness.sweep.plan import Plan

# Measured seconds that an invocation costs beside its inferences, by target and kind of backend.
StartupCosts = Mapping[tuple[Target, str], float]
NOTHING_MEASURED: StartupCosts = {}

STARTUP_S = 0.6  # a Python interpreter, the runtime's import, the model and the delegate's initialisation
EDGE_TPU_STARTUP_S = 3.0  # and over USB the delegate opens the device, loads its firmware and sends the weights
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


def expected_invocation_s(
    measure: MeasureSettings, purpose: Purpose, latency_s: float = 0.0, startup_s: float = STARTUP_S
) -> float:
    """Seconds that one process, or a whole sustained pass, is expected to take, with the pause after it.

    Args:
        measure: the protocol.
        purpose: what the process is for.
        latency_s: one inference in seconds where it is known; it lengthens warm-up and window up to their limits.
        startup_s: what the process costs beside its inferences, where it was measured.
    """
    if purpose is Purpose.SUSTAINED:  # ends by the clock
        return measure.sustained_s
    if purpose is Purpose.TIMING:
        warmup_s = _span_s(measure.warmup_min_s, measure.warmup_min_iterations, measure.warmup_max_s, latency_s)
        busy_s = warmup_s + _span_s(measure.min_s, measure.min_iterations, measure.max_s, latency_s)
    else:
        busy_s = _BUSY_S[purpose]
    return min(startup_s + busy_s, measure.timeout_s) + measure.gap_s


def _span_s(min_s: float, min_iterations: int, max_s: float, latency_s: float) -> float:
    return min(max(min_s, min_iterations * latency_s), max_s)


def expected_startup_s(case: Case, costs: StartupCosts = NOTHING_MEASURED) -> float:
    """What a process of `case` costs beside its inferences: as calibrated on its device, else what is usual."""
    usual_s = EDGE_TPU_STARTUP_S if case.target.kind == "edgetpu" else STARTUP_S
    return costs.get((case.target, case.backend.kind), usual_s)


def passes(measure: MeasureSettings) -> dict[Purpose, int]:
    """How many processes of each purpose one case takes, without its accuracy pass; a sustained pass counts as one.

    Which models have a data set is only known when they are prepared.
    """
    return {
        Purpose.OUTPUTS: 1,
        Purpose.TIMING: measure.blocks,
        Purpose.MEMORY: int(measure.memory),
        Purpose.PROFILE: int(measure.profile),
        Purpose.SUSTAINED: int(measure.sustained_s > 0),
    }


def invocations(plan: Plan, measure: MeasureSettings) -> int:
    """How many processes the plan takes on all devices."""
    return len(plan.cases) * sum(passes(measure).values())


def lane_estimates_s(plan: Plan, measure: MeasureSettings, costs: StartupCosts = NOTHING_MEASURED) -> dict[str, float]:
    """Seconds for each device lane, by the label of its target. A target is one device, or as many as it counts: they
    share the models, so at most as many of them are busy as there are models. `costs` are those of calibrated devices.
    """
    lanes: dict[str, float] = {}
    models: dict[Target, set[ModelRef]] = {}
    for case in plan.cases:
        models.setdefault(case.target, set()).add(case.model)
    for case in plan.cases:
        wanted = case.target.count
        busy = min(wanted, len(models[case.target]))
        case_s = _case_s(measure, expected_startup_s(case, costs))
        lanes[case.target.label] = lanes.get(case.target.label, 0.0) + case_s / busy
    return lanes


def _case_s(measure: MeasureSettings, startup_s: float) -> float:
    each = passes(measure).items()
    return sum(count * expected_invocation_s(measure, purpose, startup_s=startup_s) for purpose, count in each)


def estimate_s(plan: Plan, measure: MeasureSettings, costs: StartupCosts = NOTHING_MEASURED) -> float:
    """Seconds of the longest lane: devices work side by side. 0.0 for a plan without cases."""
    return max(lane_estimates_s(plan, measure, costs).values(), default=0.0)
