from __future__ import annotations

import numpy as np
import pytest

from harness.prepare.generated.faces import LEFT_EYE, POINTS, RIGHT_EYE, SIZE, Faces, faces


@pytest.fixture(scope="module")
def made() -> Faces:
    return faces(60, seed=5)


def test_the_seed_decides(made: Faces) -> None:
    again, other = faces(60, seed=5), faces(60, seed=6)
    assert np.array_equal(made.images, again.images)
    assert np.array_equal(made.points, again.points)
    assert not np.array_equal(made.points, other.points)


def test_shapes_and_ranges(made: Faces) -> None:
    assert made.images.shape == (60, SIZE, SIZE, 1)
    assert made.points.shape == (60, len(POINTS), 2)
    assert made.images.dtype == made.points.dtype == np.float32
    assert 0.0 <= made.images.min() < 0.1
    assert 0.9 < made.images.max() <= 1.0
    assert made.points.min() >= 0
    assert made.points.max() <= SIZE


def test_the_parts_of_a_face_lie_as_they_do(made: Faces) -> None:
    right, left, nose, chin = (made.points[:, index] for index in (RIGHT_EYE, LEFT_EYE, 4, 9))
    assert (left[:, 0] - right[:, 0] > 10).all()
    down = chin - (left + right) / 2
    eyes = left - right
    assert (np.abs((down * eyes).sum(axis=1)) < 0.35 * np.hypot(*down.T) * np.hypot(*eyes.T)).all()
    assert (nose[:, 1] > (left[:, 1] + right[:, 1]) / 2).all()


def test_the_eyes_are_darkest_between_their_corners(made: Faces) -> None:
    """The iris is nearly black, so the picture must be darker in the middle of an eye than on the cheek below it."""
    middles = (made.points[:, [0, 2]] + made.points[:, [1, 3]]) / 2
    cheeks = (middles + made.points[:, [5, 7]]) / 2
    darker = [
        _tone(image, eye) < _tone(image, cheek)
        for image, eyes, below in zip(made.images, middles, cheeks, strict=True)
        for eye, cheek in zip(eyes, below, strict=True)
    ]
    assert np.mean(darker) > 0.8


def _tone(image: np.ndarray, place: np.ndarray) -> float:
    column, row = place.astype(int)
    return float(image[row - 1 : row + 2, column - 1 : column + 2].mean())
