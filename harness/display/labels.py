"""Short sentences about cases, rows and files: pure. The parts that come from outside are not cleaned here."""

from __future__ import annotations

from harness.display.marks import mark_of
from harness.domain import Case, ResultRow, Status, VariantFile
from harness.report.wording import shortened
from harness.units import bytes_to_mb, format_duration, format_latency


def backend_label(backend: str, threads: int) -> str:
    """``cpu xnnpack 4T``; threads mean nothing on an accelerator."""
    return f"{backend} {threads}T" if backend.startswith("cpu") else backend


def case_label(case: Case) -> str:
    """``mobilenet_v2 int8 · cpu xnnpack 4T``: the case on its device."""
    return f"{case.model.name} {case.variant} · {backend_label(case.backend.label, case.backend.threads)}"


def row_label(row: ResultRow, *, with_device: bool) -> str:
    """`case_label` of a row, with the device where that is wanted."""
    label = f"{row.model} {row.variant} · {backend_label(row.backend, row.threads)}"
    return f"{label} · {row.device or row.target}" if with_device else label


def describe_row(row: ResultRow) -> str:
    """``12.31 ms ±0.05, NOISY: the interval is …``, or the status with its reason."""
    mark = mark_of(row)
    word, reason = mark.word, f": {shortened(row.reasons)}" if row.reasons and mark.kind != "good" else ""
    if row.latency_p50_ms is None:
        return f"{word}{reason}"
    half = half_interval_text(row)
    return f"{format_latency(row.latency_p50_ms)} ms{' ' if half else ''}{half}, {word}{reason}"


def describe_sustained(row: ResultRow) -> str:
    """``sustained: 12.31 ms in the first minute, settled at 14.82 ms (1.20 times) after 6 min 10 s``; empty without."""
    if row.sustained_first_ms is None:
        return ""
    first = f"sustained: {format_latency(row.sustained_first_ms)} ms in the first minute"
    if row.sustained_settled_ms is None or row.sustained_ratio is None:
        return f"{first}, not settled"
    after_s = row.sustained_settled_after_s
    when = f" after {format_duration(after_s)}" if after_s else ""
    return f"{first}, settled at {format_latency(row.sustained_settled_ms)} ms ({row.sustained_ratio:.2f} times){when}"


def half_interval_text(row: ResultRow) -> str:
    """``±0.05``: half the interval in ms, with the decimals of the latency; empty where there is none."""
    low, high = row.latency_ci_low_ms, row.latency_ci_high_ms
    if row.latency_p50_ms is None or low is None or high is None:
        return ""
    half_ms = (high - low) / 2
    decimals = len(format_latency(row.latency_p50_ms).partition(".")[2])
    text = f"{half_ms:.{decimals}f}"
    smallest = 10**-decimals
    return f"<{smallest:.{decimals}f}" if half_ms > 0 and float(text) == 0 else f"±{text}"


def describe_file(file: VariantFile) -> str:
    """``mobilenet_v2 int8: 3.6 MB, converted in 12 s``, or why there is none."""
    name = f"{file.model} {file.variant}"
    if file.status is not Status.DONE:
        return f"{name}: {file.status}: {file.reason}"
    how = "from the cache" if file.cached else f"converted in {format_duration(file.conversion_s)}"
    return f"{name}: {bytes_to_mb(file.size_bytes):.3g} MB, {how}"
