"""`bencher.json`: the night in Bencher Metric Format, for ``bencher run --adapter json --file bencher.json``.

A benchmark is a series on a device. `latency` is the candidate's in nanoseconds, Bencher's unit for it; `latency-ratio`
is candidate over reference with its interval, and what thresholds should be set on: drift of the device is not in it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

from harness.domain import MetricChange, Night
from harness.report.wording import visible
from harness.units import ms_to_us, us_to_ns

LONGEST_NAME = 1024
Figures = dict[str, float]


def bencher_json(night: Night) -> str:
    """The figures of the night's pairs; what was not measured is left out."""
    found: dict[str, dict[str, Figures]] = {}
    for outcome in night.outcomes:
        measures = {name: figures for change in outcome.changes for name, figures in _measures(change)}
        if measures:
            name = " ".join(visible(f"{outcome.series} @ {outcome.device_id}").split())
            found[name[:LONGEST_NAME]] = measures
    return json.dumps(found, indent=1, allow_nan=False) + "\n"


def _measures(change: MetricChange) -> Iterator[tuple[str, Figures]]:
    slug = change.metric.replace("_", "-")
    if change.candidate is not None and math.isfinite(change.candidate):
        if (change.metric, change.unit) == ("latency", "ms"):
            yield "latency", {"value": us_to_ns(ms_to_us(change.candidate))}
        else:
            unit = "-".join(change.unit.lower().split())
            yield "-".join(filter(None, [slug, unit if unit.isalpha() else ""])), {"value": change.candidate}
    if change.ratio is not None and math.isfinite(change.ratio):
        ends = {"value": change.ratio, "lower_value": change.ci_low, "upper_value": change.ci_high}
        yield f"{slug}-ratio", {name: end for name, end in ends.items() if end is not None and math.isfinite(end)}
