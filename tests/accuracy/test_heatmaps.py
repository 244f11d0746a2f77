"""From heatmaps to points, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.accuracy.heatmaps import decode_heatmaps


def one(values: np.ndarray) -> np.ndarray:
    """(1, H, W, 1)."""
    return np.asarray(values, np.float32)[None, :, :, None]


def test_a_quarter_of_a_cell_towards_the_higher_neighbour() -> None:
    heat = np.full((5, 6), -9.0)
    heat[2, 3], heat[2, 4], heat[1, 3] = 5.0, 1.0, 0.0
    assert decode_heatmaps(one(heat), 4, 0.0).tolist() == [[[(3 + 0.25) * 4, (2 - 0.25) * 4]]]
    assert decode_heatmaps(one(heat), 4, 0.5).tolist() == [[[(3 + 0.75) * 4, (2 + 0.25) * 4]]]


def test_equal_neighbours_and_borders_do_not_move_it() -> None:
    heat = np.zeros((5, 5))
    heat[2, 2] = 1.0
    assert decode_heatmaps(one(heat), 1, 0.0).tolist() == [[[2.0, 2.0]]]
    edge = np.zeros((5, 5))
    edge[0, 2], edge[0, 3] = 2.0, 1.0
    assert decode_heatmaps(one(edge), 1, 0.0).tolist() == [[[2.0, 0.0]]]


@settings(max_examples=60, deadline=None)
@given(st.floats(8, 56), st.floats(8, 40), st.sampled_from([1, 2, 4]))
def test_a_blob_about_the_middles_of_cells_is_found_to_a_quarter_of_a_cell(x: float, y: float, stride: int) -> None:
    """Along each axis a point is at most half a cell from the middle of its cell, a quarter from the moved place."""
    rows, columns = (np.arange(size // stride) + 0.5 for size in (48, 64))
    heat = np.exp(-((columns[None, :] * stride - x) ** 2 + (rows[:, None] * stride - y) ** 2) / (2 * (2 * stride) ** 2))
    found = decode_heatmaps(one(heat), stride)
    assert found[0, 0] == pytest.approx([x, y], abs=0.251 * stride)


def test_samples_and_points_are_independent() -> None:
    heat = np.random.default_rng(0).normal(size=(3, 7, 9, 4)).astype(np.float32)
    whole = decode_heatmaps(heat, 4)
    assert whole.shape == (3, 4, 2)
    for sample in range(3):
        for point in range(4):
            alone = decode_heatmaps(heat[sample : sample + 1, :, :, point : point + 1], 4)
            assert (whole[sample, point] == alone[0, 0]).all()
