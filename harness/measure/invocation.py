"""One invocation in a few numbers: what all statistics of cases are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.domain import InvocationResult, ToolTiming
from harness.measure.quantiles import effective_count, quantile
from harness.measure.warmup import SteadyClass, classify
from harness.units import ns_to_us, us_to_ms

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class InvocationSummary:
    """One process, summarised by its median. `p90_ms` is None below 29 samples, `steady` is None below 20.

    A tool that keeps its samples to itself gives `p90_ms` and `steady` None, and its average where it has no median.
    """

    samples: int
    median_ms: float
    min_ms: float | None
    p90_ms: float | None = None
    steady: SteadyClass | None = None


@dataclass(frozen=True)
class InvocationTail:
    """The slow end of one invocation; a figure is None when it has too few *independent* samples for it."""

    samples: int
    independent_samples: float
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float


def summarise_result(result: InvocationResult) -> InvocationSummary | None:
    """The summary of what one process measured, from its samples or else from its tool's own; None without either."""
    if result.samples_ns is not None and result.samples_ns.size:
        return summarise_invocation(result.samples_ns)
    return None if result.tool is None or result.tool.count < 1 else _of_tool(result.tool)


def _of_tool(tool: ToolTiming) -> InvocationSummary:
    return InvocationSummary(
        samples=tool.count,
        median_ms=us_to_ms(tool.avg_us if tool.median_us is None else tool.median_us),
        min_ms=None if tool.min_us is None else us_to_ms(tool.min_us),
    )


def median_ms(result: InvocationResult) -> float | None:
    """The typical latency of one process: the median of its samples, else what its tool says; None without either."""
    if result.samples_ns is not None and result.samples_ns.size:
        return _ms(float(np.median(result.samples_ns)))
    summary = summarise_result(result)
    return None if summary is None else summary.median_ms


def sample_count(result: InvocationResult) -> int:
    """How many inferences were timed."""
    if result.samples_ns is not None and result.samples_ns.size:
        return int(result.samples_ns.size)
    return 0 if result.tool is None else result.tool.count


def summarise_invocation(samples_ns: NDArray[np.int64]) -> InvocationSummary:
    """The summary of the (n,) samples of one process, in ns and in order of time.

    Raises:
        ValueError: no samples, not one-dimensional, or one that is not positive.
    """
    samples_ns = _checked(samples_ns)
    p90_ns = quantile(samples_ns, 0.9)
    return InvocationSummary(
        samples=samples_ns.size,
        median_ms=_ms(float(np.median(samples_ns))),
        min_ms=_ms(float(samples_ns.min())),
        p90_ms=None if p90_ns is None else _ms(p90_ns),
        steady=classify(samples_ns),
    )


def invocation_tail(samples_ns: NDArray[np.int64]) -> InvocationTail:
    """Tail latencies of the (n,) samples of one process in ns, judged by its number of independent samples.

    Raises:
        ValueError: no samples, not one-dimensional, or one that is not positive.
    """
    samples_ns = _checked(samples_ns)
    independent = effective_count(samples_ns)
    p95_ns = quantile(samples_ns, 0.95, n_eff=independent)
    p99_ns = quantile(samples_ns, 0.99, n_eff=independent)
    return InvocationTail(
        samples=samples_ns.size,
        independent_samples=independent,
        p95_ms=None if p95_ns is None else _ms(p95_ns),
        p99_ms=None if p99_ns is None else _ms(p99_ns),
        max_ms=_ms(float(samples_ns.max())),
    )


def _checked(samples_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    samples_ns = np.asarray(samples_ns)
    if samples_ns.ndim != 1 or samples_ns.size == 0:
        raise ValueError("an invocation is a one-dimensional array of at least one sample")
    if not samples_ns.min() > 0:
        raise ValueError("an invocation has a sample that is not a positive time")
    return samples_ns


def _ms(value_ns: float) -> float:
    return us_to_ms(ns_to_us(value_ns))
