"""COCO: labels without gaps, boxes in pixels of the input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.accuracy import ImagePreprocessing, TaskSpec
from harness.accuracy.readers import Reader, open_reader
from harness.errors import DatasetError

Image = pytest.importorskip("PIL.Image")
STEPS = ImagePreprocessing(height=50, width=50, resize="letterbox")


def instances() -> dict[str, Any]:
    return {
        "categories": [{"id": 90, "name": "toothbrush"}, {"id": 1, "name": "person"}, {"id": 13, "name": "sign"}],
        "images": [
            {"id": 7, "file_name": "a.jpg", "width": 100, "height": 80},
            {"id": 3, "file_name": "b.jpg", "width": 40, "height": 50},
        ],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 13, "bbox": [10, 20, 30, 40], "area": 900.0, "iscrowd": 0},
            {"id": 2, "image_id": 7, "category_id": 90, "bbox": [0, 0, 100, 80], "area": 8000.0, "iscrowd": 1},
        ],
    }


def laid_out(path: Path, data: Any) -> Path:
    (path / "annotations").mkdir(exist_ok=True)
    (path / "val2017").mkdir(exist_ok=True)
    (path / "annotations" / "instances_val2017.json").write_text(data if isinstance(data, str) else json.dumps(data))
    Image.new("RGB", (100, 80)).save(path / "val2017" / "a.jpg")
    Image.new("RGB", (40, 50)).save(path / "val2017" / "b.jpg")
    return path


def opened(path: Path, steps: ImagePreprocessing = STEPS, **options: str) -> Reader:
    return open_reader("coco", path, options, preprocessing=steps, task=TaskSpec("detection"))


def test_objects_are_scaled_to_the_input(tmp_path: Path) -> None:
    reader = opened(laid_out(tmp_path, instances()))
    first = reader.sample(0)
    assert first.sample_id == "a.jpg"
    # half the size, with bars of 5 above and below
    assert first.truth["boxes"] == [[5, 15, 20, 35], [0, 5, 50, 45]]
    assert first.truth["labels"] == [1, 2]
    assert first.truth["crowd"] == [False, True]
    assert first.truth["areas"] == pytest.approx([225.0, 2000.0])
    assert reader.sample(1).truth == {"boxes": [], "labels": [], "crowd": [], "areas": []}


def broken(change: str) -> Any:
    data = instances()
    if change == "category":
        data["annotations"][0]["category_id"] = 5
    elif change == "image":
        data["annotations"][0]["image_id"] = 5
    elif change == "box":
        data["annotations"][0]["bbox"] = [0, 0, -1, 5]
    elif change == "three":
        data["annotations"][0]["bbox"] = [0, 0, 5]
    elif change == "leads out":
        data["images"][0]["file_name"] = "../../etc/passwd"
    else:
        del data[change]
    return data


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("category", "category 5"),
        ("image", "image 5"),
        ("box", "annotation 1 has the box"),
        ("three", "not one of COCO's instances"),
        ("leads out", "leads out"),
        ("categories", "'categories' is missing"),
        ("annotations", "'annotations' is missing"),
    ],
)
def test_broken_annotations_are_named(tmp_path: Path, change: str, says: str) -> None:
    with pytest.raises(DatasetError) as caught:
        opened(laid_out(tmp_path, broken(change)))
    assert says in caught.value.what
    assert "instances_val2017.json" in caught.value.where


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no JSON"):
        opened(laid_out(tmp_path, "{"))
    with pytest.raises(DatasetError, match="not one of COCO"):
        opened(laid_out(tmp_path, "[]"))
    with pytest.raises(DatasetError, match="expected COCO's instances file"):
        opened(tmp_path, annotations="annotations/other.json")
    with pytest.raises(DatasetError, match="crops"):
        opened(tmp_path, ImagePreprocessing(50, 50, resize="crop"))


def test_an_image_of_another_size_is_refused(tmp_path: Path) -> None:
    laid_out(tmp_path, instances())
    Image.new("RGB", (99, 80)).save(tmp_path / "val2017" / "a.jpg")
    reader = opened(tmp_path)
    with pytest.raises(DatasetError, match="99 x 80 pixels, its annotation says 100 x 80") as caught:
        reader.sample(0)
    assert caught.value.where == str(tmp_path / "val2017" / "a.jpg")
