"""In the worker: a Keras model's inputs and outputs by name, its export with a static batch, and its own outputs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import ModelFileError, RecipeError
from harness.prepare.faults import UnsupportedModelError
from harness.prepare.interface import Interface, packed
from harness.prepare.recipe import InputSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

INPUT_DTYPES = {"float16": "float32", "float32": "float32", "int32": "int32", "int64": "int32"}
ONE_INPUT, ONE_OUTPUT = "image", "output"


def require_keras_model(model: Any, path: Path) -> None:
    """Refuse what is no built Keras 3 model, and inputs and outputs that are neither floats nor whole numbers.

    Raises:
        RecipeError: not a model.
        UnsupportedModelError: a tensor of another type; names it.
    """
    import keras

    if not isinstance(model, keras.Model) or not model.built:
        raise RecipeError(
            f"not a built Keras 3 model but {type(model).__module__}.{type(model).__name__}", where=str(path)
        )
    for kind, tensors in (("input", model.inputs), ("output", list(_by_output_name(model).values()))):
        for tensor in tensors:
            dtype = keras.backend.standardize_dtype(tensor.dtype)
            if dtype not in INPUT_DTYPES:
                raise UnsupportedModelError(
                    f"the {kind} {tensor.name!r} is {dtype}; float32 or int32 is needed", where=str(path)
                )


def interface_of(model: Any, shapes: Mapping[str, tuple[int, ...]]) -> Interface:
    """The interface of a Keras file's model, sorted by name; `shapes` are those of one sample by input name."""
    import keras

    dtypes = {tensor.name: keras.backend.standardize_dtype(tensor.dtype) for tensor in model.inputs}
    if len(dtypes) == 1:
        (name,) = dtypes
        inputs = [InputSpec(ONE_INPUT, shapes[name], INPUT_DTYPES[dtypes[name]])]
    else:
        inputs = [InputSpec(name, shapes[name], INPUT_DTYPES[dtypes[name]]) for name in sorted(dtypes)]
    return Interface(tuple(inputs), tuple(sorted(_by_output_name(model))))


def require_interface(model: Any, interface: Interface, path: Path) -> None:
    """Refuse a recipe's model that has other inputs or outputs than the recipe says.

    Raises:
        RecipeError: says what differs.
    """
    shapes = [tuple(tensor.shape[1:]) for tensor in _ordered(model, interface)]
    if len(shapes) != len(interface.inputs):
        raise RecipeError(
            f"the model has {len(shapes)} inputs, the recipe {len(interface.inputs)}: "
            f"{', '.join(spec.name for spec in interface.inputs)}",
            where=str(path),
        )
    for spec, shape in zip(interface.inputs, shapes, strict=True):
        if shape != spec.shape:
            field = f"input {spec.name!r}" if len(shapes) > 1 else "input_shape"
            raise RecipeError(f"the model takes {shape}, but {field} is {spec.shape}", where=str(path))
    found = _by_output_name(model)
    if isinstance(_structure(model, "output"), Mapping) and sorted(found) != list(interface.outputs):
        raise RecipeError(
            f"the model gives {', '.join(found)}; the recipe {', '.join(interface.outputs)}", where=str(path)
        )
    if len(found) != len(interface.outputs):
        raise RecipeError(
            f"the model gives {len(found)} outputs, the recipe names {', '.join(interface.outputs)}", where=str(path)
        )


def _by_output_name(model: Any) -> dict[str, Any]:
    output = _structure(model, "output")
    if isinstance(output, Mapping):
        return dict(output)
    if isinstance(output, (list, tuple)) and len(output) > 1:
        return {f"output_{order:02d}": tensor for order, tensor in enumerate(output)}
    return {ONE_OUTPUT: output[0] if isinstance(output, (list, tuple)) else output}


def _structure(model: Any, kind: str) -> Any:
    """The model's ``input`` or ``output`` as it was given: a tensor, a list, a mapping. A Sequential knows none."""
    found = getattr(model, kind, None)
    return list(getattr(model, f"{kind}s")) if found is None else found


def _ordered(model: Any, interface: Interface) -> list[Any]:
    """The model's inputs in the order of the interface: by name where the names are the same, else by position."""
    tensors = {tensor.name: tensor for tensor in model.inputs}
    names = [spec.name for spec in interface.inputs]
    return [tensors[name] for name in names] if set(names) == set(tensors) else list(model.inputs)


def caller(model: Any, interface: Interface) -> Callable[[Sequence[Any]], dict[str, Any]]:
    """A function from the inputs, in the order of `interface`, to the outputs by name."""
    positions = [model.inputs.index(tensor) for tensor in _ordered(model, interface)]

    def call(tensors: Sequence[Any]) -> dict[str, Any]:
        given = dict(zip(positions, tensors, strict=True))
        arguments = [given[position] for position in range(len(given))]
        return named(_called(model, arguments), interface.outputs)

    return call


def _called(model: Any, arguments: list[Any]) -> Any:
    structure = _structure(model, "input")
    if len(arguments) == 1 and not isinstance(structure, Mapping):
        return model(arguments[0], training=False)
    if isinstance(structure, Mapping):
        keys = {tensor.name: key for key, tensor in structure.items()}
        arguments_by_key = {keys[tensor.name]: value for tensor, value in zip(model.inputs, arguments, strict=True)}
        return model(arguments_by_key, training=False)
    return model(arguments, training=False)


def named(outputs: Any, names: Sequence[str]) -> dict[str, Any]:
    """What a model returned (a tensor, a list, a mapping), by the names of its outputs."""
    if isinstance(outputs, Mapping):
        return {name: outputs[name] for name in names}
    values = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    return dict(zip(names, values, strict=True))


def export_keras(model: Any, interface: Interface, target: Path) -> None:
    """Write a SavedModel of one signature: the inputs by name, (1, *shape) each, to the outputs by name.

    A module of our own that holds the model's variables is saved. The model itself must not be: ``tf.saved_model.save``
    of a Keras 3 model loses its variables without a message. What has more than variables (tables) goes Keras's own,
    slower way, since TensorFlow refuses to save a function of something that the module does not hold.
    """
    import tensorflow as tf

    call = caller(model, interface)
    specs = [tf.TensorSpec((1, *spec.shape), spec.dtype, name=spec.name) for spec in interface.inputs]
    module = tf.Module()
    module.held = [variable.value for variable in model.variables]
    serve = tf.function(lambda *tensors: call(tensors), input_signature=specs)
    try:
        tf.saved_model.save(module, str(target), signatures=serve.get_concrete_function())
    except AssertionError:
        shutil.rmtree(target, ignore_errors=True)
        _export_by_keras(model, call, specs, target)


def _export_by_keras(model: Any, call: Callable[[Sequence[Any]], dict[str, Any]], specs: Any, target: Path) -> None:
    import keras

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", lambda *tensors: call(tensors), input_signature=specs)
    archive.write_out(str(target), verbose=False)


def keras_predict(model: Any, interface: Interface) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Packed samples (n, *packed_shape) to the model's own outputs, packed."""
    call = caller(model, interface)

    def predict(inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        return packed([np.asarray(array, np.float32) for array in call(interface.unpack(inputs)).values()])

    return predict


def without_softmax(model: Any) -> tuple[Any, tuple[str, ...]]:
    """`model` with logits as output, and what was changed; a model of several outputs is left as it is.

    An int8 softmax has the fixed scale 1/256: with many classes nearly all outputs round to the same value.
    """
    import keras

    last = model.layers[-1]
    softmax = keras.activations.softmax
    is_softmax = getattr(last, "activation", None) is softmax or isinstance(last, keras.layers.Softmax)
    if not is_softmax or len(_by_output_name(model)) > 1:
        return model, ()
    if isinstance(last, (keras.layers.Softmax, keras.layers.Activation)):
        return keras.Model(model.inputs, last.input), (f"the final {last.name!r} (softmax) was left out",)
    last.activation = keras.activations.linear
    return model, (f"the softmax of the final {last.name!r} was left out",)


def static_shapes(
    shapes: Mapping[str, tuple[int | None, ...]], options: Mapping[str, str], path: Path
) -> dict[str, tuple[int, ...]]:
    """The fixed shape of one sample of each input by name; open sizes come from the option `input_shape`.

    Raises:
        UnsupportedModelError: a size is open and the option does not say it.
    """
    wanted = options.get("input_shape", "")
    if len(shapes) == 1:
        return {name: _static(shape, wanted, path) for name, shape in shapes.items()}
    if wanted:
        raise ModelFileError("input_shape is for models with one input", where=str(path))
    return {name: _static(shape, "", path, f" of {name!r}") for name, shape in shapes.items()}


def _static(shape: tuple[int | None, ...], wanted: str, path: Path, of: str = "") -> tuple[int, ...]:
    if wanted:
        try:
            given = tuple(int(size) for size in wanted.replace("x", ",").split(","))
        except ValueError:
            given = ()
        if len(given) == len(shape) and all(have in (None, want) for have, want in zip(shape, given, strict=True)):
            return given
        raise UnsupportedModelError(f"input_shape {wanted!r} does not fit the model's {shape}", where=str(path))
    if any(size is None for size in shape):
        raise UnsupportedModelError(
            f"the input shape {shape}{of} is not fixed",
            where=str(path),
            remedy="Save the model with fixed sizes."
            if of
            else "Give the option input_shape, for example input_shape=224,224,3.",
        )
    return tuple(size for size in shape if size is not None)
