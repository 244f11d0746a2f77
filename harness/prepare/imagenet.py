"""Recipes for the ImageNet networks of keras.applications: real architectures, logits, whichever weights there are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import RecipeError
from harness.prepare.recipe import BuiltModel, Recipe
from harness.prepare.synthetic import natural_images

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CLASSES = 1000
CALIBRATION_SAMPLES = 10
SEED = 1
VALUE_RANGE = (-1.0, 1.0)
WEIGHTS_HELP = "imagenet (from the Keras cache, never downloaded), random (seeded), or the path of a weights file"


def imagenet_recipe(*, module: str, application: str, size: int, weights_file: str, description: str) -> Recipe:
    """A recipe for ``keras.applications.<module>.<application>`` at `size` x `size` x 3 with inputs in [-1, 1].

    `weights_file` is the name of the published weights in the Keras cache (``~/.keras/models``).
    """

    def build(options: Mapping[str, str]) -> BuiltModel:
        constructor = getattr(import_module(f"keras.applications.{module}"), application)
        return _build(constructor, size, options, weights_file)

    def representative() -> NDArray[np.float32]:
        return natural_images(CALIBRATION_SAMPLES, size, size, seed=SEED, value_range=VALUE_RANGE)

    return Recipe(
        description=description,
        input_shape=(size, size, 3),
        build=build,
        representative=representative,
        options={"weights": WEIGHTS_HELP},
        depends_on=lambda options: tuple(path for path in [_weights_path(options, weights_file)] if path is not None),
    )


def keras_cache() -> Path:
    """Where Keras keeps downloaded weights: ``$KERAS_HOME/models`` or ``~/.keras/models``."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "models"


def _weights_path(options: Mapping[str, str], weights_file: str) -> Path | None:
    """The weights file that `options` choose, or None for seeded random weights.

    Raises:
        RecipeError: weights were asked for that are not on this machine.
    """
    choice = options.get("weights", "")
    published = keras_cache() / weights_file
    if choice == "random":
        return None
    if choice == "":
        return published if published.is_file() else None
    if choice == "imagenet":
        if published.is_file():
            return published
        raise RecipeError(
            "the ImageNet weights are not in the Keras cache, and the harness does not download them",
            where=str(published),
            remedy=f"Put {weights_file} there, or give weights=random or the path of a weights file.",
        )
    path = Path(choice).expanduser()
    if not path.is_file():
        raise RecipeError("the weights file does not exist", where=str(path), remedy=f"weights is {WEIGHTS_HELP}.")
    return path


def _build(constructor: Any, size: int, options: Mapping[str, str], weights_file: str) -> BuiltModel:
    import keras

    path = _weights_path(options, weights_file)
    keras.utils.set_random_seed(SEED)
    model = constructor(
        weights=None, classes=CLASSES, classifier_activation=None, input_shape=(size, size, 3), include_top=True
    )
    if path is None:
        reestimate_batch_norm(model, natural_images(8, size, size, seed=SEED + 1, value_range=VALUE_RANGE))
        return BuiltModel(model, "random")
    try:
        model.load_weights(str(path))
    except Exception as error:
        raise RecipeError(f"the weights do not fit the model: {error}", where=str(path)) from error
    published = path == keras_cache() / weights_file
    return BuiltModel(model, "imagenet" if published else "trained")


def reestimate_batch_norm(model: Any, images: NDArray[np.float32]) -> None:
    """Set the moving statistics of every batch normalisation to those of one forward pass over `images`.

    A freshly initialised deep network lets its activations vanish: the scales of an integer variant then become so
    small that kernels abort. With the statistics of its own activations it is numerically like a trained network.
    """
    import keras

    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    model(images, training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
