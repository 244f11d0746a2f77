"""Drawn scenes for segmentation: shapes of four kinds over a textured background, and the kind of every pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.prepare.generated.drawing import backgrounds, uniform
from harness.prepare.generated.scenes import AT_ONCE, draw_shapes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.prepare.generated.drawing import Floats

SIZE = 64
KINDS = ("background", "disc", "square", "triangle", "ring")
MOST_SHAPES = 4
RADII = (7.0, 18.0)
_DRAWN_AS = np.array([0, 1, 2, 4])  # the places in `SHAPES` that the kinds 1 to 4 are


@dataclass(frozen=True)
class Masks:
    """`images` (n, 64, 64, 3) float32 in [0, 1]; `masks` (n, 64, 64) uint8, indices of KINDS."""

    images: Floats
    masks: NDArray[np.uint8]


def masks(count: int, seed: int) -> Masks:
    """`count` images, the same ones for the same `seed`."""
    rng = np.random.default_rng(seed)
    images = backgrounds(rng, count, SIZE, 3)
    parts = (images[begin : begin + AT_ONCE] for begin in range(0, count, AT_ONCE))
    return Masks(images, np.concatenate([_draw(rng, part) for part in parts]))


def _draw(rng: np.random.Generator, images: Floats) -> NDArray[np.uint8]:
    """Draw shapes into each of `images`, in place; returns the kinds of the pixels."""
    count = len(images)
    images += (uniform(rng, 0.4, 1.0, count, 1, 1, 1) - 1) * (images - 0.5)
    truth = np.zeros((count, SIZE, SIZE), np.uint8)
    how_many = rng.integers(1, MOST_SHAPES + 1, count)
    for position in range(MOST_SHAPES):
        kind = rng.integers(1, len(KINDS), count)
        cover = draw_shapes(rng, SIZE, _DRAWN_AS[kind - 1], RADII) * (position < how_many)[:, None, None]
        images += cover[..., None] * (_surfaces(rng, images) - images)
        truth = np.where(cover > 0.5, kind[:, None, None], truth).astype(np.uint8)
    images += rng.standard_normal(images.shape, np.float32) * uniform(rng, 0.0, 0.12, count, 1, 1, 1)
    np.clip(images, 0, 1, out=images)
    return truth


def flipped(made: Masks) -> Masks:
    """`made`, and all of it three times more: mirrored left to right, top to bottom, and both."""
    images, truth = (
        np.concatenate([values, values[:, :, ::-1], values[:, ::-1], values[:, ::-1, ::-1]])
        for values in (made.images, made.masks)
    )
    return Masks(images, truth)


def _surfaces(rng: np.random.Generator, images: Floats) -> Floats:
    """What each shape is made of, (n, 64, 64, 3): a colour with the texture of another image's background."""
    count = len(images)
    texture = np.roll(images, 1, axis=0)
    texture = texture - texture.mean(axis=(1, 2), keepdims=True)
    colour = uniform(rng, 0.1, 0.9, count, 1, 1, 3)
    return np.asarray(np.clip(colour + texture * uniform(rng, 0.1, 0.4, count, 1, 1, 1), 0, 1), np.float32)
