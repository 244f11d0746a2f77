"""A result row as single figures, and the key that says which rows of different runs measure the same thing. Pure.

The store's metric table and metrics.csv are both made from this.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from harness.content import content_id
from harness.domain import Case, DeviceFacts, ResultRow
from harness.metric_names import metric_unit

LOWER, HIGHER, NEITHER = "lower", "higher", ""
OF_THE_METRIC = "of the metric"


@dataclass(frozen=True)
class Metric:
    """One figure of one row. `direction` is the better one, empty where neither is; `n` is what the figure rests on."""

    name: str
    stat: str
    value: float
    unit: str
    direction: str
    n: int


@dataclass(frozen=True)
class Figure:
    """What a column of ResultRow is. `count` names the column that says how many it rests on; without one that is 1."""

    name: str
    stat: str
    unit: str
    direction: str
    count: str = ""


FIGURES: dict[str, Figure] = {
    "latency_p50_ms": Figure("latency", "p50", "ms", LOWER, "invocations"),
    "latency_p90_ms": Figure("latency", "p90", "ms", LOWER, "invocations"),
    "latency_ci_low_ms": Figure("latency", "ci_low", "ms", LOWER, "invocations"),
    "latency_ci_high_ms": Figure("latency", "ci_high", "ms", LOWER, "invocations"),
    "latency_min_ms": Figure("latency", "min", "ms", LOWER, "samples"),
    "minimum_detectable_effect_pct": Figure("latency", "minimum_detectable_effect", "%", LOWER, "invocations"),
    "init_ms": Figure("init", "p50", "ms", LOWER, "invocations"),
    "first_inference_ms": Figure("first_inference", "p50", "ms", LOWER, "invocations"),
    "peak_rss_mib": Figure("peak_rss", "value", "MiB", LOWER),
    "pss_mib": Figure("pss", "value", "MiB", LOWER),
    "gpu_memory_mib": Figure("gpu_memory", "value", "MiB", LOWER),
    "model_size_mb": Figure("model_size", "value", "MB", LOWER),
    "model_size_gzip_mb": Figure("model_size_gzip", "value", "MB", LOWER),
    "delegated_nodes": Figure("delegated_nodes", "value", "nodes", HIGHER),
    "total_nodes": Figure("total_nodes", "value", "nodes", NEITHER),
    "partitions": Figure("partitions", "value", "partitions", LOWER),
    "accuracy": Figure("accuracy", "value", OF_THE_METRIC, HIGHER, "accuracy_samples"),
    "accuracy_loss": Figure("accuracy_loss", "value", OF_THE_METRIC, LOWER, "accuracy_samples"),
    "accuracy_loss_low": Figure("accuracy_loss", "ci_low", OF_THE_METRIC, LOWER, "accuracy_samples"),
    "accuracy_loss_high": Figure("accuracy_loss", "ci_high", OF_THE_METRIC, LOWER, "accuracy_samples"),
    "accuracy_p_value": Figure("accuracy_loss", "p_value", "1", NEITHER, "accuracy_samples"),
    "samples_better": Figure("samples_changed", "better", "samples", HIGHER, "accuracy_samples"),
    "samples_worse": Figure("samples_changed", "worse", "samples", LOWER, "accuracy_samples"),
    "same_file_error": Figure("same_file_error", "value", "1", LOWER),
    "sparsity": Figure("sparsity", "value", "1", NEITHER),
    "clusters": Figure("clusters", "value", "clusters", NEITHER),
    "top1": Figure("top1", "value", "1", HIGHER, "accuracy_samples"),
    "top5": Figure("top5", "value", "1", HIGHER, "accuracy_samples"),
    "reference_error": Figure("reference_error", "rmse", "output", LOWER),
    "reference_max_abs": Figure("reference_error", "max_abs", "output", LOWER),
    "reference_cosine": Figure("reference_error", "cosine", "1", HIGHER),
    "clock_ghz": Figure("clock", "value", "GHz", HIGHER, "invocations"),
    "clock_share": Figure("clock_share", "value", "1", HIGHER, "invocations"),
    "temp_start_c": Figure("temperature", "start", "C", LOWER, "invocations"),
    "temp_end_c": Figure("temperature", "end", "C", LOWER, "invocations"),
    "foreign_load": Figure("foreign_load", "value", "1", LOWER, "invocations"),
    "thermal_status": Figure("thermal_status", "max", "level", LOWER, "invocations"),
    "battery_pct": Figure("battery", "end", "%", NEITHER, "invocations"),
    "telemetry_load": Figure("telemetry_load", "value", "1", LOWER, "invocations"),
    "sustained_first_ms": Figure("sustained", "first_minute", "ms", LOWER),
    "sustained_settled_ms": Figure("sustained", "settled", "ms", LOWER),
    "sustained_ratio": Figure("sustained", "ratio", "1", LOWER),
    "sustained_settled_after_s": Figure("sustained", "settled_after", "s", NEITHER),
    "sustained_duty": Figure("sustained", "duty", "1", NEITHER),
}


OF_ACCURACY = frozenset(figure.name for figure in FIGURES.values() if figure.count == "accuracy_samples")


def metrics_of(row: ResultRow) -> Iterator[Metric]:
    """The figures that `row` has; an empty cell and NaN give none."""
    for column, figure in FIGURES.items():
        value = getattr(row, column)
        if value is not None and not math.isnan(value):
            n = getattr(row, figure.count) or 0 if figure.count else 1
            direction = row.accuracy_direction or figure.direction if column == "accuracy" else figure.direction
            unit = metric_unit(row.accuracy_metric) if figure.unit == OF_THE_METRIC else figure.unit
            yield Metric(figure.name, figure.stat, float(value), unit, direction, n)


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


def accuracy_key(key: int, row: ResultRow, dataset_id: str) -> int:
    """The key of a row's accuracies: as `key`, its series key, and the same samples of the same data set.

    Args:
        key: what `series_key` says of the row.
        row: the row; its leading metric and its number of samples count.
        dataset_id: of the data set's content, which holds the task and its options; empty where it is not known.
    """
    told = {"series": key, "metric": row.accuracy_metric, "samples": row.accuracy_samples, "data": dataset_id}
    return int(content_id(told, 16), 16) >> 1
