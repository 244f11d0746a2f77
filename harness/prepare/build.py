"""In the worker: make a source's arrays and, for TensorFlow sources, a SavedModel with a static batch.

A source folder holds ``interface.json``, ``calibration.npy`` (float32 (n, *shape), or packed), ``check.npz`` (float32
`inputs` and the source's float32 `outputs` on them), ``dataset/`` (the test split, with a task), ``saved_model/`` (not
for a ``.tflite`` source) and ``weights.npz`` (of a recipe whose model can be trained again).
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import ModelFileError, RecipeError
from harness.prepare.data_choice import DataChoice, described_preprocessing
from harness.prepare.faults import UnsupportedModelError
from harness.prepare.given_data import GivenData, read_given_data
from harness.prepare.interface import Interface
from harness.prepare.keras_model import (
    export_keras,
    interface_of,
    keras_predict,
    require_interface,
    require_keras_model,
    static_shapes,
    without_softmax,
)
from harness.prepare.recipe import WEIGHTS, BuiltModel, Recipe, check_options, load_recipe
from harness.prepare.test_split import check_classes, write_test_split

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHECK_SAMPLES = 10
GIVEN = "given"
WEIGHTS_FILE = "weights.npz"


@dataclass(frozen=True)
class Made:
    """A source, ready to be written: `predict` gives its packed outputs on packed inputs.

    `variant` is what a given ``.tflite`` file is.
    """

    interface: Interface
    predict: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    data: GivenData
    weights: str
    notes: tuple[str, ...] = ()
    variant: str = "float32"
    parameters: int | None = None
    preprocessing: tuple[tuple[str, str], ...] = ()


def describe(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What the controller must know of a user's recipe, without running the recipe in the controller."""
    recipe = load_recipe(Path(arguments["path"]))
    check_options(recipe, arguments["options"], arguments["path"])
    return {"depends_on": [str(path) for path in recipe.depends_on(arguments["options"])]}


def build_source(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Build the source named by `arguments` into ``arguments["folder"]``; returns its provenance and task."""
    path, folder = Path(arguments["path"]), Path(arguments["folder"])
    builders: dict[str, Callable[[Path, Mapping[str, str], Path, DataChoice], Made]] = {
        "recipe": _from_recipe,
        "keras": _from_keras,
        "saved_model": _from_saved_model,
        "tflite": _from_tflite,
    }
    choice = DataChoice.from_texts(arguments.get("data", {}))
    made = builders[arguments["kind"]](path, arguments["options"], folder, choice)
    data = made.data
    inputs = (data.test_inputs if data.test_inputs is not None else data.calibration)[:CHECK_SAMPLES]
    outputs = np.asarray(made.predict(inputs), np.float32)
    if not np.isfinite(outputs).all():
        raise ModelFileError("the source model itself gives NaN or infinite outputs", where=str(path))
    np.save(folder / "calibration.npy", data.calibration)
    np.savez(folder / "check.npz", inputs=inputs, outputs=outputs)
    made.interface.write(folder)
    if data.task is not None and data.test_inputs is not None:
        check_classes(data.task, data.truths, outputs, str(path))
        write_test_split(folder / "dataset", made.interface, data.test_inputs, data.truths, data.task)
    return {
        "weights": made.weights,
        "task": None if data.task is None else data.task.name,
        "task_options": [] if data.task is None else [list(pair) for pair in data.task.options],
        "preprocessing": [list(pair) for pair in made.preprocessing],
        "parameters": made.parameters,
        "notes": list(made.notes),
        "variant": made.variant,
    }


def _from_recipe(path: Path, options: Mapping[str, str], folder: Path, choice: DataChoice) -> Made:
    recipe = load_recipe(path)
    built = recipe.build(options)
    if not isinstance(built, BuiltModel) or built.weights not in WEIGHTS:
        raise RecipeError(
            "build() must return BuiltModel(model, weights) with weights " + " | ".join(WEIGHTS), where=str(path)
        )
    interface = Interface(recipe.input_specs, recipe.outputs)
    require_keras_model(built.model, path)
    require_interface(built.model, interface, path)
    export_keras(built.model, interface, folder / "saved_model")
    if recipe.network is not None:
        arrays = {f"w{index:05d}": array for index, array in enumerate(built.model.get_weights())}
        np.savez(folder / WEIGHTS_FILE, **arrays)
    return Made(
        interface,
        keras_predict(built.model, interface),
        _recipe_data(recipe, interface, choice, path),
        built.weights,
        parameters=int(built.model.count_params()),
        preprocessing=described_preprocessing(recipe.preprocessing),
    )


def _recipe_data(recipe: Recipe, interface: Interface, choice: DataChoice, path: Path) -> GivenData:
    calibration = recipe.representative()
    inputs, truths = recipe.test_data() if recipe.test_data is not None else (None, None)
    task = choice.task_over(recipe.task_spec)
    return GivenData.checked(calibration, inputs, truths, task, interface, where=str(path))


def _from_keras(path: Path, options: Mapping[str, str], folder: Path, choice: DataChoice) -> Made:
    import keras

    if path.suffix == ".keras" and not zipfile.is_zipfile(path):  # Keras would say that the file was not found
        raise ModelFileError("not a .keras file (those are zip archives), or cut off", where=str(path))
    try:
        model = keras.models.load_model(path, compile=False)
    except Exception as error:
        raise ModelFileError(f"Keras cannot load it: {error}", where=str(path)) from error
    require_keras_model(model, path)
    model, notes = without_softmax(model)
    shapes = static_shapes({tensor.name: tuple(tensor.shape[1:]) for tensor in model.inputs}, options, path)
    interface = interface_of(model, shapes)
    export_keras(model, interface, folder / "saved_model")
    data = read_given_data(options, interface, choice.task_over(None))
    predict = keras_predict(model, interface)
    return Made(interface, predict, data, GIVEN, notes, parameters=int(model.count_params()))


def _from_saved_model(path: Path, options: Mapping[str, str], folder: Path, choice: DataChoice) -> Made:
    from harness.prepare.saved_model import load_static

    static = load_static(path, options)
    static.write(folder / "saved_model")
    data = read_given_data(options, static.interface, choice.task_over(None))
    return Made(static.interface, static.predict, data, GIVEN, parameters=static.parameters)


def _from_tflite(path: Path, options: Mapping[str, str], _: Path, choice: DataChoice) -> Made:
    from harness.prepare.litert_file import inspect
    from harness.prepare.litert_run import Model

    info = inspect({"path": str(path)})
    if info["unsupported"]:
        raise UnsupportedModelError(info["unsupported"], where=str(path))
    model = Model(path)
    task = choice.task_over(None)
    if task is not None and model.interface.named and list(model.interface.outputs) != sorted(model.interface.outputs):
        listed = ", ".join(model.interface.outputs)
        text = f"its outputs are in the order {listed}; a task needs them in the order of their names"
        raise UnsupportedModelError(text, where=str(path))
    data = read_given_data(options, model.interface, task)
    return Made(model.interface, model.run, data, GIVEN, variant=info["variant"])
