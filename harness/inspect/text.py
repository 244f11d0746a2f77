"""Reports of model files for the terminal, and for programs. Names from a file are cleaned: they may carry anything."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from harness.display.text import clean, width_of
from harness.inspect.analysis import Report
from harness.inspect.comparison import DIFFERS, ONLY_LEFT, ONLY_RIGHT, SAME, Comparison
from harness.inspect.html_comparison import comparison_rows
from harness.inspect.measured import Measured
from harness.inspect.model import Tensor
from harness.inspect.preprocess import block
from harness.inspect.wording import (
    cannot_run_text,
    compiled_parts,
    compiled_text,
    costs_text,
    count_text,
    delegate_text,
    island_text,
    layer_text,
    quantization_text,
    shape_text,
    size_text,
)
from harness.report.wording import number
from harness.store.codec import to_json

LABEL_WIDTH = 14
MAX_LAYERS = 40
MAX_MEASURED = 8


def lines(report: Report) -> list[str]:
    """One file, a fact a line."""
    file = report.file
    size = size_text(file.size_bytes)
    if file.gzip_bytes is not None:
        size += f", gzip {size_text(file.gzip_bytes)}"
    found = [
        _line("file", file.path),
        _line("size", size),
        _line("sha256", file.sha256),
        _line("variant", file.variant),
        *(f"{'input':<{LABEL_WIDTH}}{_tensor(tensor)}" for tensor in file.inputs),
        *(f"{'output':<{LABEL_WIDTH}}{_tensor(tensor)}" for tensor in file.outputs),
        _line("parameters", count_text(report.parameters)),
        _line("computes", costs_text(report)),
        _line("operators", str(len(report.operators))),
        *(f"{'':<{LABEL_WIDTH}}{count:>4} {clean(name)} v{version}" for name, version, count in report.versions),
    ]
    if file.float_operators:
        found.append(_line("float", ", ".join(file.float_operators)))
    found += [_line("float island", island_text(file.main, one)) for one in report.islands]
    custom = sorted({one.operator.name for one in report.operators if one.operator.custom})
    if custom:
        found.append(_line("custom", ", ".join(custom)))
    compiled = compiled_text(report)
    if compiled:
        found.append(_line("compiled", compiled))
    if file.cannot_run:
        found.append(_line("cannot run", cannot_run_text(report)))
    found += ["", "delegates, by rule and not measured:"]
    found += [_line(f"  {one.delegate}", delegate_text(one)) for one in report.delegates]
    found += _measured(report)
    for facts in report.inputs:
        found += ["", *(clean(line) for line in block(facts).splitlines())]
    return found


def _line(label: str, text: str) -> str:
    return f"{label:<{LABEL_WIDTH}}{clean(text)}"


def _tensor(tensor: Tensor) -> str:
    quantization = quantization_text(tensor)
    parts = [clean(tensor.name), shape_text(tensor.signature), tensor.dtype]
    return "  ".join([*parts, f"scale {quantization}"] if quantization else parts)


def _measured(report: Report) -> list[str]:
    if report.store_problem:
        return ["", _line("measured", f"the results store was not asked: {report.store_problem}")]
    if not report.measured:
        return []
    found = ["", "measured, of this very file:"]
    found += [f"  {clean(_measured_text(one))}" for one in report.measured[:MAX_MEASURED]]
    if len(report.measured) > MAX_MEASURED:
        found.append(f"  and {len(report.measured) - MAX_MEASURED} more")
    if report.profiled is not None:
        found.append(
            f"time of one inference by operator, {clean(report.profiled.setup)}, run {report.profiled.run_id}:"
        )
        found += [
            f"  {one.total_us / 1000:>9.3f} ms {100 * one.share:>5.1f} %  {one.count:>4} {clean(one.name)}"
            for one in report.profiled.operators[:10]
        ]
    return found


def _measured_text(one: Measured) -> str:
    latency = f"{number(one.latency_ms)} ms" if one.latency_ms is not None else "no latency"
    nodes = f", {one.delegated_nodes} of {one.total_nodes} nodes" if one.delegated_nodes is not None else ""
    return f"{one.setup}: {latency} ({one.verdict}), delegated {one.coverage or 'unknown'}{nodes}, run {one.run_id}"


def comparison_lines(comparison: Comparison) -> list[str]:
    """Two files as a table, then the layers that differ."""
    rows = [("", "A", "B"), *comparison_rows(comparison)]
    rows += [(name, str(left), str(right)) for name, left, right in comparison.operators]
    found = _table([tuple(map(clean, row)) for row in rows])
    if comparison.same_file:
        return [*found, "", "Both are the same file, byte by byte."]
    states = Counter(one.state for one in comparison.layers)
    tensors = Counter(one.state for one in comparison.tensors)
    for title, counts in (("layers by name", states), ("tensors by name", tensors)):
        told = ", ".join(
            f"{counts[state]} {state}" for state in (SAME, DIFFERS, ONLY_LEFT, ONLY_RIGHT) if counts[state]
        )
        found += ["", f"{title}: {told or 'none'}"] if title.startswith("layers") else [f"{title}: {told or 'none'}"]
    changed = [one for one in comparison.layers if one.state != SAME]
    for pair in changed[:MAX_LAYERS]:
        one = pair.left or pair.right
        name = f"{one.operator.name} {layer_text(one.layer)}" if one else ""
        found.append(f"  {pair.state:<10}  {clean(name)[:90]}{'  ' + ', '.join(pair.differs) if pair.differs else ''}")
    if len(changed) > MAX_LAYERS:
        found.append(f"  and {len(changed) - MAX_LAYERS} more: --html and --json have them all")
    return found


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(width_of(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell + " " * (width - width_of(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def report_json(report: Report) -> dict[str, Any]:
    """Everything of one file; figures that are not finite are the texts "NaN", "Infinity" and "-Infinity"."""
    value: dict[str, Any] = json.loads(to_json(report.file))
    value |= {
        "inputs": [_interface(tensor) for tensor in report.file.inputs],
        "outputs": [_interface(tensor) for tensor in report.file.outputs],
        "operators": sorted(Counter(one.operator.name for one in report.operators).items()),
        "custom_operators": sorted({one.operator.name for one in report.operators if one.operator.custom}),
        "edgetpu": _compiled(report),
        "unsupported": value.pop("cannot_run"),
        "versions": report.versions,
        "macs": report.macs,
        "macs_not_counted": report.not_counted,
        "parameters": report.parameters,
        "layers": [_layer(report, order) for order in range(len(report.operators))],
        "float_islands": [json.loads(to_json(one)) for one in report.islands],
        "delegate_rules": [json.loads(to_json(one)) for one in report.delegates],
        "preprocessing": [json.loads(to_json(one)) | {"kotlin": block(one)} for one in report.inputs],
        "measured": [json.loads(to_json(one)) for one in report.measured],
        "store_problem": report.store_problem,
    }
    return value


def _compiled(report: Report) -> dict[str, Any] | None:
    """What the file shows of its compilation for the Edge TPU; None where it has none."""
    parts, left = compiled_parts(report)
    return {"subgraphs": parts, "left_on_cpu": left} if parts else None


def _interface(tensor: Tensor) -> dict[str, Any]:
    fixed = [size if size > 0 else have for size, have in zip(tensor.signature, tensor.shape, strict=True)]
    finite = tensor.scale if tensor.scale == tensor.scale and abs(tensor.scale) != float("inf") else str(tensor.scale)
    return {
        "name": tensor.name,
        "dtype": tensor.dtype,
        "shape": fixed,
        "scale": finite,
        "zero_point": tensor.zero_point,
    }


def _layer(report: Report, order: int) -> dict[str, Any]:
    one = report.operators[order]
    return {
        "index": one.operator.index,
        "operator": one.operator.name,
        "name": one.layer,
        "type": one.kind,
        "macs": one.macs,
        "parameters": one.parameters,
        "time_us": report.times_us.get(one.operator.index),
        "expected": {
            rules.delegate: [expected.answer, expected.reason]
            for rules, expected in zip(report.delegates, one.expected, strict=True)
        },
    }


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """Everything of two files."""
    return {
        "left": report_json(comparison.left),
        "right": report_json(comparison.right),
        "same_file": comparison.same_file,
        "operators": comparison.operators,
        "layers": [
            {
                "state": one.state,
                "left": one.left.operator.index if one.left else None,
                "right": one.right.operator.index if one.right else None,
                "differs": one.differs,
            }
            for one in comparison.layers
        ],
        "tensors": [
            {
                "state": one.state,
                "left": one.left.index if one.left else None,
                "right": one.right.index if one.right else None,
                "differs": one.differs,
            }
            for one in comparison.tensors
        ],
    }
