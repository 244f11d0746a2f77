"""What a verdict is made of: the evidence on one case, and single findings against it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from harness.domain import (
    AccuracySettings,
    Case,
    Coverage,
    EdgeTpuMapping,
    InvocationResult,
    OperatorTime,
    OutputsCheck,
    Verdict,
)
from harness.measure.invocation import InvocationSummary
from harness.measure.statistics import TRIM, LatencyEstimate

COVERAGES = ("full", "partial", "any")


@dataclass(frozen=True)
class Timing:
    """One successful timing invocation: what came back and its summary."""

    result: InvocationResult
    summary: InvocationSummary


@dataclass(frozen=True)
class CaseEvidence:
    """All that is known of a measured case. `float32_*` are figures of the same model, target and backend in float32.

    `require_coverage` is ``full`` (every node on the delegate), ``partial`` (at least one) or ``any`` (no demand);
    `reference_exists` says that a float reference or labelled data was there to check the outputs against; `allowed`
    says how far outputs and accuracy may be off; `accuracy_failure` is a sentence on an accuracy pass that failed;
    `mapping` is the compiler's word on a model for the Edge TPU.
    """

    case: Case
    timings: tuple[Timing, ...]
    estimate: LatencyEstimate
    coverage: Coverage | None = None
    require_coverage: str = "partial"
    check: OutputsCheck | None = None
    reference_exists: bool = False
    operators: tuple[OperatorTime, ...] = ()
    accelerator: str = ""
    float32_latency_ms: float | None = None
    float32_accuracy: float | None = None
    model_size_bytes: int | None = None
    allowed: AccuracySettings = field(default_factory=AccuracySettings)
    accuracy_failure: str = ""
    mapping: EdgeTpuMapping | None = None

    def __post_init__(self) -> None:
        if self.require_coverage not in COVERAGES:
            raise ValueError(f"coverage {self.require_coverage!r} cannot be required: one of {', '.join(COVERAGES)}")
        if not self.timings:
            raise ValueError("a case without a successful timing invocation has a status, not a verdict")


@dataclass(frozen=True)
class Finding:
    """One reason to doubt a number: the verdict it alone would give, a sentence with numbers, and what to do."""

    verdict: Verdict
    reason: str
    remedy: str


def tolerated(count: int) -> int:
    """How many of `count` invocations may be bad without moving a 20 % trimmed mean out of the good ones."""
    return math.floor(TRIM * count)


def too_many(flags: Iterable[bool]) -> int:
    """The number of true flags if it is more than trimming tolerates, else 0."""
    values = list(flags)
    count = sum(values)
    return count if count > tolerated(len(values)) else 0


def asked_delegate(case: Case) -> str | None:
    """The delegate that `case` asks for, by its name for people; None where no delegate is asked for."""
    backend = case.backend
    if backend.kind != "cpu":
        names = {
            "gpu": "the GPU delegate",
            "hexagon": "Hexagon",
            "qnn": "QNN",
            "nnapi": "NNAPI",
            "edgetpu": "the Edge TPU",
        }
        return names.get(backend.kind, backend.kind)
    return "XNNPACK" if backend.xnnpack and backend.kernels != "reference" else None
