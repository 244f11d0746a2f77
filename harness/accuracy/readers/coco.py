"""COCO detection (Lin et al., ECCV 2014): an instances file and a folder of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.accuracy.base import Sample, TaskSpec
from harness.accuracy.images import affine_of, check_image_preprocessing, image_input, load_image
from harness.accuracy.preprocessing import ImagePreprocessing
from harness.accuracy.readers.base import Content, ItemSource, Reader, inside, named, read_json
from harness.errors import DatasetError


@dataclass(frozen=True)
class _Picture:
    file: Path
    name: str
    size: tuple[int, int]
    objects: tuple[_Object, ...]


@dataclass(frozen=True)
class _Object:
    """A box x0, y0, x1, y1 in the source image, its contiguous label, and its area in source pixels."""

    box: tuple[float, float, float, float]
    label: int
    crowd: bool
    area: float


def open_coco(path: Path, options: Mapping[str, str], preprocessing: ImagePreprocessing, task: TaskSpec) -> Reader:
    """Open the options `annotations` and `images` under `path`.

    The label of a category is its place among the sorted category ids (0 to 79 for COCO's 80 categories with ids up to
    90). Images without objects count: what is found there is false. Boxes and their areas are scaled to the input.
    """
    check_image_preprocessing(preprocessing)
    if preprocessing.resize == "crop":
        raise DatasetError(
            "the image pre-processing crops, which loses objects", remedy="Use letterbox or stretch for detection."
        )
    file = named(path, options, "annotations", "annotations/instances_val2017.json", "COCO's instances file")
    images = named(path, options, "images", "val2017", "the folder of COCO's images")
    pictures = _pictures(read_json(file), images, file)

    def read(picture: _Picture) -> Sample:
        image = load_image(picture.file, preprocessing.order)
        if image.size != picture.size:
            raise DatasetError(
                f"the image is {image.size[0]} x {image.size[1]} pixels, its annotation says "
                f"{picture.size[0]} x {picture.size[1]}",
                where=str(picture.file),
            )
        pixels, place = image_input(image, preprocessing, where=str(picture.file))
        objects = picture.objects
        truth = {
            "boxes": place.boxes([one.box for one in objects]).tolist(),
            "labels": [one.label for one in objects],
            "crowd": [one.crowd for one in objects],
            "areas": [one.area * place.scale_x * place.scale_y for one in objects],
        }
        return Sample(picture.name, (pixels,), truth)

    content = Content("coco", options, path, (file,), tuple(picture.file for picture in pictures))
    return ItemSource(pictures, read, content, affine_of(preprocessing))


def _pictures(instances: Any, images: Path, file: Path) -> Sequence[_Picture]:
    try:
        labels = {one: at for at, one in enumerate(sorted({int(entry["id"]) for entry in instances["categories"]}))}
        objects: dict[int, list[_Object]] = {int(entry["id"]): [] for entry in instances["images"]}
        for entry in instances["annotations"]:
            objects[_known(entry["image_id"], objects, "image")].append(_object(entry, labels))
        return [_picture(entry, objects[int(entry["id"])], images, file) for entry in instances["images"]]
    except (KeyError, TypeError, ValueError) as error:
        missing = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise DatasetError(
            f"the file is not one of COCO's instances (images, annotations, categories): {missing}", where=str(file)
        ) from error


def _picture(entry: Mapping[str, Any], objects: Sequence[_Object], images: Path, file: Path) -> _Picture:
    name = str(entry["file_name"])
    return _Picture(inside(images, name, file), name, (int(entry["width"]), int(entry["height"])), tuple(objects))


def _object(entry: Mapping[str, Any], labels: Mapping[int, int]) -> _Object:
    x, y, width, height = (float(value) for value in entry["bbox"])
    area = float(entry.get("area", width * height))
    if not np.isfinite([x, y, width, height, area]).all() or min(width, height, area) < 0:
        raise ValueError(f"annotation {entry.get('id')} has the box {entry['bbox']} and the area {area}")
    label = labels[_known(entry["category_id"], labels, "category")]
    return _Object((x, y, x + width, y + height), label, bool(entry.get("iscrowd", 0)), area)


def _known(number: Any, known: Mapping[int, Any], what: str) -> int:
    if int(number) not in known:
        raise ValueError(f"an annotation is of the {what} {number}, which is not listed")
    return int(number)
