"""Runs with operator profiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from harness.domain import InvocationRecord, InvocationResult, OperatorTime, Purpose, RunView, Status
from tests.report.factory import DIGITS, XNNPACK, run_view

CONV = OperatorTime("Convolution (NHWC, F32) IGEMM", 300.0, 0.75, 2, "XNNPACK")
DENSE = OperatorTime("Fully Connected (NC, F32) GEMM", 100.0, 0.25, 1, "XNNPACK")


def profile(case_id: str, operators: tuple[OperatorTime, ...]) -> InvocationRecord:
    return InvocationRecord(case_id, Purpose.PROFILE, 0, 0, 1, "", InvocationResult(Status.DONE, operators=operators))


def profiled_view(kinds: Mapping[str, tuple[OperatorTime, ...]]) -> RunView:
    """A run of these variants of one model, with a profile each."""
    view = run_view(models=(DIGITS,), variants=tuple(kinds), backends=(XNNPACK,), blocks=2)
    records = tuple(profile(row.case_id, kinds[row.variant]) for row in view.rows)
    return replace(view, invocations=(*view.invocations, *records))
