"""WFLW and 300-W: the face is cut out, its points land on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.accuracy import ImagePreprocessing, TaskSpec
from harness.accuracy.readers import Reader, open_reader
from harness.errors import DatasetError

Image = pytest.importorskip("PIL.Image")
STEPS = ImagePreprocessing(height=64, width=64, pad_value=0.0)
TASK = TaskSpec("landmarks")
SPOT = (120.0, 80.0)


def spotted(path: Path) -> None:
    """A white square of 5 x 5 pixels with its centre in SPOT."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((150, 200, 3), np.uint8)
    pixels[78:82, 118:122] = 255
    Image.fromarray(pixels).save(path)


def opened(name: str, path: Path, **options: str) -> Reader:
    return open_reader(name, path, options, preprocessing=STEPS, task=TASK)


def centre(pixels: np.ndarray) -> tuple[float, float]:
    weights = pixels[..., 0].astype(np.float64)
    middle = np.arange(64) + 0.5
    return float(weights.sum(0) @ middle / weights.sum()), float(weights.sum(1) @ middle / weights.sum())


def wflw_line(box: str = "100 60 140 110", name: str = "0--Parade/a b.png", first: str = "") -> str:
    points = f"{SPOT[0]} {SPOT[1]} " * 97 + f"{first or '100.0'} 60.0"
    return f"{points} {box} 0 0 0 0 0 0 {name}"


@pytest.fixture
def wflw(tmp_path: Path) -> Path:
    spotted(tmp_path / "WFLW_images" / "0--Parade" / "a b.png")
    folder = tmp_path / "list_98pt_rect_attr_train_test"
    folder.mkdir()
    (folder / "list_98pt_rect_attr_test.txt").write_text(wflw_line() + "\n" + wflw_line("110 70 130 90") + "\n")
    return tmp_path


def test_wflw_points_lie_on_the_face(wflw: Path) -> None:
    reader = opened("wflw", wflw)
    assert len(reader) == 2
    # the middle of 100..140 x 60..110, 1.25 times the side of 50
    sample = reader.sample(0)
    scale, left, top = 64 / 64, 120 - 32, 85 - 32
    assert sample.sample_id == "0--Parade/a b.png#1"
    assert np.shape(sample.truth["points"]) == (98, 2)
    np.testing.assert_allclose(sample.truth["points"][-1], [(100 - left) * scale, (60 - top) * scale], atol=1.0)
    for index in range(2):
        sample = reader.sample(index)
        assert centre(sample.inputs[0]) == pytest.approx(sample.truth["points"][0], abs=0.3)
        x0, y0, x1, y1 = sample.truth["box"]
        longer = max(x1 - x0, y1 - y0)
        assert longer == pytest.approx(64 / 1.25, rel=0.05)
    wider = opened("wflw", wflw, box_scale="2.5").sample(0).truth["box"]
    assert wider[3] - wider[1] == pytest.approx(64 / 2.5, rel=0.05)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("1 2 3 a.png", "4 fields"),
        (wflw_line(first="x"), "no number"),
        (wflw_line(first="nan"), "NaN"),
        (wflw_line("140 60 100 110"), "is empty"),
        (wflw_line(name="../a.png"), "leads out"),
    ],
)
def test_wflw_lines_that_are_wrong_are_named(wflw: Path, line: str, says: str) -> None:
    listing = wflw / "list.txt"
    listing.write_text(wflw_line() + "\n" + line + "\n")
    with pytest.raises(DatasetError) as caught:
        opened("wflw", wflw, list="list.txt")
    assert says in caught.value.what
    assert caught.value.where.startswith(str(listing))


def test_wflw_missing_files_are_named(wflw: Path) -> None:
    (wflw / "list.txt").write_text(wflw_line(name="gone.png"))
    with pytest.raises(DatasetError, match=r"gone\.png"):
        opened("wflw", wflw, list="list.txt").sample(0)
    with pytest.raises(DatasetError, match="WFLW's list of faces"):
        opened("wflw", wflw, list="nolist.txt")
    with pytest.raises(DatasetError, match="folder of WFLW's images"):
        opened("wflw", wflw, images="other")


def pts(points: list[tuple[float, float]]) -> str:
    lines = "\n".join(f"{x} {y}" for x, y in points)
    return f"version: 1\nn_points:  {len(points)}\n{{\n{lines}\n}}\n"


def test_ibug_points_count_from_one(tmp_path: Path) -> None:
    spotted(tmp_path / "indoor" / "i_001.png")
    points = [(SPOT[0] + 1, SPOT[1] + 1)] + [(101.0, 61.0), (141.0, 111.0)] * 33 + [(120.0, 80.0)]
    (tmp_path / "indoor" / "i_001.pts").write_text(pts(points))
    reader = opened("ibug", tmp_path)
    sample = reader.sample(0)
    assert sample.sample_id == "indoor/i_001.pts"
    assert np.shape(sample.truth["points"]) == (68, 2)
    assert centre(sample.inputs[0]) == pytest.approx(sample.truth["points"][0], abs=0.3)
    xs, ys = np.array(sample.truth["points"]).T
    assert sample.truth["box"] == pytest.approx([xs.min(), ys.min(), xs.max(), ys.max()])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("version: 1\n", "no points between"),
        ("{\n1 2 3\n}\n", "not `x y`"),
        ("{\n1 x\n}\n", "no number"),
        ("{\n1 1\n1 2\n}\n", "one line"),
        ("", "empty"),
    ],
)
def test_ibug_files_that_are_wrong_are_named(tmp_path: Path, text: str, says: str) -> None:
    spotted(tmp_path / "a.png")
    (tmp_path / "a.pts").write_text(text)
    with pytest.raises(DatasetError) as caught:
        opened("ibug", tmp_path)
    assert says in caught.value.what
    assert caught.value.where == str(tmp_path / "a.pts")


def test_ibug_layout(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("")
    with pytest.raises(DatasetError, match=r"expected \.pts files.*found readme\.txt"):
        opened("ibug", tmp_path)
    (tmp_path / "a.pts").write_text(pts([(1, 1), (20, 20)]))
    with pytest.raises(DatasetError, match="no image beside it"):
        opened("ibug", tmp_path)
    spotted(tmp_path / "a.png")
    spotted(tmp_path / "b.png")
    (tmp_path / "b.pts").write_text(pts([(1, 1), (20, 20), (30, 30)]))
    with pytest.raises(DatasetError, match=r"has 3 points, a\.pts has 2"):
        opened("ibug", tmp_path)
