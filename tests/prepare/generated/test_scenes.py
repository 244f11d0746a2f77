from __future__ import annotations

import numpy as np
import pytest

from harness.prepare.generated.scenes import KINDS, MOST_SHAPES, SIZE, Scenes, scenes


@pytest.fixture(scope="module")
def made() -> Scenes:
    return scenes(40, seed=5)


def test_the_seed_decides(made: Scenes) -> None:
    again = scenes(40, seed=5)
    assert np.array_equal(made.images, again.images)
    assert all(np.array_equal(one.boxes, other.boxes) for one, other in zip(made.scenes, again.scenes, strict=True))
    assert not np.array_equal(made.images, scenes(40, seed=6).images)


def test_shapes_and_ranges(made: Scenes) -> None:
    assert made.images.shape == (40, SIZE, SIZE, 3)
    assert made.images.dtype == np.float32
    assert 0.0 <= made.images.min() <= made.images.max() <= 1.0
    for scene in made.scenes:
        assert len(scene.boxes) == len(scene.labels) <= MOST_SHAPES
        assert (scene.boxes >= 0).all()
        assert (scene.boxes <= SIZE).all()
        assert (scene.boxes[:, 2:] > scene.boxes[:, :2]).all()
    assert {int(label) for scene in made.scenes for label in scene.labels} == set(range(len(KINDS)))


def test_shapes_reach_from_side_to_side_of_their_boxes(made: Scenes) -> None:
    """Somewhere along each side the colour changes, and more than along lines three pixels further out."""
    at, beside = [], []
    for image, scene in zip(made.images, made.scenes, strict=True):
        for box in scene.boxes.astype(int):
            for picture, (x0, y0, x1, y1) in ((image, box), (image.swapaxes(0, 1), box[[1, 0, 3, 2]])):
                steps = np.abs(np.diff(picture[y0:y1], axis=1)).max(axis=(0, 2))
                if x0 >= 4 and x1 <= SIZE - 4:
                    at += [steps[x0 - 1], steps[x1 - 1]]
                    beside += [steps[x0 - 4], steps[x1 + 2]]
    assert len(at) > 100
    assert np.mean(np.array(at) > np.array(beside)) > 0.8
