"""The results table as it stays on the screen and as `harness report` prints it: pure."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from harness.display.grid import fit_columns
from harness.display.marks import mark_of
from harness.display.row_cells import COLUMNS, natural_widths, row_cells, scale_of, shown_columns
from harness.domain import ResultRow

_GAP = 2


def results_table(
    rows: Sequence[ResultRow], width: int, *, limit: int | None = None, title: str = "", reasons: bool = True
) -> Table:
    """A table of final rows for a terminal of `width` cells.

    Args:
        rows: in the order to show; beyond `limit` only those that most need a look are kept, and the caption says so.
        width: columns are left out by importance until the table fits.
        reasons: show the column with the reasons of each row.
    """
    shown = _most_needed(rows, limit)
    scale = scale_of(rows)
    cells = [row_cells(row, True, scale) for row in shown]
    columns = shown_columns(shown) - (frozenset() if reasons else {"reason"})
    gap = _GAP if width >= 60 else 1
    fitted = fit_columns(COLUMNS, natural_widths(cells, columns), max(1, width - gap), gap)
    table = Table(
        title=Text(title) if title else None,
        title_justify="left",
        caption=Text(f"+{len(rows) - len(shown)} more rows, in summary.csv") if len(shown) < len(rows) else None,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, gap - 1, 0, 0),  # the box's own divider is the other cell
        header_style="bold",
        border_style="dim",
    )
    for column, cells_wide in zip(fitted.columns, fitted.widths, strict=True):
        table.add_column(
            Text(column.header),
            width=cells_wide,
            no_wrap=True,
            overflow="ellipsis",
            justify="right" if column.right else "left",
        )
    for row in cells:
        table.add_row(*(Text(row[column.name][0], row[column.name][1]) for column in fitted.columns))
    return table


def _most_needed(rows: Sequence[ResultRow], limit: int | None) -> Sequence[ResultRow]:
    if limit is None or len(rows) <= limit:
        return rows
    return sorted(rows, key=lambda row: mark_of(row).rank)[:limit]
