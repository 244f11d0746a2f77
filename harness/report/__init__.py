"""Reports of one run, from values to files; nothing here touches a device or the store.

`write_reports` writes `summary.csv`, `metrics.csv`, `summary.md`, `junit.xml`, `report.html` and `logs/`;
`takeaways` says in three sentences what a reader should take away.
"""

from harness.report.takeaways import takeaways
from harness.report.writer import write_reports

__all__ = ["takeaways", "write_reports"]
