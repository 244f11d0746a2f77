"""A recipe: a network of equal convolutions, so that one more of them is a regression whose size is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from harness.prepare.keras_api import keras_api
from harness.prepare.recipe import BuiltModel, Recipe

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE, CHANNELS, LAYERS, SEED = 24, 32, 20, 1


def _build(options: Mapping[str, str]) -> BuiltModel:
    keras = keras_api()
    keras.utils.set_random_seed(SEED)
    image = tensor = keras.Input((SIDE, SIDE, CHANNELS))
    for _ in range(int(options.get("layers", LAYERS))):
        tensor = keras.layers.Conv2D(CHANNELS, 3, padding="same", activation="relu", kernel_initializer="he_normal")(
            tensor
        )
    logits = keras.layers.Dense(10)(keras.layers.GlobalAveragePooling2D()(tensor))
    return BuiltModel(keras.Model(image, logits), "random")


def _representative() -> NDArray[np.float32]:
    rng = np.random.default_rng(SEED)
    return rng.normal(0.0, 1.0, (32, SIDE, SIDE, CHANNELS)).astype(np.float32)


RECIPE = Recipe(
    description="Equal convolutions of 3 x 3, random weights",
    input_shape=(SIDE, SIDE, CHANNELS),
    build=_build,
    representative=_representative,
    options={"layers": f"how many convolutions; default {LAYERS}"},
)
