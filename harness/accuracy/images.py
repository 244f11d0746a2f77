"""Images as a model wants them, and where a point of the source image then lies.

Coordinates are continuous with the origin at the upper left corner of the image: a pixel is one wide, the image ends at
(width, height). What is annotated at (x, y) lies at ``(x * scale_x + shift_x, y * scale_y + shift_y)`` in the input.

The steps: decode (an EXIF orientation is not applied: annotations refer to the pixels as they are stored), convert to
RGB or luma (ITU-R 601), cut a region where the reader asks for one, resize in one step with Pillow's bilinear filter,
which is widened when it shrinks (antialiasing), to uint8. Mean and standard deviation are applied later (`affine_of`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.accuracy.dataset_files import Affine
from harness.accuracy.preprocessing import ImagePreprocessing
from harness.errors import DatasetError, MissingDependencyError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image, Resampling

RESIZES = ("crop", "stretch", "letterbox")
CHANNELS = {"RGB": 3, "BGR": 3, "L": 1}
# a region that is many times the image comes from a broken annotation, and would fill the memory
MAX_REGION_FACTOR = 4.0
_EIGHT_BIT_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV"}


@dataclass(frozen=True)
class Placement:
    """Where the source image lies in the input: ``input = source * scale + shift``, in pixels."""

    scale_x: float
    scale_y: float
    shift_x: float
    shift_y: float

    def points(self, xy: Any) -> NDArray[np.float64]:
        """(..., 2) source coordinates x, y to input pixels."""
        return np.asarray(xy, np.float64) * (self.scale_x, self.scale_y) + (self.shift_x, self.shift_y)

    def boxes(self, corners: Any) -> NDArray[np.float64]:
        """(n, 4) source boxes x0, y0, x1, y1 to input pixels; also an empty list."""
        return self.points(np.asarray(corners, np.float64).reshape(-1, 2, 2)).reshape(-1, 4)

    def inverse(self) -> Placement:
        """From input pixels back to the source."""
        return Placement(1 / self.scale_x, 1 / self.scale_y, -self.shift_x / self.scale_x, -self.shift_y / self.scale_y)


@dataclass(frozen=True)
class _Fit:
    """The part `box` of the source (x0, y0, x1, y1) is resized to `size` and put at `corner` of the input."""

    box: tuple[float, float, float, float]
    size: tuple[int, int]
    corner: tuple[int, int]

    def placement(self) -> Placement:
        x0, y0, x1, y1 = self.box
        scale_x, scale_y = self.size[0] / (x1 - x0), self.size[1] / (y1 - y0)
        return Placement(scale_x, scale_y, self.corner[0] - x0 * scale_x, self.corner[1] - y0 * scale_y)


def check_image_preprocessing(steps: ImagePreprocessing) -> None:
    """Refuse settings that no image can follow.

    Raises:
        DatasetError: says which.
    """
    wrong = None
    if steps.resize not in RESIZES:
        wrong = f"resize is {steps.resize!r}, not one of {', '.join(RESIZES)}"
    elif CHANNELS.get(steps.order) != steps.channels:
        wrong = f"{steps.channels} channels do not fit the order {steps.order!r} (RGB and BGR have 3, L has 1)"
    elif min(steps.height, steps.width) < 1:
        wrong = f"the size is {steps.height} x {steps.width}"
    elif not 0.0 < steps.crop_fraction <= 1.0:
        wrong = f"crop_fraction is {steps.crop_fraction}, not in (0, 1]"
    elif not 0.0 <= steps.pad_value <= 255.0:
        wrong = f"pad_value is {steps.pad_value}, not in 0 to 255"
    elif not np.isfinite([*steps.mean, *steps.std]).all() or 0.0 in steps.std:
        wrong = f"mean is {steps.mean} and std is {steps.std}"
    if wrong is not None:
        raise DatasetError(f"the image pre-processing is not possible: {wrong}")


def affine_of(steps: ImagePreprocessing) -> Affine:
    """``(value - mean) / std`` as scale and offset, one of each a channel, in the order of the input's channels.

    Raises:
        DatasetError: `mean` or `std` has neither one value, nor equal values, nor one a channel.
    """
    mean, std = _for_channels("mean", steps.mean, steps), _for_channels("std", steps.std, steps)
    return Affine(tuple(1 / s for s in std), tuple(-m / s for m, s in zip(mean, std, strict=True)))


def load_image(path: Path, order: str = "RGB") -> Image:
    """The decoded image, of mode RGB, or L for the order ``L``.

    Raises:
        DatasetError: the file is missing, no image, truncated, too large, or has more than 8 bits a channel.
    """
    image = _decoded(path)
    if image.mode not in _EIGHT_BIT_MODES:
        raise DatasetError(f"the image has pixels of the mode {image.mode}, not of 8 bits a channel", where=str(path))
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("L" if order == "L" else "RGB")


def load_mask(path: Path) -> NDArray[np.uint8]:
    """(height, width) uint8 class indices of an image of one channel: its grey values, or its palette's indices.

    Raises:
        DatasetError: the file is unreadable, or has several channels or more than 8 bits.
    """
    image = _decoded(path)
    if image.mode not in ("L", "P"):
        raise DatasetError(
            f"the mask has pixels of the mode {image.mode}; one channel of 8 bits or a palette is needed",
            where=str(path),
        )
    return np.array(image, np.uint8)


def image_input(
    image: Image, steps: ImagePreprocessing, region: Sequence[float] | None = None, *, where: str = ""
) -> tuple[NDArray[np.uint8], Placement]:
    """An image of `load_image` as (height, width, channels) uint8, and where it lies there.

    ``stretch`` resizes the whole image. ``crop`` scales the short side to the input's side / `crop_fraction`, and cuts
    the input's size out of the centre (with fractions of a pixel, in one step). ``letterbox`` keeps the aspect, centres
    the image, and fills the rest with `pad_value`.

    Args:
        image: of mode RGB, or L for the order ``L``.
        steps: checked by `check_image_preprocessing`.
        region: x0, y0, x1, y1 in the source: what to take instead of the whole image (widened to whole pixels; what
            is outside of the image is filled with `pad_value`).
        where: the image's name for errors.

    Raises:
        DatasetError: the region is empty, outside of the image, or many times as large.
    """
    fill = round(steps.pad_value)
    left, top = 0, 0
    if region is not None:
        left, top, right, bottom = _whole_region(region, image.size, where)
        image = _cut(image, (left, top, right, bottom), fill)
    fit = _fit(image.size, steps)
    pixels = np.asarray(_resized(image, fit, _pillow().Resampling.BILINEAR), np.uint8).reshape(*fit.size[::-1], -1)
    array = _placed(pixels, fit, (steps.height, steps.width, steps.channels), fill)
    if steps.order == "BGR":
        array = np.ascontiguousarray(array[..., ::-1])
    place = fit.placement()
    shift_x, shift_y = place.shift_x - left * place.scale_x, place.shift_y - top * place.scale_y
    return array, replace(place, shift_x=shift_x, shift_y=shift_y)


def mask_input(mask: NDArray[np.uint8], steps: ImagePreprocessing, *, ignore: int) -> NDArray[np.uint8]:
    """A mask placed like its image: (height, width) uint8 by the nearest pixel, `ignore` where there is no image."""
    fit = _fit((mask.shape[1], mask.shape[0]), steps)
    resized = np.asarray(_resized(_pillow().fromarray(mask), fit, _pillow().Resampling.NEAREST), np.uint8)
    return _placed(resized, fit, (steps.height, steps.width), ignore)


def _pillow() -> Any:
    try:
        return import_module("PIL.Image")
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "pillow is not installed", remedy="pip install 'on-device-benchmark-harness[data]'"
        ) from error


def _resized(image: Image, fit: _Fit, filter_: Resampling) -> Image:
    return image.resize(fit.size, filter_, box=fit.box)


def _placed(pixels: NDArray[np.uint8], fit: _Fit, shape: tuple[int, ...], fill: int) -> NDArray[np.uint8]:
    array = np.full(shape, fill, np.uint8)
    left, top = fit.corner
    array[top : top + fit.size[1], left : left + fit.size[0]] = pixels
    return array


def _fit(size: tuple[int, int], steps: ImagePreprocessing) -> _Fit:
    width, height = size
    whole = (0.0, 0.0, float(width), float(height))
    if steps.resize == "stretch":
        return _Fit(whole, (steps.width, steps.height), (0, 0))
    if steps.resize == "crop":
        scale = max(steps.width / width, steps.height / height) / steps.crop_fraction
        half_x, half_y = min(steps.width / scale, width) / 2, min(steps.height / scale, height) / 2
        box = (width / 2 - half_x, height / 2 - half_y, width / 2 + half_x, height / 2 + half_y)
        return _Fit(box, (steps.width, steps.height), (0, 0))
    scale = min(steps.width / width, steps.height / height)
    fitted = (max(1, min(steps.width, round(width * scale))), max(1, min(steps.height, round(height * scale))))
    return _Fit(whole, fitted, ((steps.width - fitted[0]) // 2, (steps.height - fitted[1]) // 2))


def _whole_region(region: Sequence[float], size: tuple[int, int], where: str) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = region
    limit = MAX_REGION_FACTOR * max(size)
    if not (math.isfinite(x0 + y0 + x1 + y1) and 0 < x1 - x0 <= limit and 0 < y1 - y0 <= limit):
        raise DatasetError(f"the region {_numbers(region)} cannot be cut from an image of {size}", where=where)
    if x1 <= 0 or y1 <= 0 or x0 >= size[0] or y0 >= size[1]:
        raise DatasetError(f"the region {_numbers(region)} lies outside of the image of {size}", where=where)
    return math.floor(x0), math.floor(y0), math.ceil(x1), math.ceil(y1)


def _numbers(region: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in region)


def _cut(image: Image, region: tuple[int, int, int, int], fill: int) -> Image:
    left, top, right, bottom = region
    colour = fill if image.mode == "L" else (fill, fill, fill)
    canvas: Image = _pillow().new(image.mode, (right - left, bottom - top), colour)
    canvas.paste(image, (-left, -top))
    return canvas


def _decoded(path: Path) -> Image:
    pillow = _pillow()
    try:
        image: Image
        with pillow.open(path) as image:
            image.load()
            return image
    # Pillow's decoders raise many kinds of exceptions on damaged files
    except Exception as error:
        raise DatasetError(f"the image cannot be read: {error}", where=str(path)) from error


def _for_channels(name: str, values: tuple[float, ...], steps: ImagePreprocessing) -> tuple[float, ...]:
    if len(values) == steps.channels:
        return values
    if len(set(values)) == 1:
        return values[:1] * steps.channels
    raise DatasetError(f"the image pre-processing has {len(values)} values of {name} for {steps.channels} channels")
