"""A small convolutional network, trained here on the handwritten digits that ship with scikit-learn.

The data are the test part of Alpaydin and Kaynak's optical digits (UCI, 1998): 1797 images of 8 x 8 pixels in 17 grey
levels. 1078 train the network, 719 are held out, stratified, with a fixed seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.accuracy import ImagePreprocessing
from harness.errors import MissingDependencyError
from harness.prepare.keras_api import keras_api
from harness.prepare.recipe import BuiltModel, Recipe, Training

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Images = NDArray[np.float32]
    Labels = NDArray[np.int64]

SEED = 1
EPOCHS = 8
BATCH = 128
DROPOUT = 0.3
TEST_SHARE = 0.4
CALIBRATION_SAMPLES = 200


@lru_cache(maxsize=1)
def _split() -> tuple[Images, Labels, Images, Labels]:
    """Training images and labels, held-out images and labels; images (n, 8, 8, 1) in [0, 1]."""
    try:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"digits_cnn needs scikit-learn ({error})", remedy="pip install 'on-device-benchmark-harness[prepare]'"
        ) from error
    digits = load_digits()
    images = (digits.images / 16.0).astype(np.float32)[..., None]
    labels = digits.target.astype(np.int64)
    train_x, test_x, train_y, test_y = train_test_split(
        images, labels, test_size=TEST_SHARE, random_state=SEED, stratify=labels
    )
    return train_x, train_y, test_x, test_y


def _shifted(images: Images, labels: Labels) -> tuple[Images, Labels]:
    """Every image at nine places, moved by at most one pixel: 1078 images are few."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    moved = [padded[:, row : row + 8, column : column + 8] for row in range(3) for column in range(3)]
    return np.concatenate(moved), np.tile(labels, len(moved))


def _network(_: Mapping[str, str]) -> Any:
    keras = keras_api()
    layers = keras.layers

    def block(layer: Any) -> list[Any]:
        return [layer, layers.BatchNormalization(), layers.ReLU()]

    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            *block(layers.Conv2D(32, 3, padding="same")),
            *block(layers.Conv2D(64, 3, padding="same")),
            layers.MaxPooling2D(),
            *block(layers.DepthwiseConv2D(3, padding="same")),
            *block(layers.Conv2D(64, 1)),
            layers.Flatten(),
            layers.Dropout(DROPOUT),
            layers.Dense(64, activation="relu"),
            layers.Dropout(DROPOUT),
            layers.Dense(10),
        ]
    )


def _training_data() -> tuple[Images, Labels]:
    train_x, train_y, _test_x, _test_y = _split()
    return _shifted(train_x, train_y)


def _loss(keras: Any) -> Any:
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def _build(options: Mapping[str, str]) -> BuiltModel:
    keras = keras_api()
    keras.utils.set_random_seed(SEED)
    model = _network(options)
    images, labels = _training_data()
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, EPOCHS * -(-len(images) // BATCH))
    model.compile(optimizer=keras.optimizers.Adam(schedule), loss=_loss(keras))
    model.fit(images, labels, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    return BuiltModel(model, "trained")


RECIPE = Recipe(
    description="8 x 8 handwritten digits, 90,762 parameters, trained in seconds when it is prepared",
    input_shape=(8, 8, 1),
    build=_build,
    representative=lambda: _split()[0][:CALIBRATION_SAMPLES],
    test_data=lambda: _split()[2:],
    task="classification",
    network=_network,
    training=Training(_training_data, _loss, epochs=2, batch=BATCH, learning_rate=2e-4),
    preprocessing=ImagePreprocessing(8, 8, 1, mean=(0.0,), std=(255.0,), order="L"),
    parameters=90_762,
)
