from dataclasses import replace

import pytest

from harness.domain import Backend, Case, MeasureSettings, ModelRef, Purpose, Target
from harness.sweep import Plan, estimate_s, expected_invocation_s, invocations, lane_estimates_s
from harness.sweep.estimate import EDGE_TPU_STARTUP_S, MEMORY_S, OUTPUTS_S, PROFILE_S, STARTUP_S, expected_startup_s

MEASURE = MeasureSettings(blocks=3, min_s=2.0, max_s=10.0, warmup_min_s=1.0, warmup_max_s=8.0, gap_s=0.5)
CASE = Case(ModelRef("m"), "int8")
PHONE = Case(ModelRef("m"), "int8", Target("adb"))


def test_timing_is_startup_warmup_window_and_gap() -> None:
    assert expected_invocation_s(MEASURE, Purpose.TIMING) == pytest.approx(STARTUP_S + 1.0 + 2.0 + 0.5)


def test_other_passes() -> None:
    for purpose, own_s in ((Purpose.OUTPUTS, OUTPUTS_S), (Purpose.MEMORY, MEMORY_S), (Purpose.PROFILE, PROFILE_S)):
        assert expected_invocation_s(MEASURE, purpose) == pytest.approx(STARTUP_S + own_s + 0.5)


def test_known_latency_lengthens_windows_up_to_their_limits() -> None:
    # 50 inferences of 0.1 s are 5 s, 10 of warm-up 1 s; of 10 s they meet both limits.
    assert expected_invocation_s(MEASURE, Purpose.TIMING, 0.1) == pytest.approx(STARTUP_S + 1.0 + 5.0 + 0.5)
    assert expected_invocation_s(MEASURE, Purpose.TIMING, 10.0) == pytest.approx(STARTUP_S + 8.0 + 10.0 + 0.5)


def test_the_deadline_bounds_an_invocation() -> None:
    assert expected_invocation_s(MeasureSettings(timeout_s=1.0), Purpose.TIMING) == 1.0


@pytest.mark.parametrize(("memory", "profile", "each"), [(True, True, 6), (True, False, 5), (False, False, 4)])
def test_invocations(memory: bool, profile: bool, each: int) -> None:
    measure = MeasureSettings(blocks=3, memory=memory, profile=profile)
    assert invocations(Plan((CASE, PHONE), ()), measure) == 2 * each


def test_a_sustained_pass_counts_once_and_takes_its_time() -> None:
    measure = MeasureSettings(blocks=3, sustained_s=1200.0, timeout_s=120.0, gap_s=5.0)
    assert expected_invocation_s(measure, Purpose.SUSTAINED) == 1200.0
    without = MeasureSettings(blocks=3, timeout_s=120.0, gap_s=5.0)
    plan = Plan((CASE, CASE), ())
    assert invocations(plan, measure) == invocations(plan, without) + 2
    assert estimate_s(plan, measure) == pytest.approx(estimate_s(plan, without) + 2400.0)


def test_lanes_run_side_by_side() -> None:
    case_s = 3 * (STARTUP_S + 3.0 + 0.5) + sum(STARTUP_S + own_s + 0.5 for own_s in (OUTPUTS_S, MEMORY_S, PROFILE_S))
    plan = Plan((CASE, CASE, PHONE), ())
    assert lane_estimates_s(plan, MEASURE) == pytest.approx({"host": 2 * case_s, "adb": case_s})
    assert estimate_s(plan, MEASURE) == pytest.approx(2 * case_s)
    assert estimate_s(Plan((), ()), MEASURE) == 0.0


def test_equal_phones_share_the_time_as_far_as_there_are_models() -> None:
    def lane_s(count: str, models: str) -> float:
        target = Target("any", (("count", count),))
        plan = Plan(tuple(Case(ModelRef(name), "int8", target) for name in models), ())
        return lane_estimates_s(plan, MEASURE)[target.label]

    assert lane_s("2", "ab") == pytest.approx(lane_s("1", "a"))
    assert lane_s("9", "ab") == pytest.approx(lane_s("2", "ab")), "two models keep two phones busy at most"


def test_measured_costs_stand_in_for_the_expected_ones() -> None:
    """Of 3 timing blocks, outputs, memory and profile each is a process; the other backend stays as it was."""
    gpu = Case(ModelRef("m"), "int8", backend=Backend("gpu"))
    plan, costs = Plan((CASE, gpu), ()), {(CASE.target, "cpu"): STARTUP_S + 2.0}
    assert estimate_s(plan, MEASURE, costs) == pytest.approx(estimate_s(plan, MEASURE) + 6 * 2.0)
    assert expected_invocation_s(MEASURE, Purpose.TIMING, startup_s=2.0) == pytest.approx(2.0 + 1.0 + 2.0 + 0.5)


def test_an_edge_tpu_takes_longer_to_open_until_it_was_calibrated() -> None:
    on_tpu = replace(CASE, variant="edgetpu", target=Target("edgetpu"), backend=Backend("edgetpu"))
    assert expected_startup_s(CASE) == STARTUP_S
    assert expected_startup_s(on_tpu) == EDGE_TPU_STARTUP_S
    assert expected_startup_s(on_tpu, {(on_tpu.target, "edgetpu"): 1.5}) == 1.5
