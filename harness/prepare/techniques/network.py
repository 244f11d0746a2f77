"""The recipe's network under tf-keras, with the weights of the float model that Keras 3 built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.accuracy.user_code import describe_error
from harness.errors import HarnessError, RecipeError
from harness.prepare.faults import UnsupportedModelError, shortened
from harness.prepare.interface import packed
from harness.prepare.judgement import SQNR_FLOOR_DB, agreement
from harness.prepare.recipe import Recipe
from harness.prepare.techniques.library import Library

if TYPE_CHECKING:
    from numpy.typing import NDArray

WEIGHT_NAME = "w{:05d}"
BATCH = 16
_REMEDY = "Build `network` with `keras = keras_api()` and layers that Keras 3 and tf-keras both have."


def load_weights(path: Path) -> list[NDArray[Any]]:
    """The arrays ``w00000``, ``w00001``, … of a source folder's ``weights.npz``.

    Raises:
        UnsupportedModelError: there is no such file: the source was no recipe with a network.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return [arrays[WEIGHT_NAME.format(index)] for index in range(len(arrays.files))]
    except (OSError, KeyError, ValueError) as error:
        raise UnsupportedModelError(
            f"the float model's weights cannot be read ({error})", where=str(path), remedy="Prepare the model again."
        ) from error


def float_network(library: Library, recipe: Recipe, options: Mapping[str, str], weights: Sequence[Any]) -> Any:
    """A tf-keras model with `weights`; its inputs and outputs are flat lists in the order of the recipe's names.

    Raises:
        RecipeError: the network cannot be built under tf-keras, or is not the one whose weights these are.
    """
    if recipe.network is None:
        raise UnsupportedModelError("the recipe has no network that could be trained again", remedy=_REMEDY)
    try:
        model = recipe.network(options)
    except HarnessError:
        raise
    except Exception as error:
        what = f"the recipe's network cannot be built under tf-keras: {describe_error(error)}"
        raise RecipeError(what, remedy=_REMEDY) from error
    if not isinstance(model, library.keras.Model) or not model.built:
        kind = f"{type(model).__module__}.{type(model).__name__}"
        raise RecipeError(f"the recipe's network is not a built tf-keras model but {kind}", remedy=_REMEDY)
    _set_weights(model, weights)
    return _in_order(library, model, recipe)


def _set_weights(model: Any, weights: Sequence[Any]) -> None:
    have, given = [tuple(weight.shape) for weight in model.weights], [weight.shape for weight in weights]
    if len(have) != len(given):
        what = f"the network has {len(have)} weights under tf-keras, the float model {len(given)} under Keras 3"
        raise RecipeError(what, remedy=_REMEDY)
    for index, (mine, theirs) in enumerate(zip(have, given, strict=True)):
        if mine != theirs:
            name = model.weights[index].name
            what = f"weight {index} ({name}) is {mine} under tf-keras and {theirs} under Keras 3: the order differs"
            raise RecipeError(what, remedy=_REMEDY)
    model.set_weights(list(weights))


def _in_order(library: Library, model: Any, recipe: Recipe) -> Any:
    """The same layers as a model of flat lists; a model of one input and one output is left as it is.

    Wrappers of tfmot lose a mapping of outputs, and Keras matches targets by its keys.
    """
    inputs = dict(zip(model.input_names, model.inputs, strict=True))
    names = [spec.name for spec in recipe.input_specs]
    if len(inputs) != len(names) or (len(names) > 1 and set(inputs) != set(names)):
        raise RecipeError(f"the network's inputs are {', '.join(inputs)}; the recipe's are {', '.join(names)}")
    if len(model.outputs) != len(recipe.outputs):
        raise RecipeError(f"the network has {len(model.outputs)} outputs, the recipe {len(recipe.outputs)}")
    if len(names) == 1 and len(model.outputs) == 1 and not isinstance(model.output, Mapping):
        return model
    output = model.output
    if isinstance(output, Mapping):
        if set(output) != set(recipe.outputs):
            raise RecipeError(f"the network's outputs are {', '.join(output)}, not {', '.join(recipe.outputs)}")
        output = [output[name] for name in recipe.outputs]
    ordered = [inputs[name] for name in names] if len(names) > 1 else list(model.inputs)
    return library.keras.Model(ordered, list(output) if isinstance(output, (list, tuple)) else [output])


def outputs_of(library: Library, model: Any, inputs: Sequence[NDArray[Any]]) -> list[NDArray[np.float32]]:
    """The model's outputs, a list of float32 (n, ...), in batches of bounded size."""
    parts = []
    for begin in range(0, len(inputs[0]), BATCH):
        batch = [array[begin : begin + BATCH] for array in inputs]
        found = model(batch if len(batch) > 1 else batch[0], training=False)
        parts.append([np.asarray(tensor, np.float32) for tensor in library.tf.nest.flatten(found)])
    return [np.concatenate(tensors) for tensors in zip(*parts, strict=True)]


def require_same(library: Library, model: Any, inputs: Sequence[NDArray[Any]], expected: NDArray[np.float32]) -> None:
    """Refuse a network that is not the float model: its outputs must be those of the source.

    Raises:
        RecipeError: they differ; says by how much.
    """
    found = packed(outputs_of(library, model, inputs))
    if found.size != expected.size:
        raise RecipeError(f"the network's outputs are {found.shape}, the float model's {expected.shape}")
    near = agreement(expected, found.reshape(expected.shape))
    if not near.finite or near.sqnr_db < SQNR_FLOOR_DB["float32"]:
        raise RecipeError(
            shortened(
                f"the network under tf-keras is not the float model: with the same weights its outputs differ by up to "
                f"{near.max_abs:.3g} (SQNR {near.sqnr_db:.1f} dB)"
            ),
            remedy="A layer means something else there, or weights of equal shape changed places. " + _REMEDY,
        )
