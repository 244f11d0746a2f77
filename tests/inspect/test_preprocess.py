from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from harness.inspect.measured import Stored
from harness.inspect.model import Normalisation, Signature
from harness.inspect.preprocess import NOT_IN_FILE, InputFacts, block, input_facts
from tests.inspect.factory import Drawn

IMAGE = (("kind", "image"), ("mean", "127.5, 127.5, 127.5"), ("std", "127.5, 127.5, 127.5"))


def facts(
    shape: tuple[int, ...] = (1, 224, 192, 3), dtype: str = "float32", stored: Stored | None = None, **fields: Any
) -> InputFacts:
    drawn = Drawn()
    scale = {"scales": (1 / 127.5,), "zero_points": (-1,)} if dtype == "int8" else {}
    drawn.inputs = [drawn.tensor("serving_default_image:0", shape, dtype, **scale)]
    return input_facts(drawn.file(**fields), stored or Stored())[0]


def constants(text: str) -> dict[str, float]:
    """The block as Kotlin reads it: constants only, comments are nothing."""
    code = [line.split("//")[0].strip() for line in text.splitlines()]
    found = (re.fullmatch(r"const val (\w+) = (\S+?)f?", line) for line in code if line.startswith("const"))
    return {one[1]: float(one[2]) for one in found if one}


def test_a_float_image_of_which_nothing_more_is_known() -> None:
    one = facts()
    assert (one.height, one.width, one.channels, one.batch, one.bytes_per_channel) == (224, 192, 3, 1, 4)
    assert (one.mean, one.std, one.known_from) == ((), (), NOT_IN_FILE)
    text = block(one)
    assert constants(text) == {
        "BATCH_SIZE": 1,
        "INPUT_HEIGHT": 224,
        "INPUT_WIDTH": 192,
        "CHANNELS": 3,
        "BYTES_PER_CHANNEL": 4,
        "INPUT_BYTES": 224 * 192 * 3 * 4,
    }
    assert "// IMAGE_MEAN: not in the file" in text


def test_metadata_of_the_file_goes_before_the_store() -> None:
    said = (Normalisation(0, (0.0,), (255.0,)),)
    one = facts(stored=Stored((), IMAGE, "run-1"), normalisation=said)
    assert (one.mean, one.std, one.known_from) == ((0.0,), (255.0,), "the file's metadata")


def test_the_recipe_of_a_run() -> None:
    one = facts(stored=Stored((), IMAGE, "run-1"))
    assert one.mean == (127.5, 127.5, 127.5)
    assert constants(block(one))["IMAGE_MEAN"] == 127.5
    assert "// the recipe, in run run-1" in block(one)


def test_channels_that_differ_are_an_array() -> None:
    described = (("kind", "image"), ("mean", "123.7 116.8 103.9"), ("std", "1 1 1"))
    assert "val IMAGE_MEAN = floatArrayOf(123.7f, 116.8f, 103.9f)" in block(facts(stored=Stored((), described, "r")))


@pytest.mark.parametrize(
    "described",
    [
        (("kind", "image"), ("mean", "1 2"), ("std", "1 1")),
        (("kind", "image"), ("mean", "one"), ("std", "two")),
        (("kind", "audio"), ("mean", "1"), ("std", "1")),
    ],
)
def test_what_does_not_fit_is_not_used(described: tuple[tuple[str, str], ...]) -> None:
    assert facts(stored=Stored((), described, "r")).known_from == NOT_IN_FILE


def test_a_quantized_image_has_the_range_of_its_integers_and_both_steps_at_once() -> None:
    one = facts(dtype="int8", stored=Stored((), IMAGE, "r"))
    assert one.bytes_per_channel == 1
    assert (one.low, one.high) == pytest.approx((-127 / 127.5, 128 / 127.5))
    text = block(one)
    scale, zero = constants(text)["INPUT_SCALE"], constants(text)["INPUT_ZERO_POINT"]
    step, sign, shift = re.search(r"round\(pixel / (\S+) ([+-]) (\S+?)\)", text).groups()  # type: ignore[union-attr]
    pixels = np.arange(256)
    long_way = np.round((pixels - 127.5) / 127.5 / scale + zero)
    short = np.round(pixels / float(step) + (1 if sign == "+" else -1) * float(shift))
    assert np.abs(long_way - short).max() <= 1
    assert "kept within -128 to 127" in text
    assert np.abs(long_way.clip(-128, 127) - (pixels - 128)).max() <= 1


def test_the_name_is_the_one_that_apps_use() -> None:
    one = facts(signatures=(Signature("serving_default", 0, (("image", 0),), ()),))
    assert block(one).startswith("// Input image: float32")


def test_other_shapes_are_no_images() -> None:
    one = facts(shape=(1, 384), dtype="int32")
    assert (one.height, one.channels) == (None, None)
    assert set(constants(block(one))) == {"BATCH_SIZE", "BYTES_PER_VALUE", "INPUT_BYTES"}


def test_an_open_batch_counts_as_one() -> None:
    assert facts(shape=(-1, 8, 8, 3)).tensor_bytes == 8 * 8 * 3 * 4


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), -1.0, 0.0])
def test_an_impossible_scale_is_none(scale: float) -> None:
    drawn = Drawn()
    drawn.inputs = [drawn.tensor("x", (1, 4, 4, 3), "int8", scales=(scale,), zero_points=(0,))]
    (one,) = input_facts(drawn.file(), Stored())
    assert "INPUT_SCALE" not in block(one)


def test_a_name_stays_in_its_comment() -> None:
    drawn = Drawn()
    drawn.inputs = [drawn.tensor("x\nval evil = run()\u2028val more = 1\r//", (1, 4, 4, 3))]
    text = block(input_facts(drawn.file(), Stored())[0])
    assert "evil" in text.splitlines()[0]
    assert not [line for line in text.splitlines()[1:] if "evil" in line or "more" in line]
