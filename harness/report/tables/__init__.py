"""Tables in the forms that the field publishes, from a run's rows, with the published figures beside ours.

`build_table` makes one of `TABLES`; `render` writes it for a terminal's width, as CSV, Markdown or an HTML page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.lazy import lazy_names
from harness.report.tables.model import Cell, Table
from harness.report.tables.render import FORMATS, render

if TYPE_CHECKING:
    from harness.report.tables.kinds import TABLES, build_table

__all__ = ["FORMATS", "TABLES", "Cell", "Table", "build_table", "render"]

__getattr__ = lazy_names(__name__, {"TABLES": "kinds", "build_table": "kinds"})
