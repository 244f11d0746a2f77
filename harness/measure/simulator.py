"""A device that exists only as numbers, to measure the statistics with: how often they cry wolf, and what they miss.

The logarithm of a latency is the sum of the true level, a shift of the process, autocorrelated noise inside it, bursts
of throttling on the session's clock, and thermal drift. The default parameters describe a phone without locked clocks.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.domain import ComparisonVerdict
from harness.measure.comparison import LOOKS, BlockMedian, Comparison, compare_blocks


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


@dataclass(frozen=True)
class Session:
    """Two interleaved arms. `samples_ns` is int64 (blocks, 2, n): all inferences of A and of B, block by block."""

    arm_a: tuple[BlockMedian, ...]
    arm_b: tuple[BlockMedian, ...]
    samples_ns: NDArray[np.int64]


def simulate_session(rng: np.random.Generator, device: SimulatedDevice, blocks: int, effect: float = 0.0) -> Session:
    """One session of `blocks` blocks in random order, in which B is `effect` (0.05 for 5 %) slower than A."""
    count = max(1, round(device.window_s / device.latency_s))
    order_b = rng.integers(0, 2, blocks)  # 1: B runs second
    place = np.stack([1 - order_b, order_b], axis=1)
    starts = (2 * np.arange(blocks)[:, None] + place) * (device.window_s + device.overhead_s) + device.overhead_s
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


def run_to_verdict(session: Session) -> Comparison:
    """What a sweep that adds blocks on CONTINUE would report: the first look with an answer."""
    available = len(session.arm_a)
    for look in (look for look in LOOKS if look <= available):
        outcome = compare_blocks(session.arm_a[:look], session.arm_b[:look])
        if outcome.verdict is not ComparisonVerdict.CONTINUE:
            return outcome
    return compare_blocks(session.arm_a, session.arm_b, final=True)


def verdict_counts(
    seed: int, device: SimulatedDevice, sessions: int, blocks: int, effect: float, *, sequential: bool
) -> Counter[ComparisonVerdict]:
    """How often each verdict is given over `sessions` sessions: at `blocks` planned blocks, or `sequential` up to
    them."""
    rng = np.random.default_rng(seed)
    counts: Counter[ComparisonVerdict] = Counter()
    for _ in range(sessions):
        session = simulate_session(rng, device, blocks, effect)
        outcome = (
            run_to_verdict(session) if sequential else compare_blocks(session.arm_a, session.arm_b, planned=blocks)
        )
        counts[outcome.verdict] += 1
    return counts


def _noise(rng: np.random.Generator, device: SimulatedDevice, shape: tuple[int, int, int]) -> NDArray[Any]:
    """Stationary first-order autoregressive noise along the last axis."""
    noise = rng.normal(0.0, rng.uniform(*device.noise_sd), shape)
    fresh = math.sqrt(1.0 - device.correlation**2)
    for index in range(1, shape[-1]):
        noise[..., index] = device.correlation * noise[..., index - 1] + fresh * noise[..., index]
    return noise


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
