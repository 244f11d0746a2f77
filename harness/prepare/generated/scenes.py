"""Drawn scenes for detection: up to four shapes of four kinds, turned, overlapping, some hardly visible, with boxes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.prepare.generated.drawing import Frame, backgrounds, coverage, paint, uniform

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.prepare.generated.drawing import Floats

SIZE = 96
KINDS = ("disc", "square", "triangle", "cross")
MOST_SHAPES = 4
RADII = (8.0, 22.0)
SHAPES: tuple[Callable[[Frame, Floats], Floats], ...] = (
    lambda frame, radius: frame.ellipse(radius, radius),
    lambda frame, radius: frame.box(radius * 0.8, radius * 0.8),
    lambda frame, radius: frame.triangle(radius * 1.15),
    Frame.cross,
    Frame.ring,
)
AT_ONCE = 100  # images that are drawn together: as many as stay in the processor's cache
_INSIDE = 0.5  # a pixel belongs to a shape that covers half of it
_LEAST_SEEN = 0.4  # a shape of which less than this is left, because others lie over it, is no object


@dataclass(frozen=True)
class Scene:
    """The objects of one image: `boxes` (k, 4) float32 as x0, y0, x1, y1 in pixels, `labels` (k,), indices of KINDS."""

    boxes: Floats
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Scenes:
    """`images` (n, 96, 96, 3) float32 in [0, 1], and n scenes."""

    images: Floats
    scenes: tuple[Scene, ...]


def scenes(count: int, seed: int) -> Scenes:
    """`count` scenes, the same ones for the same `seed`."""
    rng = np.random.default_rng(seed)
    images = backgrounds(rng, count, SIZE, 3)
    parts = (images[begin : begin + AT_ONCE] for begin in range(0, count, AT_ONCE))
    found = tuple(scene for part in parts for scene in _draw(rng, part))
    return Scenes(images, found)


def _draw(rng: np.random.Generator, images: Floats) -> list[Scene]:
    """Draw a scene into each of `images`, in place."""
    count = len(images)
    images += (uniform(rng, 0.1, 0.5, count, 1, 1, 1) - 1) * (images - 0.5)
    how_many = rng.integers(1, MOST_SHAPES + 1, count)
    covers, kinds = [], []
    for position in range(MOST_SHAPES):
        kind = rng.integers(0, len(KINDS), count)
        cover = draw_shapes(rng, SIZE, kind, RADII) * (position < how_many)[:, None, None]
        paint(images, cover, _colours(rng, images, cover))
        covers.append(cover > _INSIDE)
        kinds.append(kind)
    images += rng.standard_normal(images.shape, np.float32) * uniform(rng, 0.0, 0.10, count, 1, 1, 1)
    np.clip(images, 0, 1, out=images)
    return [_scene(cover, kind) for cover, kind in zip(np.stack(covers, 1), np.stack(kinds, 1), strict=True)]


def draw_shapes(rng: np.random.Generator, size: int, kinds: NDArray[np.int64], radii: tuple[float, float]) -> Floats:
    """How much of each pixel a shape covers, (n, size, size), for the `kinds` (n,) of `SHAPES`.

    The centre lies inside the image; the shape may stick out.
    """
    count = len(kinds)
    radius, turn = uniform(rng, *radii, count), uniform(rng, 0.0, 2 * np.pi, count)
    centre = uniform(rng, 0.08 * size, 0.92 * size, count, 2)
    covers = np.zeros((count, size, size), np.float32)
    for kind in np.unique(kinds):
        own = kinds == kind
        covers[own] = coverage(SHAPES[kind](Frame(size, centre[own], turn[own]), radius[own]))
    return covers


def _colours(rng: np.random.Generator, images: Floats, cover: Floats) -> Floats:
    """A colour a shape, (n, 3): the mean of what lies behind it, moved by little or by much."""
    weight = cover.sum(axis=(1, 2))[:, None] + 1e-3
    behind = (images * cover[..., None]).sum(axis=(1, 2)) / weight
    step = uniform(rng, -1.0, 1.0, len(images), 3)
    step *= uniform(rng, 0.3, 0.8, len(images), 1) / np.abs(step).max(axis=1, keepdims=True)
    return np.asarray(np.clip(behind + step, 0, 1), np.float32)


def _scene(covers: NDArray[np.bool_], kinds: NDArray[np.int64]) -> Scene:
    """The boxes of what can be seen: a later shape hides what lies under it."""
    boxes, labels = [], []
    for index, (cover, kind) in enumerate(zip(covers, kinds, strict=True)):
        seen = cover & ~covers[index + 1 :].any(axis=0)
        if cover.any() and seen.sum() >= _LEAST_SEEN * cover.sum():
            rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
            boxes.append([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
            labels.append(kind)
    return Scene(np.array(boxes, np.float32).reshape(-1, 4), np.array(labels, np.int64))
