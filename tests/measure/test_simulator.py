"""The comparison on simulated devices: how often it cries wolf, what it finds. The whole table: benchmarks."""

from __future__ import annotations

import numpy as np
import pytest

from harness.domain import ComparisonVerdict
from harness.measure.simulator import SimulatedDevice, run_to_verdict, simulate_session, verdict_counts

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


def share(verdict: ComparisonVerdict, sessions: int, effect: float, sequential: bool) -> float:
    counts = verdict_counts(11, SimulatedDevice(), sessions, 30 if sequential else 20, effect, sequential=sequential)
    return counts[verdict] / sessions


@pytest.mark.parametrize("sequential", [False, True])
def test_false_alarms_and_power_in_short(sequential: bool) -> None:
    """120 sessions: the bounds are those that the targets allow by chance (99.9 %)."""
    wrong = share(REGRESSION, 120, 0.0, sequential) + share(IMPROVEMENT, 120, 0.0, sequential)
    assert wrong <= 6 / 120
    assert share(REGRESSION, 120, 0.05, sequential) >= 106 / 120
    assert share(IMPROVEMENT, 120, 0.05, sequential) == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("sequential", [False, True])
def test_false_alarms_and_power(sequential: bool) -> None:
    wrong = share(REGRESSION, 500, 0.0, sequential) + share(IMPROVEMENT, 500, 0.0, sequential)
    assert wrong <= 0.01
    assert share(REGRESSION, 500, 0.05, sequential) >= 0.95


def test_a_sequential_run_stops_at_the_first_answer() -> None:
    session = simulate_session(np.random.default_rng(5), SimulatedDevice().quiet(), 30, effect=0.3)
    assert run_to_verdict(session).blocks == 8
