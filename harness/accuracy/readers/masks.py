"""Segmentation: ADE20K (SceneParse150; Zhou et al., CVPR 2017) and Pascal VOC (Everingham et al., IJCV 2010)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.accuracy.base import Sample, TaskSpec
from harness.accuracy.images import (
    affine_of,
    check_image_preprocessing,
    image_input,
    load_image,
    load_mask,
    mask_input,
)
from harness.accuracy.preprocessing import ImagePreprocessing
from harness.accuracy.readers.base import (
    Content,
    ItemSource,
    Reader,
    choice,
    existing,
    images_in,
    inside,
    integer,
    layout_error,
    named,
    read_lines,
)
from harness.errors import DatasetError

if TYPE_CHECKING:
    from numpy.typing import NDArray

IGNORE = 255


def open_ade20k(path: Path, options: Mapping[str, str], preprocessing: ImagePreprocessing, task: TaskSpec) -> Reader:
    """Open ``images/<split>/*.jpg`` and ``annotations/<split>/*.png`` under `path`.

    In the masks 0 is "other" and 1 to 150 are the classes. With the option `reduce_zero`, 0 becomes the ignored value
    and the classes count from 0.
    """
    split = options.get("split", "validation")
    images = existing(path / "images" / split, f"ADE20K's images/{split}")
    masks = existing(path / "annotations" / split, f"ADE20K's annotations/{split}")
    files = images_in(images)
    if not files:
        raise layout_error(images, "images (*.jpg)")
    pairs = [(file, masks / f"{file.stem}.png") for file in files]
    reduce = choice(options, "reduce_zero", "false", ("true", "false")) == "true"
    return _source("ade20k", path, options, preprocessing, task, pairs, (), reduce)


def open_voc(path: Path, options: Mapping[str, str], preprocessing: ImagePreprocessing, task: TaskSpec) -> Reader:
    """Open the names of the option `list`: ``JPEGImages/<name>.jpg`` and ``SegmentationClass/<name>.png`` under `path`.

    The masks' palette indices are the classes, 0 is the background, 255 the border of objects.
    """
    images = existing(path / "JPEGImages", "VOC's JPEGImages")
    masks = existing(path / "SegmentationClass", "VOC's SegmentationClass")
    names = named(path, options, "list", "ImageSets/Segmentation/val.txt", "VOC's list of names")
    pairs = [(inside(images, f"{one}.jpg", names), inside(masks, f"{one}.png", names)) for one in read_lines(names)]
    return _source("voc", path, options, preprocessing, task, pairs, (names,), False)


def _source(
    name: str,
    path: Path,
    options: Mapping[str, str],
    preprocessing: ImagePreprocessing,
    task: TaskSpec,
    pairs: Sequence[tuple[Path, Path]],
    hashed: tuple[Path, ...],
    reduce_zero: bool,
) -> Reader:
    check_image_preprocessing(preprocessing)
    ignore = integer(dict(task.options), "ignore", IGNORE, low=0)
    if ignore > IGNORE:
        raise DatasetError(f"the task ignores {ignore}; the masks are of 8 bits, so it is at most {IGNORE}")
    lost = [file.name for pair in pairs for file in pair if not file.is_file()]
    if lost:
        raise layout_error(path, "an image and a mask for each name; without a file", lost)
    mask_steps = _mask_steps(options, preprocessing)

    def read(pair: tuple[Path, Path]) -> Sample:
        file, mask_file = pair
        image, mask = load_image(file, preprocessing.order), load_mask(mask_file)
        if (image.height, image.width) != mask.shape:
            raise DatasetError(
                f"the mask is {mask.shape[1]} x {mask.shape[0]} pixels, its image {image.width} x {image.height}",
                where=str(mask_file),
            )
        pixels, _ = image_input(image, preprocessing, where=str(file))
        classes = _reduced(mask, ignore) if reduce_zero else np.where(mask == IGNORE, np.uint8(ignore), mask)
        return Sample(
            file.relative_to(path).as_posix(), (pixels,), {"mask": mask_input(classes, mask_steps, ignore=ignore)}
        )

    content = Content(name, options, path, hashed, tuple(file for pair in pairs for file in pair))
    return ItemSource(pairs, read, content, affine_of(preprocessing))


def _reduced(mask: NDArray[np.uint8], ignore: int) -> NDArray[np.uint8]:
    nothing = (mask == 0) | (mask == IGNORE)
    return np.where(nothing, ignore, mask.astype(np.int16) - 1).astype(np.uint8)


def _mask_steps(options: Mapping[str, str], preprocessing: ImagePreprocessing) -> ImagePreprocessing:
    text = options.get("mask_size", f"{preprocessing.height},{preprocessing.width}")
    height, _, width = text.partition(",")
    if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise DatasetError(f"the option mask_size is {text!r}, not height,width")
    return replace(preprocessing, height=int(height), width=int(width))
