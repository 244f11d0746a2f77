"""The detection task: heads, records, figures, and what it refuses."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.accuracy.base import Task, TaskSpec
from harness.accuracy.detection import Detection
from harness.errors import TaskError

SIZE, STRIDES, CLASSES = 96, (8, 16, 32), 3
ANCHORS = [(8, 8), (14, 10), (20, 26), (32, 24), (50, 60), (80, 70)]
YOLO = {"anchors": " ".join(f"{w},{h}" for w, h in ANCHORS), "input_size": str(SIZE)}


def task(**options: str) -> Task:
    return Detection.from_spec(TaskSpec("detection", tuple(options.items())))


def logit(share: float) -> float:
    return math.log(share / (1 - share))


def raw_grids(truths: list[dict]) -> tuple[np.ndarray, ...]:
    """Grids that say exactly `truths`, the coarsest first."""
    grids = [np.full((len(truths), SIZE // s, SIZE // s, 2, 5 + CLASSES), -20.0, np.float32) for s in STRIDES]
    for sample, truth in enumerate(truths):
        for index, (box, label) in enumerate(zip(truth["boxes"], truth["labels"], strict=True)):
            scale, anchor = divmod(index % 6, 2)
            x, y = (box[0] + box[2]) / 2 / STRIDES[scale], (box[1] + box[3]) / 2 / STRIDES[scale]
            cell = grids[scale][sample, int(y), int(x), anchor]
            width, height = ANCHORS[2 * scale + anchor]
            cell[:5] = logit(x % 1), logit(y % 1), math.log((box[2] - box[0]) / width), 0.0, 20.0
            cell[3] = math.log((box[3] - box[1]) / height)
            cell[5 + label] = 20.0
    return tuple(grid.reshape(*grid.shape[:3], -1) for grid in grids[::-1])


def random_truths(seed: int, samples: int) -> list[dict]:
    """Up to six boxes a sample, side by side in cells of 32 pixels, at least one in the first sample."""
    rng = np.random.default_rng(seed)
    truths = []
    for sample in range(samples):
        places = rng.permutation(9)[: int(rng.integers(sample == 0, 7))]
        corners = np.stack([places % 3, places // 3], axis=1) * 32 + rng.uniform(1, 9, (len(places), 2))
        boxes = np.concatenate([corners, corners + rng.uniform(6, 22, (len(places), 2))], axis=1)
        truths.append({"boxes": boxes.tolist(), "labels": rng.integers(0, CLASSES, len(places)).tolist()})
    return truths


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), samples=st.integers(1, 4))
def test_perfect_grids_score_one(seed: int, samples: int) -> None:
    truths = random_truths(seed, samples)
    records = task(**YOLO).score(raw_grids(truths), truths)
    figures = task(**YOLO).summarise(json.loads(json.dumps(records)))
    assert figures == {"map": 1.0, "map50": 1.0, "map75": 1.0, "mar100": 1.0, "nan_samples": 0.0}


def test_the_default_is_yolo_v3_at_416_for_coco() -> None:
    """A centre logit of 0 and a size logit of 0 put each published anchor in the middle of its cell."""
    grids = [np.full((1, cells, cells, 3, 85), -20.0, np.float32) for cells in (13, 26, 52)]
    for label, grid in enumerate(grids):
        grid[0, 6, 4, 1, :5] = 0.0, 0.0, 0.0, 0.0, 20.0
        grid[0, 6, 4, 1, 5 + label] = 20.0
    outputs = tuple(grid.reshape(*grid.shape[:3], 255) for grid in grids)
    record = task().score(outputs, [{"boxes": [], "labels": []}])[0]
    boxes = dict(zip(record["labels"], record["boxes"], strict=True))
    assert boxes[0] == pytest.approx([144 - 78, 208 - 99, 144 + 78, 208 + 99], abs=2e-3)
    assert boxes[1] == pytest.approx([72 - 31, 104 - 22.5, 72 + 31, 104 + 22.5], abs=2e-3)
    assert boxes[2] == pytest.approx([36 - 8, 52 - 15, 36 + 8, 52 + 15], abs=2e-3)


def boxes_outputs(truths: list[dict], classes: int) -> tuple[np.ndarray, np.ndarray]:
    most = max(len(truth["boxes"]) for truth in truths)
    boxes, scores = np.zeros((len(truths), most, 4), np.float32), np.zeros((len(truths), most, classes), np.float32)
    for sample, truth in enumerate(truths):
        for index, (box, label) in enumerate(zip(truth["boxes"], truth["labels"], strict=True)):
            boxes[sample, index], scores[sample, index, label] = box, 0.9
    return boxes, scores


@pytest.mark.parametrize("swap", [False, True])
def test_perfect_boxes_score_one_in_any_order_of_the_outputs(swap: bool) -> None:
    truths = random_truths(5, 6)
    outputs = boxes_outputs(truths, CLASSES)
    detector = task(head="boxes")
    records = detector.score(outputs[::-1] if swap else outputs, truths)
    assert detector.summarise(records)["map"] == 1.0


def test_with_four_classes_the_boxes_are_the_first_output() -> None:
    truths = random_truths(5, 6)
    detector = task(head="boxes", classes="4")
    assert detector.summarise(detector.score(boxes_outputs(truths, 4), truths))["map"] == 1.0


def test_boxes_are_cut_at_the_border_where_the_size_is_known() -> None:
    outputs = (np.array([[[-5, -5, 40, 80]]], np.float32), np.ones((1, 1, 2), np.float32))
    truths = [{"boxes": [[0, 0, 32, 64]], "labels": [0]}]
    assert task(head="boxes", input_size="64x32").score(outputs, truths)[0]["boxes"][0] == [0, 0, 32, 64]
    assert task(head="boxes").score(outputs, truths)[0]["boxes"][0] == [-5, -5, 40, 80]


def test_chunks_are_summarised_together() -> None:
    truths = random_truths(7, 8)
    rng = np.random.default_rng(0)
    outputs = tuple(grid + rng.normal(0, 2.0, grid.shape).astype(np.float32) for grid in raw_grids(truths))
    detector = task(**YOLO)
    whole = detector.score(outputs, truths)
    parts = [
        record
        for rows in (slice(0, 3), slice(3, 8))
        for record in detector.score(tuple(output[rows] for output in outputs), truths[rows])
    ]
    assert parts == whole
    assert 0.0 < detector.summarise(whole)["map"] < 1.0
    assert detector.values(whole) is None


def test_records_are_bounded_and_scores_fall() -> None:
    rng = np.random.default_rng(0)
    outputs = (rng.uniform(0, 96, (1, 5000, 4)).astype(np.float32), rng.random((1, 5000, 20), np.float32))
    record = task(head="boxes", max_detections="30").score(outputs, [{"boxes": [], "labels": []}])[0]
    assert len(record["boxes"]) == len(record["labels"]) == len(record["scores"]) == 30
    assert record["scores"] == sorted(record["scores"], reverse=True)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_nan_leaves_an_image_without_detections(value: float) -> None:
    truths = random_truths(9, 3)
    truths[1] = truths[0]
    outputs = raw_grids(truths)
    outputs[2][1, 0, 0, 7] = value
    records = task(**YOLO).score(outputs, truths)
    assert [len(record["boxes"]) for record in records] == [len(truths[0]["boxes"]), 0, len(truths[2]["boxes"])]
    figures = task(**YOLO).summarise(records)
    assert figures["nan_samples"] == 1
    assert figures["mar100"] < 1.0


def test_a_crowd_region_is_neither_missed_nor_wrong() -> None:
    truths = [{"boxes": [[0, 0, 20, 20], [40, 40, 90, 90]], "labels": [0, 0], "crowd": [False, True]}]
    outputs = (
        np.array([[[42, 42, 52, 52], [0, 0, 20, 20], [60, 60, 70, 70]]], np.float32),
        np.array([[[0.9], [0.8], [0.7]]], np.float32),
    )
    detector = task(head="boxes")
    assert detector.summarise(detector.score(outputs, truths))["map"] == 1.0
    arrays = [{key: np.array(value) for key, value in truths[0].items()}]
    assert detector.score(outputs, arrays) == detector.score(outputs, truths)
    without = [{**truths[0], "crowd": [False, False]}]
    assert detector.summarise(detector.score(outputs, without))["map50"] < 0.5


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"head": "ssd"}, ("head", "yolo_v3, boxes")),
        ({"anchors": "10,13 16"}, ("anchors", "pairs")),
        ({"anchors": "a,b"}, ("anchors", "pairs")),
        ({"anchors": "10,-1"}, ("anchors", "pairs")),
        ({"anchors": "10,13"}, ("anchors", "input_size")),
        ({"input_size": "big"}, ("input_size", "416")),
        ({"classes": "0"}, ("classes", "from 1")),
        ({"score_threshold": "1.5"}, ("score_threshold", "from 0 to 1")),
        ({"iou_threshold": "nan"}, ("iou_threshold", "from 0 to 1")),
        ({"max_detections": "2.5"}, ("max_detections", "whole number")),
        ({"max_detection": "2"}, ("max_detection", "max_detections")),
    ],
)
def test_a_wrong_option_is_named_with_what_is_allowed(options: dict[str, str], named: tuple[str, str]) -> None:
    with pytest.raises(TaskError) as caught:
        task(**options)
    assert all(part in str(caught.value) for part in named)


TRUTH = {"boxes": [[0, 0, 5, 5]], "labels": [1]}


@pytest.mark.parametrize(
    ("truth", "named"),
    [
        ({"labels": [1]}, "boxes"),
        ({"boxes": [[0, 0, 5]], "labels": [1]}, "do not belong together"),
        ({"boxes": [[0, 0, 5, 5]], "labels": [1, 2]}, "do not belong together"),
        ({**TRUTH, "crowd": [True, False]}, "do not belong together"),
        ({"boxes": [[0, 0, 5, 5]], "labels": [CLASSES]}, "from 0 to 2"),
        ({"boxes": [[0, 0, 5, 5]], "labels": ["cat"]}, "from 0 to 2"),
        ({"boxes": [[5, 0, 0, 5]], "labels": [1]}, "ends before it begins"),
        ({"boxes": [[0, 0, math.nan, 5]], "labels": [1]}, "not finite"),
        ({"boxes": [[0, 0, 1, 5], [1, 2]], "labels": [1, 1]}, "four numbers"),
    ],
)
def test_a_wrong_truth_is_named_with_its_sample(truth: dict, named: str) -> None:
    outputs = (np.zeros((2, 3, 4), np.float32), np.zeros((2, 3, CLASSES), np.float32))
    with pytest.raises(TaskError, match=named) as caught:
        task(head="boxes").score(outputs, [TRUTH, truth])
    assert "sample 1" in str(caught.value)


def grids_of(*shapes: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    return tuple(np.zeros(shape, np.float32) for shape in shapes)


@pytest.mark.parametrize(
    ("outputs", "options", "named"),
    [
        (grids_of((1, 12, 12, 16), (1, 6, 6, 16)), {"anchors": "1,2 3,4 5,6", "input_size": "96"}, "3 anchors"),
        (grids_of((1, 12, 12, 15), (1, 6, 6, 16), (1, 3, 3, 16)), YOLO, "not grids"),
        (grids_of((1, 12, 12, 10), (1, 6, 6, 10), (1, 3, 3, 10)), YOLO, "not grids"),
        (grids_of((1, 10), (1, 10), (1, 10)), YOLO, "not grids"),
        (grids_of((1, 11, 12, 16), (1, 6, 6, 16), (1, 3, 3, 16)), YOLO, "11 x 12 cells"),
        (grids_of((1, 12, 12, 16), (1, 6, 6, 16), (1, 3, 3, 16)), {**YOLO, "classes": "80"}, "3 classes.* 80"),
        (grids_of((1, 7, 4), (1, 6, 3)), {"head": "boxes"}, "not boxes"),
        (grids_of((1, 7, 4)), {"head": "boxes"}, "not boxes"),
        (grids_of((2, 7, 4), (2, 7, 3)), {"head": "boxes"}, "1 truths"),
    ],
)
def test_outputs_that_do_not_fit_are_named(outputs: tuple, options: dict[str, str], named: str) -> None:
    with pytest.raises(TaskError, match=named):
        task(**options).score(outputs, [TRUTH])


def test_nothing_to_summarise() -> None:
    with pytest.raises(TaskError, match="no samples"):
        task().summarise([])
    records = task(head="boxes").score(boxes_outputs([TRUTH], 2), [{"boxes": [], "labels": []}])
    with pytest.raises(TaskError, match="truth box"):
        task().summarise(records)
