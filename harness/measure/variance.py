"""Where the spread of a latency arises, between processes or inside one, and what that means for how to measure.

The logarithm of a latency is the sum of a process's own shift (standard deviation sigma_B) and of autocorrelated noise
inside it. How often to repeat what follows from the two and from what each repetition costs: Kalibera & Jones, Rigorous
Benchmarking in Reasonable Time (ISMM 2013).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.measure.quantiles import autocorrelation, inflation

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAD_TO_SD = 1.4826
LEAST_SAMPLES = 20  # fewer say nothing of their correlation
LONGEST_WINDOW_S = 10.0


@dataclass(frozen=True)
class ProcessSpread:
    """One invocation: the mean of its log latencies, their variance, the correlation of neighbours, and how many times
    the variance of the mean exceeds that of independent samples. The last three are None where they are not known."""

    samples: int
    mean_log: float
    variance: float | None = None
    correlation: float | None = None
    inflation: float | None = None

    @property
    def mean_variance(self) -> float:
        """The variance that the noise inside leaves in `mean_log`; 0.0 where it is not known."""
        if self.variance is None or self.inflation is None:
            return 0.0
        return self.variance * self.inflation / self.samples


@dataclass(frozen=True)
class VarianceComponents:
    """One-way random effects of log latencies, estimated robustly: throttling bursts leave them as they are.

    Attributes:
        process_sd: sigma_B, between processes; 0.0 where the noise inside explains all of it. None without two
            processes.
        within_sd: S_W, the long-run standard deviation inside: that of a mean of m inferences is S_W / sqrt(m).
        correlation: of neighbouring inferences.
        processes: how many it rests on.
    """

    process_sd: float | None
    within_sd: float | None
    correlation: float | None
    processes: int


def process_spread(samples_ns: NDArray[np.int64]) -> ProcessSpread:
    """The spread inside one invocation, from its (n,) samples in order of time.

    Raises:
        ValueError: no samples, not one-dimensional, or one that is not positive.
    """
    samples_ns = np.asarray(samples_ns)
    if samples_ns.ndim != 1 or samples_ns.size == 0 or samples_ns.min() <= 0:
        raise ValueError("an invocation is a one-dimensional array of positive times")
    logs = np.log(samples_ns.astype(np.float64))
    mean = float(logs.mean())
    if logs.size < LEAST_SAMPLES:
        return ProcessSpread(logs.size, mean)
    if logs.max() == logs.min():
        return ProcessSpread(logs.size, mean, 0.0, 0.0, 1.0)
    correlation = autocorrelation(logs)
    times = inflation(correlation)
    # The mean of correlated samples follows them, so that only n - times of them are free to vary around it.
    variance = float(((logs - mean) ** 2).sum()) / max(1.0, logs.size - times)
    return ProcessSpread(logs.size, mean, variance, float(correlation[1]), times)


def variance_components(groups: Iterable[Sequence[ProcessSpread]]) -> VarianceComponents:
    """Components of variance of invocations of one model.

    Args:
        groups: invocations that ran close together, such as the two arms of a block of an A/A comparison: drift from
            group to group cancels, as it does in a comparison. One group with all of them is the plain one-way layout.

    The spread between is 1.4826 times the median absolute deviation from the group's mean, less what the noise inside
    explains; the figures inside are medians over the invocations.
    """
    kept = [group for group in groups if group]
    processes = [process for group in kept for process in group]
    known = [process for process in processes if process.variance is not None]
    within_sd = correlation = None
    if known:
        within_sd = math.sqrt(_median([process.mean_variance * process.samples for process in known]))
        correlation = _median([process.correlation or 0.0 for process in known])
    deviations = [deviation for group in kept for deviation in _deviations(group)]
    if not deviations:
        return VarianceComponents(None, within_sd, correlation, len(processes))
    explained = _median([process.mean_variance for process in processes])
    between = (MAD_TO_SD * _median(np.abs(deviations))) ** 2 - explained
    return VarianceComponents(math.sqrt(max(0.0, between)), within_sd, correlation, len(processes))


def _deviations(group: Sequence[ProcessSpread]) -> list[float]:
    """Deviations from the mean of a group, scaled so that their variance is that of one process."""
    if len(group) < 2:
        return []
    means = np.array([process.mean_log for process in group])
    scaled: list[float] = ((means - means.mean()) * math.sqrt(means.size / (means.size - 1))).tolist()
    return scaled


def _median(values: Sequence[float] | NDArray[np.float64]) -> float:
    return float(np.median(values))


def best_iterations(components: VarianceComponents, inference_s: float, invocation_s: float) -> int | None:
    """How many inferences an invocation should time: ceil(sqrt(c2/c1 * S_W^2/S_B^2)), Kalibera & Jones 2013.

    Where processes do not differ beyond their noise inside, as many as fit in the longest window (10 s), which is also
    the most there can be. None where the components are not known.

    Args:
        components: of the model's latency.
        inference_s: c1, what one inference costs.
        invocation_s: c2, what one more invocation costs beside its timed inferences.

    Raises:
        ValueError: a cost is not positive.
    """
    if not (inference_s > 0 and invocation_s > 0):
        raise ValueError(f"an inference of {inference_s} s and an invocation of {invocation_s} s: both cost something")
    if components.process_sd is None or components.within_sd is None:
        return None
    most = max(1, math.floor(LONGEST_WINDOW_S / inference_s))
    if components.process_sd == 0.0:
        return most
    ratio = (invocation_s / inference_s) * (components.within_sd / components.process_sd) ** 2
    return min(most, max(1, math.ceil(math.sqrt(ratio))))
