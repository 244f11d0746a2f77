"""The graph and the histograms as SVG, built from escaped elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from harness.inspect.analysis import OperatorFacts, Report
from harness.inspect.layout import Block, Placed, blocks_of, place
from harness.inspect.model import Histogram
from harness.inspect.wording import shape_text
from harness.report.plots.svg import canvas, element, text
from harness.report.wording import clip, number

NODE_W, NODE_H, STEP_X, STEP_Y, MARGIN = 196, 38, 220, 62, 6
MAX_DRAWN = 2000
REFERENCE_W = 62
_TITLE_LETTERS, _SUB_LETTERS = 19, 32
KINDS = ("float", "int8", "uint8", "int16", "int4", "dynamic", "other")
BAR_W, HEIGHT = 4, 40


@dataclass(frozen=True)
class DrawnBlock:
    """One block of the drawing, with what its head says."""

    title: str
    svg: Markup
    operators: int
    first: int
    last: int
    macs: int
    kinds: tuple[tuple[str, int], ...]
    joined: bool


def drawn_blocks(report: Report, prefix: str) -> list[DrawnBlock]:
    """The main graph in blocks, at most `MAX_DRAWN` operators of it. `prefix` keeps the ids of two files apart."""
    graph = report.file.main
    edges = list(graph.edges())
    into, out_of = _ends(edges)
    result: list[DrawnBlock] = []
    for block in blocks_of(graph):
        if block.operators[-1] >= MAX_DRAWN:
            break
        facts = [report.operators[index] for index in block.operators]
        kinds = [one.kind for one in facts]
        before = result[-1].last if result else -1
        links = _Links(report, block, into, out_of, before)
        result.append(
            DrawnBlock(
                block.title or facts[0].operator.name,
                _svg(report, block, place(block, edges), links, prefix),
                len(facts),
                block.operators[0],
                block.operators[-1],
                sum(one.macs or 0 for one in facts),
                tuple((kind, kinds.count(kind)) for kind in KINDS if kind in kinds),
                any(before in into.get(index, ()) for index in block.operators),
            )
        )
    return result


def _ends(edges: Sequence[tuple[int, int]]) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    into: dict[int, list[int]] = {}
    out_of: dict[int, list[int]] = {}
    for a, b in dict.fromkeys(edges):
        into.setdefault(b, []).append(a)
        out_of.setdefault(a, []).append(b)
    return into, out_of


@dataclass(frozen=True)
class _Links:
    """What stands beside an operator: where it reads from and is read outside its block, inputs and outputs."""

    report: Report
    block: Block
    into: dict[int, list[int]]
    out_of: dict[int, list[int]]
    before: int

    def of(self, index: int) -> list[tuple[str, int | None]]:
        graph, inside = self.report.file.main, set(self.block.operators)
        operator = graph.operators[index]
        found: list[tuple[str, int | None]] = []
        if set(operator.inputs) & set(graph.inputs):
            found.append(("← input", None))
        found += [(f"← #{a}", a) for a in self.into.get(index, ()) if a not in inside and a != self.before]
        after = self.block.operators[-1] + 1
        last = index == self.block.operators[-1]
        others = [b for b in self.out_of.get(index, ()) if b not in inside and not (last and b == after)]
        found += [(f"→ #{b}", b) for b in others]
        if set(operator.outputs) & set(graph.outputs):
            found.append(("→ output", None))
        return found[:3] if len(found) <= 3 else [*found[:2], (f"+ {len(found) - 2} more", None)]


def _svg(report: Report, block: Block, placed: Placed, links: _Links, prefix: str) -> Markup:
    width = placed.width * STEP_X - (STEP_X - NODE_W) + REFERENCE_W + 2 * MARGIN
    height = placed.layers * STEP_Y - (STEP_Y - NODE_H) + 2 * MARGIN
    lines = [element("path", class_="edge", d=_line(points)) for points in placed.edges]
    nodes = [
        _node(report, report.operators[index], *placed.places[index], links.of(index), prefix)
        for index in block.operators
    ]
    return element(
        "svg",
        *lines,
        *nodes,
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        style=f"width:{width:.0f}px;height:{height:.0f}px",
    )


def _line(points: Sequence[tuple[float, int]]) -> str:
    """A curve from the bottom of one operator through its bends to the top of another."""
    at = [(x * STEP_X - (STEP_X - NODE_W) / 2 + MARGIN, layer * STEP_Y + MARGIN) for x, layer in points]
    path = f"M{at[0][0]:.0f} {at[0][1] + NODE_H:.0f}"
    y = at[0][1] + NODE_H
    for order, (x, top) in enumerate(at[1:], 1):
        middle = (y + top) / 2
        path += f"C{at[order - 1][0]:.0f} {middle:.0f} {x:.0f} {middle:.0f} {x:.0f} {top:.0f}"
        y = top
        if order < len(at) - 1:
            y = top + NODE_H
            path += f"V{y:.0f}"
    return path


def _node(
    report: Report, facts: OperatorFacts, x: float, layer: int, links: list[tuple[str, int | None]], prefix: str
) -> Markup:
    left, top = x * STEP_X - STEP_X / 2 + MARGIN, layer * STEP_Y + MARGIN
    operator = facts.operator
    parts = [
        element("rect", class_="box", width=NODE_W, height=NODE_H, rx=6),
        element("rect", class_="stripe", width=5, height=NODE_H, rx=2),
        text(13, 16, clip(f"{operator.name}", _TITLE_LETTERS), class_="h"),
        text(NODE_W - 6, 16, f"#{operator.index}", class_="t", anchor="end"),
        text(13, 31, clip(subtitle(report, facts), _SUB_LETTERS), class_="t"),
    ]
    for order, (label, target) in enumerate(links):
        class_ = "t ref" if target is not None else "t"
        named = element(
            "text",
            label,
            class_=class_,
            x=NODE_W + 5,
            y=11 + 13 * order,
            data_to=None if target is None else str(target),
        )
        parts.append(named)
    return element(
        "g",
        *parts,
        class_=f"node {facts.kind}",
        id=f"{prefix}n{operator.index}",
        transform=f"translate({left:.0f} {top:.0f})",
        data_op=str(operator.index),
    )


def subtitle(report: Report, facts: OperatorFacts) -> str:
    """``3x3 /2 → 112×112×32``: kernel, stride, shape of the output."""
    graph, operator = report.file.main, facts.operator
    outputs = graph.tensors_at(operator.outputs)
    parts = []
    if operator.name in ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV"):
        weights = graph.tensors_at(operator.inputs[1:2])
        if weights and len(weights[0].shape) == 4:
            parts.append("×".join(map(str, weights[0].shape[1:3])))
    elif operator.whole("filter_h"):
        parts.append(f"{operator.whole('filter_h')}×{operator.whole('filter_w')}")
    if max(operator.whole("stride_h"), operator.whole("stride_w")) > 1:
        parts.append(f"/{operator.whole('stride_h')}")
    shape = shape_text(outputs[0].signature) if outputs else "no output"
    return f"{' '.join(parts)} → {shape}" if parts else f"→ {shape}"


def histogram_svg(histogram: Histogram, title: str) -> Markup:
    """Bars on a square-root scale, so that rare values are seen."""
    most = max(histogram.counts, default=0) or 1
    heights = [(count / most) ** 0.5 * HEIGHT for count in histogram.counts]
    width = BAR_W * len(heights)
    bars = "".join(
        f"M{order * BAR_W} {HEIGHT}v{-max(0.8, high):.1f}h{BAR_W - 1}V{HEIGHT}Z"
        for order, high in enumerate(heights)
        if high > 0
    )
    children = [element("path", class_="bars", d=bars), element("path", class_="g", d=f"M0 {HEIGHT}H{width}")]
    if histogram.low < 0 < histogram.high:
        zero = (0 - histogram.low) / (histogram.high - histogram.low) * width
        children.append(element("path", class_="zero", d=f"M{zero:.1f} 0V{HEIGHT}"))
    label = f"{title}: {number(histogram.low)} to {number(histogram.high)}"
    return canvas(width, HEIGHT + 1, *children, label=label, stretch=True)
