"""Each model on each backend of each device: its latency and its ratio to the CPU, only between comparable rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.domain import Purpose, RunView
from harness.measure.matrix import compare_inside
from harness.measure.matrix_values import Cell, Line, Matrix
from harness.report.comparison.heat_map import shade
from harness.report.comparison.wording import cell_word, coverage, figure, interval
from harness.report.table import GLYPHS
from harness.report.wording import WORDS, is_trusted, outcome
from harness.units import format_latency

LINES_SHOWN = 60
PAIRED_UP_TO = 600  # timed invocations: each takes some 2 ms to judge
_COVERAGE = {"full": "●", "partial": "◐", "none": "○"}


@dataclass(frozen=True)
class Square:
    """One row of the run; `ratio` is empty in the reference and where there is none, which `word` then explains.

    `anchor` is the row's place in the results table, None where the run has no such row.
    """

    level: str
    classes: str = "none"
    latency: str = ""
    ratio: str = ""
    word: str = "not in the run"
    mark: str = ""
    covered: str = ""
    doubt: str = ""
    glyph: str = ""
    anchor: int | None = None


@dataclass(frozen=True)
class DeviceMatrix:
    """The lines of one device; `levels` name the columns, the reference first."""

    device: str
    levels: tuple[str, ...]
    lines: tuple[tuple[str, tuple[Square, ...]], ...]
    folded: int


@dataclass(frozen=True)
class DelegateMatrix:
    """What the page shows; `paired` says that the ratios are by block. Without devices there is nothing to compare."""

    devices: tuple[DeviceMatrix, ...]
    reference: str
    paired: bool


def delegate_matrix(view: RunView) -> DelegateMatrix:
    """The matrix of backends of a run; empty when it has one backend only."""
    paired = sum(record.purpose is Purpose.TIMING for record in view.invocations) <= PAIRED_UP_TO
    matrix = compare_inside(view, "backend", paired=paired)
    if len(matrix.levels) < 2:
        return DelegateMatrix((), matrix.reference, paired)
    anchors = {row.case_id: index for index, row in enumerate(view.rows)}
    groups: dict[str, list[Line]] = {}
    for line in matrix.lines:
        groups.setdefault(line.device, []).append(line)
    most = max(4, LINES_SHOWN // max(1, len(groups)))
    devices = (_device(device, matrix, lines, anchors, most) for device, lines in groups.items())
    return DelegateMatrix(tuple(devices), matrix.reference, paired)


def _device(device: str, matrix: Matrix, lines: list[Line], anchors: Mapping[str, int], most: int) -> DeviceMatrix:
    """At most `most` lines, in their order; those with a ratio before the others where not all fit."""
    ranked = sorted(lines, key=lambda line: not any(cell is not None and cell.ratio for cell in line.cells))
    kept = {id(line) for line in ranked[:most]}
    shown = [line for line in lines if id(line) in kept]
    used = [any(line.cells[index] is not None for line in lines) for index in range(len(matrix.levels))]
    levels = tuple(level for level, some in zip(matrix.levels, used, strict=True) if some)
    squares = (
        (
            line.title,
            tuple(
                _square(cell, level, anchors)
                for cell, level, some in zip(line.cells, matrix.levels, used, strict=True)
                if some
            ),
        )
        for line in shown
    )
    return DeviceMatrix(device, levels, tuple(squares), len(lines) - len(shown))


def _square(cell: Cell | None, level: str, anchors: Mapping[str, int]) -> Square:
    if cell is None:
        return Square(level)
    row = cell.row
    word = cell_word(cell) if cell.ratio is None or cell.ratio.paired else ""
    doubt = "" if is_trusted(row) else WORDS[outcome(row)]
    covered = bool(row.latency_p50_ms) and not row.backend.startswith("cpu builtin")
    return Square(
        level=level,
        classes=_classes(cell),
        latency=f"{format_latency(row.latency_p50_ms)} ms" if row.latency_p50_ms else "—",
        ratio=_ratio(cell),
        word="" if word == doubt else word,
        mark=_COVERAGE.get(row.coverage, "?") if covered else "",
        covered=coverage(row),
        doubt=doubt,
        glyph=GLYPHS.get(outcome(row), "!"),
        anchor=anchors.get(row.case_id),
    )


def _classes(cell: Cell) -> str:
    name = "ref" if cell.is_reference else "none" if cell.ratio is None else shade(cell.ratio)
    return f"{name} hollow" if cell.fell_back else name


def _ratio(cell: Cell) -> str:
    """``0.44 × (0.43 to 0.45)``."""
    if cell.ratio is None:
        return ""
    told = interval(cell.ratio.low, cell.ratio.high)
    return f"{figure(cell.ratio.value)} ×{f' ({told})' if told else ''}"
