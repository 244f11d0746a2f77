"""What the page and the terminal show of two files side by side."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from harness.inspect.analysis import OperatorFacts, Report
from harness.inspect.comparison import SAME, Comparison, LayerPair, TensorPair
from harness.inspect.delegates import TABLE
from harness.inspect.model import Tensor
from harness.inspect.wording import count_text, layer_text, quantization_text, shape_text, size_text

MAX_ROWS = 3000


def file_name(report: Report) -> str:
    """Without its folder."""
    return Path(report.file.path).name


def comparison_parts(comparison: Comparison) -> dict[str, Any]:
    """What the template shows of a comparison."""
    left, right = comparison.left, comparison.right
    states = Counter(one.state for one in comparison.layers)
    tensor_states = Counter(one.state for one in comparison.tensors)
    return {
        "rows": comparison_rows(comparison),
        "operators": comparison.operators,
        "layers": [_layer_row(one, left, right) for one in comparison.layers[:MAX_ROWS]],
        "layers_left": max(0, len(comparison.layers) - MAX_ROWS),
        "states": sorted(states.items()),
        "tensors": [_tensor_pair_row(one) for one in comparison.tensors if one.state != SAME][:MAX_ROWS],
        "tensor_states": sorted(tensor_states.items()),
        "same_file": comparison.same_file,
    }


def layer_pairs(comparison: Comparison) -> list[tuple[int, int]]:
    """The indices of the operators that both files have, left and right."""
    return [
        (one.left.operator.index, one.right.operator.index)
        for one in comparison.layers
        if one.left is not None and one.right is not None
    ]


def comparison_rows(comparison: Comparison) -> list[tuple[str, str, str]]:
    """The two files in figures: (name, left, right)."""
    reports = (comparison.left, comparison.right)

    def row(name: str, figure: Any) -> tuple[str, str, str]:
        first, second = (str(figure(one)) for one in reports)
        return name, first, second

    rows = [
        row("file", lambda one: file_name(one)),
        row("variant", lambda one: one.file.variant),
        row("size", lambda one: size_text(one.file.size_bytes)),
        row("operators", lambda one: len(one.operators)),
        row("tensors", lambda one: len(one.file.main.tensors)),
        row("parameters", lambda one: count_text(one.parameters)),
        row("multiply-accumulates", lambda one: count_text(one.macs)),
        row("float islands", lambda one: len(one.islands)),
        row("input", lambda one: ", ".join(f"{t.dtype} {shape_text(t.signature)}" for t in one.file.inputs)),
        row("output", lambda one: ", ".join(f"{t.dtype} {shape_text(t.signature)}" for t in one.file.outputs)),
    ]
    if any(one.file.gzip_bytes is not None for one in reports):
        rows.insert(3, row("gzip", lambda one: size_text(one.file.gzip_bytes) if one.file.gzip_bytes else "—"))
    for order, rules in enumerate(TABLE):
        text = f"{rules.delegate} (rule)"
        rows.append(row(text, lambda one, at=order: f"{one.delegates[at].expected} of {len(one.operators)}"))
    return rows


def _layer_row(pair: LayerPair, left: Report, right: Report) -> tuple[Any, ...]:
    def side(report: Report, facts: OperatorFacts | None) -> tuple[str, ...]:
        if facts is None:
            return "", "", ""
        outputs = report.file.main.tensors_at(facts.operator.outputs)
        return (
            f"#{facts.operator.index} {facts.operator.name}",
            f"{facts.kind} v{facts.operator.version}",
            shape_text(outputs[0].signature) if outputs else "",
        )

    one = pair.left or pair.right
    name = layer_text(one.layer) if one else ""
    return pair.state, name, *side(left, pair.left), *side(right, pair.right), ", ".join(pair.differs)


def _tensor_pair_row(pair: TensorPair) -> tuple[str, ...]:
    def side(tensor: Tensor | None) -> tuple[str, str, str]:
        if tensor is None:
            return "", "", ""
        size = size_text(tensor.constant.size_bytes) if tensor.constant else ""
        return f"{tensor.dtype} {shape_text(tensor.signature)}", quantization_text(tensor), size

    one = pair.left or pair.right
    name = one.name if one else ""
    return pair.state, name, *side(pair.left), *side(pair.right), ", ".join(pair.differs)
