from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from harness.report.pareto import front

_POINT = st.tuples(st.integers(0, 8).map(float), st.integers(0, 8).map(float))


def _beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] <= other[0] and one[1] >= other[1] and one != other


def test_no_points_no_front() -> None:
    assert front([]) == ()


def test_front_runs_by_rising_cost_and_score() -> None:
    assert front([(3, 9), (1, 5), (2, 4), (2, 7), (9, 9)]) == (1, 3, 0)


def test_equal_points_are_both_on_the_front() -> None:
    assert front([(1, 5), (1, 5)]) == (0, 1)


def test_a_nan_is_never_on_the_front() -> None:
    assert front([(math.nan, 9), (1, math.nan), (2, 3)]) == (2,)


@given(st.lists(_POINT, max_size=30))
def test_front_is_exactly_what_nothing_beats(points: list[tuple[float, float]]) -> None:
    expected = {index for index, point in enumerate(points) if not any(_beats(other, point) for other in points)}
    assert set(front(points)) == expected
