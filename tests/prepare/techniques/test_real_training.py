"""Real training by tensorflow-model-optimization, in processes of their own as the harness starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.prepare.children import worker_environment
from harness.prepare.keras_api import LEGACY

pytestmark = [pytest.mark.prepare, pytest.mark.timeout(600)]

DRIVER = Path(__file__).with_name("driver.py")
# Four classes: the quarter of the image that is brightest. Options change the network, or what tf-keras makes of it.
RECIPE = """
import numpy as np
from harness.prepare.keras_api import keras_api
from harness.prepare.recipe import BuiltModel, Recipe, Training

def made(count, seed):
    random = np.random.default_rng(seed)
    labels = random.integers(0, 4, count)
    images = random.uniform(0, 0.4, (count, 8, 8, 1)).astype(np.float32)
    for image, label in zip(images, labels):
        image[4 * (label // 2):, 4 * (label % 2):][:4, :4] += 0.3
    return images, labels

def network(options):
    keras = keras_api()
    layers = keras.layers
    keras.utils.set_random_seed(1)
    image = keras.Input((8, 8, 1), name="image")
    tensor = layers.Conv2D(16, 3, padding="same", use_bias=False)(image)
    tensor = layers.ReLU()(layers.BatchNormalization()(tensor))
    tensor = layers.Conv2D(32, 3, strides=2, padding="same")(tensor)
    if options.get("kind") == "preactivation":
        tensor = layers.BatchNormalization(name="alone")(layers.Add()([tensor, tensor]))
    tensor = layers.DepthwiseConv2D(3, padding="same")(tensor)
    other = options.get("kind") == "other" and keras.__name__ != "keras"
    tensor = layers.Activation("tanh" if other else "relu")(tensor)
    tensor = layers.Dense(64, activation="relu")(layers.Flatten()(tensor))
    return keras.Model(image, layers.Dense(4)(tensor))

def build(options):
    keras = keras_api()
    model = network(options)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(2e-3), loss=loss)
    model.fit(*made(800, 1), batch_size=32, epochs=2, verbose=0)
    return BuiltModel(model, "trained")

RECIPE = Recipe(
    "quarters", (8, 8, 1), build=build, representative=lambda: made(60, 2)[0], test_data=lambda: made(300, 3),
    task="classification", options={"kind": "what is tried"}, network=network, training=TRAINING,
)
"""
TRAINING = """Training(
    lambda: made(800, 1), lambda keras: keras.losses.SparseCategoricalCrossentropy(from_logits=True), epochs=2, batch=32
)"""
TWO = """
import numpy as np
from harness.prepare.keras_api import keras_api
from harness.prepare.recipe import BuiltModel, InputSpec, Recipe, Training

def network(options):
    keras = keras_api()
    layers = keras.layers
    keras.utils.set_random_seed(1)
    left, right = keras.Input((8,), name="left"), keras.Input((4,), name="right")
    both = layers.Dense(64, activation="relu")(layers.Concatenate()([right, left]))
    outputs = {"start": layers.Dense(3, name="b")(both), "end": layers.Dense(2, name="a")(both)}
    return keras.Model({"right": right, "left": left}, outputs)

def samples():
    random = np.random.default_rng(1)
    return random.normal(size=(32, 8)).astype(np.float32), random.normal(size=(32, 4)).astype(np.float32)

def labelled():
    return samples(), {"start": np.zeros((32, 3), np.float32), "end": np.ones((32, 2), np.float32)}

RECIPE = Recipe(
    "two", (), build=lambda options: BuiltModel(network(options), "random"), representative=samples,
    inputs=(InputSpec("left", (8,)), InputSpec("right", (4,))), outputs=("end", "start"), network=network,
    training=Training(labelled, lambda keras: keras.losses.MeanSquaredError(), epochs=1),
)
"""


def run(jobs: list[dict[str, Any]], *, legacy: bool) -> dict[str, dict[str, Any]]:
    environment = worker_environment(os.environ) | ({LEGACY: "1"} if legacy else {})
    command = [sys.executable, str(DRIVER), json.dumps(jobs)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    print(done.stdout)  # what failed, beside the assertion that misses it
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {line["name"]: line["value"] for line in lines}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The results of all jobs: one process for Keras 3, one for tf-keras."""
    pytest.importorskip("tensorflow_model_optimization", reason="the extra `optimization` is not installed")
    folder = tmp_path_factory.mktemp("techniques")
    texts = {
        "labelled": RECIPE.replace("TRAINING", TRAINING),
        "unlabelled": RECIPE.replace("TRAINING", "None"),
        "two": TWO,
    }
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text)

    def source(name: str, recipe: str, **options: str) -> dict[str, Any]:
        place = {"path": str(folder / f"{recipe}.py"), "options": options, "folder": str(folder / name)}
        return {"name": f"source {name}", "do": "source", **place}

    def technique(name: str, recipe: str, source: str, settings: dict[str, str], **options: str) -> dict[str, Any]:
        target = folder / f"{name} of {source}"
        place = {"path": str(folder / f"{recipe}.py"), "source": str(folder / source), "folder": str(target)}
        made = {"technique": name, "settings": settings, "options": options}
        return {"name": target.name, "do": "technique", **place, **made}

    def convert(made: str, mode: str, *, trained: bool, test: bool = True) -> dict[str, Any]:
        job = {"name": f"{made} {mode}", "do": "convert", "folder": str(folder / made), "mode": mode}
        return job | {"trained": trained} | ({"test": str(folder / "labelled.py")} if test else {})

    odd = ("preactivation", "other")
    sources = [
        source("plain", "labelled"),
        *(source(kind, "labelled", kind=kind) for kind in odd),
        source("two", "two"),
    ]
    found = run(sources, legacy=False)
    jobs = [
        technique("qat", "labelled", "plain", {}),
        convert("qat of plain", "int8", trained=True),
        technique("pruned", "labelled", "plain", {"sparsity": "0.6"}),
        convert("pruned of plain", "float32", trained=False),
        convert("pruned of plain", "int8", trained=False),
        technique("pruned_clustered_qat", "labelled", "plain", {"clusters": "8"}),
        convert("pruned_clustered_qat of plain", "int8", trained=True),
        technique("clustered", "unlabelled", "plain", {"epochs": "2"}),
        convert("clustered of plain", "float32", trained=False),
        technique("qat", "labelled", "preactivation", {"epochs": "1"}, kind="preactivation"),
        technique("qat", "labelled", "other", {"epochs": "1"}, kind="other"),
        technique("pruned_qat", "two", "two", {}),
        convert("pruned_qat of two", "int8", trained=True, test=False),
    ]
    return found | run(jobs, legacy=True)


def test_training_for_integers_needs_no_samples_to_convert(results: dict[str, dict[str, Any]]) -> None:
    made, file = results["qat of plain"], results["qat of plain int8"]
    assert made["training"] == "fine-tuned 2 epochs on 800 labelled samples"
    assert (made["data"], made["epochs"], made["sparsity"], made["clusters"]) == ("labelled", 2, None, None)
    assert made["training_s"] > 0
    assert file["sqnr_db"] > 20, file
    assert file["accuracy"] > 0.9


def test_zeros_of_pruning_outlive_both_conversions(results: dict[str, dict[str, Any]]) -> None:
    made = results["pruned of plain"]
    assert made["sparsity"] == pytest.approx(0.6, abs=0.01)
    assert made["notes"] == [
        "depthwise convolutions are not pruned: tensorflow-model-optimization leaves them as they are"
    ]
    for mode, floor_db in (("float32", 60), ("int8", 15)):
        file = results[f"pruned of plain {mode}"]
        assert file["sparsity"] == pytest.approx(0.6, abs=0.03), mode
        assert file["sqnr_db"] > floor_db, mode
        assert file["accuracy"] > 0.9, mode


def test_three_steps_keep_what_those_before_made(results: dict[str, dict[str, Any]]) -> None:
    made, file = results["pruned_clustered_qat of plain"], results["pruned_clustered_qat of plain int8"]
    assert "3 times 2 epochs (pruned, then clustered, then quantized)" in made["training"]
    assert made["sparsity"] == pytest.approx(0.75, abs=0.02)
    assert made["clusters"] <= 8
    assert file["sparsity"] == pytest.approx(0.75, abs=0.03)
    assert file["clusters"] <= 8
    assert file["accuracy"] > 0.9


def test_without_labels_the_float_model_is_imitated(results: dict[str, dict[str, Any]]) -> None:
    made, file = results["clustered of plain"], results["clustered of plain float32"]
    assert "to imitate the float model's own outputs on 60 representative samples" in made["training"]
    assert made["data"] == "representative"
    assert made["clusters"] <= 16
    assert file["clusters"] <= 16
    assert file["accuracy"] > 0.9


def test_a_refusal_of_the_library_is_its_own_sentence(results: dict[str, dict[str, Any]]) -> None:
    refused = results["qat of preactivation"]
    assert refused["status"] == "UNSUPPORTED", refused
    assert "Layer alone:" in refused["reason"]
    assert "BatchNormalization" in refused["reason"]
    assert len(refused["reason"]) < 400


def test_a_network_that_is_another_under_tf_keras_is_refused(results: dict[str, dict[str, Any]]) -> None:
    refused = results["qat of other"]
    assert refused["error"] == "RecipeError"
    assert "is not the float model" in refused["reason"]
    assert "keras_api()" in refused["reason"]


def test_several_inputs_and_outputs_keep_their_names_and_order(results: dict[str, dict[str, Any]]) -> None:
    file = results["pruned_qat of two int8"]
    assert "error" not in file, file
    assert results["pruned_qat of two"]["sparsity"] == pytest.approx(0.75, abs=0.02)
    assert sorted(file["inputs"]) == ["left", "right"]
    assert sorted(file["outputs"]) == ["end", "start"]
