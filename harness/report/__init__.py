"""Reports of one run, from values to files; nothing here touches a device or the store.

`write_reports` writes `summary.csv`, `metrics.csv`, `summary.md`, `junit.xml`, `report.html` and `logs/`;
`takeaways` says in three sentences what a reader should take away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.lazy import lazy_names
from harness.report.takeaways import takeaways

if TYPE_CHECKING:
    from harness.report.writer import write_reports

__all__ = ["takeaways", "write_reports"]

__getattr__ = lazy_names(__name__, {"write_reports": "writer"})
