"""The page of one or two model files, in the look of the reports.

Names of tensors and all other text of a file reach it through the autoescape of the template, escaped SVG elements, and
escaped JSON.
"""

from __future__ import annotations

from typing import Any

from harness.inspect.analysis import OperatorFacts, Report
from harness.inspect.comparison import Comparison
from harness.inspect.delegates import TABLE
from harness.inspect.drawing import KINDS, MAX_DRAWN, drawn_blocks, histogram_svg
from harness.inspect.html_comparison import MAX_ROWS, comparison_parts, file_name, layer_pairs
from harness.inspect.measured import Measured
from harness.inspect.model import Tensor
from harness.inspect.preprocess import block
from harness.inspect.wording import (
    count_text,
    island_text,
    layer_text,
    options_text,
    quantization_text,
    range_text,
    reasons_of,
    shape_text,
    size_text,
    summary,
)
from harness.report.page import render_page
from harness.report.wording import number, percent, visible

MAX_HISTOGRAMS = 600
_KIND_HEADS = ("Operator", "Count", "Version", "MACs", "Share", "Parameters", "Time, ms", "Share")
OPEN_UP_TO = 120  # operators up to which the blocks of the drawing stand open


def page(left: Report, comparison: Comparison | None = None) -> str:
    """The page of one file, or of two side by side."""
    reports = [left] if comparison is None else [comparison.left, comparison.right]
    return render_page(
        "inspect.html",
        scripts=("tables.js", "inspect.js"),
        styles=("inspect.css",),
        data={
            "delegates": [rules.delegate for rules in TABLE],
            "files": [_data(one) for one in reports],
            "pairs": layer_pairs(comparison) if comparison is not None else [],
        },
        title=" and ".join(file_name(one) for one in reports),
        files=[_file(one, prefix) for one, prefix in zip(reports, "ab", strict=False)],
        comparison=comparison_parts(comparison) if comparison is not None else None,
        kinds=KINDS,
    )


def _file(report: Report, prefix: str) -> dict[str, Any]:
    """What the template shows of one file."""
    file, total = report.file, len(report.operators)
    return {
        "id": prefix,
        "name": file_name(report),
        "summary": summary(report),
        "blocks": drawn_blocks(report, prefix),
        "open": total <= OPEN_UP_TO,
        "not_drawn": max(0, total - MAX_DRAWN),
        "inputs": [(one, block(facts)) for one, facts in zip(file.inputs, report.inputs, strict=True)],
        "interface": _interface(report),
        "delegates": [(one, reasons_of(one, 8)) for one in report.delegates],
        "total": total,
        "measured": [_measured_row(one) for one in report.measured],
        "store_problem": report.store_problem,
        "profiled": report.profiled,
        "profile_rows": _profile_rows(report.profiled) if report.profiled else [],
        "kind_heads": _KIND_HEADS if report.profiled else _KIND_HEADS[:6],
        "kind_rows": [row if report.profiled else row[:6] for row in _kind_rows(report)],
        "operator_rows": [_operator_row(report, one) for one in report.operators[:MAX_ROWS]],
        "operators_left": max(0, total - MAX_ROWS),
        "tensor_rows": [_tensor_row(one) for one in file.main.tensors[:MAX_ROWS]],
        "tensors_left": max(0, len(file.main.tensors) - MAX_ROWS),
        "histograms": _histograms(report, prefix),
        "islands": [island_text(file.main, one) for one in report.islands],
        "facts": _facts(report),
    }


def _interface(report: Report) -> list[tuple[str, str, str, str, str]]:
    named = {
        (side, index): name
        for one in report.file.signatures
        if one.graph == 0
        for side, pairs in (("input", one.inputs), ("output", one.outputs))
        for name, index in pairs
    }
    return [
        (
            side,
            named.get((side, tensor.index), tensor.name),
            tensor.dtype,
            shape_text(tensor.signature),
            quantization_text(tensor),
        )
        for side, tensors in (("input", report.file.inputs), ("output", report.file.outputs))
        for tensor in tensors
    ]


def _measured_row(one: Measured) -> tuple[str, ...]:
    nodes = f"{one.delegated_nodes} of {one.total_nodes}" if one.delegated_nodes is not None else ""
    latency = number(one.latency_ms) if one.latency_ms is not None else ""
    kinds = f"{len(one.operators)} kinds" if one.operators else ""
    return one.setup, latency, one.verdict, f"{one.coverage} {nodes}".strip(), kinds, one.run_id


def _profile_rows(measured: Measured) -> list[tuple[str, ...]]:
    return [
        (one.name, one.kernel, str(one.count), f"{one.total_us / 1000:.3f}", percent(100 * one.share))
        for one in measured.operators
    ]


def _kind_rows(report: Report) -> list[tuple[str, ...]]:
    """By name of operator: count, versions, MACs and their share, parameters, measured time."""
    groups: dict[str, list[OperatorFacts]] = {}
    for one in report.operators:
        groups.setdefault(one.operator.name, []).append(one)
    times = report.times_us
    total_us = sum(one.total_us for one in report.profiled.operators) if report.profiled else 0.0
    rows: list[tuple[str, ...]] = []
    for name, group in sorted(groups.items(), key=lambda item: -sum(one.macs or 0 for one in item[1])):
        macs = None if all(one.macs is None for one in group) else sum(one.macs or 0 for one in group)
        us = sum(times.get(one.operator.index, 0.0) for one in group)
        rows.append(
            (
                name,
                str(len(group)),
                ", ".join(map(str, sorted({one.operator.version for one in group}))),
                count_text(macs),
                percent(100 * macs / report.macs) if macs and report.macs else "",
                count_text(sum(one.parameters for one in group)),
                f"{us / 1000:.3g}" if us else "",
                percent(100 * us / total_us) if us and total_us else "",
            )
        )
    return rows


def _operator_row(report: Report, one: OperatorFacts) -> tuple[Any, ...]:
    outputs = report.file.main.tensors_at(one.operator.outputs)
    return (
        one.operator.index,
        one.operator.name,
        layer_text(one.layer),
        one.kind,
        shape_text(outputs[0].signature) if outputs else "",
        one.macs,
        one.parameters,
        one.operator.version,
        options_text(one.operator.options),
    )


def _tensor_row(tensor: Tensor) -> tuple[Any, ...]:
    constant = tensor.constant
    return (
        tensor.index,
        tensor.name,
        tensor.dtype,
        shape_text(tensor.signature),
        constant.size_bytes if constant else None,
        quantization_text(tensor),
        range_text(tensor),
    )


def _histograms(report: Report, prefix: str) -> list[dict[str, Any]]:
    """Of the largest constants first."""
    tensors = [one for one in report.file.main.tensors if one.constant and one.constant.histogram]
    tensors.sort(key=lambda one: -one.elements)
    found = []
    for tensor in tensors[:MAX_HISTOGRAMS]:
        histogram = tensor.constant.histogram if tensor.constant else None
        if histogram is None:
            continue
        found.append(
            {
                "id": f"{prefix}h{tensor.index}",
                "name": tensor.name,
                "type": tensor.dtype,
                "shape": shape_text(tensor.signature),
                "range": range_text(tensor),
                "svg": histogram_svg(histogram, "values of the tensor"),
                "stride": histogram.stride,
            }
        )
    return found


def _facts(report: Report) -> list[tuple[str, str]]:
    file = report.file
    bodies = [f"{graph.name or 'unnamed'} ({len(graph.operators)} operators)" for graph in file.graphs[1:]]
    pairs = [
        ("File", file.path),
        ("Size", f"{size_text(file.size_bytes)}, {file.size_bytes:,} bytes"),
        ("gzip", size_text(file.gzip_bytes) if file.gzip_bytes is not None else "not computed (--gzip)"),
        ("SHA-256", file.sha256),
        ("Schema version", str(file.schema_version)),
        ("Description", file.description),
        ("Signatures", ", ".join(one.key for one in file.signatures) or "none"),
        ("Metadata", ", ".join(f"{name} ({size} bytes)" for name, size in file.metadata) or "none"),
        ("Other graphs", ", ".join(bodies) or "none"),
        (
            "Tensors",
            f"{len(file.main.tensors):,}, of them {sum(t.constant is not None for t in file.main.tensors):,} constant",
        ),
    ]
    return [(name, value) for name, value in pairs if value]


def _data(report: Report) -> dict[str, Any]:
    """What the script needs of one file; the names are short, for there may be thousands of each."""
    answers: dict[tuple[str, str], int] = {}

    def answer(one: Any) -> int:
        return answers.setdefault((one.answer, one.reason), len(answers))

    operators = [
        {
            "n": one.operator.name,
            "v": one.operator.version,
            "l": visible(one.layer),
            "k": one.kind,
            "m": one.macs,
            "p": one.parameters,
            "o": options_text(one.operator.options),
            "i": one.operator.inputs,
            "u": one.operator.outputs,
            "e": [answer(expected) for expected in one.expected],
            "t": report.times_us.get(one.operator.index),
        }
        for one in report.operators[:MAX_ROWS]
    ]
    tensors = [
        [
            visible(one.name),
            one.dtype,
            shape_text(one.signature),
            quantization_text(one),
            range_text(one),
            one.constant.size_bytes if one.constant else None,
        ]
        for one in report.file.main.tensors
    ]
    profiled = report.profiled
    return {
        "operators": operators,
        "tensors": tensors,
        "answers": list(answers),
        "profile": f"{profiled.setup}, run {profiled.run_id}" if profiled else "",
    }
