"""Protocol, statistics, verdict and comparison. Pure; the sample is the process.

`schedule` orders invocations, `summarise_case` turns what came back into a row with a verdict (`judge`),
`compare_blocks` says whether one case is slower than another. See docs/measuring.md for what the numbers mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.lazy import lazy_names

if TYPE_CHECKING:
    from harness.measure.comparison import BlockMedian, Comparison, block_medians, compare_blocks
    from harness.measure.findings import CaseEvidence, Timing
    from harness.measure.invocation import (
        InvocationSummary,
        invocation_tail,
        median_ms,
        sample_count,
        summarise_invocation,
        summarise_result,
    )
    from harness.measure.protocol import schedule
    from harness.measure.quality import Judgement, judge
    from harness.measure.statistics import LatencyEstimate, estimate_latency, quantile
    from harness.measure.summary import accuracy_pass_failed, skipped_row, summarise_case, sustained_pass_failed
    from harness.measure.table_compare import TableComparison, compare_tables
    from harness.measure.warmup import classify

__all__ = [
    "BlockMedian",
    "CaseEvidence",
    "Comparison",
    "InvocationSummary",
    "Judgement",
    "LatencyEstimate",
    "TableComparison",
    "Timing",
    "accuracy_pass_failed",
    "block_medians",
    "classify",
    "compare_blocks",
    "compare_tables",
    "estimate_latency",
    "invocation_tail",
    "judge",
    "median_ms",
    "quantile",
    "sample_count",
    "schedule",
    "skipped_row",
    "summarise_case",
    "summarise_invocation",
    "summarise_result",
    "sustained_pass_failed",
]

__getattr__ = lazy_names(
    __name__,
    {
        **dict.fromkeys(("BlockMedian", "Comparison", "block_medians", "compare_blocks"), "comparison"),
        **dict.fromkeys(("CaseEvidence", "Timing"), "findings"),
        **dict.fromkeys(("InvocationSummary", "invocation_tail", "median_ms", "sample_count"), "invocation"),
        **dict.fromkeys(("summarise_invocation", "summarise_result"), "invocation"),
        "schedule": "protocol",
        **dict.fromkeys(("Judgement", "judge"), "quality"),
        **dict.fromkeys(("LatencyEstimate", "estimate_latency", "quantile"), "statistics"),
        **dict.fromkeys(("accuracy_pass_failed", "skipped_row", "summarise_case", "sustained_pass_failed"), "summary"),
        **dict.fromkeys(("TableComparison", "compare_tables"), "table_compare"),
        "classify": "warmup",
    },
)
