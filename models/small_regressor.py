"""A dense network for the progression of diabetes, trained here on the data that ship with scikit-learn.

The data are those of Efron, Hastie, Johnstone and Tibshirani, Least Angle Regression (2004): ten figures of 442
patients, and a measure of how the disease had progressed after a year, from 25 to 346. A third is held out.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import MissingDependencyError
from harness.prepare.generated import training
from harness.prepare.recipe import BuiltModel, InputSpec, Recipe, Training

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

SEED = 1
FIGURES = 10
TEST_SHARE = 1 / 3
CALIBRATION_SAMPLES = 200
WIDTHS = (64, 32)


@lru_cache(maxsize=1)
def _split() -> tuple[Floats, Floats, Floats, Floats]:
    """Training figures (n, 10) of about unit variance and targets (n, 1); the held-out ones likewise."""
    try:
        from sklearn.datasets import load_diabetes
        from sklearn.model_selection import train_test_split
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"small_regressor needs scikit-learn ({error})", remedy="pip install 'on-device-benchmark-harness[prepare]'"
        ) from error
    diabetes = load_diabetes()
    figures = (diabetes.data * np.sqrt(len(diabetes.data))).astype(np.float32)
    targets = diabetes.target.astype(np.float32)[:, None]
    train_x, test_x, train_y, test_y = train_test_split(figures, targets, test_size=TEST_SHARE, random_state=SEED)
    return train_x, train_y, test_x, test_y


def _network(_: Mapping[str, str]) -> Any:
    keras = training.seeded()
    layers = keras.layers
    figures = keras.Input((FIGURES,), name="figures")
    tensor = figures
    for width in WIDTHS:
        tensor = layers.Dense(width, activation="relu")(tensor)
    return keras.Model(figures, layers.Dense(1, name="output")(tensor))


TRAINING = Training(
    data=lambda: _split()[:2],
    loss=lambda keras: keras.losses.MeanSquaredError(),
    epochs=20,
    batch=32,
    learning_rate=1e-4,
)


def _build(options: Mapping[str, str]) -> BuiltModel:
    return training.trained(_network(options), TRAINING, epochs=40, batch=32, learning_rate=3e-3)


def _truths() -> list[dict[str, Any]]:
    return [{"target": [float(value) for value in target]} for target in _split()[3]]


RECIPE = Recipe(
    description="progression of diabetes from ten figures, a dense network, trained in seconds when it is prepared",
    input_shape=(),
    inputs=(InputSpec("figures", (FIGURES,)),),
    build=_build,
    representative=lambda: _split()[0][:CALIBRATION_SAMPLES],
    test_data=lambda: (_split()[2], _truths()),
    task="regression",
    network=_network,
    training=TRAINING,
    parameters=2_817,
)
