"""What a reader sees of a case."""

from __future__ import annotations

from dataclasses import dataclass

from harness.domain.words import Status, Verdict


@dataclass(frozen=True)
class ResultRow:
    """One line of summary.csv, in its column order (fixed; new columns are appended only). None is an empty cell."""

    run_id: str
    case_id: str
    status: Status
    verdict: Verdict | None
    reasons: str
    target: str
    device: str
    model: str
    variant: str
    backend: str
    threads: int
    cores: str
    latency_p50_ms: float | None = None
    latency_p90_ms: float | None = None
    latency_ci_low_ms: float | None = None
    latency_ci_high_ms: float | None = None
    invocations: int = 0
    samples: int = 0
    init_ms: float | None = None
    first_inference_ms: float | None = None
    peak_rss_mib: float | None = None
    model_size_mb: float | None = None
    model_size_gzip_mb: float | None = None
    coverage: str = ""
    delegated_nodes: int | None = None
    total_nodes: int | None = None
    partitions: int | None = None
    accuracy_metric: str = ""
    accuracy: float | None = None
    reference_error: float | None = None
    clock_ghz: float | None = None
    clock_share: float | None = None
    temp_start_c: float | None = None
    temp_end_c: float | None = None
    remedy: str = ""
    weights: str = ""
    runtime: str = ""
    runtime_version: str = ""
    accelerator: str = ""
    converter: str = ""
    timed: str = ""
    pss_mib: float | None = None
    top1: float | None = None
    top5: float | None = None
    reference_max_abs: float | None = None
    reference_cosine: float | None = None
    latency_min_ms: float | None = None
    foreign_load: float | None = None
    clock_source: str = ""
    minimum_detectable_effect_pct: float | None = None
    model_sha256: str = ""
    accuracy_samples: int | None = None
    device_id: str = ""
    thermal_status: int | None = None
    battery_pct: float | None = None
    telemetry_load: float | None = None
    notes: str = ""
    gpu_memory_mib: float | None = None
    accuracy_direction: str = ""
    accuracy_loss: float | None = None
    accuracy_loss_low: float | None = None
    accuracy_loss_high: float | None = None
    accuracy_p_value: float | None = None
    samples_better: int | None = None
    samples_worse: int | None = None
    same_file_error: float | None = None
    sparsity: float | None = None
    clusters: int | None = None
    data_needed: str = ""
    hardware: str = ""
    sustained_first_ms: float | None = None
    sustained_settled_ms: float | None = None
    sustained_ratio: float | None = None
    sustained_settled_after_s: float | None = None
    sustained_duty: float | None = None
