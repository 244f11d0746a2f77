"""Real readers, without a model: only its source folder's interface and outputs are looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.accuracy.dataset import Dataset
from harness.errors import DatasetError, RecipeError
from harness.prepare.interface import Interface
from harness.prepare.public_data import build_dataset, data_facts
from harness.prepare.recipe import InputSpec

RECIPE = """
import numpy as np
from harness.accuracy import ImagePreprocessing
from harness.prepare.recipe import BuiltModel, Recipe
RECIPE = Recipe(description="d", input_shape=(8, 8, 3), build=lambda options: BuiltModel(None, "random"),
                representative=lambda: np.zeros((2, 8, 8, 3), np.float32), task="classification",
                preprocessing=ImagePreprocessing(8, 8, mean=(127.5,) * 3, std=(127.5,) * 3))
"""


@pytest.fixture
def arguments(tmp_path: Path) -> dict[str, Any]:
    """A recipe of 10 classes with its source folder, and a data set of 5 images."""
    (tmp_path / "net.py").write_text(RECIPE)
    source = tmp_path / "source"
    source.mkdir()
    Interface((InputSpec("image", (8, 8, 3)),), ("output",)).write(source)
    np.savez(source / "check.npz", inputs=np.zeros((1, 8, 8, 3), np.float32), outputs=np.zeros((1, 10), np.float32))
    np.savez(tmp_path / "data.npz", inputs=np.full((5, 8, 8, 3), 255, np.uint8), labels=np.arange(5))
    data = {"data": "npz", "data.path": str(tmp_path / "data.npz")}
    return {
        "kind": "recipe",
        "path": str(tmp_path / "net.py"),
        "source": str(source),
        "folder": str(tmp_path / "out"),
        "data": data,
    }


def test_task_and_preprocessing_are_the_recipes_own(arguments: dict[str, Any], tmp_path: Path) -> None:
    facts = data_facts(arguments)
    assert (facts["task"], facts["samples"]) == ("classification", None)
    assert ["mean", "127.5,127.5,127.5"] in facts["preprocessing"]
    assert build_dataset(arguments)["samples"] == 5
    chunk = Dataset.open(tmp_path / "out" / "dataset").chunk(0)
    assert np.all(chunk.inputs == 1.0)
    assert sorted(truth["label"] for truth in chunk.truths) == [0, 1, 2, 3, 4]


def test_options_change_samples_and_preprocessing_and_so_the_facts(arguments: dict[str, Any], tmp_path: Path) -> None:
    before = data_facts(arguments)
    arguments["data"] |= {"data.samples": "3", "preprocess.std": "255,255,255"}
    assert data_facts(arguments) != before
    assert build_dataset(arguments)["samples"] == 3
    assert np.allclose(Dataset.open(tmp_path / "out" / "dataset").chunk(0).inputs, 0.5)


def test_facts_change_with_the_content(arguments: dict[str, Any], tmp_path: Path) -> None:
    before = data_facts(arguments)
    assert data_facts(arguments) == before
    np.savez(tmp_path / "data.npz", inputs=np.zeros((5, 8, 8, 3), np.uint8), labels=np.arange(5))
    assert data_facts(arguments)["fingerprint"] != before["fingerprint"]


def test_a_class_that_the_model_does_not_have_is_named(arguments: dict[str, Any], tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", inputs=np.zeros((5, 8, 8, 3), np.uint8), labels=np.arange(5) + 7)
    with pytest.raises(DatasetError, match=r"the label 1[01], but the model gives 10 classes"):
        build_dataset(arguments)


def test_inputs_of_another_shape_are_named(arguments: dict[str, Any], tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", inputs=np.zeros((5, 8, 4, 3), np.float32), labels=np.arange(5))
    with pytest.raises(DatasetError, match=r"the sample is \(8, 4, 3\), but the model takes \(8, 8, 3\)"):
        build_dataset(arguments)


def test_a_model_file_needs_the_task_to_be_said(arguments: dict[str, Any]) -> None:
    arguments |= {"kind": "tflite", "path": "m.tflite"}
    with pytest.raises(RecipeError, match="a data set is given, but no task"):
        data_facts(arguments)
    arguments["data"] |= {"task": "classification", "preprocess.std": "255"}
    facts = data_facts(arguments)
    assert ["height", "8"] in facts["preprocessing"]
    assert ["std", "255.0"] in facts["preprocessing"]
