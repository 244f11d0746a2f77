"""The alarm of a history, on simulated series."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from harness.measure.creep import LEAST_NIGHTS, creep_test, locate_change
from tests.measure.histories import noise

WINDOW = 74


def logs(ratios: Sequence[float]) -> list[float]:
    return [math.log(ratio) for ratio in ratios]


def alarms_a_year(kind: str, series: int) -> float:
    """How often a night raises an alarm that the night before did not, with the whole window before each."""
    rng, alarms, nights = np.random.default_rng(4), 0, 0
    for _ in range(series):
        values, before = logs(noise(rng, 240 + WINDOW, kind)), 0
        for end in range(WINDOW, len(values) + 1):
            found = creep_test(values[end - WINDOW : end])
            assert found is not None
            alarms += bool(found.direction and not before)
            before, nights = found.direction, nights + 1
    return 365 * alarms / nights


def delays(kind: str, step: float, series: int) -> list[int]:
    """Nights from a step to its alarm, 60 where there is none by then."""
    rng, found = np.random.default_rng(5), []
    for _ in range(series):
        values = logs(noise(rng, WINDOW + 60, kind))
        values[WINDOW:] = [value + math.log1p(step) for value in values[WINDOW:]]
        ends = (end for end in range(WINDOW + 1, len(values) + 1) if alarm(values[end - WINDOW : end]))
        found.append(next(ends, WINDOW + 60) - WINDOW)
    return found


def alarm(values: Sequence[float]) -> int:
    found = creep_test(values)
    assert found is not None
    return found.direction


@pytest.mark.parametrize(("kind", "at_most"), [("gauss", 0.35), ("ar1", 1.7), ("outlier", 0.7)])
def test_false_alarms_a_year(kind: str, at_most: float) -> None:
    """Expected: 0.08, 0.9 and 0.3; here over 26 series-years, with the bounds that chance allows."""
    assert alarms_a_year(kind, 40) <= at_most


@pytest.mark.parametrize(("kind", "middle", "late"), [("gauss", 5, 9), ("ar1", 6, 12), ("outlier", 6, 11)])
def test_a_step_of_five_percent_is_found_within_days(kind: str, middle: int, late: int) -> None:
    found = delays(kind, 0.05, 60)
    assert abs(float(np.median(found)) - middle) <= 1
    assert float(np.quantile(found, 0.9)) <= late + 2


def test_an_alarm_has_a_direction_and_a_size() -> None:
    values = logs(noise(np.random.default_rng(6), 80, spread=0.01))
    for sign in (1, -1):
        moved = creep_test([*values, *(sign * 0.08 + value for value in values[:8])])
        assert moved is not None
        assert moved.direction == sign
        assert math.log1p(moved.shift) == pytest.approx(sign * 0.08, abs=0.01)
        assert 7 <= moved.nights <= 9
        assert moved.limit_share > 1


def test_a_single_wild_night_raises_no_alarm() -> None:
    values = logs(noise(np.random.default_rng(7), 80, spread=0.01))
    assert alarm([*values, math.log(3.0)]) == 0


def test_a_shift_below_two_percent_does_not_count_however_sure() -> None:
    values = logs(noise(np.random.default_rng(8), 80, spread=0.001))
    below, above = ([*values, *(value + math.log1p(step) for value in values[:14])] for step in (0.018, 0.022))
    assert alarm(below) == 0
    assert alarm(above) == 1


def test_figures_that_do_not_vary_have_no_noise() -> None:
    assert alarm([0.0] * 80) == 0
    assert alarm([0.0] * 80 + [math.log(1.05)] * 4) == 1


def test_too_few_nights_are_said() -> None:
    assert creep_test([0.0] * (LEAST_NIGHTS - 1)) is None
    assert creep_test([0.0] * LEAST_NIGHTS) is not None


def test_only_the_window_matters() -> None:
    values = logs(noise(np.random.default_rng(9), WINDOW))
    assert creep_test([5.0] * 100 + values) == creep_test(values)


# ---- where -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gauss", "ar1", "outlier"])
def test_the_range_of_nights_holds_the_true_one(kind: str) -> None:
    rng, held, widths, slopes = np.random.default_rng(10), 0, [], 0
    for _ in range(60):
        values = logs(noise(rng, 90, kind))
        values[60:] = [value + math.log1p(0.05) for value in values[60:]]
        found = locate_change(values)
        held += found.first <= 60 <= found.last
        widths.append(found.last - found.first + 1)
        slopes += found.creeping
        assert found.first <= found.best <= found.last
    assert held >= 50
    assert np.median(widths) <= 6
    assert slopes <= 4


def test_a_slope_is_told_from_a_step() -> None:
    rng, told = np.random.default_rng(11), 0
    for _ in range(20):
        values = logs(noise(rng, 90, spread=0.01))
        values[50:] = [value + 0.003 * index for index, value in enumerate(values[50:])]
        found = locate_change(values)
        told += found.creeping
        assert not found.creeping or abs(found.best - 50) <= 15
    assert told >= 18


def test_sure_ranges_are_short_and_shifts_are_relative() -> None:
    found = locate_change([0.0] * 30 + [math.log(1.1)] * 10)
    assert (found.first, found.best, found.last) == (30, 30, 30)
    assert found.shift == pytest.approx(0.1)


def test_what_cannot_be_split_is_refused() -> None:
    with pytest.raises(ValueError, match="5 nights"):
        locate_change([0.0] * 5)


def test_the_split_is_that_of_a_library_for_it() -> None:
    ruptures = pytest.importorskip("ruptures")
    rng = np.random.default_rng(12)
    compared = 0
    for _ in range(20):
        values = logs(noise(rng, 60, "outlier"))
        values[35:] = [value + 0.06 for value in values[35:]]
        ours = locate_change(values)
        theirs = ruptures.Dynp(model="l1", min_size=3, jump=1).fit(np.array(values)).predict(n_bkps=1)[0]
        assert ours.creeping or ours.best == theirs
        compared += not ours.creeping
    assert compared >= 15
