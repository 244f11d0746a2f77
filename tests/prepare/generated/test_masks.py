from __future__ import annotations

import numpy as np
import pytest

from harness.prepare.generated.masks import KINDS, SIZE, Masks, flipped, masks


@pytest.fixture(scope="module")
def made() -> Masks:
    return masks(40, seed=5)


def test_the_seed_decides(made: Masks) -> None:
    again = masks(40, seed=5)
    assert np.array_equal(made.images, again.images)
    assert np.array_equal(made.masks, again.masks)
    assert not np.array_equal(made.masks, masks(40, seed=6).masks)


def test_shapes_ranges_and_all_kinds(made: Masks) -> None:
    assert made.images.shape == (40, SIZE, SIZE, 3)
    assert (made.images.dtype, made.masks.dtype) == (np.float32, np.uint8)
    assert 0.0 <= made.images.min() <= made.images.max() <= 1.0
    share = np.bincount(made.masks.ravel(), minlength=len(KINDS)) / made.masks.size
    assert len(share) == len(KINDS)
    assert 0.6 < share[0] < 0.9
    assert (share[1:] > 0.02).all()


def test_masks_end_where_the_colours_do(made: Masks) -> None:
    """Across a border of the mask neighbours differ more than elsewhere."""
    step = np.abs(np.diff(made.images, axis=2)).mean(axis=3)
    border = np.diff(made.masks.astype(int), axis=2) != 0
    assert step[border].mean() > 1.5 * step[~border].mean()


def test_mirrored_pictures_and_masks_stay_together(made: Masks) -> None:
    turned = flipped(made)
    assert len(turned.images) == len(turned.masks) == 160
    assert np.array_equal(turned.images[40:80], made.images[:, :, ::-1])
    assert np.array_equal(turned.masks[40:80], made.masks[:, :, ::-1])
    assert np.array_equal(turned.images[120:], made.images[:, ::-1, ::-1])
    assert np.array_equal(turned.masks[120:], made.masks[:, ::-1, ::-1])
