"""Synthetic runs: values that look like a real sweep, from a seed."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

import numpy as np

from harness.content import content_id
from harness.domain import (
    VARIANTS,
    Backend,
    Case,
    Core,
    Coverage,
    DeviceFacts,
    Evidence,
    InvocationRecord,
    InvocationResult,
    MeasureSettings,
    ModelRef,
    OutputError,
    Purpose,
    ResultRow,
    RunRecord,
    RunView,
    Status,
    TensorInfo,
    VariantFile,
    Verdict,
)

START = datetime(2026, 3, 14, 20, 15, tzinfo=timezone.utc)
DEVICE = "host-lab1"
SPEED = {"float32": 1.0, "dynamic_range": 0.62, "float16": 1.02, "full_integer": 0.45, "int8": 0.44, "int16x8": 6.5}
SIZE = {"float32": 1.0, "dynamic_range": 0.27, "float16": 0.51, "full_integer": 0.27, "int8": 0.265, "int16x8": 0.29}
LOSS = {"float32": 0.0, "dynamic_range": 0.0, "float16": 0.0, "full_integer": 0.006, "int8": 0.008, "int16x8": 0.002}
ERROR = {
    "float32": 3e-7,
    "dynamic_range": 0.021,
    "float16": 9e-4,
    "full_integer": 0.034,
    "int8": 0.039,
    "int16x8": 0.0041,
}


@dataclass(frozen=True)
class Model:
    """What the factory knows of a model."""

    name: str
    base_ms: float
    size_mb: float
    accuracy: float | None = None


DIGITS = Model("digits_cnn", 0.0412, 0.138, 0.9861)
MOBILENET = Model("mobilenet_v2", 18.4, 14.0)
MODELS = (DIGITS, MOBILENET)
XNNPACK = Backend()
BUILTIN = Backend(xnnpack=False)


def row(**changes: object) -> ResultRow:
    """One trusted row of digits_cnn in float32, with `changes`."""
    base = ResultRow(
        run_id="run-1",
        case_id="c0",
        status=Status.DONE,
        verdict=Verdict.TRUSTED,
        reasons="",
        target="host",
        device=DEVICE,
        model="digits_cnn",
        variant="float32",
        backend="cpu xnnpack",
        threads=1,
        cores="big",
        latency_p50_ms=1.0,
        latency_p90_ms=1.1,
        latency_ci_low_ms=0.99,
        latency_ci_high_ms=1.01,
        invocations=8,
        samples=400,
        clock_source="add_chain",
        minimum_detectable_effect_pct=2.0,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def facts(device_id: str = DEVICE) -> DeviceFacts:
    return DeviceFacts(
        device_id=device_id,
        kind="host",
        model="Example Server Core X 2.6 GHz",
        soc="x86_64",
        os_build="Debian GNU/Linux 12, Linux 6.1.0",
        cores=(Core(0, max_khz=2_600_000), Core(1, max_khz=2_600_000)),
        memory_mib=7953.0,
        virtual_machine=True,
        clock_source="add_chain",
        notes=("homogeneous cores: core 1 chosen by index", "virtual machine: the kernel offers no clock"),
    )


def run_record(**changes: object) -> RunRecord:
    sweep = "name: vision\nmodels: [digits_cnn, mobilenet_v2]\nvariants: [float32, int8]\ntargets: [host]\n"
    base = RunRecord(
        run_id="20260314-201500-vision",
        name="vision",
        sweep_text=sweep,
        sweep_sha256=content_id(sweep, 64),
        settings_json='{"blocks":8,"min_s":2.0}',
        harness_version="0.1.0",
        started_at=START.isoformat(),
        finished_at=(START + timedelta(minutes=5, seconds=12)).isoformat(),
        state="finished",
        git_commit="98683e1",
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def run_view(
    models: Sequence[Model] = MODELS,
    variants: Sequence[str] = VARIANTS,
    backends: Sequence[Backend] = (XNNPACK, BUILTIN),
    devices: Sequence[str] = (DEVICE,),
    blocks: int = 8,
    samples: int = 60,
    temperature: bool = False,
    seed: int = 7,
) -> RunView:
    """A run of every combination with the troubles of a real one: reference kernels, noise, a crash, no GPU."""
    rng = np.random.default_rng(seed)
    cases: list[Case] = []
    rows: list[ResultRow] = []
    by_block: list[list[InvocationRecord]] = [[] for _ in range(blocks)]
    for device in devices:
        for model in models:
            for variant in variants:
                for backend in backends:
                    case = Case(ModelRef(model.name), variant, backend=backend)
                    cases.append(case)
                    made = _invocations(case, model, blocks, samples, temperature, rng)
                    for record in made:
                        by_block[record.block].append(record)
                    rows.append(_row(case, model, device, made))
    return RunView(
        run=run_record(),
        cases=tuple(cases),
        rows=tuple(rows),
        files=tuple(variant_file(model, variant) for model in models for variant in variants),
        facts=tuple(map(facts, devices)),
        invocations=_timed(by_block),
        measure=MeasureSettings(blocks=blocks),
        estimated_s=300.0,
    )


def empty_view() -> RunView:
    return RunView(run_record(), (), (), (), (), (), MeasureSettings())


def failed_view() -> RunView:
    """Every case of a small run crashed."""
    view = run_view(models=(DIGITS,), variants=("float32", "int8"), blocks=1)
    rows = tuple(
        row(
            case_id=one.case_id,
            variant=one.variant,
            status=Status.CRASHED,
            verdict=None,
            reasons="signal 11",
            backend=one.backend,
        )
        for one in view.rows
    )
    bare = {"latency_p50_ms": None, "latency_p90_ms": None, "latency_ci_low_ms": None, "latency_ci_high_ms": None}
    records = tuple(
        replace(record, result=InvocationResult(Status.CRASHED, error="signal 11", log="Segmentation fault\n"))
        for record in view.invocations
    )
    return replace(view, rows=tuple(replace(one, **bare) for one in rows), invocations=records)  # type: ignore[arg-type]


def variant_file(model: Model, variant: str) -> VariantFile:
    size = round(1e6 * model.size_mb * SIZE[variant])
    integer = variant == "int8"
    scale = 0.0039 if integer else 0.0
    dtype = "int8" if integer else "float32"
    return VariantFile(
        model=model.name,
        variant=variant,
        status=Status.DONE,
        path=f"/cache/{model.name}-{variant}.tflite",
        sha256=content_id([model.name, variant], 64),
        size_bytes=size,
        gzip_bytes=round(size * 0.83),
        reduction_pct=100 * (1 - SIZE[variant]),
        conversion_s=2.1,
        converter="tensorflow 2.21.0",
        inputs=(TensorInfo("image", dtype, (1, 8, 8, 1), scale, -128 if integer else 0),),
        outputs=(TensorInfo("logits", dtype, (1, 10), scale, 3 if integer else 0),),
        weights="trained" if model.accuracy is not None else "random",
        source_error=OutputError(ERROR[variant] * 4, ERROR[variant], 0.9999, 32),
    )


def _trouble(case: Case) -> str:
    if case.backend.kind == "gpu":
        return "unsupported"
    if case.backend.label == "cpu builtin" and case.variant in ("int8", "full_integer"):
        return "reference" if case.model.name != "digits_cnn" else ""
    if case.backend.label == "cpu builtin" and case.variant == "int16x8":
        return "crash"
    return "noise" if case.variant == "float16" and case.backend.label == "cpu builtin" else ""


def _latency_ms(case: Case, model: Model) -> float:
    slow = {"reference": 48.0}.get(_trouble(case), 1.0)
    builtin = 1.0 if case.backend.xnnpack else 1.9
    return float(model.base_ms * SPEED[case.variant] * slow * builtin / case.backend.threads**0.8)


def _invocations(
    case: Case, model: Model, blocks: int, samples: int, temperature: bool, rng: np.random.Generator
) -> list[InvocationRecord]:
    trouble = _trouble(case)
    if trouble == "unsupported":
        return []
    if trouble == "crash":
        crashed = InvocationResult(Status.CRASHED, error="killed by signal 11", log="Segmentation fault\n", wall_s=0.4)
        return [InvocationRecord(case.case_id, Purpose.TIMING, 0, 0, 1, "", crashed)]
    between = 0.06 if trouble == "noise" else 0.006
    made = []
    for block in range(blocks):
        middle_ns = 1e6 * _latency_ms(case, model) * np.exp(rng.normal(0, between))
        noise = rng.normal(0, 0.012, samples) + (rng.random(samples) < 0.06) * rng.exponential(0.12, samples)
        clock = 2.60 + rng.normal(0, 0.006) - 0.002 * block
        evidence = Evidence(
            cpus=(1,),
            cpus_verified=True,
            clock_source="add_chain",
            clock_start_ghz=float(clock),
            clock_end_ghz=float(clock + rng.normal(0, 0.005)),
            clock_share=float(clock / 2.62),
            temp_start_c=41.0 + block if temperature else None,
            temp_end_c=41.6 + block if temperature else None,
            foreign_load=float(rng.exponential(0.006)),
        )
        result = InvocationResult(
            Status.DONE,
            init_us=2400.0,
            first_inference_us=middle_ns / 1e3 * 1.7,
            samples_ns=(middle_ns * np.exp(noise)).astype(np.int64),
            coverage=Coverage("XNNPACK", 62, 62, 1) if case.backend.xnnpack else Coverage("none", 0, 62, 0),
            evidence=evidence,
            runtime_version="ai-edge-litert 2.3.0",
            accelerator="XNNPACK" if case.backend.xnnpack else "",
            wall_s=3.2,
            log="INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n" if case.backend.xnnpack else "",
        )
        made.append(InvocationRecord(case.case_id, Purpose.TIMING, block, 0, 1, "", result))
    return made


def _timed(by_block: Sequence[Sequence[InvocationRecord]]) -> tuple[InvocationRecord, ...]:
    """The blocks one after the other, each in an order of its own, with their start times."""
    at, made = START, []
    for records in by_block:
        shuffled = sorted(records, key=lambda record: zlib.crc32(f"{record.case_id}{record.block}".encode()))
        for position, record in enumerate(shuffled):
            made.append(replace(record, order=position, started_at=at.isoformat()))
            at += timedelta(seconds=record.result.wall_s + 0.1)
    return tuple(made)


_VERDICTS = {
    "reference": (
        Verdict.FELL_BACK,
        "61 of 62 operators ran on reference kernels (36.1 times slower per operator than the float model)",
        "Use XNNPACK, or a runtime built with optimized integer kernels for this CPU.",
    ),
    "noise": (
        Verdict.NOISY,
        "the interval is 8.4 % wide where 5 % is the most that is trusted",
        "Close other programs, or run more blocks (measure: {blocks: 20}).",
    ),
    "": (
        Verdict.TRUSTED,
        "8 invocations within ±0.6%, 62 of 62 nodes on XNNPACK, the clock ended at 99% of its start or more",
        "",
    ),
}


def _row(case: Case, model: Model, device: str, made: Sequence[InvocationRecord]) -> ResultRow:
    trouble = _trouble(case)
    base = ResultRow(
        run_id="20260314-201500-vision",
        case_id=case.case_id,
        status=Status.DONE,
        verdict=None,
        reasons="",
        target=case.target.label,
        device=device,
        model=model.name,
        variant=case.variant,
        backend=case.backend.label,
        threads=case.backend.threads,
        cores=case.backend.cores_label,
        model_size_mb=model.size_mb * SIZE[case.variant],
        model_size_gzip_mb=model.size_mb * SIZE[case.variant] * 0.83,
        weights="trained" if model.accuracy is not None else "random",
        runtime="litert",
        runtime_version="ai-edge-litert 2.3.0",
        converter="tensorflow 2.21.0",
        model_sha256=content_id([model.name, case.variant], 64),
    )
    if trouble == "unsupported":
        return replace(
            base, status=Status.UNSUPPORTED, reasons="no Vulkan device was found", remedy="Install a driver."
        )
    if trouble == "crash":
        return replace(base, status=Status.CRASHED, reasons="killed by signal 11", remedy="See logs/.")
    verdict, reasons, remedy = _VERDICTS[trouble]
    return replace(base, verdict=verdict, reasons=reasons, remedy=remedy, **_figures(case, model, made))  # type: ignore[arg-type]


def _figures(case: Case, model: Model, made: Sequence[InvocationRecord]) -> dict[str, object]:
    timed = [record.result.samples_ns for record in made if record.result.samples_ns is not None]
    medians = np.array([np.median(samples) for samples in timed]) / 1e6
    middle, spread = float(np.median(medians)), float(medians.std(ddof=1)) if len(medians) > 1 else 0.0
    half = 2.4 * spread / max(1, len(medians)) ** 0.5
    clocks = [record.result.evidence.clock_start_ghz or 0.0 for record in made]
    temps = [record.result.evidence.temp_end_c for record in made]
    return {
        "latency_p50_ms": middle,
        "latency_p90_ms": float(np.median([np.percentile(samples, 90) for samples in timed])) / 1e6,
        "latency_min_ms": float(min(samples.min() for samples in timed)) / 1e6,
        "latency_ci_low_ms": middle - half if spread else None,
        "latency_ci_high_ms": middle + half if spread else None,
        "invocations": len(medians),
        "samples": sum(samples.size for samples in timed),
        "init_ms": 2.4,
        "first_inference_ms": middle * 1.7,
        "peak_rss_mib": 31.0 + model.size_mb * 2.2,
        "pss_mib": 27.0 + model.size_mb * 2.1,
        "coverage": "full" if case.backend.xnnpack else "none",
        "delegated_nodes": 62 if case.backend.xnnpack else 0,
        "total_nodes": 62,
        "partitions": 1 if case.backend.xnnpack else 0,
        "accuracy_metric": "top1" if model.accuracy is not None else "",
        "accuracy": model.accuracy - LOSS[case.variant] if model.accuracy is not None else None,
        "top1": model.accuracy - LOSS[case.variant] if model.accuracy is not None else None,
        "reference_error": ERROR[case.variant],
        "reference_max_abs": ERROR[case.variant] * 4,
        "reference_cosine": 0.9999,
        "clock_ghz": float(np.median(clocks)),
        "clock_share": 0.992,
        "clock_source": "add_chain",
        "temp_start_c": temps[0],
        "temp_end_c": temps[-1],
        "foreign_load": 0.006,
        "accelerator": "XNNPACK" if case.backend.xnnpack else "",
        "timed": "call+read",
        "minimum_detectable_effect_pct": 100 * 3.9 * spread / middle / max(1, len(medians)) ** 0.5,
    }
