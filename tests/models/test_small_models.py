"""The small models: their data are held out and fixed, they learn something, and tf-keras can train them further."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.accuracy.tasks import open_task
from harness.prepare import Recipe, load_recipe
from harness.prepare.children import worker_environment
from harness.prepare.generated import faces, scenes
from harness.prepare.keras_api import LEGACY
from harness.prepare.recipe import recipe_path

# The range that the leading metric of the trained model lies in: neither perfect nor hopeless.
METRICS = {
    "digits_cnn": (0.97, 1.0),
    "small_detector": (0.4, 0.95),
    "small_landmarks": (3.0, 9.0),
    "small_reader": (0.7, 0.97),
    "small_regressor": (45.0, 60.0),
    "small_segmenter": (0.5, 0.9),
    "small_speech": (0.05, 0.25),
}
LEARNT_LOSS = 0.05
GENERATED = tuple(name for name in METRICS if name not in ("digits_cnn", "small_regressor"))


@cache  # a recipe keeps its data, which take seconds to make
def _recipe(name: str) -> Recipe:
    if name not in GENERATED:
        pytest.importorskip("sklearn", reason="needs scikit-learn")
    return load_recipe(recipe_path(name))


def _arrays(values: Any) -> list[np.ndarray]:
    return list(values) if isinstance(values, tuple) else [values]


@pytest.mark.slow
@pytest.mark.parametrize("name", METRICS)
def test_data_fit_the_recipe(name: str) -> None:
    recipe = _recipe(name)
    assert recipe.test_data is not None
    assert recipe.training is not None
    inputs, truths = recipe.test_data()
    training, targets = recipe.training.data()
    calibration = _arrays(recipe.representative())
    for spec, test, trained, calibrated in zip(
        recipe.input_specs, _arrays(inputs), _arrays(training), calibration, strict=True
    ):
        assert test.shape == (len(truths), *spec.shape)
        assert test.dtype == trained.dtype == calibrated.dtype == spec.dtype
        assert trained.shape[1:] == calibrated.shape[1:] == spec.shape
        assert 100 <= len(calibrated) <= 200
        assert np.isfinite(test).all()
    assert len(truths) >= 140
    for target in targets.values() if isinstance(targets, dict) else [targets]:
        assert len(target) == len(_arrays(training)[0])
    assert not isinstance(targets, dict) or sorted(targets) == list(recipe.outputs)


@pytest.mark.slow
@pytest.mark.parametrize("name", METRICS)
def test_the_test_split_is_held_out(name: str) -> None:
    recipe = _recipe(name)
    assert recipe.test_data is not None
    assert recipe.training is not None
    first = [_arrays(values)[0] for values in (recipe.test_data()[0], recipe.training.data()[0])]
    seen = {sample.tobytes() for sample in first[1]}
    assert not any(sample.tobytes() in seen for sample in first[0])
    assert all(sample.tobytes() in seen or name == "digits_cnn" for sample in _arrays(recipe.representative())[0])


@pytest.mark.parametrize("name", METRICS)
def test_the_options_are_those_of_the_task(name: str) -> None:
    recipe = _recipe(name)
    assert recipe.task_spec is not None
    assert open_task(recipe.task_spec).name == recipe.task_spec.name


def test_landmarks_are_found_again_in_their_heatmaps() -> None:
    """The figure of a perfect network: what the grid of the heatmaps costs."""
    made = faces.faces(50, seed=3)
    truths = [{"points": points.tolist()} for points in made.points]
    maps = _module("small_landmarks").heatmaps(made.points)
    assert _figures("small_landmarks", (maps,), truths)["nme_pct"] < 3.0


def test_objects_are_found_again_in_the_grids() -> None:
    made = scenes.scenes(50, seed=3)
    truths = [{"boxes": scene.boxes.tolist(), "labels": scene.labels.tolist()} for scene in made.scenes]
    grids = _module("small_detector").grid_targets(made.scenes)
    outputs = tuple(_as_logits(grids[name]) for name in _recipe("small_detector").outputs)
    assert _figures("small_detector", outputs, truths)["map50"] > 0.97


def _as_logits(grid: np.ndarray) -> np.ndarray:
    """Targets as a network would give them: all but the sizes are probabilities."""
    values = grid.reshape(*grid.shape[:3], 2, -1)
    sure = np.clip(values, 1e-4, 1 - 1e-4)
    logits = np.log(sure / (1 - sure))
    logits[..., 2:4] = values[..., 2:4]
    return logits.reshape(grid.shape).astype(np.float32)


def test_letters_of_texts_are_indices_of_the_alphabet() -> None:
    found = _module("small_speech").letters(("be", "a tea"))
    assert found.tolist() == [[2, 4, -1, -1, -1], [1, 0, 10, 4, 1]]


def _figures(name: str, outputs: tuple[np.ndarray, ...], truths: list[dict[str, Any]]) -> dict[str, float]:
    spec = _recipe(name).task_spec
    assert spec is not None
    task = open_task(spec)
    return task.summarise(task.score(outputs, truths))


def _module(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"recipe_{name}", recipe_path(name))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("small_models")


@pytest.mark.prepare
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", METRICS)
def test_it_learns_and_can_be_trained_again(name: str, folders: Path) -> None:
    pytest.importorskip("tensorflow", reason="needs tensorflow")
    folder = folders / name
    folder.mkdir()
    found = _trial("train", name, folder, {})
    low, high = METRICS[name]
    assert low <= found["metric"] <= high
    assert found["weights"] == "trained"
    recipe = _recipe(name)
    assert sorted(found["inputs"]) == [spec.name for spec in recipe.input_specs] or name == "digits_cnn"
    assert recipe.parameters in (None, found["parameters"])
    pytest.importorskip("tf_keras", reason="needs tf-keras")
    again = _trial("again", name, folder, {LEGACY: "1"})
    assert again["keras"] == "tf_keras"
    assert again["distance"] < 1e-2
    # A model that has learnt all of its few samples can only wander.
    assert again["losses"][-1] < max(again["losses"][0], LEARNT_LOSS)


def _trial(what: str, name: str, folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.models.small_model_trial", what, name, str(folder)],
        capture_output=True,
        text=True,
        env={**worker_environment(os.environ), **environment},
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr[-2000:]
    line = next(line for line in done.stdout.splitlines() if line.startswith("found "))
    found: dict[str, Any] = json.loads(line.removeprefix("found "))
    return found
