"""What a night leaves behind: pure functions from a `Night` to text, one format a module, and `write_night`.

nightly.json, summary.md, junit.xml and nightly.html for people and CI servers; google_benchmark.json, bencher.json,
otava.csv and metrics.prom for the tools that keep histories.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.lazy import lazy_names

if TYPE_CHECKING:
    from harness.report.nightly.writer import write_night

__all__ = ["write_night"]

__getattr__ = lazy_names(__name__, {"write_night": "writer"})
