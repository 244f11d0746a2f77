from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.accuracy import AudioPreprocessing, ImagePreprocessing, TextPreprocessing
from harness.accuracy.readers import READERS
from harness.accuracy.tasks import open_task
from harness.errors import RecipeError
from harness.prepare import Recipe, load_recipe
from harness.prepare.networks.weights import choice_of
from harness.prepare.recipe import recipe_path

IMAGENET = ("mobilenet_v1", "mobilenet_v2", "inception_v3", "resnet_v2_101")
NEW = ("hrnet_landmarks", "wav2letter", "deepspeech", "yolo_v3", "mobilebert", "deeplab_v3")
IMAGES = ("hrnet_landmarks", "yolo_v3", "deeplab_v3", *IMAGENET)
DATA = {
    "hrnet_landmarks": ("landmarks", "wflw"),
    "wav2letter": ("speech", "librispeech"),
    "deepspeech": ("speech", "librispeech"),
    "yolo_v3": ("detection", "coco"),
    "mobilebert": ("question_answering", "squad"),
    "deeplab_v3": ("segmentation", "voc"),
    **dict.fromkeys(IMAGENET, ("classification", "imagenet")),
}


def _recipe(name: str) -> Recipe:
    return load_recipe(recipe_path(name))


@lru_cache
def _samples(name: str) -> tuple[Any, ...]:
    samples = _recipe(name).representative()
    return samples if isinstance(samples, tuple) else (samples,)


@pytest.mark.parametrize("name", NEW)
def test_samples_fit_the_inputs(name: str) -> None:
    recipe, samples = _recipe(name), _samples(name)
    assert [(array.shape[1:], array.dtype.name) for array in samples] == [
        (spec.shape, spec.dtype) for spec in recipe.input_specs
    ]
    assert {len(array) for array in samples} == {10}
    assert all(np.isfinite(array).all() for array in samples)
    assert not np.array_equal(samples[0][0], samples[0][1])


@pytest.mark.parametrize("name", ["hrnet_landmarks", "wav2letter", "deepspeech", "mobilebert"])
def test_samples_are_the_same_each_time(name: str) -> None:
    again = _samples.__wrapped__(name)
    assert all(np.array_equal(array, other) for array, other in zip(_samples(name), again, strict=True))


@pytest.mark.parametrize("name", IMAGES)
def test_images_lie_where_the_pre_processing_puts_pixels(name: str) -> None:
    recipe = _recipe(name)
    preprocessing = recipe.preprocessing
    assert isinstance(preprocessing, ImagePreprocessing)
    assert recipe.input_shape == (preprocessing.height, preprocessing.width, preprocessing.channels)
    pixels = _samples(name)[0] * preprocessing.std + preprocessing.mean
    assert pixels.min() == pytest.approx(0.0, abs=0.01)
    assert pixels.max() == pytest.approx(255.0, abs=0.01)


def test_faces_are_standardised_by_the_pixels_of_imagenet() -> None:
    preprocessing = _recipe("hrnet_landmarks").preprocessing
    assert isinstance(preprocessing, ImagePreprocessing)
    assert np.divide(preprocessing.mean, 255) == pytest.approx([0.485, 0.456, 0.406])
    assert np.divide(preprocessing.std, 255) == pytest.approx([0.229, 0.224, 0.225])


@pytest.mark.parametrize("name", DATA)
def test_task_and_public_data_are_named(name: str) -> None:
    recipe = _recipe(name)
    assert recipe.task_spec is not None
    assert recipe.public_data is not None
    assert (recipe.task_spec.name, recipe.public_data.reader) == DATA[name]
    assert open_task(recipe.task_spec).name == recipe.task_spec.name
    kind = READERS[recipe.public_data.reader]
    assert recipe.task_spec.name in kind.tasks
    assert isinstance(recipe.preprocessing, kind.preprocessing or object)
    assert recipe.public_data.layout
    assert recipe.public_data.source
    assert recipe.test_data is None


def test_the_alphabets_have_a_symbol_an_output() -> None:
    for name in ("wav2letter", "deepspeech"):
        spec = _recipe(name).task_spec
        assert spec is not None
        assert sorted(spec.option("alphabet")) == sorted("abcdefghijklmnopqrstuvwxyz' ")
        assert spec.option("blank") == "28"


def test_the_anchors_are_nine_of_growing_area() -> None:
    spec = _recipe("yolo_v3").task_spec
    assert spec is not None
    anchors = np.array(re.split("[, ]", spec.option("anchors")), int).reshape(-1, 2)
    areas = anchors.prod(axis=1)
    assert len(anchors) == 9
    assert (np.diff(areas) > 0).all()


def test_speech_features_are_standardised_where_the_pre_processing_says_so() -> None:
    wav2letter, deepspeech = _recipe("wav2letter"), _recipe("deepspeech")
    assert isinstance(wav2letter.preprocessing, AudioPreprocessing)
    assert wav2letter.preprocessing.normalise
    assert (wav2letter.preprocessing.frames, wav2letter.preprocessing.features) == wav2letter.input_specs[0].shape
    assert isinstance(deepspeech.preprocessing, AudioPreprocessing)
    assert not deepspeech.preprocessing.normalise
    steps, row = deepspeech.input_specs[0].shape
    assert (steps, row) == (16, 19 * 26)
    assert steps == deepspeech.preprocessing.frames
    assert row == (2 * deepspeech.preprocessing.context + 1) * deepspeech.preprocessing.features


def test_each_window_of_deepspeech_shows_the_frames_around_its_frame() -> None:
    windows = _samples("deepspeech")[0].reshape(10, 16, 19, 26)
    assert np.array_equal(windows[:, 1:, :-1], windows[:, :-1, 1:])
    assert windows.all()


def test_the_first_state_of_deepspeech_is_that_of_a_beginning() -> None:
    _, state_c, state_h = _samples("deepspeech")
    assert not state_c[0].any()
    assert not state_h[0].any()
    assert state_h[1:].std() > 0.1
    assert np.abs(state_h).max() < 1.0


def test_mobilebert_takes_the_tokens_that_its_pre_processing_gives() -> None:
    recipe = _recipe("mobilebert")
    assert isinstance(recipe.preprocessing, TextPreprocessing)
    assert {spec.shape for spec in recipe.input_specs} == {(recipe.preprocessing.tokens,)}


@pytest.mark.parametrize("name", NEW)
def test_weights_are_random_unless_a_file_is_named(name: str, tmp_path: Path) -> None:
    recipe = _recipe(name)
    assert recipe.depends_on({}) == recipe.depends_on({"weights": "random"}) == ()
    mine = tmp_path / "mine.npz"
    with pytest.raises(RecipeError, match="does not exist") as caught:
        recipe.depends_on({"weights": str(mine)})
    assert str(mine) in str(caught.value)
    mine.touch()
    assert recipe.depends_on({"weights": str(mine)}) == (mine,)


def test_a_wrong_choice_names_those_allowed() -> None:
    assert choice_of({}, "points", ("98", "68"), "98") == "98"
    assert choice_of({"points": "68"}, "points", ("98", "68"), "98") == "68"
    with pytest.raises(RecipeError, match="'70'") as caught:
        choice_of({"points": "70"}, "points", ("98", "68"), "98")
    assert "98, 68" in str(caught.value.remedy)


@pytest.mark.parametrize("name", ["hrnet_landmarks", "wav2letter", "yolo_v3", "deeplab_v3", *IMAGENET])
def test_networks_of_standard_layers_can_be_trained_again(name: str) -> None:
    assert _recipe(name).network is not None
