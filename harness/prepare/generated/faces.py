"""Drawn faces with known landmarks: heads turned, tilted and nodding, in varied light, some of them partly covered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.prepare.generated.drawing import Frame, backgrounds, between, coverage, paint, uniform

if TYPE_CHECKING:
    from harness.prepare.generated.drawing import Floats

SIZE = 64
POINTS = (
    "right eye, outer corner",
    "right eye, inner corner",
    "left eye, inner corner",
    "left eye, outer corner",
    "tip of the nose",
    "right corner of the mouth",
    "upper lip",
    "left corner of the mouth",
    "lower lip",
    "chin",
    "right jaw",
    "left jaw",
)
"""As the person's own right and left; the right eye is on the left of the image."""
RIGHT_EYE, LEFT_EYE = 0, 3
"""The outer corners, whose distance is the inter-ocular distance."""
_NOSE, _CHIN = 4, 9
_COVERED_SHARE = 0.35


@dataclass(frozen=True)
class Faces:
    """`images` (n, 64, 64, 1) float32 in [0, 1]; `points` (n, 12, 2) float32, x and y in pixels, as `POINTS`."""

    images: Floats
    points: Floats


@dataclass(frozen=True)
class _Pose:
    """Where the heads are: `centre` (n, 2), half height `scale` and half width `width` in pixels, angles in radians."""

    centre: Floats
    scale: Floats
    width: Floats
    roll: Floats
    yaw: Floats
    pitch: Floats


def faces(count: int, seed: int) -> Faces:
    """`count` faces, the same ones for the same `seed`."""
    rng = np.random.default_rng(seed)
    pose = _pose(rng, count)
    points = _projected(pose, _features(rng, count))
    images = backgrounds(rng, count, SIZE, 1)
    skin = _draw_head(rng, images, pose)
    _draw_eyes(rng, images, points, skin)
    _draw_nose_and_mouth(rng, images, points, skin)
    _cover(rng, images, points)
    return Faces(_photographed(rng, images), points)


def _pose(rng: np.random.Generator, count: int) -> _Pose:
    scale = uniform(rng, 20.0, 27.0, count)
    return _Pose(
        centre=SIZE / 2 + uniform(rng, -4.0, 4.0, count, 2),
        scale=scale,
        width=scale * uniform(rng, 0.70, 0.86, count),
        roll=np.deg2rad(uniform(rng, -25.0, 25.0, count)),
        yaw=np.deg2rad(uniform(rng, -25.0, 25.0, count)),
        pitch=np.deg2rad(uniform(rng, -12.0, 12.0, count)),
    )


def _features(rng: np.random.Generator, count: int) -> Floats:
    """(n, 12, 2): the points of each face seen from the front, in halves of the head's width and height."""
    eyes_y, inner, outer = (uniform(rng, *bounds, count) for bounds in ((-0.25, -0.08), (0.17, 0.25), (0.55, 0.66)))
    slant = uniform(rng, -0.03, 0.03, count)
    nose_y, mouth_y = uniform(rng, 0.17, 0.30, count), uniform(rng, 0.48, 0.60, count)
    mouth, smile = uniform(rng, 0.25, 0.42, count), uniform(rng, -0.05, 0.08, count)
    lips, zero = uniform(rng, 0.05, 0.14, count), np.zeros(count, np.float32)
    jaw = np.deg2rad(uniform(rng, 25.0, 40.0, count))
    places = [
        (-outer, eyes_y - slant),
        (-inner, eyes_y + slant),
        (inner, eyes_y + slant),
        (outer, eyes_y - slant),
        (zero, nose_y),
        (-mouth, mouth_y - smile),
        (zero, mouth_y - lips * 0.7),
        (mouth, mouth_y - smile),
        (zero, mouth_y + lips),
        (zero, zero + 1),
        (-np.cos(jaw), np.sin(jaw)),
        (np.cos(jaw), np.sin(jaw)),
    ]
    return np.stack([np.stack(place, axis=-1) for place in places], axis=1)


def _projected(pose: _Pose, features: Floats) -> Floats:
    """(n, 12, 2) in pixels: features lie on an ellipsoid and turn with it; chin and jaw stay on its outline."""
    x, y = features[..., 0], features[..., 1]
    depth = 0.8 * np.sqrt(np.clip(1 - x**2 - y**2, 0, None))
    depth[:, _NOSE] += 0.22
    yaw, pitch = pose.yaw[:, None], pose.pitch[:, None]
    inside = np.arange(len(POINTS)) < _CHIN
    turned = np.where(inside, x * np.cos(yaw) + depth * np.sin(yaw), x)
    nodded = np.where(inside, y * np.cos(pitch) + depth * np.sin(pitch), y)
    across, down = turned * pose.width[:, None], nodded * pose.scale[:, None]
    cosine, sine = np.cos(pose.roll)[:, None], np.sin(pose.roll)[:, None]
    rotated = np.stack([across * cosine - down * sine, across * sine + down * cosine], axis=-1)
    return (pose.centre[:, None, :] + rotated).astype(np.float32)


def _draw_head(rng: np.random.Generator, images: Floats, pose: _Pose) -> Floats:
    """Hair, then a face in side light; returns the tone of the skin (n, 1)."""
    count = len(images)
    skin = uniform(rng, 0.35, 0.85, count, 1)
    crown = pose.centre + np.stack([np.sin(pose.roll), -np.cos(pose.roll)], -1) * pose.scale[:, None] * 0.2
    hair = Frame(SIZE, crown, pose.roll)
    paint(images, coverage(hair.ellipse(pose.width * 1.15, pose.scale * 1.05), 1.0), uniform(rng, 0.02, 0.4, count, 1))
    head = Frame(SIZE, pose.centre, pose.roll)
    cover = coverage(head.ellipse(pose.width, pose.scale))
    light = uniform(rng, -0.25, 0.25, count, 2)
    across, down = head.x / pose.width[:, None, None], head.y / pose.scale[:, None, None]
    shade = 1 + light[:, 0, None, None] * across + light[:, 1, None, None] * down
    images += cover[..., None] * (skin[:, None, None, :] * shade[..., None] - images)
    return skin


def _draw_eyes(rng: np.random.Generator, images: Floats, points: Floats, skin: Floats) -> None:
    count = len(images)
    opened, gaze = uniform(rng, 0.25, 0.55, count), uniform(rng, -0.35, 0.35, count, 1)
    brow_height, brow_tone = uniform(rng, 0.55, 0.9, count, 1), skin * uniform(rng, 0.2, 0.7, count, 1)
    for first in (0, 2):
        start, end = points[:, first], points[:, first + 1]
        frame, half = between(SIZE, start, end)
        white = coverage(frame.ellipse(half, half * opened))
        paint(images, white, np.minimum(skin * 1.3, 1.0))
        iris = Frame(SIZE, (start + end) / 2 + gaze * (end - start) / 2, np.zeros(count, np.float32))
        paint(images, white * coverage(iris.ellipse(half * 0.5, half * 0.5)), skin * 0.1)
        normal = np.stack([end[:, 1] - start[:, 1], start[:, 0] - end[:, 0]], -1) / 2
        brow, length = between(SIZE, start + normal * brow_height, end + normal * brow_height)
        paint(images, coverage(brow.box(length * 1.1, length * 0.16)), brow_tone)


def _draw_nose_and_mouth(rng: np.random.Generator, images: Floats, points: Floats, skin: Floats) -> None:
    count = len(images)
    bridge = (points[:, 1] + points[:, 2]) / 2
    ridge, length = between(SIZE, bridge, points[:, _NOSE])
    paint(images, coverage(ridge.ellipse(length, length * 0.22), 1.5) * 0.5, np.minimum(skin * 1.25, 1.0))
    tip = Frame(SIZE, points[:, _NOSE], np.zeros(count, np.float32))
    paint(images, coverage(tip.ellipse(length * 0.3, length * 0.22), 1.0), skin * uniform(rng, 0.55, 0.8, count, 1))
    right, upper, left, lower = (points[:, index] for index in range(5, 9))
    lips, half = between(SIZE, right, left)
    height = np.hypot(*(lower - upper).T) / 2
    middle = Frame(SIZE, (right + left + upper + lower) / 4, np.arctan2(*(left - right).T[::-1]))
    paint(images, coverage(middle.ellipse(half, height)), skin * uniform(rng, 0.4, 0.75, count, 1))
    paint(images, coverage(lips.box(half, np.full(count, 0.35, np.float32))), skin * 0.25)


def _cover(rng: np.random.Generator, images: Floats, points: Floats) -> None:
    """Something lies before a part of some faces: a turned rectangle of one tone."""
    count = len(images)
    chosen = points[np.arange(count), rng.integers(0, len(POINTS), count)]
    frame = Frame(SIZE, chosen + uniform(rng, -6.0, 6.0, count, 2), uniform(rng, 0.0, np.pi, count))
    distance = frame.box(uniform(rng, 3.0, 9.0, count), uniform(rng, 3.0, 9.0, count))
    present = rng.random(count) < _COVERED_SHARE
    paint(images, coverage(distance) * present[:, None, None], uniform(rng, 0.0, 1.0, count, 1))


def _photographed(rng: np.random.Generator, images: Floats) -> Floats:
    """With exposure, contrast and sensor noise of each picture's own."""
    count = len(images)
    gain, offset = uniform(rng, 0.5, 1.1, count, 1, 1, 1), uniform(rng, -0.1, 0.2, count, 1, 1, 1)
    noise = rng.standard_normal(images.shape, np.float32) * uniform(rng, 0.01, 0.10, count, 1, 1, 1)
    return np.clip(images * gain + offset + noise, 0, 1).astype(np.float32)
