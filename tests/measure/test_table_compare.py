"""Two stored runs side by side."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from harness.measure import compare_tables


def test_ratios_and_what_stands_out() -> None:
    outcome = compare_tables([10.0, 10.0, 10.0, math.nan, 0.0], [10.1, 11.0, 9.0, 5.0, 5.0])
    assert outcome.ratio[:3] == pytest.approx([1.01, 1.1, 0.9])
    assert np.isnan(outcome.ratio[3:]).all()
    assert outcome.apart.tolist() == [False, True, True, False, False]
    assert outcome.geometric_mean == pytest.approx((1.01 * 1.1 * 0.9) ** (1 / 3))
    assert outcome.verdict == "NOT_INTERLEAVED"


def test_overlapping_or_missing_intervals_do_not_stand_out() -> None:
    outcome = compare_tables(
        [10.0, 10.0, 10.0],
        [11.0, 11.0, 11.0],
        interval_a_ms=([9.9, 9.0, 9.9], [10.1, 10.9, 10.1]),
        interval_b_ms=([10.9, 10.8, math.nan], [11.1, 11.9, math.nan]),
    )
    assert outcome.apart.tolist() == [True, False, False]
    faster = compare_tables([10.0], [9.0], interval_a_ms=([9.9], [10.1]), interval_b_ms=([8.9], [9.1]))
    assert faster.apart.tolist() == [True]


def test_tables_that_do_not_match_are_refused() -> None:
    with pytest.raises(ValueError, match="2 and 1 rows"):
        compare_tables([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="both tables or of neither"):
        compare_tables([1.0], [1.0], interval_a_ms=([0.9], [1.1]))
    with pytest.raises(ValueError, match="1 rows each"):
        compare_tables([1.0], [1.0], interval_a_ms=([0.9], [1.1]), interval_b_ms=([0.9, 1.0], [1.1, 1.2]))
    with pytest.raises(ValueError, match="one-dimensional"):
        compare_tables([[1.0]], [[1.0]])


def test_nothing_in_common_has_no_mean() -> None:
    assert math.isnan(compare_tables([math.nan], [1.0]).geometric_mean)


def test_a_hundred_thousand_rows_are_quick() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.lognormal(size=(2, 100_000))
    start = time.perf_counter()
    outcome = compare_tables(a, b, interval_a_ms=(0.9 * a, 1.1 * a), interval_b_ms=(0.9 * b, 1.1 * b))
    assert time.perf_counter() - start < 0.5
    assert outcome.ratio.size == 100_000
