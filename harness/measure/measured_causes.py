"""Causes that were measured beside the latency: clock, heat, load, the pieces of the graph.

Each counts as far as it explains the change. One that moved the wrong way explains nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.domain import THERMAL_STATUSES, ContextDifference
from harness.measure.arm import Arm
from harness.measure.latency_change import is_amount


@dataclass(frozen=True)
class Gauge:
    """Something that was measured beside the latency.

    Attributes:
        read: its value, None where it was not measured.
        least: a smaller difference is none.
        slower_when: 1 when a larger value makes slower, -1 when it makes faster.
        likelihood: from the base's value, the candidate's, and the logarithm of the latency's ratio.
        text: a value for people.
        slower, faster: how it explains that the latency grew, or shrank.
    """

    name: str
    read: Callable[[Arm], float | None]
    least: float
    slower_when: int
    likelihood: Callable[[float, float, float], float]
    text: Callable[[float], str]
    slower: str
    faster: str


def measured_differences(base: Arm, candidate: Arm, log_ratio: float) -> Iterator[ContextDifference]:
    """Every gauge that differs; `log_ratio` is 0.0 when the latency did not change."""
    for gauge in GAUGES:
        yield from _measured(gauge, base, candidate, log_ratio)


def _explained(before: float, after: float, log_ratio: float) -> float:
    """The share of the change that a relative change of the clock explains."""
    return 0.85 * min(1.0, abs((math.log(after) - math.log(before)) / log_ratio))


def _load_share(before: float, after: float, log_ratio: float) -> float:
    """Others that take a share of the core take at most that share of the time."""
    return 0.7 * min(1.0, abs(after - before) / abs(math.expm1(log_ratio)))


def _thermal(arm: Arm) -> float | None:
    return None if arm.row.thermal_status is None else float(arm.row.thermal_status)


def _partitions(arm: Arm) -> float | None:
    return None if arm.row.partitions is None else float(arm.row.partitions)


def _nodes(arm: Arm) -> float | None:
    return None if arm.row.total_nodes is None else float(arm.row.total_nodes)


def _thermal_text(level: float) -> str:
    return THERMAL_STATUSES[int(level)] if 0 <= level < len(THERMAL_STATUSES) else f"level {level:.0f}"


GAUGES = (
    Gauge(
        "partitions",
        _partitions,
        1.0,
        1,
        lambda before, after, change: 0.72,
        lambda value: f"{value:.0f}",
        "the graph is cut into more pieces, each with a copy between",
        "the graph is cut into fewer pieces",
    ),
    Gauge(
        "graph nodes",
        _nodes,
        1.0,
        1,
        lambda before, after, change: 0.65,
        lambda value: f"{value:.0f}",
        "the graph has more nodes",
        "the graph has fewer nodes",
    ),
    Gauge(
        "clock",
        lambda arm: arm.row.clock_ghz if is_amount(arm.row.clock_ghz) else None,
        0.01,
        -1,
        _explained,
        lambda value: f"{value:.2f} GHz",
        "the core ran slower",
        "the core ran faster",
    ),
    Gauge(
        "clock share",
        lambda arm: arm.row.clock_share if is_amount(arm.row.clock_share) else None,
        0.005,
        -1,
        _explained,
        lambda value: f"{value:.1%}",
        "the core ran further below its highest clock",
        "the core ran nearer to its highest clock",
    ),
    Gauge(
        "foreign load",
        lambda arm: arm.row.foreign_load,
        0.01,
        1,
        _load_share,
        lambda value: f"{value:.1%}",
        "other processes took more of the core",
        "other processes took less of the core",
    ),
    Gauge(
        "thermal status",
        _thermal,
        1.0,
        1,
        lambda before, after, change: min(0.8, 0.5 + 0.1 * abs(after - before)),
        _thermal_text,
        "the device reported more heat",
        "the device reported less heat",
    ),
    Gauge(
        "start temperature",
        lambda arm: arm.row.temp_start_c,
        0.5,
        1,
        lambda before, after, change: min(0.5, 0.02 * abs(after - before)),
        lambda value: f"{value:.1f} °C",
        "it began hotter",
        "it began cooler",
    ),
)


def _measured(gauge: Gauge, base: Arm, candidate: Arm, log_ratio: float) -> Iterator[ContextDifference]:
    one, other = gauge.read(base), gauge.read(candidate)
    if one is None or other is None or not (math.isfinite(one) and math.isfinite(other)):
        return
    if abs(other - one) < gauge.least:
        return
    fits = (other - one) * gauge.slower_when * log_ratio > 0
    likelihood = gauge.likelihood(one, other, log_ratio) if fits else 0.0
    explains = (gauge.slower if log_ratio > 0 else gauge.faster) if fits else ""
    yield ContextDifference(gauge.name, gauge.text(one), gauge.text(other), likelihood, explains)
