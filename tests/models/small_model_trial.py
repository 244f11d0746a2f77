"""Trains a small model and scores it (`train NAME FOLDER`), or meets it again under tf-keras (`again NAME FOLDER`).

Prints one line of JSON after the word `found`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from harness.accuracy.tasks import open_task
from harness.prepare.keras_api import keras_api
from harness.prepare.recipe import Recipe, load_recipe, recipe_path

CHECKED = 20
STEPS_SAMPLES = 64


def arrays(inputs: Any) -> list[Any]:
    return list(inputs) if isinstance(inputs, tuple) else [inputs]


def outputs(recipe: Recipe, model: Any, inputs: list[Any]) -> list[Any]:
    found = model.predict(inputs if len(inputs) > 1 else inputs[0], batch_size=64, verbose=0)
    return [found[name] for name in recipe.outputs] if isinstance(found, dict) else [found]


def train(recipe: Recipe, folder: Path) -> dict[str, Any]:
    assert recipe.test_data is not None
    assert recipe.task_spec is not None
    built = recipe.build({})
    if recipe.task == "classification":
        inputs, labels = recipe.test_data()
        inputs, truths = [inputs], [{"label": int(label)} for label in labels]
    else:
        given, truths = recipe.test_data()
        inputs = arrays(given)
    found = outputs(recipe, built.model, inputs)
    task = open_task(recipe.task_spec)
    figures = task.summarise(task.score(tuple(found), truths))
    np.savez(folder / "weights.npz", *built.model.get_weights())
    np.savez(folder / "check.npz", *[output[:CHECKED] for output in found])
    return {
        "metric": figures[task.metric],
        "weights": built.weights,
        "parameters": built.model.count_params(),
        "inputs": [tensor.name for tensor in built.model.inputs],
    }


def again(recipe: Recipe, folder: Path) -> dict[str, Any]:
    """The distance of the outputs with the same weights, and the loss before and after a few more steps."""
    assert recipe.network is not None
    assert recipe.training is not None
    assert recipe.test_data is not None
    keras = keras_api()
    model = recipe.network({})
    with np.load(folder / "weights.npz") as weights, np.load(folder / "check.npz") as expected:
        model.set_weights([weights[name] for name in weights.files])
        found = outputs(recipe, model, [array[:CHECKED] for array in arrays(recipe.test_data()[0])])
        distance = max(float(np.abs(a - expected[name]).max()) for a, name in zip(found, expected.files, strict=True))
    values, targets = recipe.training.data()
    inputs = [array[:STEPS_SAMPLES] for array in arrays(values)]
    targets = {key: value[:STEPS_SAMPLES] for key, value in targets.items()} if isinstance(targets, dict) else targets
    targets = targets if isinstance(targets, dict) else targets[:STEPS_SAMPLES]
    rate = recipe.training.learning_rate
    model.compile(optimizer=keras.optimizers.Adam(rate), loss=recipe.training.loss(keras))
    history = model.fit(inputs if len(inputs) > 1 else inputs[0], targets, epochs=3, batch_size=32, verbose=0)
    return {"keras": keras.__name__, "distance": distance, "losses": history.history["loss"]}


if __name__ == "__main__":
    what, name, folder = sys.argv[1:]
    print("found", json.dumps({"train": train, "again": again}[what](load_recipe(recipe_path(name)), Path(folder))))
