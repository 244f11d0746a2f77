"""In the worker: weights of a built network, from a file or seeded random, and what was chosen."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import RecipeError
from harness.prepare.keras_api import keras_api
from harness.prepare.recipe import BuiltModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEED = 1
WEIGHTS_HELP = (
    "random (seeded; the default), or the path of a weights file: .weights.h5, .h5, "
    "or .npz as np.savez(path, *model.get_weights()) writes it"
)


def built(
    network: Callable[[Mapping[str, str]], Any], options: Mapping[str, str], samples: Callable[[], Any]
) -> BuiltModel:
    """The network of `options` with its weights.

    Args:
        network: options to an untrained Keras model.
        options: of the recipe; ``weights`` is read here.
        samples: gives inputs (n, *shape) for the batch-norm statistics of random weights.

    Raises:
        RecipeError: the weights file is missing or does not fit.
    """
    path = weights_path(options)
    keras_api().utils.set_random_seed(SEED)
    model = network(options)
    if path is None:
        if batch_norms(model):
            reestimate_batch_norm(model, samples())
        return BuiltModel(model, "random")
    load_weights(model, path)
    return BuiltModel(model, "trained")


def weights_path(options: Mapping[str, str]) -> Path | None:
    """The file that the option ``weights`` names; None for seeded random weights.

    Raises:
        RecipeError: there is no such file.
    """
    choice = options.get("weights", "")
    return None if choice in ("", "random") else existing_file(choice, WEIGHTS_HELP)


def weights_files(options: Mapping[str, str]) -> tuple[Path, ...]:
    """For `Recipe.depends_on`: the weights file, if `options` name one."""
    path = weights_path(options)
    return () if path is None else (path,)


def existing_file(choice: str, allowed: str) -> Path:
    """The weights file at `choice`.

    Raises:
        RecipeError: it does not exist; says what is `allowed`.
    """
    path = Path(choice).expanduser()
    if not path.is_file():
        raise RecipeError("the weights file does not exist", where=str(path), remedy=f"weights is {allowed}.")
    return path


def choice_of(options: Mapping[str, str], key: str, allowed: Collection[str], default: str) -> str:
    """The value of the option `key`.

    Raises:
        RecipeError: it is none of `allowed`.
    """
    value = options.get(key, default)
    if value not in allowed:
        raise RecipeError(f"the option {key} is {value!r}", remedy=f"{key} is one of {', '.join(allowed)}.")
    return value


def load_weights(model: Any, path: Path) -> None:
    """Fill `model` from `path`: a Keras weights file, or ``.npz`` as ``np.savez(path, *model.get_weights())`` writes.

    Raises:
        RecipeError: the file is unreadable or its shapes differ.
    """
    try:
        if path.suffix == ".npz":
            model.set_weights(_arrays(path))
        else:
            model.load_weights(str(path))
    except Exception as error:
        raise RecipeError(f"the weights do not fit the model: {error}", where=str(path)) from error


def _arrays(path: Path) -> list[NDArray[Any]]:
    with np.load(path, allow_pickle=False) as archive:
        return [archive[f"arr_{index}"] for index in range(len(archive.files))]


def reestimate_batch_norm(model: Any, inputs: Any) -> None:
    """Set the moving statistics of every batch normalisation to those of one forward pass over `inputs`.

    A freshly initialised deep network lets its activations vanish: the scales of an integer variant then become so
    small that kernels abort. With the statistics of its own activations it is numerically like a trained network.
    """
    layers = batch_norms(model)
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    model(inputs, training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def batch_norms(model: Any) -> list[Any]:
    """The batch normalisations among the layers of `model`."""
    normalisation = keras_api().layers.BatchNormalization
    return [layer for layer in model.layers if isinstance(layer, normalisation)]
