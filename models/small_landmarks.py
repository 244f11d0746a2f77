"""A small HRNet (Sun et al., arXiv:1902.09212) for 12 landmarks of drawn faces; heatmaps at half the resolution.

Three branches of 16, 8 and 4 cells run side by side and exchange what they see. The heatmaps are learned as
probabilities, with cross-entropy: with a squared error empty maps are nearly right, and hardly any learning happens.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.accuracy import ImagePreprocessing, TaskSpec
from harness.prepare.generated import faces, training
from harness.prepare.recipe import BuiltModel, Recipe, Training

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

TRAINING_SAMPLES = 2000
TEST_SAMPLES = 500
CALIBRATION_SAMPLES = 150
STRIDE = 2
SPREAD_CELLS = 1.0
STEM_WIDTH = 16
WIDTHS = (24, 32, 48)
MOMENTUM = 0.9  # of the moving averages: training has few steps
RARE = -4.0  # the logit of a cell before training: nearly all cells hold no landmark


@lru_cache(maxsize=1)
def _training() -> faces.Faces:
    return faces.faces(TRAINING_SAMPLES, seed=1)


@lru_cache(maxsize=1)
def _test() -> faces.Faces:
    return faces.faces(TEST_SAMPLES, seed=2)


def heatmaps(points: Floats) -> Floats:
    """(n, 32, 32, 12): a Gaussian of height 1 about each of `points` (n, 12, 2)."""
    centres = (np.arange(faces.SIZE // STRIDE, dtype=np.float32) + 0.5) * STRIDE
    spread = SPREAD_CELLS * STRIDE
    across = np.exp(-(((centres[None, :, None] - points[:, None, :, 0]) / spread) ** 2) / 2)
    down = np.exp(-(((centres[None, :, None] - points[:, None, :, 1]) / spread) ** 2) / 2)
    return (down[:, :, None, :] * across[:, None, :, :]).astype(np.float32)


def _network(_: Mapping[str, str]) -> Any:
    keras = training.seeded()
    layers = keras.layers

    def block(tensor: Any, filters: int, stride: int = 1, size: int = 3) -> Any:
        tensor = layers.Conv2D(filters, size, strides=stride, padding="same", use_bias=False)(tensor)
        return layers.ReLU()(layers.BatchNormalization(momentum=MOMENTUM)(tensor))

    def residual(tensor: Any, filters: int) -> Any:
        return layers.Add()([tensor, block(block(tensor, filters), filters)])

    def exchanged(branches: list[Any]) -> list[Any]:
        return [_fused(layers, block, branches, level) for level in range(len(branches))]

    image = keras.Input((faces.SIZE, faces.SIZE, 1), name="image")
    stem = block(image, STEM_WIDTH, stride=2)
    high = block(stem, WIDTHS[0], stride=2)
    branches = exchanged([residual(high, WIDTHS[0]), block(high, WIDTHS[1], stride=2)])
    branches = [residual(branch, width) for branch, width in zip(branches, WIDTHS, strict=False)]
    branches = exchanged([*branches, block(branches[-1], WIDTHS[2], stride=2)])
    branches = [residual(branch, width) for branch, width in zip(branches, WIDTHS, strict=True)]
    coarse = block(_fused(layers, block, branches, 0), STEM_WIDTH, size=1)
    fine = layers.Add()([stem, layers.UpSampling2D(2, interpolation="bilinear")(coarse)])
    rare = keras.initializers.Constant(RARE)
    maps = layers.Conv2D(len(faces.POINTS), 1, bias_initializer=rare, name="output")
    return keras.Model(image, maps(block(fine, STEM_WIDTH)))


def _fused(layers: Any, block: Any, branches: list[Any], level: int) -> Any:
    """The branch `level` with what the others send it: reduced by strided convolutions, or enlarged."""
    parts = []
    for other, tensor in enumerate(branches):
        for width in WIDTHS[other + 1 : level + 1]:
            tensor = block(tensor, width, stride=2)
        if other > level:
            tensor = layers.UpSampling2D(2 ** (other - level), interpolation="nearest")(
                block(tensor, WIDTHS[level], size=1)
            )
        parts.append(tensor)
    return layers.Add()(parts)


TRAINING = Training(
    data=lambda: (_training().images, heatmaps(_training().points)),
    loss=lambda keras: keras.losses.BinaryCrossentropy(from_logits=True),
    epochs=2,
    batch=50,
    learning_rate=2e-4,
)


def _build(options: Mapping[str, str]) -> BuiltModel:
    return training.trained(_network(options), TRAINING, epochs=8, batch=50, learning_rate=4e-3)


def _truths(made: faces.Faces) -> list[dict[str, Any]]:
    return [{"points": points.tolist()} for points in made.points]


RECIPE = Recipe(
    description="12 landmarks of drawn faces, 64 x 64, a small HRNet, trained in seconds when it is prepared",
    input_shape=(faces.SIZE, faces.SIZE, 1),
    build=_build,
    representative=lambda: _training().images[:CALIBRATION_SAMPLES],
    test_data=lambda: (_test().images, _truths(_test())),
    task=TaskSpec(
        "landmarks",
        (
            ("output", "heatmaps"),
            ("stride", str(STRIDE)),
            ("normalise", "inter_ocular"),
            ("eye_left", str(faces.LEFT_EYE)),
            ("eye_right", str(faces.RIGHT_EYE)),
        ),
    ),
    network=_network,
    training=TRAINING,
    preprocessing=ImagePreprocessing(faces.SIZE, faces.SIZE, 1, mean=(0.0,), std=(255.0,), order="L"),
    parameters=194_652,
)
