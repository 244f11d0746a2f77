"""Whole values of every record the store keeps, with no field at its default where that matters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harness.domain import (
    AccuracyDifference,
    AccuracyResult,
    Backend,
    Baseline,
    BaselineLink,
    Case,
    ChangedSample,
    ClassProfile,
    ComparisonVerdict,
    ContextDifference,
    Core,
    Coverage,
    DeviceFacts,
    DeviceProfile,
    EdgeTpuMapping,
    Evidence,
    InvocationRecord,
    InvocationResult,
    MappedOperator,
    MetricChange,
    ModelRef,
    NoiseRecord,
    OperatorTime,
    OutputError,
    OutputsCheck,
    PairOutcome,
    Purpose,
    ResultRow,
    RunRecord,
    RuntimeRef,
    Status,
    SustainedSlice,
    Target,
    TensorInfo,
    ToolTiming,
    VariantFile,
    Verdict,
)
from harness.domain.comparisons import series_id_of

DEVICE = "adb-0123"


def run(run_id: str = "run-1", **changes: object) -> RunRecord:
    record = RunRecord(
        run_id=run_id,
        name="vision",
        sweep_text="name: vision\n",
        sweep_sha256="ab" * 32,
        settings_json='{"blocks": 3, "min_s": 0.5}',
        harness_version="1.2.3",
        started_at="2026-11-21T10:00:00.000+00:00",
        git_commit="0" * 40,
    )
    return replace(record, **changes)  # type: ignore[arg-type]


def case(variant: str = "int8", threads: int = 1, serial: str = "0123") -> Case:
    return Case(
        ModelRef(
            "mobilenet_v2", file="models/ü.tflite", options=(("weights", "/data/x.keras"),), recipe="mobilenet_v2"
        ),
        variant,
        Target("adb", (("serial", serial),)),
        Backend("cpu", threads, cores=(0, 3), xnnpack=False, options=(("precision", "fp16"),)),
        RuntimeRef("litert", "/opt/old/bin/python"),
    )


def result(samples: int = 500, seed: int = 1) -> InvocationResult:
    rng = np.random.default_rng(seed)
    return InvocationResult(
        status=Status.DONE,
        error="",
        init_us=1234.5,
        first_inference_us=9876.5,
        samples_ns=(12e6 + rng.normal(0, 2e5, samples)).astype(np.int64),
        warmup_ns=(13e6 + rng.normal(0, 9e5, 20)).astype(np.int64),
        warmup_capped=True,
        timed="call",
        peak_rss_mib=33.25,
        pss_mib=21.5,
        operators=(OperatorTime("CONV_2D", 1000.5, 0.75, 3, "xnn_f32"), OperatorTime("ADD", 10.0, float("nan"))),
        coverage=Coverage("XNNPACK", 60, 64, 2),
        evidence=Evidence(cpus=(7,), cpus_verified=True, clock_start_ghz=2.9, temp_end_c=41.0, notes=("a", "b")),
        runtime_version="2.3.0",
        accelerator="Adreno 740",
        wall_s=2.5,
        log="logs/x \ud800\x00 y.txt",
        tool=ToolTiming(50, 12_000.5, min_us=11_000.0, median_us=11_900.0),
        gpu_memory_mib=120.0,
        sustained=SustainedSlice(0.5, 60.25, 58.0, 4800, 1200.0),
    )


def record(of: Case, block: int = 0, **changes: object) -> InvocationRecord:
    made = InvocationRecord(of.case_id, Purpose.TIMING, block, 2, 0, "2026-11-21T10:00:01.000+00:00", result())
    return replace(made, **changes)  # type: ignore[arg-type]


def facts(device_id: str = DEVICE, **changes: object) -> DeviceFacts:
    made = DeviceFacts(
        device_id=device_id,
        kind="adb",
        model="Pixel 8",
        soc="Tensor G3",
        os_build="AP1A.240405.002",
        cores=(Core(0, True, 200, 1_700_000), Core(8, False, None, None)),
        memory_mib=7500.5,
        virtual_machine=False,
        governor="schedutil",
        clock_source="time_in_state",
        gpus=("Mali-G715",),
        notes=("homogeneous cores: core 1 chosen by index",),
        abis=("arm64-v8a", "armeabi-v7a"),
        details=(("battery", "81 %"),),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def variant_file(variant: str = "int8") -> VariantFile:
    return VariantFile(
        model="mobilenet_v2",
        variant=variant,
        status=Status.DONE,
        path="/cache/a.tflite",
        sha256="cd" * 32,
        size_bytes=3_500_000,
        gzip_bytes=2_500_000,
        reduction_pct=74.5,
        conversion_s=3.25,
        converter="tflite 2.21",
        cached=True,
        float_operators=("SOFTMAX",),
        inputs=(TensorInfo("input", "int8", (1, 224, 224, 3), 0.0078, -1),),
        outputs=(TensorInfo("logits", "int8", (1, 1000), 0.1, 3),),
        weights="imagenet",
        task="imagenet",
        source_error=OutputError(0.5, 0.1, 0.999, 8),
        check_path="/cache/check.npz",
        data_path="/cache/dataset",
        task_options=(("normalise", "box"),),
        technique="pruned",
        training="fine-tuned 4 epochs on 1,078 labelled samples",
        sparsity=0.75,
        clusters=16,
        data_needed="labelled",
        hardware=("CPU",),
        own_outputs_path="/cache/own.npy",
        preprocessing=(("mean", "127.5"),),
        parameters=3_538_984,
        edgetpu=EdgeTpuMapping("16.0", "14", 264, 3, 1, operators=(MappedOperator("ADD", 10, "Mapped to Edge TPU"),)),
    )


def check() -> OutputsCheck:
    return OutputsCheck(
        OutputError(0.25, 0.0625, 0.9999, 16),
        AccuracyResult("top1", 0.975, 360, {"top1": 0.975, "top5": 1.0, "loss": float("inf")}, dataset_id="ef" * 32),
        finite=False,
        same_file=OutputError(0.5, 0.125, 0.99, 16),
        difference=AccuracyDifference(
            "top1", 0.01, -0.002, 0.021, 0.125, "McNemar", 360, 2, 6, (ChangedSample("a/ü.png", 1.0, 0.0),)
        ),
    )


def row(of: Case, run_id: str = "run-1", **changes: object) -> ResultRow:
    made = ResultRow(
        run_id=run_id,
        case_id=of.case_id,
        status=Status.DONE,
        verdict=Verdict.TRUSTED,
        reasons="",
        target=of.target.label,
        device="Pixel 8",
        model=of.model.name,
        variant=of.variant,
        backend=of.backend.label,
        threads=of.backend.threads,
        cores=of.backend.cores_label,
        latency_p50_ms=12.5,
        latency_p90_ms=13.5,
        invocations=8,
        samples=4000,
        model_size_mb=3.5,
        coverage="full",
        delegated_nodes=64,
        accuracy_metric="top1",
        accuracy=0.975,
        clock_ghz=float("nan"),
        runtime="litert",
        runtime_version="2.3.0",
        model_sha256="cd" * 32,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


SERIES = "mobilenet_v2 int8 · cpu xnnpack 1 thread · adb"


def outcome(series: str = SERIES, device_id: str = DEVICE, **changes: object) -> PairOutcome:
    latency = MetricChange(
        "latency",
        ComparisonVerdict.REGRESSION,
        base=12.5,
        candidate=13.25,
        unit="ms",
        ratio=1.06,
        ci_low=1.04,
        ci_high=float("inf"),
        p=0.0004,
        mde=0.021,
        min_effect=0.02,
        blocks=12,
        note="beyond the noise floor",
    )
    made = PairOutcome(
        series_id=series_id_of(series),
        series=series,
        model="mobilenet_v2",
        variant="int8",
        backend="cpu xnnpack",
        device_id=device_id,
        device_model="Pixel 8",
        base_case_id="a" * 12,
        candidate_case_id="b" * 12,
        changes=(latency, MetricChange("accuracy", ComparisonVerdict.SAME)),
        differs=(ContextDifference("model", "ab12", "cd34", 0.75, "another file \x00 \ud800 was measured"),),
        interleaved=False,
        base_status="DONE",
        candidate_status="FAILED",
        same_build=True,
        stage="confirmation",
        notes=("the sentinel did not move",),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def noise(device_id: str = DEVICE, **changes: object) -> NoiseRecord:
    made = NoiseRecord(
        device_id=device_id,
        model_class="cpu 10 ms",
        at="2026-11-21T10:00:00.000+00:00",
        run_id="run-1",
        series=SERIES,
        effect=-0.0125,
        verdict=ComparisonVerdict.SAME,
        blocks=8,
        origin="calibrate",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def profile(device_id: str = DEVICE, **changes: object) -> DeviceProfile:
    one_class = ClassProfile(
        model_class="cpu 10 ms",
        comparisons=40,
        false_alarms=1,
        noise_floor=0.015,
        process_sd=0.01,
        within_sd=0.005,
        correlation=-0.2,
        iterations=120,
        invocations=12,
        inference_s=0.0125,
        invocation_s=0.75,
        seconds_for=((0.05, 90.0), (0.02, float("inf"))),
    )
    made = DeviceProfile(device_id, "2026-11-21T10:00:00.000+00:00", "AP1A.240405.002", (one_class,), "3 of 20 alarmed")
    return replace(made, **changes)  # type: ignore[arg-type]


def baseline(name: str = "main", **changes: object) -> Baseline:
    link = BaselineLink(series_id_of(SERIES), SERIES, DEVICE, 1.02, 1.01, 1.03, "run-1")
    made = Baseline(
        name=name,
        pinned_at="2026-11-21T10:00:00.000+00:00",
        sweep_name="vision",
        settings_json='{"models": []}',
        files=(("/baselines/main/a.tflite", "ab" * 32),),
        reason="release 2.3",
        before="release 2.2",
        links=(link,),
    )
    return replace(made, **changes)  # type: ignore[arg-type]
