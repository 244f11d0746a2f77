"""What is inside model files: read safely, counted, compared, and shown in the terminal and on a page.

`inspect_file` reads a file in a child process; `report_on` adds costs, float islands, what delegates are expected to
take and what a results store has measured (`stored_of`); `compare` puts two reports side by side; `page`, `lines`,
`comparison_lines`, `report_json` and `comparison_json` show them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.lazy import lazy_names

if TYPE_CHECKING:
    from harness.inspect.analysis import Report, report_on
    from harness.inspect.comparison import Comparison, compare
    from harness.inspect.html import page
    from harness.inspect.inspection import inspect_file
    from harness.inspect.measured import stored_of
    from harness.inspect.model import ModelFile
    from harness.inspect.text import comparison_json, comparison_lines, lines, report_json

__all__ = [
    "Comparison",
    "ModelFile",
    "Report",
    "compare",
    "comparison_json",
    "comparison_lines",
    "inspect_file",
    "lines",
    "page",
    "report_json",
    "report_on",
    "stored_of",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Comparison": "comparison",
        "ModelFile": "model",
        "Report": "analysis",
        "compare": "comparison",
        "comparison_json": "text",
        "comparison_lines": "text",
        "inspect_file": "inspection",
        "lines": "text",
        "page": "html",
        "report_json": "text",
        "report_on": "analysis",
        "stored_of": "measured",
    },
)
