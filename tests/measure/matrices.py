"""Runs with known latencies for the tests of comparisons: interleaved, seeded, with a drift that pairing removes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from harness.domain import (
    Backend,
    Case,
    DeviceFacts,
    Evidence,
    InvocationRecord,
    InvocationResult,
    MeasureSettings,
    ModelRef,
    Purpose,
    ResultRow,
    RunRecord,
    RunView,
    Status,
    Target,
    Verdict,
)

XNNPACK, BUILTIN, GPU = Backend(), Backend(xnnpack=False), Backend("gpu")
RUN = RunRecord(
    "run-1",
    "vision",
    "name: vision\n",
    "ab" * 32,
    "{}",
    "0.1.0",
    "2026-11-21T10:00:00.000+00:00",
    "2026-11-21T11:00:00.000+00:00",
    "finished",
)


def case(
    backend: Backend = XNNPACK, variant: str = "float32", model: str = "net", serial: str = "", **parts: Any
) -> Case:
    """A case; with a serial on a phone."""
    target = Target("adb", (("serial", serial),)) if serial else Target()
    return Case(ModelRef(model), variant, target, backend, **parts)


def row(of: Case, latency_ms: float | None, **changes: Any) -> ResultRow:
    """A trusted row."""
    serial = dict(of.target.selector).get("serial", "host-a")
    made = ResultRow(
        run_id=RUN.run_id,
        case_id=of.case_id,
        status=Status.DONE,
        verdict=Verdict.TRUSTED,
        reasons="",
        target=of.target.label,
        device="Lab PC" if serial == "host-a" else "Pixel 8",
        device_id=serial,
        model=of.model.name,
        variant=of.variant,
        backend=of.backend.label,
        threads=of.backend.threads,
        cores=of.backend.cores_label,
        latency_p50_ms=latency_ms,
        latency_ci_low_ms=None if latency_ms is None else 0.99 * latency_ms,
        latency_ci_high_ms=None if latency_ms is None else 1.01 * latency_ms,
        invocations=8,
        runtime=of.runtime.label,
        runtime_version="2.3.0",
        timed="call+read",
        model_sha256=(of.variant[:1] or "x") * 64,
    )
    return replace(made, **changes)


def view(
    measured: Sequence[tuple[Case, float | None, Mapping[str, Any]]],
    *,
    blocks: int = 8,
    noise: float = 0.002,
    drift: float = 0.0,
    seed: int = 5,
    run: RunRecord = RUN,
) -> RunView:
    """A run of (case, latency, changes of its row); `drift` is how much slower all of it gets from block to block."""
    rng = np.random.default_rng(seed)
    records = []
    for block in range(blocks):
        for order, place in enumerate(rng.permutation(len(measured))):
            of, latency_ms, _ = measured[int(place)]
            factor = float(np.exp(rng.normal(0, noise) + drift * block))
            if latency_ms is not None:
                records.append(_record(of, block, order, latency_ms * factor))
    rows = tuple(row(of, latency_ms, **changes) for of, latency_ms, changes in measured)
    ids = dict.fromkeys((one.device_id, one.device) for one in rows)
    facts = tuple(DeviceFacts(name, "host", model, "soc", "build 1") for name, model in ids)
    cases = tuple(of for of, _, _ in measured)
    return RunView(run, cases, rows, (), facts, tuple(records), MeasureSettings(blocks=blocks))


def _record(of: Case, block: int, order: int, latency_ms: float) -> InvocationRecord:
    samples_ns = np.full(40, round(1e6 * latency_ms), np.int64)
    clock = Evidence(clock_start_ghz=2.0, clock_end_ghz=2.0)
    result = InvocationResult(Status.DONE, samples_ns=samples_ns, evidence=clock, timed="call+read")
    return InvocationRecord(of.case_id, Purpose.TIMING, block, order, 0, "2026-11-21T10:00:00+00:00", result)
