"""Components of variance on simulated devices whose components are known, and what follows from them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.measure.simulator import SimulatedDevice, simulate_session
from harness.measure.variance import (
    ProcessSpread,
    VarianceComponents,
    best_iterations,
    process_spread,
    variance_components,
)

Group = list[ProcessSpread]


def simulated(device: SimulatedDevice, sessions: int = 30, seed: int = 1) -> list[Group]:
    rng = np.random.default_rng(seed)
    drawn = [simulate_session(rng, device, 8).samples_ns for _ in range(sessions)]
    return [[process_spread(samples[block, arm]) for arm in (0, 1)] for samples in drawn for block in range(8)]


@pytest.mark.parametrize(
    ("device", "process_sd"),
    [
        (SimulatedDevice().quiet(), 0.015),
        (SimulatedDevice(), 0.015),
        (SimulatedDevice().drifting(), 0.015),
        (SimulatedDevice().noisy(), 0.03),
    ],
)
def test_the_spread_between_processes_is_found_despite_drift_and_bursts(
    device: SimulatedDevice, process_sd: float
) -> None:
    found = variance_components(simulated(device))
    assert found.process_sd == pytest.approx(process_sd, rel=0.2)
    assert found.processes == 480


def test_the_plain_layout_takes_drift_for_a_difference_of_processes() -> None:
    groups = simulated(SimulatedDevice().drifting())
    pooled = variance_components([[process for group in groups for process in group]])
    assert pooled.process_sd is not None
    assert pooled.process_sd > 0.03


def test_the_spread_inside_counts_the_correlation() -> None:
    """3.5 % with correlation 0.8 is 3.5 % * sqrt(1.8 / 0.2) in the long run; short windows see a little less."""
    device = SimulatedDevice(noise_sd=(0.035, 0.035), window_s=20.0).quiet()
    found = variance_components(simulated(device, sessions=3))
    assert found.within_sd == pytest.approx(0.035 * 3.0, rel=0.1)
    assert found.correlation == pytest.approx(0.8, abs=0.02)
    independent = variance_components(simulated(SimulatedDevice(noise_sd=(0.035, 0.035), correlation=0.0).quiet(), 5))
    assert independent.within_sd == pytest.approx(0.035, rel=0.1)


def test_processes_that_differ_only_by_their_noise_inside_have_no_spread_between() -> None:
    device = SimulatedDevice(process_sd=0.0, correlation=0.0).quiet()
    assert variance_components(simulated(device, sessions=10)).process_sd == pytest.approx(0.0, abs=0.002)


def test_levels_without_samples_have_a_spread_between_alone() -> None:
    groups = [[ProcessSpread(1, level), ProcessSpread(1, level + shift)] for level, shift in ((0, 0.02), (3, -0.02))]
    found = variance_components(groups)
    assert (found.within_sd, found.correlation) == (None, None)
    assert found.process_sd == pytest.approx(1.4826 * 0.02 / math.sqrt(2))
    assert variance_components([[groups[0][0]]]).process_sd is None, "one process says nothing of others"
    assert variance_components([]) == VarianceComponents(None, None, None, 0)


def test_few_samples_say_nothing_of_their_correlation_and_equal_ones_have_no_spread() -> None:
    assert process_spread(np.full(19, 5)).variance is None
    assert process_spread(np.full(100, 5)).variance == 0.0


@pytest.mark.parametrize("samples", [np.array([], np.int64), np.array([[1]]), np.array([1, 0])])
def test_what_is_no_invocation_is_refused(samples: np.ndarray) -> None:
    with pytest.raises(ValueError, match="invocation"):
        process_spread(samples)


def test_the_best_number_of_inferences() -> None:
    """The published example: 20 ms, 4 s, and 3.5 % * 3 long-run against 1.5 %: sqrt(200 * 49) = 99."""
    components = VarianceComponents(0.015, 0.105, 0.8, 40)
    assert best_iterations(components, 0.020, 4.0) == 99
    assert best_iterations(VarianceComponents(0.0, 0.105, 0.8, 40), 0.020, 4.0) == 500, "as fit into 10 s"
    assert best_iterations(VarianceComponents(1e-6, 0.105, 0.8, 40), 0.020, 4.0) == 500
    assert best_iterations(VarianceComponents(0.5, 0.001, 0.8, 40), 30.0, 4.0) == 1
    assert best_iterations(VarianceComponents(None, 0.1, 0.8, 1), 0.020, 4.0) is None
    with pytest.raises(ValueError, match="cost"):
        best_iterations(components, 0.0, 4.0)
