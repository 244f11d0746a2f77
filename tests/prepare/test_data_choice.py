from __future__ import annotations

import pytest

from harness.accuracy import AudioPreprocessing, ImagePreprocessing, TaskSpec
from harness.errors import RecipeError
from harness.prepare.data_choice import DataChoice, described_preprocessing, is_data_option, read_preprocessing

OWN = ImagePreprocessing(224, 224, mean=(127.5,) * 3, std=(127.5,) * 3, resize="crop")
AUDIO = AudioPreprocessing(16000, "mfcc", 13, 296, 0.025, 0.01)


def test_options_are_taken_apart() -> None:
    texts = {
        "data": "imagenet",
        "data.path": "/data",
        "data.label_offset": "1",
        "data.samples": "500",
        "task": "classification",
        "task.classes": "1001",
        "preprocess.mean": "0,0,0",
    }
    choice = DataChoice.from_texts(texts)
    assert (choice.reader, choice.path, choice.samples) == ("imagenet", "/data", 500)
    assert choice.reader_options == {"label_offset": "1"}
    assert choice.task_over(None) == TaskSpec("classification", (("classes", "1001"),))
    assert choice.preprocess == {"mean": "0,0,0"}
    assert all(map(is_data_option, texts))
    assert not any(map(is_data_option, ("weights", "database", "converter.int8", "technique.epochs")))


@pytest.mark.parametrize(
    ("texts", "what"),
    [
        ({"data": "imagenet"}, "'imagenet' has no path"),
        ({"data.path": "/x"}, "no reader"),
        ({"data": "npz", "data.path": "/x", "data.samples": "0"}, "data.samples is '0'"),
        ({"data": "npz", "data.path": "/x", "data.samples": "many"}, "data.samples is 'many'"),
        ({"task": "clasification"}, "no task 'clasification'"),
    ],
)
def test_what_does_not_fit_together_is_refused(texts: dict[str, str], what: str) -> None:
    with pytest.raises(RecipeError, match=what):
        DataChoice.from_texts(texts)


def test_a_task_option_alone_changes_the_own_task() -> None:
    own = TaskSpec("landmarks", (("layout", "wflw98"), ("normalise", "box")))
    choice = DataChoice.from_texts({"task.normalise": "inter_pupil"})
    assert choice.task_over(own) == TaskSpec("landmarks", (("layout", "wflw98"), ("normalise", "inter_pupil")))
    assert choice.task_over(None) is None
    assert DataChoice.from_texts({"task": "regression"}).task_over(own) == TaskSpec("regression")


def test_preprocessing_fields_are_replaced_by_their_types() -> None:
    choice = DataChoice.from_texts(
        {"preprocess.mean": "1,2.5,3", "preprocess.crop_fraction": "1", "preprocess.order": "BGR"}
    )
    changed = choice.preprocessing_over(OWN, None)
    assert changed == ImagePreprocessing(
        224, 224, mean=(1.0, 2.5, 3.0), std=(127.5,) * 3, resize="crop", crop_fraction=1.0, order="BGR"
    )
    assert DataChoice().preprocessing_over(AUDIO, (1,)) == AUDIO


def test_a_model_files_images_take_their_size_from_its_input() -> None:
    made = DataChoice.from_texts({"preprocess.std": "255"}).preprocessing_over(None, (96, 64, 1))
    assert made == ImagePreprocessing(96, 64, 1, std=(255.0,))
    assert DataChoice().preprocessing_over(None, (10,)) is None


@pytest.mark.parametrize(
    ("texts", "what"),
    [
        ({"preprocess.maen": "1"}, "no option preprocess.maen"),
        ({"preprocess.mean": "a,b"}, "preprocess.mean is 'a,b'"),
        ({"preprocess.height": "1.5"}, "preprocess.height is '1.5'"),
        ({"preprocess.kind": "video"}, "no pre-processing 'video'"),
        ({"preprocess.kind": "audio", "preprocess.feature": "mfcc"}, "lacks preprocess.sample_rate_hz"),
    ],
)
def test_wrong_preprocessing_is_named(texts: dict[str, str], what: str) -> None:
    with pytest.raises(RecipeError, match=what):
        DataChoice.from_texts(texts).preprocessing_over(None, (8, 8, 3))


@pytest.mark.parametrize("value", [OWN, AUDIO, None])
def test_preprocessing_as_text_can_be_read_again(value: ImagePreprocessing | AudioPreprocessing | None) -> None:
    assert read_preprocessing(dict(described_preprocessing(value))) == value
