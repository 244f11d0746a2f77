"""Arms of a pair for tests: measured interleaved, in good order, unless a test spoils them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from harness.domain import (
    BASE,
    CANDIDATE,
    AccuracyResult,
    DeviceFacts,
    InvocationRecord,
    InvocationResult,
    OperatorTime,
    OutputError,
    OutputsCheck,
    Purpose,
    Status,
    TensorInfo,
    ToolTiming,
    VariantFile,
)
from harness.measure import Comparison, block_medians, summarise_case
from harness.measure.changes import Arm
from harness.measure.stopping import Looks, settle
from tests.measure.build import COVERAGE, EVIDENCE
from tests.measure.build import case as plain_case

FACTS = DeviceFacts("adb-1", "adb", "Pixel 8", soc="Tensor G3", os_build="AP1A.1", governor="schedutil")
FILE = VariantFile(
    "mobilenet_v2",
    "int8",
    Status.DONE,
    sha256="ab" * 32,
    size_bytes=3_500_000,
    converter="tflite 2.21",
    inputs=(TensorInfo("input", "int8", (1, 224, 224, 3)),),
    task="classification",
    data_path="/cache/datasets/77/dataset",
)
CHECK = OutputsCheck(OutputError(0.01, 0.001, 0.99999, 8, reference_rms=1.0))


def spread(count: int, level: float, spread_share: float = 0.01, seed: int = 0) -> list[float]:
    """`count` values about `level`."""
    return [float(value) for value in level * np.exp(np.random.default_rng(seed).normal(0.0, spread_share, count))]


def arm(
    name: str = BASE,
    medians_ms: Sequence[float] | None = None,
    *,
    init_ms: Sequence[float | None] | None = None,
    first_ms: Sequence[float | None] | None = None,
    rss_mib: float | None = 40.0,
    pss_mib: float | None = 30.0,
    operators: Sequence[OperatorTime] = (),
    accuracy: AccuracyResult | None = None,
    check: OutputsCheck | None = CHECK,
    file: VariantFile | None = FILE,
    facts: DeviceFacts | None = FACTS,
    backend: dict[str, Any] | None = None,
    row: dict[str, Any] | None = None,
    **fields: Any,
) -> Arm:
    """An arm of 12 blocks with its row; `row` are columns to replace, `fields` those of Arm."""
    medians_ms = spread(12, 20.0, 0.003) if medians_ms is None else medians_ms
    case = replace(plain_case("int8", **(backend or {})), arm=name)
    records = [_timing(case.case_id, name, block, median) for block, median in enumerate(medians_ms)]
    for field, values in (("init_us", init_ms), ("first_inference_us", first_ms)):
        records = [_with(record, field, values) for record in records]
    records.append(_record(case.case_id, Purpose.MEMORY, peak_rss_mib=rss_mib, pss_mib=pss_mib))
    if operators:
        records.append(_record(case.case_id, Purpose.PROFILE, operators=tuple(operators)))
    if accuracy is not None:
        check = replace(check or OutputsCheck(), accuracy=accuracy)
    made = summarise_case(
        run_id="run-1",
        case=case,
        file=file,
        facts=facts,
        records=records,
        check=check,
        require_coverage="any",
    )
    return Arm(case, replace(made, **(row or {})), tuple(records), file, check, facts, **fields)


def pair(ratio: float = 1.0, **candidate: Any) -> tuple[Arm, Arm]:
    """A base, and a candidate whose latency is `ratio` of it."""
    return arm(), arm(CANDIDATE, [ratio * value for value in spread(12, 20.0, 0.003, seed=1)], **candidate)


def settled(base: Arm, candidate: Arm, noise_floor: float = 0.0) -> Comparison | None:
    """The paired test of the two."""
    return settle(
        Looks(), block_medians(base.records), block_medians(candidate.records), noise_floor=noise_floor, final=True
    )[0]


def score(value: float, samples: int = 500, metric: str = "top1", higher: bool = True, **fields: Any) -> AccuracyResult:
    return AccuracyResult(metric, value, samples, {metric: value}, higher, **{"dataset_id": "d1", **fields})


def _timing(case_id: str, name: str, block: int, median_ms: float) -> InvocationRecord:
    first = (block % 2 == 0) == (name == BASE)
    result = InvocationResult(
        Status.DONE,
        init_us=30_000.0,
        first_inference_us=25_000.0,
        tool=ToolTiming(50, 1e3 * median_ms, median_us=1e3 * median_ms),
        coverage=COVERAGE,
        evidence=EVIDENCE,
        runtime_version="2.3.0",
    )
    return InvocationRecord(case_id, Purpose.TIMING, block, 0 if first else 1, 0, "2026-01-01T00:00:00Z", result)


def _with(record: InvocationRecord, field: str, values: Sequence[float | None] | None) -> InvocationRecord:
    if values is None:
        return record
    value_ms = values[record.block]
    value_us = None if value_ms is None else 1e3 * value_ms
    return replace(record, result=replace(record.result, **{field: value_us}))


def _record(case_id: str, purpose: Purpose, **fields: Any) -> InvocationRecord:
    return InvocationRecord(case_id, purpose, 0, 0, 0, "2026-01-01T00:00:00Z", InvocationResult(Status.DONE, **fields))
