"""A matrix as tables: one for people, one line a cell for programs, and the same as plain JSON values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from harness.measure.matrix_values import Cell, Line, Matrix
from harness.report.comparison.refusals import refusals
from harness.report.comparison.wording import (
    accuracy,
    cell_word,
    choice_sentence,
    coverage,
    detectable,
    figure,
    ratio_interval,
    signed,
    start_up,
    title,
)
from harness.report.comparison.wording import memory as memory_text
from harness.report.csv_files import csv_table
from harness.report.tables.model import Cell as TableCell
from harness.report.tables.model import Table, words
from harness.report.wording import WORDS, clip, outcome
from harness.units import format_latency

HEADS = (
    *("Ratio", "99 % interval", "Could be seen", "Answer", "Latency, ms"),
    *("Delegated", "Start-up", "Memory", "Size", "Accuracy"),
)
CSV_COLUMNS = (
    *("model", "device", "held", "by", "level", "reference", "best"),
    *("ratio", "ratio_low", "ratio_high", "confidence", "blocks", "paired", "answer", "p_value"),
    *("minimum_detectable_effect_pct", "latency_p50_ms", "coverage", "delegated_nodes", "total_nodes", "partitions"),
    *("start_difference_ms", "break_even_inferences", "memory_difference_mib", "gpu_memory_difference_mib"),
    *("size_difference_mb", "accuracy_metric", "accuracy_loss", "accuracy_loss_low", "accuracy_loss_high"),
    *("status", "verdict", "reasons", "not_comparable", "caveats", "case_id"),
)


def heading(matrix: Matrix) -> str:
    """``Backends against cpu xnnpack: latency over the reference's, below 1 is faster``."""
    plural = {"backend": "backends", "variant": "variants", "runtime": "runtimes", "device": "devices"}
    name = plural.get(matrix.by, matrix.by)
    return f"{title(name)} against {matrix.reference or 'nothing'}: latency over the reference's, below 1 is faster"


def detail_table(matrix: Matrix) -> Table:
    """A row for each cell: ratio, interval, answer, and what it costs against the reference."""
    last = HEADS[1] if matrix.by != "device" else "90 % interval"
    heads = ("Model", title(matrix.by), HEADS[0], last, *HEADS[2:], "Verdict")
    best = best_ids(matrix)
    rows = tuple(
        (words(_line_name(line)), *_cells(cell, cell.row.case_id in best))
        for line in matrix.lines
        for cell in line.cells
        if cell is not None
    )
    return Table("comparison", heading(matrix), heads, rows, names=2)


def best_ids(matrix: Matrix) -> frozenset[str]:
    """The case ids of the best choices."""
    return frozenset(choice.best.row.case_id for choice in matrix.choices if choice.best is not None)


def _line_name(line: Line) -> str:
    return f"{line.title} · {line.device}" if line.device else line.title


def _cells(cell: Cell, best: bool) -> Iterator[TableCell]:
    ratio, row, costs = cell.ratio, cell.row, cell.costs
    yield words(f"{cell.level} ★" if best else cell.level)
    yield words("1" if cell.is_reference else "—" if ratio is None else figure(ratio.value))
    yield words("—" if ratio is None else ratio_interval(ratio))
    yield words("—" if ratio is None else detectable(ratio.mde))
    yield words(cell_word(cell))
    yield words(format_latency(row.latency_p50_ms))
    yield words(coverage(row))
    for text in (start_up(costs), memory_text(costs), signed(costs.size_mb, "MB"), accuracy(costs)):
        yield words("—" if cell.is_reference else text)
    yield words(clip(WORDS[outcome(row)], 20))


def matrix_csv(matrix: Matrix) -> str:
    """One line a cell, in the order of CSV_COLUMNS."""
    best = best_ids(matrix)
    lines = (
        _csv_line(matrix, line, cell, cell.row.case_id in best)
        for line in matrix.lines
        for cell in line.cells
        if cell is not None
    )
    return csv_table(CSV_COLUMNS, lines)


def _csv_line(matrix: Matrix, line: Line, cell: Cell, best: bool) -> list[object]:
    ratio, row, costs = cell.ratio, cell.row, cell.costs
    found: list[object] = [line.model, line.device, line.held, matrix.by, cell.level, matrix.reference]
    found.append("yes" if best else "no")
    if ratio is None:
        found += [None] * 6 + [cell_word(cell), None, None]
    else:
        mde_pct = None if ratio.mde is None else 100 * ratio.mde
        found += [ratio.value, ratio.low, ratio.high, ratio.confidence, ratio.blocks, "yes" if ratio.paired else "no"]
        found += [cell_word(cell), ratio.p, mde_pct]
    found += [row.latency_p50_ms, row.coverage, row.delegated_nodes, row.total_nodes, row.partitions]
    found += [costs.start_ms, costs.break_even, costs.memory_mib, costs.gpu_memory_mib, costs.size_mb]
    found += [costs.metric, costs.accuracy_loss, costs.accuracy_loss_low, costs.accuracy_loss_high]
    found += [row.status, row.verdict, row.reasons, "; ".join(cell.refused), "; ".join(cell.caveats), row.case_id]
    return found


def matrix_json(matrix: Matrix) -> dict[str, Any]:
    """Plain values for `--json`; what is not known is null."""
    return {
        "by": matrix.by,
        "reference": matrix.reference,
        "levels": list(matrix.levels),
        "notes": list(matrix.notes),
        "not_comparable": [{"reason": one.reason, "cells": list(one.cells)} for one in refusals(matrix)],
        "lines": [
            {
                "model": line.model,
                "device": line.device,
                "held": line.held,
                "cells": [_cell_json(cell) for cell in line.cells if cell is not None],
            }
            for line in matrix.lines
        ],
        "best": [
            {
                "model": choice.model,
                "device": choice.device,
                "sentence": choice_sentence(choice),
                "best": None if choice.best is None else choice.best.name,
                "case_id": None if choice.best is None else choice.best.row.case_id,
                "second": None if choice.second is None else choice.second.name,
                "second_over_best": None if choice.ratio is None else asdict(choice.ratio),
                "told_apart": None if choice.ratio is None else choice.ratio.decided,
                "costs": asdict(choice.costs),
                "level_with": list(choice.level_with),
            }
            for choice in matrix.choices
        ],
    }


def _cell_json(cell: Cell) -> dict[str, Any]:
    row = cell.row
    return {
        "level": cell.level,
        "case_id": row.case_id,
        "is_reference": cell.is_reference,
        "ratio": None if cell.ratio is None else asdict(cell.ratio),
        "answer": cell_word(cell),
        "costs": asdict(cell.costs),
        "latency_p50_ms": row.latency_p50_ms,
        "coverage": row.coverage,
        "delegated_nodes": row.delegated_nodes,
        "total_nodes": row.total_nodes,
        "partitions": row.partitions,
        "status": row.status.value,
        "verdict": None if row.verdict is None else row.verdict.value,
        "reasons": row.reasons,
        "not_comparable": list(cell.refused),
        "caveats": list(cell.caveats),
    }
