"""One table for a terminal, a spreadsheet, a Markdown page or a browser."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from harness.report.csv_files import csv_table
from harness.report.markdown import escape
from harness.report.tables.model import Table
from harness.report.wording import visible

if TYPE_CHECKING:
    from rich.table import Table as RichTable

FORMATS = ("terminal", "csv", "markdown", "html")


def render(table: Table, form: str, width: int = 120) -> str:
    """The table as text of one of `FORMATS`; `width` is the terminal's in cells."""
    if form == "terminal":
        return _terminal(table, width)
    return _WRITERS[form](table)


def _terminal(table: Table, width: int) -> str:
    """A block for each group (what the names before the last one say), with columns of one width over all groups."""
    from rich.console import Console
    from rich.text import Text

    texts = [[cell.shown for cell in row] for row in table.rows]
    shown = [index for index in range(table.names - 1, len(table.heads)) if any(row[index] != "—" for row in texts)]
    buffer = io.StringIO()
    console = Console(file=buffer, width=max(width, 60), color_system=None, highlight=False)
    console.print(Text(_one_line(table.title)))
    for names, group in itertools.groupby(texts, key=lambda row: tuple(row[: table.names - 1])):
        if any(names):
            console.print(Text(f"\n{_one_line(' · '.join(names))}"))
        lines = list(group)
        for part in _parts(table, shown, texts, console.width):
            console.print(_block(table, part, lines, texts))
    for note in table.notes:
        console.print(Text(_one_line(note)))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def _parts(table: Table, shown: list[int], texts: list[list[str]], width: int) -> list[list[int]]:
    """The columns in as many blocks as they need to fit into `width`, the name in each: a cut figure is a wrong one."""
    parts = [shown[:1]]
    for index in shown[1:]:
        if len(parts[-1]) > 1 and sum(_least(table, at, texts) + 2 for at in [*parts[-1], index]) > width:
            parts.append(shown[:1])
        parts[-1].append(index)
    return parts


def _least(table: Table, index: int, texts: list[list[str]]) -> int:
    """The cells that a column needs: its longest entry, up to 24 of it, and no word of its head broken."""
    from rich.cells import cell_len

    longest = max(cell_len(row[index]) for row in texts)
    return max(min(longest, 24), *(cell_len(word) for word in table.heads[index].split() or [""]))


def _block(table: Table, shown: list[int], group: list[list[str]], texts: list[list[str]]) -> RichTable:
    from rich.table import Table as RichTable
    from rich.text import Text

    block = RichTable(box=None, pad_edge=False, padding=(0, 1))
    for index in shown:
        justify: Literal["left", "right"] = "left" if index < table.names or index == len(table.heads) - 1 else "right"
        block.add_column(Text(table.heads[index]), justify=justify, min_width=_least(table, index, texts))
    for row in group:
        block.add_row(*(Text(_one_line(row[index])) for index in shown))
    return block


def _one_line(text: str) -> str:
    """Text in which no name can command the terminal or break a line."""
    return " ".join(visible(text).split())


def _csv(table: Table) -> str:
    return csv_table(*table.for_programs())


def _markdown(table: Table) -> str:
    marks = [" --- " if index < table.names else " ---: " for index in range(len(table.heads))]
    lines = [f"## {escape(table.title)}", "", _line(table.heads), f"|{'|'.join(marks)}|"]
    lines += [_line(tuple(cell.shown for cell in row)) for row in table.rows]
    for note in table.notes:
        lines += ["", escape(note)]
    return "\n".join(lines) + "\n"


def _line(texts: tuple[str, ...]) -> str:
    return f"| {' | '.join(map(escape, texts))} |"


def _html(table: Table) -> str:
    from harness.report.page import render_page  # Jinja2 is slow to import

    return render_page("table.html", scripts=("tables.js",), table=table)


_WRITERS: Mapping[str, Callable[[Table], str]] = {"csv": _csv, "markdown": _markdown, "html": _html}
