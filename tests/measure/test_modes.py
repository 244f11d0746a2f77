"""One mode or two."""

from __future__ import annotations

import numpy as np
import pytest

from harness.measure.modes import explained_by_chance, find_modes


@pytest.mark.parametrize("count", [8, 12, 20, 30])
def test_one_normal_mode_is_rarely_taken_for_two(count: int) -> None:
    rng = np.random.default_rng(count)
    alarms = sum(find_modes(np.exp(rng.normal(1.0, 0.03, count))) is not None for _ in range(1500))
    assert alarms <= 1500 * 0.01


@pytest.mark.parametrize(("count", "share"), [(8, 0.5), (12, 0.25), (20, 0.4), (30, 0.7)])
def test_two_core_clusters_are_found(count: int, share: float) -> None:
    slow = np.arange(count) < round(share * count)
    medians_ms = np.where(slow, 30.0, 20.0) * np.exp(np.random.default_rng(0).normal(0.0, 0.01, count))
    modes = find_modes(medians_ms)
    assert modes is not None
    assert modes.fast_ms == pytest.approx(20.0, rel=0.02)
    assert modes.slow_ms == pytest.approx(30.0, rel=0.02)
    assert modes.slow_share == round(share * count) / count


def test_what_is_not_two_modes() -> None:
    assert find_modes([20.0, 30.0, 20.0, 30.0]) is None
    assert find_modes([20.0] * 18 + [30.0] * 2) is None
    assert find_modes([20.0] * 10 + [20.4] * 10) is None
    assert find_modes([20.0] * 20) is None


def test_the_threshold_comes_down_to_eighty_percent() -> None:
    assert explained_by_chance(8) > explained_by_chance(20) > explained_by_chance(30) > 0.8
    assert explained_by_chance(100) == 0.8
