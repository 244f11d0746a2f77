"""Soft-edged shapes, drawn into many images at once.

Coordinates are pixels: x to the right, y down, and the pixel of column c covers c to c + 1, so its centre is c + 0.5.
Shapes are signed distances (negative inside), at most 0.5 pixels of blur at their edge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from harness.prepare.synthetic import natural_images

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]

_DIFFERENT_BACKGROUNDS = 120


class Frame:
    """The pixels of n images of `size` x `size` in coordinates of their own: moved to `centre`, turned by `angle`.

    Attributes:
        x, y: (n, size, size) float32, in pixels from `centre` along the turned axes.
    """

    def __init__(self, size: int, centre: Floats, angle: Floats) -> None:
        places = np.arange(size, dtype=np.float32) + np.float32(0.5)
        across = places[None, None, :] - centre[:, 0, None, None]
        down = places[None, :, None] - centre[:, 1, None, None]
        cosine, sine = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
        self.x: Floats = across * cosine + down * sine
        self.y: Floats = down * cosine - across * sine

    def ellipse(self, half_width: Floats, half_height: Floats) -> Floats:
        """Distance to ellipses, to first order (exact for discs), for semi-axes (n,) in pixels."""
        a, b = _column(half_width), _column(half_height)
        norm = np.hypot(self.x / a, self.y / b)
        slope = np.hypot(self.x / a**2, self.y / b**2)
        return np.where(slope > 0, norm * (norm - 1) / np.maximum(slope, 1e-6), -np.minimum(a, b)).astype(np.float32)

    def box(self, half_width: Floats, half_height: Floats) -> Floats:
        """Distance to rectangles."""
        return np.asarray(np.maximum(np.abs(self.x) - _column(half_width), np.abs(self.y) - _column(half_height)))

    def triangle(self, radius: Floats) -> Floats:
        """Distance to triangles with equal sides; `radius` is that of the circle through the corners."""
        angles = np.deg2rad([90.0, 210.0, 330.0])
        edges = [self.x * np.float32(np.cos(turn)) + self.y * np.float32(np.sin(turn)) for turn in angles]
        return np.asarray(np.maximum.reduce(edges) - _column(radius) / 2)

    def cross(self, radius: Floats) -> Floats:
        """Distance to crosses whose arms are a third as wide as they are long."""
        return np.asarray(np.minimum(self.box(radius, radius * 0.35), self.box(radius * 0.35, radius)))

    def ring(self, radius: Floats) -> Floats:
        """Distance to rings whose hole has half the radius."""
        outside = np.hypot(self.x, self.y)
        return np.asarray(np.maximum(outside - _column(radius), _column(radius) * 0.5 - outside))


def between(size: int, start: Floats, end: Floats) -> tuple[Frame, Floats]:
    """Frames whose x axis runs along the segments from `start` to `end` (n, 2), and the half lengths (n,)."""
    step = end - start
    return Frame(size, (start + end) / 2, np.arctan2(step[:, 1], step[:, 0])), np.hypot(step[:, 0], step[:, 1]) / 2


def backgrounds(rng: np.random.Generator, count: int, size: int, channels: int) -> Floats:
    """Textures (count, size, size, channels) in [0, 1]: few different ones, each used at many offsets.

    They are made by an inverse Fourier transform, so that they have no seam where they begin again.
    """
    textures = natural_images(_DIFFERENT_BACKGROUNDS, size, size, channels, seed=int(rng.integers(2**32)))
    chosen, offsets = rng.integers(0, len(textures), count), rng.integers(0, size, (count, 2))
    return np.stack([np.roll(textures[index], offset, (0, 1)) for index, offset in zip(chosen, offsets, strict=True)])


def coverage(distance: Floats, softness: float = 0.5) -> Floats:
    """How much of each pixel a shape covers, 0 to 1, from its signed distance in pixels."""
    return np.asarray(np.clip(np.float32(0.5) - distance / np.float32(2 * softness), 0, 1))


def paint(images: Floats, cover: Floats, colour: Floats) -> None:
    """Blend `colour` (n, channels) over `images` (n, height, width, channels), in place, where `cover` says."""
    images += cover[..., None] * (colour[:, None, None, :] - images)


def uniform(rng: np.random.Generator, low: float, high: float, *shape: int) -> Floats:
    """Float32 values of that shape between two bounds."""
    return rng.uniform(low, high, shape).astype(np.float32)


def _column(values: Floats) -> Floats:
    return values[:, None, None]
