from __future__ import annotations

from pathlib import Path

import pytest

from tests.models import child

CODE = """
import json, sys
from pathlib import Path
import numpy as np
from harness.errors import RecipeError
from harness.prepare.keras_api import keras_api
from harness.prepare.networks.weights import built

keras, folder = keras_api(), Path(sys.argv[1])
made = []

def network(options):
    layers = keras.layers
    width = int(options.get("width", 4))
    model = keras.Sequential([keras.Input((6, 6, 1)), layers.Conv2D(width, 3), layers.BatchNormalization(momentum=0.9)])
    made.append(model)
    return model

images = np.random.default_rng(1).normal(3.0, 2.0, (8, 6, 6, 1)).astype(np.float32)
random = built(network, {}, lambda: images)
again = built(network, {}, lambda: images)
seen = np.asarray(random.model(images, training=False))
np.savez(folder / "mine.npz", *random.model.get_weights())
random.model.save_weights(str(folder / "mine.weights.h5"))
(folder / "broken.npz").write_bytes(b"PK")
found = {
    "random": random.weights,
    "repeats": all(np.array_equal(a, b) for a, b in zip(random.model.get_weights(), again.model.get_weights())),
    "mean": float(np.abs(seen.mean(axis=(0, 1, 2))).max()),
    "spread": seen.std(axis=(0, 1, 2)).tolist(),
    "momentum": random.model.layers[-1].momentum,
    "refused": {},
}
for name in ("mine.npz", "mine.weights.h5"):
    loaded = built(network, {"weights": str(folder / name)}, lambda: 1 / 0)
    same = [np.array_equal(a, b) for a, b in zip(random.model.get_weights(), loaded.model.get_weights())]
    found[name] = [loaded.weights, all(same) and len(same) == 6]
for name, width in (("mine.npz", "5"), ("mine.weights.h5", "5"), ("broken.npz", "4")):
    try:
        built(network, {"weights": str(folder / name), "width": width}, lambda: images)
    except RecipeError as error:
        found["refused"][name] = str(error)
print(json.dumps(found))
"""


@pytest.mark.prepare
@pytest.mark.timeout(300)
@pytest.mark.parametrize("legacy_keras", [False, True], ids=["keras", "tf-keras"])
def test_weights_are_seeded_or_read_from_a_file(tmp_path: Path, legacy_keras: bool) -> None:
    found = child.run(CODE, str(tmp_path), legacy_keras=legacy_keras)
    assert found["random"] == "random"
    assert found["repeats"]
    assert found["mean"] < 1e-3
    assert found["spread"] == pytest.approx([1.0] * 4, abs=0.02)
    assert found["momentum"] == 0.9
    assert found["mine.npz"] == ["trained", True]
    assert found["mine.weights.h5"] == ["trained", True]
    assert set(found["refused"]) == {"mine.npz", "mine.weights.h5", "broken.npz"}
    for name, text in found["refused"].items():
        assert "do not fit the model" in text
        assert name in text


PREPROCESSING = """
import json, sys
import numpy as np
from harness.prepare.keras_api import keras_api
from harness.prepare.recipe import load_recipe, recipe_path
pixels = np.random.default_rng(1).uniform(0, 255, (4, 4, 3)).astype(np.float32)
apart = []
for recipe, module in zip(*(text.split(",") for text in sys.argv[1:])):
    ours = load_recipe(recipe_path(recipe)).preprocessing
    theirs = getattr(keras_api().applications, module).preprocess_input(pixels.copy())
    apart.append(float(np.abs((pixels - ours.mean) / ours.std - theirs).max()))
print(json.dumps(apart))
"""


@pytest.mark.prepare
def test_images_are_pre_processed_as_keras_applications_does() -> None:
    recipes = "mobilenet_v1,mobilenet_v2,inception_v3,resnet_v2_101"
    apart = child.run(PREPROCESSING, recipes, "mobilenet,mobilenet_v2,inception_v3,resnet_v2")
    assert len(apart) == 4
    assert max(apart) < 1e-6
