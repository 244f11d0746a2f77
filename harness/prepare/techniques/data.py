"""The labelled data of a recipe, as fine-tuning wants them: checked, one array an input, one an output. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import RecipeError
from harness.prepare.interface import Interface
from harness.prepare.recipe import InputSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray


def as_inputs(values: Any, interface: Interface) -> list[NDArray[Any]]:
    """The arrays of a recipe's data (one an input, or one of packed samples), each in its input's own type.

    Raises:
        RecipeError: not one array an input, an array of another shape, none at all, or not finite.
    """
    specs = interface.inputs
    arrays = list(values) if isinstance(values, (tuple, list)) else [values]
    if len(specs) > 1 and len(arrays) == 1 and np.shape(arrays[0])[1:] == interface.packed_shape:
        arrays = list(interface.unpack(np.asarray(arrays[0])))
    if len(arrays) != len(specs):
        raise RecipeError(f"the training data have {len(arrays)} inputs; the recipe has {len(specs)}")
    found = [_one(array, spec) for array, spec in zip(arrays, specs, strict=True)]
    if len({len(array) for array in found}) > 1:
        raise RecipeError(f"the training inputs have different numbers of samples: {[len(array) for array in found]}")
    return found


def _one(values: Any, spec: InputSpec) -> NDArray[Any]:
    array = np.asarray(values)
    if array.dtype == object or array.shape[1:] != spec.shape or len(array) == 0:
        shape = ", ".join(map(str, spec.shape))
        raise RecipeError(f"the training input {spec.name!r} must be (n, {shape}), not {array.dtype} {array.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise RecipeError(f"the training input {spec.name!r} contains NaN or infinite values")
    return array.astype(spec.dtype)


def as_targets(values: Any, outputs: Sequence[str], samples: int) -> Any:
    """The targets of the loss: one array, or one an output in the order of `outputs` (from a mapping by name).

    Raises:
        RecipeError: an output has no target, or their number is not that of the samples.
    """
    if isinstance(values, Mapping):
        lacking = [name for name in outputs if name not in values]
        if lacking:
            raise RecipeError(f"the training data have no targets for the outputs {', '.join(lacking)}")
        values = [values[name] for name in outputs]
    several = len(outputs) > 1 and isinstance(values, (tuple, list))
    arrays = [np.asarray(value) for value in values] if several else [np.asarray(values)]
    for array in arrays:
        if array.dtype == object or array.ndim == 0 or len(array) != samples:
            found = f"{array.dtype} {array.shape}"
            raise RecipeError(f"the training targets must be arrays of {samples} targets, not {found}")
    return arrays if several else arrays[0]
