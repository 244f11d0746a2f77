"""A run compared along one axis, for a terminal, a spreadsheet, a Markdown page or a browser."""

from __future__ import annotations

from collections.abc import Iterator

from harness.domain import RunView
from harness.measure.matrix_values import Matrix
from harness.report.comparison.matrix_tables import detail_table, heading, matrix_csv
from harness.report.comparison.refusals import Refusal, caveats, refusals
from harness.report.comparison.wording import choice_sentence
from harness.report.markdown import escape
from harness.report.tables.render import render
from harness.report.wording import plural, visible

_REASONS_SHOWN = 20


def render_matrix(view: RunView, matrix: Matrix, form: str, width: int = 120) -> str:
    """The matrix as text of one of FORMATS; `width` is the terminal's in cells."""
    if form == "csv":
        return matrix_csv(matrix)
    if form == "html":
        from harness.report.comparison.heat_map import matrix_html  # Jinja2 is slow to import

        return matrix_html(view, matrix)
    lines = _markdown(view, matrix, width) if form == "markdown" else _terminal(view, matrix, width)
    return "\n".join(lines).rstrip("\n") + "\n"


def answer_line(matrix: Matrix) -> str:
    """How many ratios there are, and what they say."""
    if not matrix.lines:
        return "There is nothing to compare."
    if len(matrix.levels) < 2:
        only = matrix.levels[0] if matrix.levels else "none"
        return f"There is nothing to compare: the only {matrix.by} is {only}."
    total = sum(not cell.is_reference for cell in matrix.cells)
    return f"{matrix.ratios:,} of {plural(total, 'cell')} can be compared with {matrix.reference}."


def _terminal(view: RunView, matrix: Matrix, width: int) -> Iterator[str]:
    yield _line(f"Run {view.run.run_id}. {answer_line(matrix)}")
    yield from map(_line, matrix.notes)
    yield from _section("Not comparable", refusals(matrix))
    yield from _section("To be known", caveats(matrix))
    yield ""
    yield render(detail_table(matrix), "terminal", width)
    if matrix.choices:
        yield "Best choice (★)"
        yield from (_line(f"  {choice_sentence(choice)}") for choice in matrix.choices)


def _section(name: str, found: tuple[Refusal, ...]) -> Iterator[str]:
    if not found:
        return
    yield f"\n{name}"
    yield from (_line(f"  {one.sentence}") for one in found[:_REASONS_SHOWN])
    if len(found) > _REASONS_SHOWN:
        yield f"  and {plural(len(found) - _REASONS_SHOWN, 'more reason')}, in the CSV"


def _line(text: str) -> str:
    """One line of the terminal, whatever the names hold."""
    return " ".join(visible(text).split()) if not text.startswith("  ") else "  " + " ".join(visible(text).split())


def _markdown(view: RunView, matrix: Matrix, width: int) -> Iterator[str]:
    yield f"# {escape(heading(matrix))}"
    yield f"\nRun {escape(view.run.run_id)}. {escape(answer_line(matrix))}\n"
    yield from (f"> {escape(note)}\n" for note in matrix.notes)
    for name, found in (("Not comparable", refusals(matrix)), ("To be known", caveats(matrix))):
        if found:
            yield f"## {name}\n"
            yield from (f"- {escape(one.sentence)}" for one in found[:_REASONS_SHOWN])
            yield ""
    if matrix.choices:
        yield "## Best choice\n"
        yield from (f"- {escape(choice_sentence(choice))}" for choice in matrix.choices)
        yield ""
    yield render(detail_table(matrix), "markdown", width)
