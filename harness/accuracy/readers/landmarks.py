"""Faces with landmarks: WFLW (98 points) and 300-W (68 points, iBUG's .pts files).

From each image the face is cut out as a square: its centre is that of the face's box, its side `box_scale` times the
longer side of the box; what lies outside of the image is filled. Points map by scaling alone, as in the published
evaluations (HRNet), where a coordinate is not moved by half a pixel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.accuracy.base import Sample, TaskSpec
from harness.accuracy.images import affine_of, check_image_preprocessing, image_input, load_image
from harness.accuracy.preprocessing import ImagePreprocessing
from harness.accuracy.readers.base import (
    IMAGE_SUFFIXES,
    Content,
    ItemSource,
    Reader,
    existing,
    inside,
    layout_error,
    named,
    number,
    read_lines,
)
from harness.errors import DatasetError

if TYPE_CHECKING:
    from numpy.typing import NDArray

WFLW_POINTS = 98
_WFLW_NUMBERS = 2 * WFLW_POINTS + 4 + 6
_WFLW_LIST = "list_98pt_rect_attr_train_test/list_98pt_rect_attr_test.txt"


@dataclass(frozen=True)
class _Face:
    sample_id: str
    image: Path
    points: NDArray[np.float64]
    box: tuple[float, float, float, float]


def open_wflw(path: Path, options: Mapping[str, str], preprocessing: ImagePreprocessing, task: TaskSpec) -> Reader:
    """Open WFLW (Wu et al., CVPR 2018): the option `list` is a file of one face a line.

    A line has the 98 points as x y, the box as x0 y0 x1 y1, 6 attributes, and the image's name under the option
    `images`.
    """
    default = next((name for name in (_WFLW_LIST, f"WFLW_annotations/{_WFLW_LIST}") if (path / name).exists()), None)
    faces_file = named(path, options, "list", default or _WFLW_LIST, "WFLW's list of faces")
    images = named(path, options, "images", "WFLW_images", "the folder of WFLW's images")
    faces = [_wflw_face(line, at, images, faces_file) for at, line in enumerate(read_lines(faces_file), 1)]
    return _source("wflw", path, options, preprocessing, faces, (faces_file,))


def open_ibug(path: Path, options: Mapping[str, str], preprocessing: ImagePreprocessing, task: TaskSpec) -> Reader:
    """Open 300-W (Sagonas et al., ICCV-W 2013): every ``.pts`` file under `path`, each beside its image.

    The points of these files count from 1, so 1 is subtracted (as menpo does). The box is that of the points.
    """
    files = sorted(existing(path, "a folder with .pts files").rglob("*.pts"))
    if not files:
        raise layout_error(path, ".pts files with 68 points beside their images")
    faces = [_ibug_face(file, path) for file in files]
    odd = [face for face in faces if len(face.points) != len(faces[0].points)]
    if odd:
        raise DatasetError(
            f"the file has {len(odd[0].points)} points, {files[0].name} has {len(faces[0].points)}",
            where=str(path / odd[0].sample_id),
        )
    return _source("ibug", path, options, preprocessing, faces, tuple(files))


def _source(
    name: str,
    path: Path,
    options: Mapping[str, str],
    preprocessing: ImagePreprocessing,
    faces: Sequence[_Face],
    hashed: tuple[Path, ...],
) -> Reader:
    check_image_preprocessing(preprocessing)
    scale = number(options, "box_scale", 1.25, low=0.1)

    def read(face: _Face) -> Sample:
        where = f"{face.image} ({face.sample_id})"
        image = load_image(face.image, preprocessing.order)
        pixels, place = image_input(image, preprocessing, _square(face.box, scale), where=where)
        truth = {"points": place.points(face.points).tolist(), "box": place.boxes([face.box])[0].tolist()}
        return Sample(face.sample_id, (pixels,), truth)

    content = Content(name, options, path, hashed, tuple(sorted({face.image for face in faces})))
    return ItemSource(faces, read, content, affine_of(preprocessing))


def _square(box: tuple[float, float, float, float], scale: float) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = box
    half = scale * max(x1 - x0, y1 - y0) / 2
    middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
    return middle_x - half, middle_y - half, middle_x + half, middle_y + half


def _wflw_face(line: str, at: int, images: Path, faces_file: Path) -> _Face:
    where = f"{faces_file}:{at}"
    fields = line.split(maxsplit=_WFLW_NUMBERS)
    if len(fields) != _WFLW_NUMBERS + 1:
        raise DatasetError(
            f"the line has {len(fields)} fields; {_WFLW_NUMBERS} numbers and an image's name are needed", where=where
        )
    values = _finite(fields[: 2 * WFLW_POINTS + 4], where)
    x0, y0, x1, y1 = (float(value) for value in values[-4:])
    if x1 <= x0 or y1 <= y0:
        raise DatasetError(f"the box {x0:g}, {y0:g}, {x1:g}, {y1:g} is empty", where=where)
    image = inside(images, fields[-1], faces_file)
    # an image has several faces
    return _Face(f"{fields[-1]}#{at}", image, values[:-4].reshape(-1, 2), (x0, y0, x1, y1))


def _ibug_face(file: Path, root: Path) -> _Face:
    lines = read_lines(file)
    if "{" not in lines or lines[-1] != "}":
        raise DatasetError("the file has no points between { and }", where=str(file))
    fields = [line.split() for line in lines[lines.index("{") + 1 : -1]]
    if not fields or any(len(pair) != 2 for pair in fields):
        raise DatasetError("a line between { and } is not `x y`", where=str(file))
    points = _finite([text for pair in fields for text in pair], str(file)).reshape(-1, 2) - 1.0
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    if x1 <= x0 or y1 <= y0:
        raise DatasetError("all points lie on one line", where=str(file))
    box = (float(x0), float(y0), float(x1), float(y1))
    return _Face(file.relative_to(root).as_posix(), _image_beside(file), points, box)


def _image_beside(file: Path) -> Path:
    names = [file.with_suffix(suffix) for plain in IMAGE_SUFFIXES for suffix in (plain, plain.upper())]
    image = next((name for name in names if name.is_file()), None)
    if image is None:
        raise DatasetError(f"there is no image beside it ({file.stem}.png or .jpg)", where=str(file))
    return image


def _finite(texts: Sequence[str], where: str) -> NDArray[np.float64]:
    try:
        values = np.array([float(text) for text in texts])
    except ValueError as error:
        raise DatasetError(f"a coordinate is no number: {error}", where=where) from error
    if not np.isfinite(values).all():
        raise DatasetError("a coordinate is NaN or infinite", where=where)
    return values
