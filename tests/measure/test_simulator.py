"""The comparison on simulated devices: how often it cries wolf, what it finds. The whole table: benchmarks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.domain import ComparisonVerdict
from harness.measure.simulator import SimulatedDevice, run_with_policy, simulate_session, verdict_counts
from harness.measure.stopping import FixedBlocks, Looks, Policy, ScreenThenConfirm

REGRESSION, IMPROVEMENT = ComparisonVerdict.REGRESSION, ComparisonVerdict.IMPROVEMENT


def test_a_session_depends_on_the_generator_alone() -> None:
    one, two, other = (simulate_session(np.random.default_rng(seed), SimulatedDevice(), 8) for seed in (1, 1, 2))
    assert one.arm_a == two.arm_a
    assert one.arm_a != other.arm_a


def test_blocks_and_orders_are_those_of_an_interleaved_run() -> None:
    session = simulate_session(np.random.default_rng(0), SimulatedDevice(), 40)
    pairs = list(zip(session.arm_a, session.arm_b, strict=True))
    assert all({a.order, b.order} == {0, 1} and a.block == b.block for a, b in pairs)
    assert 10 < sum(a.order for a, _ in pairs) < 30
    assert session.samples_ns.shape == (40, 2, 100)


def test_the_noise_has_the_parameters_of_the_device() -> None:
    """Without bursts and drift: 20 ms, correlation 0.8, and 1.5 % between processes beside what 2 s windows leave."""
    device = SimulatedDevice(noise_sd=(0.03, 0.03)).quiet()
    session = simulate_session(np.random.default_rng(3), device, 400, effect=0.10)
    logs = np.log(session.samples_ns / 20e6)
    inside = logs - logs.mean(axis=2, keepdims=True)
    correlation = (inside[..., 1:] * inside[..., :-1]).sum() / (inside**2).sum()
    assert logs[:, 0].mean() == pytest.approx(0.0, abs=0.004)
    assert logs[:, 1].mean() - logs[:, 0].mean() == pytest.approx(np.log(1.1), abs=0.005)
    assert correlation == pytest.approx(0.8, abs=0.05)
    assert logs[:, 0].mean(axis=1).std() == pytest.approx(np.hypot(0.015, 0.03 * 3 / 10), rel=0.15)


def test_bursts_take_about_six_percent_of_the_time() -> None:
    device = SimulatedDevice(process_sd=0.0, noise_sd=(0.0, 0.0), drift=(0.0, 0.0), walk_per_sqrt_min=0.0)
    logs = [np.log(simulate_session(np.random.default_rng(seed), device, 20).samples_ns / 20e6) for seed in range(100)]
    slow = np.mean([(values > 0.1).mean() for values in logs])
    assert 0.045 < slow < 0.085
    assert np.unique(np.round(np.concatenate([values.ravel() for values in logs]), 4)).size == 2


POLICIES: list[tuple[Policy, int]] = [(FixedBlocks(20), 20), (Looks(), 30), (ScreenThenConfirm(), 36)]


def share(verdict: ComparisonVerdict, sessions: int, effect: float, policy: Policy, blocks: int) -> float:
    return verdict_counts(11, SimulatedDevice(), sessions, blocks, effect, policy)[verdict] / sessions


@pytest.mark.parametrize(("policy", "blocks"), POLICIES)
def test_false_alarms_and_power_in_short(policy: Policy, blocks: int) -> None:
    """120 sessions: the bounds are those that the targets allow by chance (99.9 %)."""
    wrong = share(REGRESSION, 120, 0.0, policy, blocks) + share(IMPROVEMENT, 120, 0.0, policy, blocks)
    assert wrong <= 6 / 120
    assert share(REGRESSION, 120, 0.05, policy, blocks) >= 106 / 120
    assert share(IMPROVEMENT, 120, 0.05, policy, blocks) == 0.0


@pytest.mark.slow
@pytest.mark.parametrize(("policy", "blocks"), POLICIES)
def test_false_alarms_and_power(policy: Policy, blocks: int) -> None:
    wrong = share(REGRESSION, 500, 0.0, policy, blocks) + share(IMPROVEMENT, 500, 0.0, policy, blocks)
    assert wrong <= 0.01
    assert share(REGRESSION, 500, 0.05, policy, blocks) >= 0.95


def test_a_run_stops_at_the_first_answer() -> None:
    device = replace(SimulatedDevice(), process_sd=0.003, noise_sd=(0.005, 0.005)).quiet()
    session = simulate_session(np.random.default_rng(5), device, 36, effect=0.3)
    assert run_with_policy(session, Looks())[2] == 8
    assert run_with_policy(session, ScreenThenConfirm())[1:] == ("confirmation", 6 + 8)
    assert run_with_policy(session.slower(1 / 1.3 - 1), ScreenThenConfirm())[1:] == ("screen", 6)


def test_a_short_session_ends_as_it_stands() -> None:
    comparison, _, made = run_with_policy(simulate_session(np.random.default_rng(5), SimulatedDevice(), 4), Looks())
    assert made == 4
    assert comparison is not None
    assert comparison.verdict is ComparisonVerdict.INCONCLUSIVE


def test_a_slower_session_differs_in_b_alone() -> None:
    session = simulate_session(np.random.default_rng(7), SimulatedDevice(), 8)
    slower = session.slower(0.10)
    assert slower.arm_a == session.arm_a
    ratios = [after.median_ms / before.median_ms for after, before in zip(slower.arm_b, session.arm_b, strict=True)]
    assert ratios == pytest.approx([1.10] * 8)
    assert slower.samples_ns[:, 1].mean() == pytest.approx(1.10 * session.samples_ns[:, 1].mean())


def test_one_after_the_other_drift_becomes_a_difference() -> None:
    """Warming by 10 to 20 % in two minutes: the arm that runs second is slower by some percent, and interleaved not."""
    device = SimulatedDevice(process_sd=0.0, noise_sd=(0.0, 0.0), walk_per_sqrt_min=0.0, burst_slowdown=0.0).drifting()

    def difference(one_after_other: bool) -> float:
        session = simulate_session(np.random.default_rng(2), device, 20, one_after_other=one_after_other)
        medians = [np.median([entry.median_ms for entry in arm]) for arm in (session.arm_a, session.arm_b)]
        return float(medians[1] / medians[0] - 1.0)

    assert abs(difference(one_after_other=False)) < 0.01
    assert difference(one_after_other=True) > 0.03
