"""ADE20K and Pascal VOC: masks are classes, and lie on their images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.accuracy import ImagePreprocessing, TaskSpec
from harness.accuracy.readers import Reader, open_reader
from harness.errors import DatasetError

Image = pytest.importorskip("PIL.Image")
STEPS = ImagePreprocessing(height=20, width=20, resize="letterbox")
HALVES = np.repeat(np.array([[0, 150]], np.uint8), 20, axis=1).repeat(20, axis=0)


SEGMENTATION = TaskSpec("segmentation")


def opened(name: str, path: Path, task: TaskSpec = SEGMENTATION, **options: str) -> Reader:
    return open_reader(name, path, options, preprocessing=STEPS, task=task)


@pytest.fixture
def ade20k(tmp_path: Path) -> Path:
    for kind in ("images", "annotations"):
        (tmp_path / kind / "validation").mkdir(parents=True)
    Image.new("RGB", (40, 20), (9, 9, 9)).save(tmp_path / "images" / "validation" / "a.jpg")
    Image.fromarray(HALVES).save(tmp_path / "annotations" / "validation" / "a.png")
    return tmp_path


def test_ade20k_masks_lie_on_their_images(ade20k: Path) -> None:
    sample = opened("ade20k", ade20k).sample(0)
    assert sample.sample_id == "images/validation/a.jpg"
    mask = sample.truth["mask"]
    assert (mask.shape, mask.dtype) == ((20, 20), np.uint8)
    assert (mask[:5] == 255).all()
    assert (mask[15:] == 255).all()
    assert (mask[5:15, :10] == 0).all()
    assert (mask[5:15, 10:] == 150).all()
    assert ((sample.inputs[0][..., 0] == 128) == (mask == 255)).all()


def test_ade20k_without_the_class_other(ade20k: Path) -> None:
    mask = opened("ade20k", ade20k, reduce_zero="true").sample(0).truth["mask"]
    assert (mask[5:15, :10] == 255).all()
    assert (mask[5:15, 10:] == 149).all()
    ignoring = TaskSpec("segmentation", (("ignore", "200"),))
    mask = opened("ade20k", ade20k, ignoring, reduce_zero="true").sample(0).truth["mask"]
    assert set(np.unique(mask)) == {149, 200}


def test_masks_of_another_size(ade20k: Path) -> None:
    mask = opened("ade20k", ade20k, mask_size="10,8").sample(0).truth["mask"]
    assert mask.shape == (10, 8)
    assert set(np.unique(mask)) == {0, 150, 255}
    for wrong in ("10", "0,8", "a,b"):
        with pytest.raises(DatasetError, match="not height,width"):
            opened("ade20k", ade20k, mask_size=wrong)


def test_ade20k_what_does_not_fit_is_named(ade20k: Path) -> None:
    Image.new("RGB", (41, 20)).save(ade20k / "images" / "validation" / "a.jpg")
    with pytest.raises(DatasetError, match="the mask is 40 x 20 pixels, its image 41 x 20"):
        opened("ade20k", ade20k).sample(0)
    Image.new("RGB", (4, 4)).save(ade20k / "images" / "validation" / "b.jpg")
    with pytest.raises(DatasetError, match=r"without a file; found b\.png"):
        opened("ade20k", ade20k)
    with pytest.raises(DatasetError, match=r"images/training.*annotations, images|found .*images/validation"):
        opened("ade20k", ade20k, split="training")
    with pytest.raises(DatasetError, match="not one of true, false"):
        opened("ade20k", ade20k, reduce_zero="yes")


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    for name in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("one", "two"):
        Image.new("RGB", (20, 20)).save(tmp_path / "JPEGImages" / f"{name}.jpg")
        mask = Image.new("P", (20, 20), 15)
        mask.putpalette([(11 * n) % 256 for n in range(768)])
        mask.putpixel((3, 4), 255)
        mask.save(tmp_path / "SegmentationClass" / f"{name}.png")
    (tmp_path / "ImageSets" / "Segmentation" / "val.txt").write_text("two\n")
    return tmp_path


def test_voc_palettes_are_classes(voc: Path) -> None:
    reader = opened("voc", voc)
    assert len(reader) == 1
    sample = reader.sample(0)
    assert sample.sample_id == "JPEGImages/two.jpg"
    assert sample.truth["mask"][4, 3] == 255
    assert (np.delete(sample.truth["mask"].ravel(), 4 * 20 + 3) == 15).all()
    ignoring = TaskSpec("segmentation", (("ignore", "21"),))
    assert opened("voc", voc, ignoring).sample(0).truth["mask"][4, 3] == 21
    with pytest.raises(DatasetError, match="at most 255"):
        opened("voc", voc, TaskSpec("segmentation", (("ignore", "256"),)))


def test_voc_what_is_missing_is_named(voc: Path) -> None:
    (voc / "list.txt").write_text("one\nthree\n")
    with pytest.raises(DatasetError, match=r"without a file; found three\.jpg, three\.png"):
        opened("voc", voc, list="list.txt")
    (voc / "list.txt").write_text("../one\n")
    with pytest.raises(DatasetError, match="leads out"):
        opened("voc", voc, list="list.txt")
    with pytest.raises(DatasetError, match="VOC's JPEGImages"):
        opened("voc", voc / "ImageSets")
