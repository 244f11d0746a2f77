from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.errors import RecipeError
from harness.prepare import Recipe, load_recipe
from harness.prepare.recipe import recipe_path

# As keras.applications documents them (MobileNets) or rounded to 23.9 M and 44.7 M (the others).
PARAMETERS = {
    "mobilenet_v1": 4_253_864,
    "mobilenet_v2": 3_538_984,
    "inception_v3": 23_851_784,
    "resnet_v2_101": 44_675_560,
}
IMAGENET = tuple(PARAMETERS)
WEIGHTS_FILES = {
    "mobilenet_v1": "mobilenet_1_0_224_tf.h5",
    "mobilenet_v2": "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5",
    "inception_v3": "inception_v3_weights_tf_dim_ordering_tf_kernels.h5",
    "resnet_v2_101": "resnet101v2_weights_tf_dim_ordering_tf_kernels.h5",
}


def _recipe(name: str) -> Recipe:
    return load_recipe(recipe_path(name))


@pytest.mark.parametrize("name", IMAGENET)
def test_calibration_images_are_in_the_networks_range(name: str) -> None:
    recipe = _recipe(name)
    images = recipe.representative()
    assert images.shape == (10, *recipe.input_shape)
    assert images.dtype == np.float32
    assert -1.0 <= images.min() < -0.5
    assert 0.5 < images.max() <= 1.0


@pytest.mark.parametrize("name", IMAGENET)
def test_weights_come_from_the_keras_cache_only(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    recipe = _recipe(name)
    assert recipe.depends_on({}) == ()
    assert recipe.depends_on({"weights": "random"}) == ()
    with pytest.raises(RecipeError, match="not in the Keras cache") as caught:
        recipe.depends_on({"weights": "imagenet"})
    assert WEIGHTS_FILES[name] in str(caught.value)
    with pytest.raises(RecipeError, match="does not exist"):
        recipe.depends_on({"weights": str(tmp_path / "mine.h5")})
    published = tmp_path / "models" / WEIGHTS_FILES[name]
    published.parent.mkdir()
    published.touch()
    assert recipe.depends_on({}) == (published,)
    assert recipe.depends_on({"weights": "imagenet"}) == (published,)
    assert recipe.depends_on({"weights": "random"}) == ()


def test_digits_split_is_held_out_and_fixed() -> None:
    pytest.importorskip("sklearn", reason="needs scikit-learn")
    recipe, again = _recipe("digits_cnn"), _recipe("digits_cnn")
    assert recipe.test_data is not None
    assert again.test_data is not None
    inputs, labels = recipe.test_data()
    assert inputs.shape == (719, 8, 8, 1)
    assert (inputs.min(), inputs.max()) == (0.0, 1.0)
    assert sorted(set(labels.tolist())) == list(range(10))
    assert np.array_equal(inputs, again.test_data()[0])
    calibration = recipe.representative()
    seen = {image.tobytes() for image in inputs}
    assert not any(image.tobytes() in seen for image in calibration)


@pytest.mark.prepare
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", IMAGENET)
def test_parameter_counts_are_the_published_ones(name: str) -> None:
    import os
    import subprocess
    import sys

    from harness.prepare.children import worker_environment

    code = (
        "import sys; from harness.prepare.recipe import load_recipe, recipe_path\n"
        "built = load_recipe(recipe_path(sys.argv[1])).build({'weights': 'random'})\n"
        "activation = built.model.layers[-1].get_config().get('activation')\n"
        "print('found', built.model.count_params(), built.weights, activation)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, name],
        check=True,
        capture_output=True,
        text=True,
        env=worker_environment(os.environ),
        cwd=Path(__file__).parents[2],
    )
    found = next(line for line in done.stdout.splitlines() if line.startswith("found"))
    assert found.split()[1:3] == [str(PARAMETERS[name]), "random"]
    assert found.split()[3] in ("linear", "None")
