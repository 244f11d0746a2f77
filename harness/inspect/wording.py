"""How figures of model files are written for people, in the terminal and on the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from harness.inspect.analysis import DelegateSummary, Report
from harness.inspect.islands import Island
from harness.inspect.model import Graph, Tensor
from harness.operator_names import EDGE_TPU_OPERATOR
from harness.report.wording import number, percent, plural
from harness.units import bytes_to_mb

_STEPS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def count_text(value: float | None) -> str:
    """``300.8 M``; four significant digits, a dash for None."""
    if value is None:
        return "—"
    for size, unit in _STEPS:
        if value >= size:
            return f"{value / size:.4g} {unit}"
    return f"{value:g}"


def size_text(size_bytes: int) -> str:
    """``13.922 MB`` of 10^6 bytes."""
    return f"{bytes_to_mb(size_bytes):.3f} MB"


def shape_text(signature: tuple[int, ...]) -> str:
    """``1×224×224×3``, ``?`` for an open dimension."""
    return "×".join("?" if size < 0 else str(size) for size in signature) or "scalar"


def quantization_text(tensor: Tensor) -> str:
    """``0.0078, zero -1``; for several scales their range, count and axis."""
    if not tensor.scales:
        return ""
    if len(tensor.scales) == 1:
        return f"{tensor.scales[0]:.4g}, zero {tensor.zero_point}"
    zeros = sorted(set(tensor.zero_points))
    zero = f"zero {zeros[0]}" if len(zeros) == 1 else f"zeros {zeros[0]} to {zeros[-1]}" if zeros else "no zero points"
    low, high = min(tensor.scales), max(tensor.scales)
    return f"{low:.4g} to {high:.4g}, {len(tensor.scales)} along axis {tensor.axis}, {zero}"


def range_text(tensor: Tensor) -> str:
    """``-0.36 to 0.41``, with what is special about the values; in stored units."""
    constant = tensor.constant
    if constant is None:
        return ""
    if constant.note or constant.minimum is None:
        return constant.note or "no figures"
    if constant.values:
        return ", ".join(map(str, constant.values))
    text = f"{number(constant.minimum)} to {number(constant.maximum)}"
    if constant.zeros:
        text += f", {percent(100 * constant.zeros)} zero"
    return f"{text}, {constant.not_finite:,} not finite" if constant.not_finite else text


def layer_text(name: str) -> str:
    """The name of a layer; of fused ones the first and how many others."""
    first, *others = [part for part in name.split(";") if part] or [""]
    return f"{first} + {len(others)} fused" if others else first


def options_text(options: Sequence[tuple[str, int | float | str]]) -> str:
    """``padding SAME, stride 2×2, activation RELU6``: without what is usual."""
    values = dict(options)
    parts = []
    for name, (high, wide), usual in (
        ("filter", ("filter_h", "filter_w"), 0),
        ("stride", ("stride_h", "stride_w"), 1),
        ("dilation", ("dilation_h", "dilation_w"), 1),
    ):
        if high in values and (values[high], values[wide]) != (usual, usual):
            parts.append(f"{name} {values[high]}×{values[wide]}")
    paired = {"filter_h", "filter_w", "stride_h", "stride_w", "dilation_h", "dilation_w"}
    rest = [(name, value) for name, value in options if name not in paired]
    parts += [
        f"{name.replace('_', ' ')} {_option(value)}" for name, value in rest if value not in ("NONE", "DEFAULT", 0)
    ]
    return ", ".join(parts)


def _option(value: int | float | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def costs_text(report: Report) -> str:
    """Multiply-accumulates, with what is not in them."""
    text = f"{count_text(report.macs)} multiply-accumulates"
    if report.not_counted:
        names = ", ".join(f"{count} {name}" for name, count in report.not_counted[:4])
        text += f", without {names}{' and others' if len(report.not_counted) > 4 else ''} (not counted)"
    if len(report.file.graphs) > 1:
        text += f"; the main graph alone, of {len(report.file.graphs)}"
    return text


def delegate_text(summary: DelegateSummary) -> str:
    """``64 of 66 expected; a float operand: 1 QUANTIZE, 1 DEQUANTIZE``."""
    total = summary.expected + summary.not_expected + summary.unknown
    text = f"{summary.expected} of {total} expected"
    if summary.unknown:
        text += f", {summary.unknown} unknown"
    reasons = reasons_of(summary)
    left = f"; and {plural(len(reasons) - 2, 'more reason')}" if len(reasons) > 2 else ""
    return "; ".join([text, *reasons[:2]]) + left


def reasons_of(summary: DelegateSummary, names_shown: int = 4) -> list[str]:
    """``a float operand: 1 QUANTIZE, 1 DEQUANTIZE``, the most frequent reason first."""
    result = []
    for reason, names in summary.reasons:
        shown = ", ".join(f"{count} {name}" for name, count in names[:names_shown])
        rest = sum(count for _, count in names[names_shown:])
        result.append(f"{reason}: {shown}{f' and {rest} others' if rest else ''}")
    return result


def compiled_parts(report: Report) -> tuple[int, tuple[tuple[str, int], ...]]:
    """How many parts of the main graph are compiled for the Edge TPU, and names and counts of the operators beside."""
    counts = Counter(one.operator.name for one in report.operators)
    parts = sum(one.operator.custom and one.operator.name == EDGE_TPU_OPERATOR for one in report.operators)
    del counts[EDGE_TPU_OPERATOR]
    return parts, tuple(counts.most_common())


def compiled_text(report: Report) -> str:
    """``1 part on the Edge TPU, all of the graph``; empty for a file that is not compiled for it."""
    parts, left = compiled_parts(report)
    if not parts:
        return ""
    text = f"{plural(parts, 'part')} on the Edge TPU"
    if not left:
        return f"{text}, all of the graph"
    names = ", ".join(f"{count} {name}" for name, count in left)
    return f"{text}; left on the CPU: {plural(sum(count for _, count in left), 'operator')} ({names})"


def cannot_run_text(report: Report) -> str:
    """Why this host cannot run the file, or an empty string."""
    if EDGE_TPU_OPERATOR in report.file.cannot_run:
        return f"on a CPU: only libedgetpu has the operator {EDGE_TPU_OPERATOR}"
    return report.file.cannot_run


def island_text(graph: Graph, island: Island) -> str:
    """``#12 to #18: 3 operators (MUL, ADD, TANH), in by 1 DEQUANTIZE, out by 1 QUANTIZE``."""
    first, last = island.operators[0], island.operators[-1]
    names = list(dict.fromkeys(graph.operators[index].name for index in island.operators))
    where = f"#{first}" if first == last else f"#{first} to #{last}"
    shown = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
    borders = []
    if island.entries:
        borders.append(f"in by {len(island.entries)} DEQUANTIZE")
    if island.at_input:
        borders.append("from the model's input")
    if island.exits:
        borders.append(f"out by {len(island.exits)} QUANTIZE")
    if island.at_output:
        borders.append("to the model's output")
    return f"{where}: {plural(len(island.operators), 'operator')} ({shown}){''.join(f', {one}' for one in borders)}"


def summary(report: Report) -> list[tuple[str, str]]:
    """What a reader should know first."""
    file = report.file
    kinds = len({one.operator.name for one in report.operators})
    what = (
        f"{file.variant}, {plural(len(report.operators), 'operator')} of {plural(kinds, 'kind')}, "
        f"{count_text(report.parameters)} parameters, {costs_text(report)}, {size_text(file.size_bytes)}"
    )
    if file.gzip_bytes is not None:
        what += f" ({size_text(file.gzip_bytes)} with gzip)"
    found = [("What it is", what)]
    compiled = compiled_text(report)
    if compiled:
        found.append(("Compiled", compiled))
    total = len(report.operators)
    found.append(
        (
            "Where it should run",
            ", ".join(f"{one.delegate} {one.expected} of {total}" for one in report.delegates)
            + " — by rule, not measured",
        )
    )
    if report.islands:
        count = sum(len(one.operators) for one in report.islands)
        found.append(
            ("Float in between", f"{plural(len(report.islands), 'float island')} with {plural(count, 'operator')}")
        )
    if file.cannot_run:
        found.append(("Cannot run", cannot_run_text(report)))
    if report.measured:
        one = report.measured[0]
        latency = f"{number(one.latency_ms)} ms" if one.latency_ms is not None else "no latency"
        found.append(("Measured", f"{latency} ({one.verdict}) with {one.setup}, run {one.run_id}"))
    return found
