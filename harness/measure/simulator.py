"""A device that exists only as numbers, to measure the statistics with: how often they cry wolf, and what they miss.

The logarithm of a latency is the sum of the true level, a shift of the process, autocorrelated noise inside it, bursts
of throttling on the session's clock, and thermal drift. The default parameters describe a phone without locked clocks.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.domain import ComparisonVerdict
from harness.measure.comparison import BlockMedian, Comparison
from harness.measure.stopping import Policy, settle, wanted_blocks


@dataclass(frozen=True)
class SimulatedDevice:
    """Parameters; spreads are standard deviations of logarithms, times in seconds."""

    latency_s: float = 0.020
    process_sd: float = 0.015
    noise_sd: tuple[float, float] = (0.02, 0.05)  # uniform in this range, one value a session
    correlation: float = 0.8
    burst_slowdown: float = 0.30
    burst_every_s: float = 90.0
    burst_mean_s: float = 6.0
    drift: tuple[float, float] = (0.0, 0.04)
    drift_time_s: float = 120.0
    walk_per_sqrt_min: float = 0.005
    window_s: float = 2.0
    overhead_s: float = 4.0

    def quiet(self) -> SimulatedDevice:
        """The same device without bursts and drift."""
        return replace(self, burst_slowdown=0.0, drift=(0.0, 0.0), walk_per_sqrt_min=0.0)

    def drifting(self) -> SimulatedDevice:
        """The same device with the warming of an unlocked phone: 10 to 20 % slower by the end of a session."""
        return replace(self, drift=(0.10, 0.20))

    def noisy(self) -> SimulatedDevice:
        """The same device with twice the spread between processes, 3 %."""
        return replace(self, process_sd=0.03)

    @property
    def block_s(self) -> float:
        """What one block of two invocations takes."""
        return 2.0 * (self.window_s + self.overhead_s)


@dataclass(frozen=True)
class Session:
    """Two arms. `samples_ns` is int64 (blocks, 2, n): all inferences of A and of B, block by block."""

    arm_a: tuple[BlockMedian, ...]
    arm_b: tuple[BlockMedian, ...]
    samples_ns: NDArray[np.int64] = field(compare=False)

    def slower(self, effect: float) -> Session:
        """The same session with a B that is `effect` (0.05 for 5 %) slower than here."""
        arm_b = tuple(replace(entry, median_ms=entry.median_ms * (1.0 + effect)) for entry in self.arm_b)
        samples_ns = self.samples_ns.copy()
        samples_ns[:, 1] = np.rint(samples_ns[:, 1] * (1.0 + effect))
        return Session(self.arm_a, arm_b, samples_ns)


def simulate_session(
    rng: np.random.Generator,
    device: SimulatedDevice,
    blocks: int,
    effect: float = 0.0,
    *,
    one_after_other: bool = False,
) -> Session:
    """One session of `blocks` blocks in random order, in which B is `effect` (0.05 for 5 %) slower than A.

    `one_after_other` runs all of A before all of B, as nobody should. The arms still say that they ran interleaved, or
    `compare_blocks` would refuse them: only for showing what that costs.
    """
    count = max(1, round(device.window_s / device.latency_s))
    order_b = rng.integers(0, 2, blocks)  # 1: B runs second
    place = np.stack([1 - order_b, order_b], axis=1)
    turns = 2 * np.arange(blocks)[:, None] + place
    if one_after_other:
        turns = np.arange(blocks)[:, None] + np.array([0, blocks])
    starts = turns * (device.window_s + device.overhead_s) + device.overhead_s
    times = starts[:, :, None] + np.arange(count) * device.latency_s
    logs = math.log(device.latency_s) + _noise(rng, device, (blocks, 2, count))
    logs += rng.normal(0.0, device.process_sd, (blocks, 2, 1))
    logs += _bursts(rng, device, times) + _drift(rng, device, starts, times)
    logs[:, 1] += math.log1p(effect)
    samples_ns = np.maximum(1, np.rint(np.exp(logs) * 1e9)).astype(np.int64)
    medians_ms = np.median(samples_ns, axis=2) / 1e6
    arms = [
        tuple(BlockMedian(block, int(place[block, arm]), float(medians_ms[block, arm])) for block in range(blocks))
        for arm in (0, 1)
    ]
    return Session(arms[0], arms[1], samples_ns)


def run_with_policy(
    session: Session, policy: Policy, *, noise_floor: float = 0.0
) -> tuple[Comparison | None, str, int]:
    """What a lab that adds blocks as `policy` wants them would report: the comparison, its stage, and how many blocks
    it made. A session too short for the policy ends as it stands."""
    made = 0
    while made < len(session.arm_a):
        arms = session.arm_a[:made], session.arm_b[:made]
        wanted = wanted_blocks(policy, *arms, made, noise_floor=noise_floor)
        if wanted <= made:
            break
        made = min(wanted, len(session.arm_a))
    comparison, stage = settle(policy, session.arm_a[:made], session.arm_b[:made], noise_floor=noise_floor)
    return comparison, stage, made


def verdict_counts(
    seed: int, device: SimulatedDevice, sessions: int, blocks: int, effect: float, policy: Policy
) -> Counter[ComparisonVerdict]:
    """How often each verdict is given over `sessions` sessions of up to `blocks` blocks under `policy`."""
    rng = np.random.default_rng(seed)
    comparisons = (run_with_policy(simulate_session(rng, device, blocks, effect), policy)[0] for _ in range(sessions))
    return Counter(
        ComparisonVerdict.INCONCLUSIVE if comparison is None else comparison.verdict for comparison in comparisons
    )


def _noise(rng: np.random.Generator, device: SimulatedDevice, shape: tuple[int, int, int]) -> NDArray[Any]:
    """Stationary first-order autoregressive noise along the last axis."""
    from scipy.signal import lfilter

    noise = rng.normal(0.0, rng.uniform(*device.noise_sd), shape)
    fresh = math.sqrt(1.0 - device.correlation**2)
    noise[..., 0] /= fresh  # the first value is one of the stationary process already
    result: NDArray[Any] = lfilter([fresh], [1.0, -device.correlation], noise, axis=-1)
    return result


def _bursts(rng: np.random.Generator, device: SimulatedDevice, times: NDArray[Any]) -> NDArray[Any]:
    """Throttling: begins as a Poisson process, lasts an exponential time, slows by a fixed share."""
    end_s = float(times.max()) + device.latency_s
    begins = np.sort(rng.uniform(0.0, end_s, rng.poisson(end_s / device.burst_every_s)))
    ends = begins + rng.exponential(device.burst_mean_s, begins.size)
    slow = np.zeros(times.shape, bool)
    for begin, end in zip(begins, ends, strict=True):
        slow |= (times >= begin) & (times < end)
    return np.where(slow, math.log1p(device.burst_slowdown), 0.0)


def _drift(
    rng: np.random.Generator, device: SimulatedDevice, starts: NDArray[Any], times: NDArray[Any]
) -> NDArray[Any]:
    """Warming up to a level of the session, and a random walk from invocation to invocation."""
    warming = rng.uniform(*device.drift) * -np.expm1(-times / device.drift_time_s)
    by_time = np.argsort(starts, axis=None)
    gaps_min = np.diff(starts.ravel()[by_time], prepend=0.0) / 60.0
    walk = np.empty(starts.size)
    walk[by_time] = np.cumsum(rng.normal(0.0, 1.0, starts.size) * device.walk_per_sqrt_min * np.sqrt(gaps_min))
    result: NDArray[Any] = warming + walk.reshape(starts.shape)[:, :, None]
    return result
