"""In the worker: make a source's arrays and, for TensorFlow sources, a SavedModel with a static batch.

A source folder holds ``calibration.npy`` (float32 (n, *shape)), ``check.npz`` (float32 `inputs` and the source's
float32 `outputs` on them), ``data.npz`` (the test split, with a task) and ``saved_model/`` (not for a ``.tflite``
source).
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import ModelFileError, RecipeError
from harness.prepare.faults import UnsupportedModelError
from harness.prepare.given_data import GivenData, read_given_data
from harness.prepare.recipe import WEIGHTS, BuiltModel, Recipe, check_options, load_recipe

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHECK_SAMPLES = 10
GIVEN = "given"


@dataclass(frozen=True)
class Made:
    """A source, ready to be written: `predict` gives its outputs (n, ...) on inputs (n, *shape).

    `variant` is what a given ``.tflite`` file is.
    """

    predict: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    data: GivenData
    weights: str
    notes: tuple[str, ...] = ()
    variant: str = "float32"


def describe(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What the controller must know of a user's recipe, without running the recipe in the controller."""
    recipe = load_recipe(Path(arguments["path"]))
    check_options(recipe, arguments["options"], arguments["path"])
    return {"depends_on": [str(path) for path in recipe.depends_on(arguments["options"])]}


def build_source(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Build the source named by `arguments` into ``arguments["folder"]``; returns its provenance and task."""
    path, folder = Path(arguments["path"]), Path(arguments["folder"])
    builders: dict[str, Callable[[Path, Mapping[str, str], Path], Made]] = {
        "recipe": _from_recipe,
        "keras": _from_keras,
        "saved_model": _from_saved_model,
        "tflite": _from_tflite,
    }
    made = builders[arguments["kind"]](path, arguments["options"], folder)
    data = made.data
    inputs = (data.test_inputs if data.test_inputs is not None else data.calibration)[:CHECK_SAMPLES]
    outputs = np.asarray(made.predict(inputs), np.float32)
    if not np.isfinite(outputs).all():
        raise ModelFileError("the source model itself gives NaN or infinite outputs", where=str(path))
    np.save(folder / "calibration.npy", data.calibration)
    np.savez(folder / "check.npz", inputs=inputs, outputs=outputs)
    if data.test_inputs is not None and data.test_labels is not None:
        np.savez(folder / "data.npz", inputs=data.test_inputs, labels=data.test_labels)
    return {"weights": made.weights, "task": data.task, "notes": list(made.notes), "variant": made.variant}


def _from_recipe(path: Path, options: Mapping[str, str], folder: Path) -> Made:
    recipe = load_recipe(path)
    built = recipe.build(options)
    if not isinstance(built, BuiltModel) or built.weights not in WEIGHTS:
        raise RecipeError(
            "build() must return BuiltModel(model, weights) with weights " + " | ".join(WEIGHTS), where=str(path)
        )
    _require_keras_model(built.model, path)
    shape = tuple(built.model.inputs[0].shape[1:])
    if shape != recipe.input_shape:
        raise RecipeError(f"the model takes {shape}, but input_shape is {recipe.input_shape}", where=str(path))
    export_keras(built.model, recipe.input_shape, folder / "saved_model")
    return Made(_keras_predict(built.model), _recipe_data(recipe, path), built.weights)


def _recipe_data(recipe: Recipe, path: Path) -> GivenData:
    calibration = recipe.representative()
    inputs, labels = recipe.test_data() if recipe.test_data is not None else (None, None)
    return GivenData.checked(calibration, inputs, labels, recipe.task, recipe.input_shape, where=str(path))


def _from_keras(path: Path, options: Mapping[str, str], folder: Path) -> Made:
    import keras

    if path.suffix == ".keras" and not zipfile.is_zipfile(path):  # Keras would say that the file was not found
        raise ModelFileError("not a .keras file (those are zip archives), or cut off", where=str(path))
    try:
        model = keras.models.load_model(path, compile=False)
    except Exception as error:
        raise ModelFileError(f"Keras cannot load it: {error}", where=str(path)) from error
    _require_keras_model(model, path)
    model, notes = without_softmax(model)
    shape = static_shape(tuple(model.inputs[0].shape[1:]), options, path)
    export_keras(model, shape, folder / "saved_model")
    return Made(_keras_predict(model), read_given_data(options, shape), GIVEN, notes)


def _require_keras_model(model: Any, path: Path) -> None:
    """Refuse what has no single float input and output, by name."""
    import keras

    if not isinstance(model, keras.Model) or not model.built:
        raise RecipeError(
            f"not a built Keras 3 model but {type(model).__module__}.{type(model).__name__}", where=str(path)
        )
    for kind, tensors in (("input", model.inputs), ("output", model.outputs)):
        require_one(kind, [tensor.name for tensor in tensors], path)
        dtype = keras.backend.standardize_dtype(tensors[0].dtype)
        if not dtype.startswith("float"):
            raise UnsupportedModelError(
                f"the {kind} {tensors[0].name!r} is {dtype}; float32 is needed", where=str(path)
            )


def require_one(kind: str, names: list[str], path: Path) -> None:
    """Refuse a model with several inputs or outputs, naming them.

    Raises:
        UnsupportedModelError: there is not exactly one.
    """
    if len(names) == 1:
        return
    listed = ", ".join(repr(name) for name in names) or "none"
    raise UnsupportedModelError(
        f"the model has {len(names)} {kind}s ({listed}); models with one {kind} can be converted", where=str(path)
    )


def without_softmax(model: Any) -> tuple[Any, tuple[str, ...]]:
    """`model` with logits as output, and what was changed.

    An int8 softmax has the fixed scale 1/256: with many classes nearly all outputs round to the same value.
    """
    import keras

    last = model.layers[-1]
    softmax = keras.activations.softmax
    if getattr(last, "activation", None) is not softmax and not isinstance(last, keras.layers.Softmax):
        return model, ()
    if isinstance(last, (keras.layers.Softmax, keras.layers.Activation)):
        return keras.Model(model.inputs, last.input), (f"the final {last.name!r} (softmax) was left out",)
    last.activation = keras.activations.linear
    return model, (f"the softmax of the final {last.name!r} was left out",)


def export_keras(model: Any, shape: tuple[int, ...], target: Path) -> None:
    """Write a SavedModel of one signature: ``image`` (1, *shape) float32 to ``output``.

    ``tf.saved_model.save`` must not be used on a Keras 3 model: its variables are lost without a message.
    """
    import keras
    import tensorflow as tf

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serve",
        lambda image: {"output": model(image, training=False)},
        input_signature=[tf.TensorSpec((1, *shape), tf.float32, name="image")],
    )
    archive.write_out(str(target), verbose=False)


def _keras_predict(model: Any) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    return lambda inputs: np.asarray(model(inputs, training=False), np.float32)


def _from_saved_model(path: Path, options: Mapping[str, str], folder: Path) -> Made:
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(path))
    except Exception as error:
        raise ModelFileError(f"TensorFlow cannot load it: {error}", where=str(path)) from error
    name, spec, serve = _signature(loaded, path)
    shape = static_shape(tuple(spec.shape.as_list()[1:]), options, path)

    def call(image: Any) -> dict[str, Any]:
        return {"output": next(iter(serve(**{name: image}).values()))}

    module = tf.Module()
    module.loaded = loaded
    static = tf.function(call, input_signature=[tf.TensorSpec((1, *shape), tf.float32, name="image")])
    tf.saved_model.save(module, str(folder / "saved_model"), signatures=static)

    def predict(inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.concatenate([call(tf.constant(sample[None]))["output"].numpy() for sample in inputs])

    return Made(predict, read_given_data(options, shape), GIVEN)


def _signature(loaded: Any, path: Path) -> tuple[str, Any, Any]:
    """The name and TensorSpec of the one input of ``serving_default``, and the signature itself."""
    import tensorflow as tf

    serve = loaded.signatures.get("serving_default")
    if serve is None:
        raise UnsupportedModelError("the SavedModel has no signature 'serving_default'", where=str(path))
    inputs = serve.structured_input_signature[1]
    require_one("input", list(inputs), path)
    require_one("output", list(serve.structured_outputs), path)
    name, spec = next(iter(inputs.items()))
    if spec.dtype != tf.float32:
        raise UnsupportedModelError(f"the input {name!r} is {spec.dtype.name}; float32 is needed", where=str(path))
    if spec.shape.rank is None or spec.shape.rank < 1 or spec.shape[0] not in (None, 1):
        raise UnsupportedModelError(
            f"the input {name!r} has shape {spec.shape}; a batch of 1 is needed", where=str(path)
        )
    return name, spec, serve


def static_shape(shape: tuple[int | None, ...], options: Mapping[str, str], path: Path) -> tuple[int, ...]:
    """The fixed shape of one sample; open sizes come from the option `input_shape`.

    Raises:
        UnsupportedModelError: a size is open and the option does not say it.
    """
    wanted = options.get("input_shape", "")
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
            f"the input shape {shape} is not fixed",
            where=str(path),
            remedy="Give the option input_shape, for example input_shape=224,224,3.",
        )
    return tuple(size for size in shape if size is not None)


def _from_tflite(path: Path, options: Mapping[str, str], folder: Path) -> Made:
    from harness.prepare.litert_file import inspect
    from harness.prepare.litert_run import Model

    info = inspect({"path": str(path)})
    if info["unsupported"]:
        raise UnsupportedModelError(info["unsupported"], where=str(path))
    model = Model(path)
    return Made(model.run, read_given_data(options, model.input_shape), GIVEN, variant=info["variant"])
