"""Models with one layer that is deliberately bad, through real workers: the diagnosis has to name it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.domain import ModelRef, Status
from harness.domain.diagnosis import Diagnosis
from harness.errors import ConversionError, UsageError
from harness.prepare import prepare
from harness.prepare.children import worker_environment
from harness.prepare.diagnosis import diagnose_model

pytestmark = [pytest.mark.prepare, pytest.mark.timeout(600)]

MODELS = """
import keras, numpy as np, sys
keras.utils.set_random_seed(3)
layers = keras.layers

def net(name):
    model = keras.Sequential([
        keras.Input((8, 8, 4)),
        layers.Conv2D(16, 3, activation="relu", name="first"), layers.Conv2D(16, 3, activation="relu", name="second"),
        layers.Conv2D(16, 3, activation="relu", name="third"), layers.Flatten(name="flat"),
        layers.Dense(64, activation="relu", name="wide"), layers.Dense(32, name="narrow"),
    ])
    return model, {layer.name: layer for layer in model.layers}

model, parts = net("activations")
# A channel of large values that nobody reads: it alone decides on the scale of its tensor.
kernel, bias = parts["second"].get_weights()
bias[0] = 300.0
parts["second"].set_weights([kernel, bias])
kernel, bias = parts["third"].get_weights()
kernel[:, :, 0, :] = 0.0
parts["third"].set_weights([kernel, bias])
model.save(sys.argv[1] + "/activations.keras")

model, parts = net("weights")
# A large weight in each row, for an input that is always 0.
kernel, bias = parts["wide"].get_weights()
kernel[:, 0], bias[0] = 0.0, -1.0
parts["wide"].set_weights([kernel, bias])
kernel, bias = parts["narrow"].get_weights()
kernel[0, :] = 60.0
parts["narrow"].set_weights([kernel, bias])
model.save(sys.argv[1] + "/weights.keras")
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    subprocess.run(
        [sys.executable, "-c", MODELS, str(folder)],
        check=True,
        env=worker_environment(os.environ),
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def activations(models: Path, cache_dir: Path) -> Diagnosis:
    return diagnose_model(_ref(models, "activations"), "int8", budget_s=60, cache_dir=cache_dir)


def _ref(models: Path, name: str, **options: str) -> ModelRef:
    return ModelRef(name, file=str(models / f"{name}.keras"), options=tuple(options.items()))


def _named(found: Diagnosis, part: str) -> bool:
    return any(part in name for name in found.keep_float)


def test_an_activation_with_an_outlier_is_found_at_both_its_ends(activations: Diagnosis) -> None:
    """Its tensor has the second layer's values and is read by the third: one of the two in float changes nothing."""
    first, second = activations.layers[:2]
    assert {part for part in ("second", "third") for layer in (first, second) if part in layer.name} == {
        "second",
        "third",
    }
    assert min(layer.cost_pct or 0 for layer in (first, second)) > 50
    assert max(layer.cost_pct or 0 for layer in activations.layers[2:]) < 20
    assert max(abs(layer.gain_db or 0) for layer in (first, second)) < 1
    assert activations.complete


def test_the_choice_is_measured_and_reaches_the_wish(activations: Diagnosis) -> None:
    assert activations.reached
    assert _named(activations, "second")
    assert _named(activations, "third")
    assert len(activations.keep_float) == 2
    assert activations.chosen.sqnr_db > activations.everything.sqnr_db + 5.9
    assert activations.chosen.float_operators == ("CONV_2D (2 of 3)",)
    assert activations.everything.float_operators == ()
    assert activations.everything.size_bytes < activations.chosen.size_bytes < activations.float_size_bytes
    assert activations.boundaries_db > activations.chosen.sqnr_db


def test_the_option_gives_the_file_that_was_measured(activations: Diagnosis, models: Path, cache_dir: Path) -> None:
    ref = _ref(models, "activations", keep_float=",".join(activations.keep_float))
    (row,) = prepare([ref], ["int8"], cache_dir=cache_dir)
    assert (row.status, row.reason) == (Status.DONE, "")
    assert (row.size_bytes, row.gzip_bytes) == (activations.chosen.size_bytes, activations.chosen.gzip_bytes)
    assert row.float_operators == activations.chosen.float_operators
    assert row.source_error is not None
    assert row.source_error.rmse == pytest.approx(activations.chosen.rmse)


def test_bad_weights_are_found_and_cost_one_layer(models: Path, cache_dir: Path) -> None:
    found = diagnose_model(_ref(models, "weights"), "dynamic_range", budget_s=60, cache_dir=cache_dir, wanted_db=30)
    worst = found.layers[0]
    assert worst.kind == "FULLY_CONNECTED"
    assert (worst.gain_db or 0) > 10
    assert (worst.cost_pct or 0) > 90
    assert found.keep_float == (worst.name,)
    assert found.chosen.sqnr_db >= 30 > found.everything.sqnr_db


def test_a_wish_out_of_reach_and_a_budget_that_is_over_are_said(models: Path, cache_dir: Path) -> None:
    ref = _ref(models, "activations")
    short = diagnose_model(ref, "int8", budget_s=0.001, cache_dir=cache_dir, wanted_db=500)
    assert not short.complete
    assert not short.reached
    assert short.keep_float == ()
    assert all(layer.kept_db is None and layer.here_db is not None for layer in short.layers)
    assert short.chosen == short.everything


def test_the_task_is_scored_where_it_is_asked_for(models: Path, cache_dir: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    inputs = rng.uniform(size=(40, 8, 8, 4)).astype(np.float32)
    np.savez(tmp_path / "test.npz", inputs=inputs, labels=rng.integers(0, 32, 40))
    labelled = _ref(models, "activations", test_data=str(tmp_path / "test.npz"))
    found = diagnose_model(labelled, "int8", budget_s=60, cache_dir=cache_dir, metric=True)
    assert found.metric is not None
    assert (found.metric.name, found.metric.samples) == ("top1", 40)
    labels = [label for label, _ in found.metric.figures]
    assert labels[:2] == ["float32", "all quantized"]
    assert labels[-1] == "the chosen layers in float"
    assert all(0 <= figure <= 1 for _, figure in found.metric.figures)
    with pytest.raises(UsageError, match="no labelled data"):
        diagnose_model(_ref(models, "activations"), "int8", cache_dir=cache_dir, metric=True)


def test_a_file_that_is_quantized_already_cannot_be_diagnosed(cache_dir: Path) -> None:
    path = Path(__file__).parent.parent / "data" / "models" / "int8.tflite"
    with pytest.raises(ConversionError, match="already quantized"):
        diagnose_model(ModelRef("int8", file=str(path)), cache_dir=cache_dir)
