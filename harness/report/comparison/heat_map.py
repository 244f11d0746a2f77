"""The page of a matrix: what was not comparable, the best choices, the heat map, the trade-offs, every figure."""

from __future__ import annotations

from dataclasses import dataclass

from harness.domain import RunView, Verdict
from harness.measure.matrix_values import Cell, Line, Matrix, Ratio
from harness.report.comparison.matrix_tables import best_ids, detail_table, heading
from harness.report.comparison.refusals import caveats, refusals
from harness.report.comparison.wording import cell_word, choice_sentence, figure, ratio_interval, title
from harness.report.page import render_page
from harness.report.plots.series import Series
from harness.report.plots.svg import shapes
from harness.report.plots.tradeoff import tradeoffs
from harness.report.reduce import distributions
from harness.units import format_latency

# A step of colour for each of these factors: colours that are told apart, not a scale to be read off.
STEPS = (1.02, 1.1, 1.35, 2.0)


@dataclass(frozen=True)
class Square:
    """One square of the heat map: its classes, the number, the line below it, a word, and where its figures stand."""

    level: str
    classes: str
    number: str
    below: str
    word: str
    anchor: int | None


def matrix_html(view: RunView, matrix: Matrix) -> str:
    """The whole page."""
    from harness.report.comparison.inside import answer_line

    series = Series.of(view.rows)
    anchors = {id(cell): number for number, cell in enumerate(matrix.cells)}
    best = best_ids(matrix)
    table = detail_table(matrix)
    return render_page(
        "comparison.html",
        styles=("comparison.css",),
        scripts=("tables.js",),
        page_title=f"{view.run.name}: {matrix.by} compared",
        run=view.run,
        heading=heading(matrix),
        answer=answer_line(matrix),
        matrix=matrix,
        refusals=refusals(matrix),
        caveats=caveats(matrix),
        sentences=[choice_sentence(choice) for choice in matrix.choices],
        levels=matrix.levels,
        lines=[
            (line, [_square(line, index, matrix, anchors, best) for index in range(len(line.cells))])
            for line in matrix.lines
        ],
        legend_steps=_legend(),
        heads=table.heads,
        rows=[[cell.text for cell in row] for row in table.rows],
        reasons_of=[cell.row.reasons if cell.row.verdict is not Verdict.TRUSTED else "" for cell in matrix.cells],
        tradeoffs=tradeoffs(view.rows, distributions(view.invocations), series),
        legend=series.legend(view.rows),
        shapes=shapes(),
        axis=title(matrix.by),
    )


def shade(ratio: Ratio) -> str:
    """The colour class of a ratio: ``f4`` much faster … ``e`` level … ``w4`` much slower.

    A ratio whose interval holds 1 has none: it is not known in which direction it lies.
    """
    if not ratio.told_apart and (ratio.low is not None or ratio.paired):
        return "e"
    factor = max(ratio.value, 1.0 / ratio.value)
    step = sum(factor >= limit for limit in STEPS)
    return "e" if step == 0 else f"{'w' if ratio.value > 1 else 'f'}{step}"


def _square(line: Line, index: int, matrix: Matrix, anchors: dict[int, int], best: frozenset[str]) -> Square:
    cell = line.cells[index]
    level = matrix.levels[index]
    if cell is None:
        return Square(level, "none", "", "", "not in the run", None)
    star = "★ " if cell.row.case_id in best else ""
    latency = f"{format_latency(cell.row.latency_p50_ms)} ms" if cell.row.latency_p50_ms else ""
    anchor = anchors[id(cell)]
    if cell.is_reference:
        return Square(level, f"ref{_mark(cell)}", f"{star}1", latency, _word(cell), anchor)
    if cell.ratio is None:
        return Square(level, "none", "—", "", cell_word(cell), anchor)
    ratio = cell.ratio
    return Square(
        level,
        shade(ratio) + _mark(cell),
        f"{star}{figure(ratio.value)}",
        ratio_interval(ratio),
        _word(cell),
        anchor,
    )


def _word(cell: Cell) -> str:
    doubt = {
        Verdict.FELL_BACK: "fell back",
        Verdict.THROTTLED: "throttled",
        Verdict.UNVERIFIED: "unverified",
        Verdict.NOISY: "noisy",
        Verdict.WRONG_OUTPUT: "wrong output",
    }
    said = doubt.get(cell.row.verdict) if cell.row.verdict is not None else None
    return f"{cell_word(cell)}, {said}" if said else cell_word(cell)


def _mark(cell: Cell) -> str:
    """Hollow where something else than the backend did the work."""
    return " hollow" if cell.fell_back else ""


def _legend() -> list[tuple[str, str]]:
    """(class, text) of the colours, from much faster to much slower."""
    limits = [f"{limit:g}" for limit in STEPS]
    faster = [(f"f{step}", f"{limits[step - 1]} ×") for step in range(len(STEPS), 0, -1)]
    slower = [(f"w{step}", f"{limits[step - 1]} ×") for step in range(1, len(STEPS) + 1)]
    return [*faster, ("e", "level"), *slower]
