"""A small detector of four kinds of drawn shapes, with the raw grids of YOLOv3 (Redmon, Farhadi, arXiv:1804.02767).

Two grids of 12 x 12 and 6 x 6 cells, two anchors each. An object belongs to the cell of its centre, with the anchors
whose shape is like its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.accuracy import ImagePreprocessing, TaskSpec
from harness.prepare.generated import scenes, training
from harness.prepare.recipe import BuiltModel, Recipe, Training

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

TRAINING_SAMPLES = 2400
TEST_SAMPLES = 500
CALIBRATION_SAMPLES = 150
GRIDS = {"coarse": 6, "fine": 12}
ANCHORS = {"coarse": ((30, 30), (42, 42)), "fine": ((12, 12), (20, 20))}  # widths and heights in pixels
ALIKE = 0.6  # an anchor is like a box when they overlap by this much, corner on corner
BOX, OBJECT, CLASSES = slice(0, 4), 4, slice(5, 5 + len(scenes.KINDS))
VALUES = 5 + len(scenes.KINDS)
RARE = -4.0  # the logit of an object before training: nearly all cells hold none
MOMENTUM = 0.9  # of the moving averages: training has few steps


@lru_cache(maxsize=1)
def _training() -> scenes.Scenes:
    return scenes.scenes(TRAINING_SAMPLES, seed=1)


@lru_cache(maxsize=1)
def _test() -> scenes.Scenes:
    return scenes.scenes(TEST_SAMPLES, seed=2)


def grid_targets(made: tuple[scenes.Scene, ...]) -> dict[str, Floats]:
    """For each grid (n, cells, cells, 2 * 9): place in the cell, logarithm of size over anchor, object, kind."""
    found = {
        name: np.zeros((len(made), cells, cells, len(ANCHORS[name]), VALUES), np.float32)
        for name, cells in GRIDS.items()
    }
    for index, scene in enumerate(made):
        for box, label in zip(scene.boxes, scene.labels, strict=True):
            for name, anchor in _anchors_like(box[2:] - box[:2]):
                _write(found[name][index, :, :, anchor], np.array(ANCHORS[name][anchor]), box, int(label))
    return {name: target.reshape(*target.shape[:3], -1) for name, target in found.items()}


def _anchors_like(size: Floats) -> list[tuple[str, int]]:
    """The grid and index of each anchor that is like a box of `size`, or of the one that is most like it."""
    places = [(name, index) for name in GRIDS for index in range(len(ANCHORS[name]))]
    anchors = np.array([ANCHORS[name][index] for name, index in places])
    common = np.minimum(anchors, size).prod(axis=1)
    overlap = common / (anchors.prod(axis=1) + size.prod() - common)
    return [place for place, share in zip(places, overlap, strict=True) if share >= min(ALIKE, overlap.max())]


def _write(grid: Floats, anchor: Any, box: Floats, label: int) -> None:
    """Put one object into `grid` (cells, cells, 9)."""
    place = (box[:2] + box[2:]) / 2 * len(grid) / scenes.SIZE
    column, row = np.minimum(place.astype(int), len(grid) - 1)
    grid[row, column] = 0
    grid[row, column, BOX] = *(place - (column, row)), *np.log((box[2:] - box[:2]) / anchor)
    grid[row, column, OBJECT] = 1
    grid[row, column, CLASSES.start + label] = 1


def _network(_: Mapping[str, str]) -> Any:
    keras = training.seeded()
    layers = keras.layers

    def block(tensor: Any, filters: int, stride: int = 1, size: int = 3) -> Any:
        tensor = layers.Conv2D(filters, size, strides=stride, padding="same", use_bias=False)(tensor)
        return layers.ReLU()(layers.BatchNormalization(momentum=MOMENTUM)(tensor))

    def head(tensor: Any, name: str) -> Any:
        bias = np.zeros((len(ANCHORS[name]), VALUES))
        bias[:, OBJECT] = RARE
        constant = keras.initializers.Constant(bias.ravel())
        return layers.Conv2D(bias.size, 1, bias_initializer=constant, name=name)(tensor)

    image = keras.Input((scenes.SIZE, scenes.SIZE, 3), name="image")
    tensor = block(block(image, 16, stride=2), 24, stride=2)
    middle = block(block(block(tensor, 24), 48, stride=2), 48)
    coarse = block(block(middle, 80, stride=2), 80)
    larger = layers.UpSampling2D(2, interpolation="nearest")(block(coarse, 32, size=1))
    fine = block(layers.Concatenate()([larger, middle]), 48)
    return keras.Model(image, {"coarse": head(block(coarse, 64), "coarse"), "fine": head(fine, "fine")})


def _loss(targets: Any, outputs: Any) -> Any:
    """YOLOv3's: cross-entropy of place, object and kind, and the squared error of the size; a sum for each image."""
    import tensorflow as tf

    anchors = outputs.shape[1] * outputs.shape[2] * outputs.shape[3] // VALUES
    wanted, given = (tf.reshape(grid, (-1, anchors, VALUES)) for grid in (targets, outputs))
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(labels=wanted, logits=given)
    size = tf.square(wanted[..., 2:4] - given[..., 2:4])
    own = tf.reduce_sum(entropy[..., :2], -1) + 2 * tf.reduce_sum(size, -1) + tf.reduce_sum(entropy[..., CLASSES], -1)
    return tf.reduce_sum(entropy[..., OBJECT] + wanted[..., OBJECT] * own, axis=1)


TRAINING = Training(
    data=lambda: (_training().images, grid_targets(_training().scenes)),
    loss=lambda _: dict.fromkeys(GRIDS, _loss),
    epochs=1,
    batch=32,
    learning_rate=2e-4,
)


def _build(options: Mapping[str, str]) -> BuiltModel:
    return training.trained(_network(options), TRAINING, epochs=9, batch=16, learning_rate=4e-3)


def _truths(made: scenes.Scenes) -> list[dict[str, Any]]:
    return [
        {"boxes": scene.boxes.tolist(), "labels": scene.labels.tolist(), "crowd": [False] * len(scene.labels)}
        for scene in made.scenes
    ]


def _anchor_text() -> str:
    return " ".join(f"{width},{height}" for name in ("fine", "coarse") for width, height in ANCHORS[name])


RECIPE = Recipe(
    description="boxes of four kinds of drawn shapes, 96 x 96, grids as of YOLOv3, trained when it is prepared",
    input_shape=(scenes.SIZE, scenes.SIZE, 3),
    outputs=tuple(sorted(GRIDS)),
    build=_build,
    representative=lambda: _training().images[:CALIBRATION_SAMPLES],
    test_data=lambda: (_test().images, _truths(_test())),
    task=TaskSpec(
        "detection",
        (
            ("head", "yolo_v3"),
            ("anchors", _anchor_text()),
            ("classes", str(len(scenes.KINDS))),
            ("input_size", str(scenes.SIZE)),
        ),
    ),
    network=_network,
    training=TRAINING,
    preprocessing=ImagePreprocessing(scenes.SIZE, scenes.SIZE, std=(255.0, 255.0, 255.0)),
    parameters=219_444,
)
