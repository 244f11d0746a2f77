"""Two runs side by side, row by row: a first look at 100,000 rows, never a verdict.

Rows of two runs did not run interleaved, so a difference may be the device's. What stands out is to be confirmed by
`harness.measure.compare_blocks` in one interleaved run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.measure.change_rules import LATENCY_SHARE as MIN_EFFECT

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

NOT_INTERLEAVED = "NOT_INTERLEAVED"


@dataclass(frozen=True, eq=False)
class TableComparison:
    """Arrays of (n,), in the order of the rows.

    `ratio` is B over A, NaN where a latency is missing or not positive. `apart` is true where the change is at least
    `min_effect` and the confidence intervals, if given, do not overlap: worth an interleaved measurement.
    `geometric_mean` is over the rows that have a ratio, NaN without any.
    """

    ratio: NDArray[np.float64]
    apart: NDArray[np.bool_]
    geometric_mean: float
    min_effect: float
    verdict: str = NOT_INTERLEAVED


def compare_tables(
    latency_a_ms: ArrayLike,
    latency_b_ms: ArrayLike,
    *,
    interval_a_ms: tuple[ArrayLike, ArrayLike] | None = None,
    interval_b_ms: tuple[ArrayLike, ArrayLike] | None = None,
    min_effect: float = MIN_EFFECT,
) -> TableComparison:
    """Ratios of the p50 of matching rows of two runs.

    Args:
        latency_a_ms: (n,) p50 of the base, NaN where missing.
        latency_b_ms: (n,) p50 of the candidate in the same order.
        interval_a_ms: (low, high) of the base, each (n,); a missing end never separates two rows.
        interval_b_ms: the same of the candidate.
        min_effect: the least relative change that stands out.

    Raises:
        ValueError: the arrays are not one-dimensional and of one length, or only one interval is given.
    """
    a, b = _column(latency_a_ms), _column(latency_b_ms)
    if a.shape != b.shape:
        raise ValueError(f"the tables have {a.size} and {b.size} rows: match them by case first")
    if (interval_a_ms is None) != (interval_b_ms is None):
        raise ValueError("give the intervals of both tables or of neither")
    usable = np.isfinite(a) & np.isfinite(b) & (a > 0) & (b > 0)
    ratio = np.divide(b, a, out=np.full(a.shape, np.nan), where=usable)
    logs = np.log(ratio[usable])
    apart = usable & (np.abs(np.where(usable, ratio, 1.0) - 1.0) >= min_effect)
    if interval_a_ms is not None and interval_b_ms is not None:
        low_a, high_a, low_b, high_b = (_column(end) for end in (*interval_a_ms, *interval_b_ms))
        if any(end.shape != a.shape for end in (low_a, high_a, low_b, high_b)):
            raise ValueError(f"the intervals do not have {a.size} rows each")
        apart &= (low_b > high_a) | (high_b < low_a)
    return TableComparison(ratio, apart, math.exp(float(logs.mean())) if logs.size else math.nan, min_effect)


def _column(values: ArrayLike) -> NDArray[np.float64]:
    column = np.asarray(values, np.float64)
    if column.ndim != 1:
        raise ValueError("a table column is one-dimensional")
    return column
