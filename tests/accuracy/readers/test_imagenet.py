"""Classification from folders and lists."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from harness.accuracy import ImagePreprocessing, TaskSpec
from harness.accuracy.dataset import Dataset, write_dataset
from harness.accuracy.readers import Reader, open_reader
from harness.errors import DatasetError

Image = pytest.importorskip("PIL.Image")
STEPS = ImagePreprocessing(height=8, width=8, mean=(127.5,), std=(127.5,))
TASK = TaskSpec("classification")


def picture(path: Path, grey: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 10), (grey, grey, grey)).save(path)


def opened(path: Path, **options: str) -> Reader:
    return open_reader("imagenet", path, options, preprocessing=STEPS, task=TASK)


def labels(reader: Reader) -> dict[str, int]:
    samples = [reader.sample(index) for index in range(len(reader))]
    return {sample.sample_id: sample.truth["label"] for sample in samples}


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for at, name in enumerate(["n02/b.JPEG", "n01/a.png", "n10/d.png", "n02/c.jpg"]):
        picture(tmp_path / name, 40 * at)
    (tmp_path / "n02" / ".hidden.png").write_text("")
    return tmp_path


def test_sorted_folder_names_are_the_classes(folders: Path) -> None:
    reader = opened(folders)
    assert labels(reader) == {"n01/a.png": 0, "n02/b.JPEG": 1, "n02/c.jpg": 1, "n10/d.png": 2}
    assert labels(opened(folders, label_offset="1"))["n01/a.png"] == 1
    sample = reader.sample(0)
    assert sample.inputs[0].shape == (8, 8, 3)
    assert (sample.inputs[0] == 40).all()


def test_a_mapping_file_gives_the_classes(folders: Path) -> None:
    (folders / "synsets.txt").write_text("n10 a fish\nn99 nothing\nn02 a bird\nn01 a dog\n")
    assert labels(opened(folders, classes="synsets.txt")) == {
        "n01/a.png": 3,
        "n02/b.JPEG": 2,
        "n02/c.jpg": 2,
        "n10/d.png": 0,
    }
    (folders / "synsets.txt").write_text("n10\nn02\n")
    with pytest.raises(DatasetError, match="found n01"):
        opened(folders, classes="synsets.txt")
    (folders / "synsets.txt").write_text("n10\nn02\nn01\nn02\n")
    with pytest.raises(DatasetError, match="twice"):
        opened(folders, classes="synsets.txt")


def test_lists_label_the_images_of_one_folder(tmp_path: Path) -> None:
    for name in ("c.png", "a.png", "b.png"):
        picture(tmp_path / "val" / name, 9)
    listing = tmp_path / "val.txt"
    listing.write_text("c.png 7\na.png 65\nb.png 970\n")
    expected = {"a.png": 65, "b.png": 970, "c.png": 7}
    assert labels(opened(tmp_path / "val", labels=str(listing))) == expected
    listing.write_text("65\n970\n7\n")
    assert labels(opened(tmp_path / "val", labels="../val.txt")) == expected
    assert labels(opened(tmp_path / "val", labels=str(listing), label_offset="-7"))["c.png"] == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a.png 1\n", "without a label; found b.png, c.png"),
        ("a.png 1\nb.png 1\nc.png 1\nd.png 2\n", "without a file; found d.png"),
        ("a.png 1\nb.png 1\nc.png x\n", "no index"),
        ("1\n2\n", "2 labels and the folder"),
        ("a.png 1\n2\n3\n", "some have none"),
        ("a.png 1\na.png 1\nb.png 1\nc.png 1\n", "twice"),
        ("a.png -1\nb.png 1\nc.png 1\n", "negative"),
        ("../a.png 1\nb.png 1\nc.png 1\n", "leads out"),
        ("\n", "empty"),
    ],
)
def test_lists_that_do_not_fit_are_refused(tmp_path: Path, text: str, says: str) -> None:
    for name in ("c.png", "a.png", "b.png"):
        picture(tmp_path / "val" / name, 9)
    (tmp_path / "val.txt").write_text(text)
    with pytest.raises(DatasetError) as caught:
        opened(tmp_path / "val", labels="../val.txt")
    assert says in str(caught.value)


def test_another_layout_is_said(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"expected a folder for each class.*found nothing"):
        opened(tmp_path)
    with pytest.raises(DatasetError, match="expected a folder for each class"):
        opened(tmp_path / "gone")
    for name in ("a.png", "b.png", "c.png", "d.png", "e.png"):
        picture(tmp_path / name, 1)
    with pytest.raises(DatasetError, match=r"found a\.png, b\.png, c\.png and 2 more"):
        opened(tmp_path)


def test_an_unreadable_image_stops_the_writing_and_is_named(folders: Path, tmp_path: Path) -> None:
    bad = folders / "n02" / "bad.jpg"
    bad.write_bytes(b"\xff\xd8\xff nothing")
    with pytest.raises(DatasetError) as caught:
        write_dataset(opened(folders), TASK, tmp_path / "out", samples=None, say=lambda done, total: None)
    assert caught.value.where == str(bad)


def test_the_written_data_set_has_normalised_inputs(folders: Path, tmp_path: Path) -> None:
    write_dataset(opened(folders), TASK, tmp_path / "out", samples=None, say=lambda done, total: None)
    chunk = Dataset.open(tmp_path / "out").chunk(0)
    grey = {"n02/b.JPEG": 0, "n01/a.png": 40, "n10/d.png": 80, "n02/c.jpg": 120}
    for value, name in zip(chunk.inputs, chunk.ids, strict=True):
        np.testing.assert_allclose(value, (grey[name] - 127.5) / 127.5, atol=0.01)


def test_the_fingerprint_follows_the_content(folders: Path) -> None:
    (folders / "synsets.txt").write_text("n10\nn02\nn01\n")
    before = opened(folders, classes="synsets.txt").fingerprint()
    assert opened(folders, classes="synsets.txt").fingerprint() == before
    prints = {before, opened(folders).fingerprint(), opened(folders, label_offset="1").fingerprint()}
    reader = opened(folders, classes="synsets.txt")
    image = folders / "n01" / "a.png"
    state = image.stat()
    os.utime(image, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    prints.add(reader.fingerprint())
    listing = (folders / "synsets.txt").stat()
    (folders / "synsets.txt").write_text("n10\nn01\nn02\n")
    os.utime(folders / "synsets.txt", ns=(listing.st_atime_ns, listing.st_mtime_ns))
    prints.add(reader.fingerprint())
    image.rename(folders / "n01" / "z.png")
    prints.add(opened(folders, classes="synsets.txt").fingerprint())
    assert len(prints) == 6
    with pytest.raises(DatasetError, match="any more") as caught:
        reader.fingerprint()
    assert caught.value.where == str(image)


def test_wrong_readers_options_tasks_and_preprocessing_are_refused(folders: Path) -> None:
    with pytest.raises(DatasetError, match="Did you mean imagenet"):
        open_reader("imagnet", folders, {}, preprocessing=STEPS, task=TASK)
    with pytest.raises(DatasetError, match="Did you mean labels"):
        opened(folders, label="x")
    with pytest.raises(DatasetError, match="not for landmarks"):
        open_reader("imagenet", folders, {}, preprocessing=STEPS, task=TaskSpec("landmarks"))
    with pytest.raises(DatasetError, match="there is none"):
        open_reader("imagenet", folders, {}, preprocessing=None, task=TASK)
    with pytest.raises(DatasetError, match="label_offset is 'x'"):
        opened(folders, label_offset="x")
    with pytest.raises(DatasetError, match="not an integer"):
        opened(folders, label_offset="1.5")
    assert len(open_reader("imagenet", folders, {}, preprocessing=STEPS, task=TaskSpec("custom"))) == 4
