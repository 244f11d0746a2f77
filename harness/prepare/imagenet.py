"""Recipes for the ImageNet networks of keras.applications: real architectures, logits, whichever weights there are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.accuracy import ImagePreprocessing
from harness.errors import RecipeError
from harness.prepare.keras_api import keras_api
from harness.prepare.networks.weights import existing_file, load_weights, reestimate_batch_norm
from harness.prepare.recipe import BuiltModel, PublicData, Recipe
from harness.prepare.synthetic import natural_images

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CLASSES = 1000
CALIBRATION_SAMPLES = 10
SEED = 1
VALUE_RANGE = (-1.0, 1.0)
HALF_SCALE = (127.5, 127.5, 127.5)  # mode "tf" of keras.applications: [0, 255] to [-1, 1]
WEIGHTS_HELP = "imagenet (from the Keras cache, never downloaded), random (seeded), or the path of a weights file"
IMAGENET = PublicData(
    reader="imagenet",
    layout="a folder with a sub-folder of *.JPEG for each of the 1000 classes, named by its WordNet id; or one folder "
    "of images and the option labels, a file of lines 'name index'",
    source="ImageNet ILSVRC 2012 validation set, 50,000 images, https://image-net.org (after registration, "
    "for non-commercial use)",
)


def imagenet_recipe(
    *, module: str, application: str, size: int, weights_file: str, description: str, parameters: int
) -> Recipe:
    """A recipe for ``keras.applications.<module>.<application>`` at `size` x `size` x 3 with inputs in [-1, 1].

    `weights_file` is the name of the published weights in the Keras cache (``~/.keras/models``); `parameters` the
    published number of parameters.
    """

    def network(_: Mapping[str, str]) -> Any:
        return _network(module, application, size)

    def build(options: Mapping[str, str]) -> BuiltModel:
        return _build(module, application, size, options, weights_file)

    def representative() -> NDArray[np.float32]:
        return natural_images(CALIBRATION_SAMPLES, size, size, seed=SEED, value_range=VALUE_RANGE)

    return Recipe(
        description=description,
        input_shape=(size, size, 3),
        build=build,
        representative=representative,
        task="classification",
        options={"weights": WEIGHTS_HELP},
        depends_on=lambda options: tuple(path for path in [_weights_path(options, weights_file)] if path is not None),
        network=network,
        preprocessing=ImagePreprocessing(size, size, mean=HALF_SCALE, std=HALF_SCALE, resize="crop"),
        public_data=IMAGENET,
        parameters=parameters,
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
    return existing_file(choice, WEIGHTS_HELP)


def _network(module: str, application: str, size: int) -> Any:
    constructor = getattr(getattr(keras_api().applications, module), application)
    return constructor(
        weights=None, classes=CLASSES, classifier_activation=None, input_shape=(size, size, 3), include_top=True
    )


def _build(module: str, application: str, size: int, options: Mapping[str, str], weights_file: str) -> BuiltModel:
    path = _weights_path(options, weights_file)
    keras_api().utils.set_random_seed(SEED)
    model = _network(module, application, size)
    if path is None:
        reestimate_batch_norm(model, natural_images(8, size, size, seed=SEED + 1, value_range=VALUE_RANGE))
        return BuiltModel(model, "random")
    load_weights(model, path)
    published = path == keras_cache() / weights_file
    return BuiltModel(model, "imagenet" if published else "trained")
