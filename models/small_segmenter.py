"""A small encoder and decoder for the kind of every pixel: drawn shapes over a textured background."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from harness.accuracy import ImagePreprocessing, TaskSpec
from harness.prepare.generated import masks, training
from harness.prepare.recipe import BuiltModel, Recipe, Training

TRAINING_SAMPLES = 1200
TEST_SAMPLES = 500
CALIBRATION_SAMPLES = 150
WIDTHS = (16, 32, 48, 64)  # at a half, a quarter, an eighth and a sixteenth of the resolution
MOMENTUM = 0.9  # of the moving averages: training has few steps


@lru_cache(maxsize=1)
def _training() -> masks.Masks:
    return masks.flipped(masks.masks(TRAINING_SAMPLES, seed=1))


@lru_cache(maxsize=1)
def _test() -> masks.Masks:
    return masks.masks(TEST_SAMPLES, seed=2)


def _network(_: Mapping[str, str]) -> Any:
    keras = training.seeded()
    layers = keras.layers

    def block(tensor: Any, filters: int, stride: int = 1) -> Any:
        tensor = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(tensor)
        return layers.ReLU()(layers.BatchNormalization(momentum=MOMENTUM)(tensor))

    image = keras.Input((masks.SIZE, masks.SIZE, 3), name="image")
    levels = [block(image, WIDTHS[0], stride=2)]
    for width in WIDTHS[1:]:
        levels.append(block(block(levels[-1], width, stride=2), width))
    tensor = levels[-1]
    for level, width in zip(levels[-2::-1], WIDTHS[-2::-1], strict=True):
        larger = layers.UpSampling2D(2, interpolation="nearest")(tensor)
        tensor = block(layers.Concatenate()([larger, level]), width)
    logits = layers.Conv2D(len(masks.KINDS), 1)(tensor)
    return keras.Model(image, layers.UpSampling2D(2, interpolation="bilinear", name="output")(logits))


TRAINING = Training(
    data=lambda: (_training().images, _training().masks),
    loss=lambda keras: keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    epochs=1,
    batch=32,
    learning_rate=2e-4,
)


def _build(options: Mapping[str, str]) -> BuiltModel:
    return training.trained(_network(options), TRAINING, epochs=4, batch=32, learning_rate=4e-3)


RECIPE = Recipe(
    description="the kind of every pixel of drawn scenes, 64 x 64, five classes, trained when it is prepared",
    input_shape=(masks.SIZE, masks.SIZE, 3),
    build=_build,
    representative=lambda: _training().images[:CALIBRATION_SAMPLES],
    test_data=lambda: (_test().images, [{"mask": mask} for mask in _test().masks]),
    task=TaskSpec("segmentation", (("classes", str(len(masks.KINDS))),)),
    network=_network,
    training=TRAINING,
    preprocessing=ImagePreprocessing(masks.SIZE, masks.SIZE, std=(255.0, 255.0, 255.0), mean=(0.0, 0.0, 0.0)),
    parameters=193_349,
)
