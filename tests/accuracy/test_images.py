"""Where pixels and annotations of an image land in a model's input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.accuracy.images import (
    affine_of,
    check_image_preprocessing,
    image_input,
    load_image,
    load_mask,
    mask_input,
)
from harness.accuracy.preprocessing import ImagePreprocessing
from harness.errors import DatasetError

Image = pytest.importorskip("PIL.Image")
STRETCH = ImagePreprocessing(height=40, width=60)


def picture_with_a_spot(width: int, height: int, x: float, y: float, radius: float = 6.0):  # type: ignore[no-untyped-def]
    """A bright Gaussian spot whose centre is at the continuous coordinates x, y."""
    columns, rows = np.arange(width) + 0.5, np.arange(height)[:, None] + 0.5
    spot = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * radius**2))
    return Image.fromarray(np.repeat(spot[..., None], 3, axis=2).astype(np.uint8))


def centre_of(pixels: np.ndarray) -> tuple[float, float]:
    weights = pixels[..., 0].astype(np.float64)
    columns, rows = np.arange(weights.shape[1]) + 0.5, np.arange(weights.shape[0]) + 0.5
    return float((weights.sum(0) @ columns) / weights.sum()), float((weights.sum(1) @ rows) / weights.sum())


@pytest.mark.parametrize("resize", ["stretch", "crop", "letterbox"])
@pytest.mark.parametrize("size", [(200, 120), (97, 151), (50, 33)])
@pytest.mark.parametrize("region", [None, (10.3, -8.0, 70.0, 49.6)])
def test_a_spot_is_where_its_annotation_is_mapped(
    resize: str, size: tuple[int, int], region: tuple[float, ...] | None
) -> None:
    """The image and the mapping are computed apart; the centre of mass of the pixels is the witness."""
    steps = ImagePreprocessing(height=64, width=80, resize=resize, pad_value=0.0)
    at = (size[0] * 0.5, size[1] * 0.45) if region is None else (38.0, 22.0)
    image = picture_with_a_spot(*size, *at, radius=2.5)
    pixels, place = image_input(image, steps, region)
    assert pixels.shape == (64, 80, 3)
    assert pixels.dtype == np.uint8
    assert centre_of(pixels) == pytest.approx(place.points([at])[0], abs=0.35)
    np.testing.assert_allclose(place.inverse().points(place.points([at])), [at])


def test_stretch_letterbox_and_crop_by_hand() -> None:
    image = Image.new("RGB", (100, 50), (10, 20, 30))
    _, stretched = image_input(image, STRETCH)
    assert stretched.boxes([[0, 0, 100, 50], [50, 25, 100, 50]]).tolist() == [[0, 0, 60, 40], [30, 20, 60, 40]]
    pixels, boxed = image_input(image, replace(STRETCH, resize="letterbox", pad_value=7.0))
    assert boxed.boxes([[0, 0, 100, 50]]).tolist() == [[0, 5, 60, 35]]
    assert (pixels[:5] == 7).all()
    assert (pixels[35:] == 7).all()
    assert (pixels[5:35] == (10, 20, 30)).all()
    square = ImagePreprocessing(height=28, width=28, resize="crop", crop_fraction=0.875)
    _, cropped = image_input(image, square)
    # the short side of 50 becomes 32, of which 28 remain
    assert cropped.scale_x == pytest.approx(32 / 50)
    np.testing.assert_allclose(cropped.points([[50, 25], [50 - 43.75 / 2, 25 - 43.75 / 2]]), [[14, 14], [0, 0]])
    assert boxed.boxes([]).shape == (0, 4)


def test_shrinking_is_antialiased() -> None:
    """Columns of black and white become grey, where sampling single pixels would give one of them."""
    stripes = np.zeros((80, 80, 3), np.uint8)
    stripes[:, ::2] = 255
    pixels, _ = image_input(Image.fromarray(stripes), ImagePreprocessing(height=10, width=10))
    assert np.abs(pixels.astype(int) - 127).max() <= 12


def test_growing_is_bilinear() -> None:
    pixels, _ = image_input(
        Image.fromarray(np.array([[0, 100]], np.uint8)), ImagePreprocessing(1, 4, channels=1, order="L")
    )
    assert pixels[0, :, 0].tolist() == [0, 25, 75, 100]


def test_orders_of_channels() -> None:
    image = Image.new("RGB", (4, 4), (200, 100, 0))
    assert image_input(image, ImagePreprocessing(2, 2, order="BGR"))[0][0, 0].tolist() == [0, 100, 200]
    grey, _ = image_input(image.convert("L"), ImagePreprocessing(2, 2, channels=1, order="L"))
    assert grey.shape == (2, 2, 1)
    assert grey[0, 0, 0] == round(0.299 * 200 + 0.587 * 100)


def test_the_affine_step_is_the_definition() -> None:
    steps = ImagePreprocessing(2, 2, mean=(127.5, 100.0, 0.0), std=(127.5, 50.0, 1.0))
    raw = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3) * 20
    np.testing.assert_allclose(affine_of(steps).apply(raw), (raw - np.array(steps.mean)) / steps.std, atol=1e-5)
    one = affine_of(ImagePreprocessing(2, 2, channels=1, order="L", mean=(5.0, 5.0, 5.0)))
    assert one.offset == (-5.0,)
    with pytest.raises(DatasetError, match="3 values of mean for 1 channels"):
        affine_of(ImagePreprocessing(2, 2, channels=1, order="L", mean=(1.0, 2.0, 3.0)))


def test_a_region_beyond_the_image_is_filled() -> None:
    image = Image.new("RGB", (20, 20), (255, 255, 255))
    steps = ImagePreprocessing(20, 20, pad_value=0.0)
    pixels, place = image_input(image, steps, (-10, -10, 10, 10))
    assert (pixels[11:, 11:] == 255).all()
    assert (pixels[:9] == 0).all()
    assert place.points([[0, 0]]).tolist() == [[10, 10]]
    for region in [(30, 0, 40, 10), (0, 0, 0, 5), (0, 0, float("nan"), 5), (0, 0, 1e9, 5)]:
        with pytest.raises(DatasetError, match=r"face\.png: the region"):
            image_input(image, steps, region, where="face.png")


@pytest.mark.parametrize("resize", ["stretch", "crop", "letterbox"])
def test_a_mask_lies_as_its_image_does(resize: str) -> None:
    """A mask made of the prepared image agrees with the prepared mask, but for the blurred border."""
    mask = np.zeros((90, 140), np.uint8)
    mask[20:70, 30:100] = 20
    image = Image.fromarray(np.repeat((mask > 0)[..., None] * np.uint8(255), 3, axis=2))
    steps = ImagePreprocessing(48, 48, resize=resize, pad_value=0.0)
    placed = mask_input(mask, steps, ignore=255)
    pixels, _ = image_input(image, steps)
    assert set(np.unique(placed)) <= {0, 20, 255}
    assert (placed == 255).any() == (resize == "letterbox")
    differs = (placed == 20) != (pixels[..., 0] > 127)
    assert differs.mean() < 0.03


def test_files_are_read_and_refused(tmp_path: Path) -> None:
    good = tmp_path / "good.png"
    Image.new("RGB", (30, 20), (1, 2, 3)).save(good)
    assert load_image(good).size == (30, 20)
    assert load_image(good, "L").mode == "L"
    cut = tmp_path / "cut.jpg"
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(noise).save(cut)
    cut.write_bytes(cut.read_bytes()[:900])
    deep = tmp_path / "deep.png"
    Image.fromarray(np.full((4, 4), 1000, np.uint16)).save(deep)
    text = tmp_path / "text.jpg"
    text.write_text("no image")
    for path in (cut, deep, text, tmp_path / "gone.jpg"):
        with pytest.raises(DatasetError) as caught:
            load_image(path)
        assert caught.value.where == str(path)


def test_masks_keep_their_indices(tmp_path: Path) -> None:
    """A palette's index is the class, whatever colour it shows."""
    indices = np.array([[0, 1], [15, 255]], np.uint8)
    image = Image.fromarray(indices).convert("P")
    image.putdata(indices.ravel().tolist())
    image.putpalette([(7 * n) % 256 for n in range(768)])
    image.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(load_mask(tmp_path / "palette.png"), indices)
    Image.new("RGB", (2, 2)).save(tmp_path / "colour.png")
    with pytest.raises(DatasetError, match="mode RGB"):
        load_mask(tmp_path / "colour.png")


@pytest.mark.parametrize(
    "wrong",
    [
        {"resize": "squeeze"},
        {"order": "RGBA"},
        {"channels": 1},
        {"height": 0},
        {"crop_fraction": 0.0},
        {"pad_value": 300.0},
        {"std": (1.0, 0.0, 1.0)},
        {"mean": (float("nan"),)},
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    check_image_preprocessing(STRETCH)
    with pytest.raises(DatasetError, match="not possible"):
        check_image_preprocessing(replace(STRETCH, **wrong))  # type: ignore[arg-type]
