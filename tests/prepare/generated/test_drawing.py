from __future__ import annotations

import numpy as np

from harness.prepare.generated.drawing import Frame, backgrounds, between, coverage, paint


def _ones(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_areas_are_those_of_the_shapes() -> None:
    frame = Frame(64, _ones(32, 32)[None], _ones(0.4))
    for distance, area in (
        (frame.ellipse(_ones(20), _ones(20)), np.pi * 400),
        (frame.ellipse(_ones(20), _ones(10)), np.pi * 200),
        (frame.box(_ones(10), _ones(5)), 200),
        (frame.triangle(_ones(20)), 3 * np.sqrt(3) / 4 * 400),
        (frame.ring(_ones(20)), np.pi * 300),
        (frame.cross(_ones(20)), 4 * 400 * (2 * 0.35 - 0.35**2)),
    ):
        assert abs(coverage(distance).sum() - area) < 0.02 * area


def test_a_turned_and_moved_shape_is_where_it_should_be() -> None:
    cover = coverage(Frame(32, _ones(20, 8)[None], _ones(np.pi / 2)).box(_ones(6), _ones(2)))[0]
    rows, columns = np.nonzero(cover > 0.5)
    assert (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1) == (2, 14, 18, 22)


def test_between_runs_from_start_to_end() -> None:
    frame, half = between(32, _ones(4, 4)[None], _ones(28, 28)[None])
    cover = coverage(frame.box(half, _ones(1)))[0]
    assert half[0] == np.float32(np.hypot(12, 12))
    assert (np.diag(cover)[6:26] == 1).all()
    assert cover[4, 28] == cover[28, 4] == 0


def test_paint_blends_by_coverage() -> None:
    images = np.zeros((1, 1, 3, 2), np.float32)
    paint(images, _ones(0, 0.5, 1).reshape(1, 1, 3), _ones(1, 0.5)[None])
    assert images[0, 0].tolist() == [[0, 0], [0.5, 0.25], [1, 0.5]]


def test_backgrounds_are_seeded_and_vary() -> None:
    one, other = (backgrounds(np.random.default_rng(3), 6, 32, 3) for _ in range(2))
    assert np.array_equal(one, other)
    assert one.shape == (6, 32, 32, 3)
    assert one.dtype == np.float32
    assert not np.array_equal(one[0], one[1])
