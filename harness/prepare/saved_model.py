"""In the worker: a user's SavedModel, given a static batch of 1 and sorted names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import ModelFileError
from harness.prepare.faults import UnsupportedModelError
from harness.prepare.interface import Interface, packed
from harness.prepare.keras_model import INPUT_DTYPES, ONE_INPUT, ONE_OUTPUT, static_shapes
from harness.prepare.recipe import InputSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class StaticModel:
    """The signature ``serving_default`` of a SavedModel: `names` are its own, in the order of the interface."""

    loaded: Any
    serve: Any
    interface: Interface
    names: tuple[str, ...]
    outputs: tuple[str, ...]

    def call(self, *tensors: Any) -> dict[str, Any]:
        """The outputs by the interface's names."""
        import tensorflow as tf

        specs = self.serve.structured_input_signature[1]
        given = {name: tf.cast(value, specs[name].dtype) for name, value in zip(self.names, tensors, strict=True)}
        found = self.serve(**given)
        return {new: found[old] for new, old in zip(self.interface.outputs, self.outputs, strict=True)}

    def write(self, target: Path) -> None:
        """A SavedModel with the inputs (1, *shape) each."""
        import tensorflow as tf

        module = tf.Module()
        module.loaded = self.loaded
        signature = [tf.TensorSpec((1, *spec.shape), spec.dtype, name=spec.name) for spec in self.interface.inputs]
        tf.saved_model.save(module, str(target), signatures=tf.function(self.call, input_signature=signature))

    def predict(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Packed samples to packed outputs, one inference a sample."""
        rows = []
        for sample in inputs:
            found = self.call(*self.interface.by_name(sample).values())
            rows.append([np.asarray(value, np.float32) for value in found.values()])
        return packed([np.concatenate(arrays) for arrays in zip(*rows, strict=True)])

    @property
    def parameters(self) -> int:
        """The number of elements of all variables."""
        return sum(int(np.prod(variable.shape)) for variable in getattr(self.loaded, "variables", ()))


def load_static(path: Path, options: Mapping[str, str]) -> StaticModel:
    """The SavedModel in the folder `path`.

    Raises:
        ModelFileError: TensorFlow cannot load it.
        UnsupportedModelError: an input has a type, a batch or a shape that cannot be used; names it.
    """
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(path))
    except Exception as error:
        raise ModelFileError(f"TensorFlow cannot load it: {error}", where=str(path)) from error
    serve = loaded.signatures.get("serving_default")
    if serve is None:
        raise UnsupportedModelError("the SavedModel has no signature 'serving_default'", where=str(path))
    specs = dict(sorted(serve.structured_input_signature[1].items()))
    for name, spec in specs.items():
        _require_usable(name, spec, path)
    shapes = static_shapes({name: tuple(spec.shape.as_list()[1:]) for name, spec in specs.items()}, options, path)
    outputs = tuple(sorted(serve.structured_outputs))
    if not specs or not outputs:
        raise UnsupportedModelError("the SavedModel has no inputs or no outputs", where=str(path))
    return StaticModel(loaded, serve, _interface(specs, shapes, outputs), tuple(specs), outputs)


def _interface(specs: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]], outputs: tuple[str, ...]) -> Interface:
    """One input is called ``image`` and one output ``output``, as in all files of the harness."""
    inputs = tuple(
        InputSpec(name if len(specs) > 1 else ONE_INPUT, shapes[name], INPUT_DTYPES[spec.dtype.name])
        for name, spec in specs.items()
    )
    return Interface(inputs, outputs if len(outputs) > 1 else (ONE_OUTPUT,))


def _require_usable(name: str, spec: Any, path: Path) -> None:
    if spec.dtype.name not in INPUT_DTYPES:
        raise UnsupportedModelError(
            f"the input {name!r} is {spec.dtype.name}; float32 or int32 is needed", where=str(path)
        )
    if spec.shape.rank is None or spec.shape.rank < 1 or spec.shape[0] not in (None, 1):
        raise UnsupportedModelError(
            f"the input {name!r} has shape {spec.shape}; a batch of 1 is needed", where=str(path)
        )
