"""Nights that never were: ratios from a seed, as outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

import numpy as np

from harness.content import content_id
from harness.domain import ComparisonVerdict, ContextDifference, DatedOutcome, MetricChange, PairOutcome

FIRST = datetime(2026, 1, 1, 2, tzinfo=timezone.utc)
SERIES = "mobilenet_v2 int8 · cpu xnnpack 1 thread · phone"


def at(night: int) -> str:
    """The time of a night, counted from 0."""
    return (FIRST + timedelta(days=night)).isoformat()


def outcome(
    ratio: float | None = 1.0,
    *,
    series: str = SERIES,
    device_id: str = "phone-a",
    verdict: ComparisonVerdict = ComparisonVerdict.SAME,
    differs: Sequence[ContextDifference] = (),
    metric: str = "latency",
    changes: Sequence[MetricChange] | None = None,
    candidate_status: str = "DONE",
    notes: Sequence[str] = (),
) -> PairOutcome:
    model, variant = (*series.split(), "", "")[:2]
    low, high = (None, None) if ratio is None else (ratio * 0.99, ratio * 1.01)
    one = MetricChange(
        metric, verdict, 10.0, None if ratio is None else 10.0 * ratio, "ms", ratio, low, high, 0.001, 0.012, 0.02, 12
    )
    return PairOutcome(
        series_id=content_id({"series": series}, 16),
        series=series,
        model=model,
        variant=variant,
        backend="cpu xnnpack",
        device_id=device_id,
        device_model="Phone A",
        base_case_id="base-1",
        candidate_case_id="candidate-1",
        changes=(one,) if changes is None else tuple(changes),
        differs=tuple(differs),
        base_status="DONE",
        candidate_status=candidate_status,
        notes=tuple(notes),
    )


def nights(ratios: Sequence[float | None], first: int = 0, **fields: object) -> list[DatedOutcome]:
    """One outcome a night with these ratios."""
    return [
        DatedOutcome(f"run-{first + index}", at(first + index), outcome(ratio, **fields))  # type: ignore[arg-type]
        for index, ratio in enumerate(ratios)
    ]


def noise(rng: np.random.Generator, count: int, kind: str = "gauss", spread: float = 0.02) -> list[float]:
    """Ratios around 1: independent, correlated by 0.4 from night to night, or with one wild night in 20."""
    errors = rng.normal(0.0, spread, count)
    if kind == "ar1":
        for index in range(1, count):
            errors[index] = 0.4 * errors[index - 1] + np.sqrt(1 - 0.4**2) * errors[index]
    if kind == "outlier":
        errors = errors + (rng.random(count) < 0.05) * rng.uniform(0.10, 0.30, count)
    return [float(value) for value in 1.0 + errors]
