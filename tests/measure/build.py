"""Invocations and cases for tests: good evidence unless a test spoils it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from harness.domain import (
    Backend,
    Case,
    Coverage,
    Evidence,
    InvocationRecord,
    InvocationResult,
    ModelRef,
    OutputError,
    OutputsCheck,
    Purpose,
    Status,
)
from harness.measure import CaseEvidence, Timing, estimate_latency, summarise_invocation

EVIDENCE = Evidence(
    cpus=(1,),
    cpus_verified=True,
    clock_source="add_chain",
    clock_start_ghz=3.0,
    clock_end_ghz=2.98,
    foreign_load=0.01,
    wait_share=0.001,
)
COVERAGE = Coverage("XNNPACK", 66, 66, 1)
GOOD_CHECK = OutputsCheck(OutputError(0.01, 0.001, 0.99999, 8, reference_rms=1.0))


def case(variant: str = "float32", **backend: Any) -> Case:
    return Case(ModelRef("mobilenet_v2"), variant, backend=Backend(**backend))


def samples(median_ms: float = 3.5, count: int = 200, seed: int = 0, spread: float = 0.01) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.rint(median_ms * 1e6 * np.exp(rng.normal(0.0, spread, count))).astype(np.int64)


def result(median_ms: float = 3.5, seed: int = 0, evidence: Evidence = EVIDENCE, **fields: Any) -> InvocationResult:
    values: dict[str, Any] = {
        "status": Status.DONE,
        "samples_ns": samples(median_ms, seed=seed),
        "coverage": COVERAGE,
        "evidence": evidence,
        "init_us": 3000.0,
        "first_inference_us": 5000.0,
        "runtime_version": "2.3.0",
    }
    return InvocationResult(**values | fields)


def record(
    of: Case, block: int, outcome: InvocationResult, purpose: Purpose = Purpose.TIMING, attempt: int = 0
) -> InvocationRecord:
    return InvocationRecord(of.case_id, purpose, block, 0, attempt, "2026-01-01T00:00:00Z", outcome)


def timings(count: int = 8, medians_ms: Sequence[float] | None = None, **fields: Any) -> tuple[Timing, ...]:
    """Good invocations, whose medians differ by about 0.3 % unless they are given."""
    rng = np.random.default_rng(7)
    wanted = medians_ms if medians_ms is not None else 3.5 * np.exp(rng.normal(0.0, 0.003, count))
    results = [result(float(median), seed, **fields) for seed, median in enumerate(wanted)]
    return tuple(Timing(each, summarise_invocation(each.samples_ns)) for each in results)


def spoil(good: tuple[Timing, ...], bad: int, **evidence: Any) -> tuple[Timing, ...]:
    """The first `bad` invocations with other fields in their evidence."""
    spoilt = [
        replace(timing, result=replace(timing.result, evidence=replace(timing.result.evidence, **evidence)))
        for timing in good[:bad]
    ]
    return (*spoilt, *good[bad:])


def evidence_of(of: Case, runs: tuple[Timing, ...] | None = None, **fields: Any) -> CaseEvidence:
    runs = timings() if runs is None else runs
    values: dict[str, Any] = {
        "case": of,
        "timings": runs,
        "estimate": estimate_latency([timing.summary for timing in runs]),
        "coverage": COVERAGE,
        "check": GOOD_CHECK,
        "reference_exists": True,
    }
    return CaseEvidence(**values | fields)
