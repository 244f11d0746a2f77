"""A result row as single figures, and the key that says which rows of different runs measure the same thing. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from harness.domain import Case, DeviceFacts, ResultRow, content_id

LOWER, HIGHER, NEITHER = "lower", "higher", ""


@dataclass(frozen=True)
class Metric:
    """One figure of one row. `direction` is the better one, empty where neither is; `n` is what the figure rests on:
    1 for a property of the file, otherwise the number of invocations."""

    name: str
    stat: str
    value: float
    unit: str
    direction: str
    n: int


# Column of ResultRow: name, statistic, unit, better direction; the same words as in metrics.csv.
_FIGURES: dict[str, tuple[str, str, str, str]] = {
    "latency_p50_ms": ("latency", "p50", "ms", LOWER),
    "latency_p90_ms": ("latency", "p90", "ms", LOWER),
    "latency_ci_low_ms": ("latency", "ci_low", "ms", LOWER),
    "latency_ci_high_ms": ("latency", "ci_high", "ms", LOWER),
    "latency_min_ms": ("latency", "min", "ms", LOWER),
    "minimum_detectable_effect_pct": ("latency", "minimum_detectable_effect", "%", LOWER),
    "init_ms": ("init", "p50", "ms", LOWER),
    "first_inference_ms": ("first_inference", "p50", "ms", LOWER),
    "peak_rss_mib": ("peak_rss", "value", "MiB", LOWER),
    "pss_mib": ("pss", "value", "MiB", LOWER),
    "model_size_mb": ("model_size", "value", "MB", LOWER),
    "model_size_gzip_mb": ("model_size_gzip", "value", "MB", LOWER),
    "delegated_nodes": ("delegated_nodes", "value", "nodes", HIGHER),
    "total_nodes": ("total_nodes", "value", "nodes", NEITHER),
    "partitions": ("partitions", "value", "partitions", LOWER),
    "accuracy": ("accuracy", "value", "1", HIGHER),
    "top1": ("top1", "value", "1", HIGHER),
    "top5": ("top5", "value", "1", HIGHER),
    "reference_error": ("reference_error", "rmse", "output", LOWER),
    "reference_max_abs": ("reference_error", "max_abs", "output", LOWER),
    "reference_cosine": ("reference_error", "cosine", "1", HIGHER),
    "clock_ghz": ("clock", "value", "GHz", HIGHER),
    "clock_share": ("clock_share", "value", "1", HIGHER),
    "temp_start_c": ("temperature", "start", "C", LOWER),
    "temp_end_c": ("temperature", "end", "C", LOWER),
    "foreign_load": ("foreign_load", "value", "1", LOWER),
}
_OF_THE_FILE = {"model_size_mb", "model_size_gzip_mb", "delegated_nodes", "total_nodes", "partitions"}


def metrics_of(row: ResultRow) -> Iterator[Metric]:
    """The figures that `row` has; an empty cell and NaN give none."""
    for column, (name, stat, unit, direction) in _FIGURES.items():
        value = getattr(row, column)
        if value is not None and not math.isnan(value):
            n = 1 if column in _OF_THE_FILE else row.invocations
            yield Metric(name, stat, float(value), unit, direction, n)


def series_key(row: ResultRow, case: Case, facts: DeviceFacts | None) -> int:
    """A number of 63 bits that agrees for rows of any runs that may be compared with each other.

    In it: model file, variant, device model, SoC and OS build, runtime and its version, backend with all its options,
    threads and cores. Not in it: the single device, the run, the protocol.
    """
    digest = content_id(
        {
            "model": row.model_sha256 or row.model,
            "variant": row.variant,
            "device": facts.model if facts else row.device,
            "soc": facts.soc if facts else "",
            "os_build": facts.os_build if facts else "",
            "runtime": case.runtime.name,
            "runtime_version": row.runtime_version,
            "backend": asdict(case.backend),
        },
        16,
    )
    return int(digest, 16) >> 1
