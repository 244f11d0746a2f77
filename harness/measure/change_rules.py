"""From what on a change of a metric counts. Values only, so that a table of rows needs nothing of the tests."""

from __future__ import annotations

from dataclasses import dataclass

LATENCY_SHARE = 0.02
STARTUP_SHARE = 0.10
MEMORY_SHARE = 0.05
MEMORY_MIB = 2.0
SIZE_SHARE = 0.01


@dataclass(frozen=True)
class StartupMetric:
    """A time that each process has once. A change of less than `floor_ms` never counts."""

    name: str
    field: str
    column: str
    floor_ms: float


STARTUP = (
    StartupMetric("init", "init_us", "init_ms", floor_ms=1.0),
    StartupMetric("first_inference", "first_inference_us", "first_inference_ms", floor_ms=0.2),
)
