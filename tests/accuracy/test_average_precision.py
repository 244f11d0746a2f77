"""Average precision against pycocotools on data with crowds, ties, empty images and classes without truth."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest

from harness.accuracy.average_precision import TruthBoxes, average_precision, match_image
from harness.accuracy.detection_decode import Detections

CLASSES = 5


def figures_of(images: list[tuple[Detections, TruthBoxes]]) -> dict[str, float]:
    return average_precision([match_image(found, truth) for found, truth in images])


def random_boxes(rng: np.random.Generator, count: int, *, whole: bool) -> np.ndarray:
    corners = rng.uniform(0, 60, (count, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(4, 40, (count, 2))], axis=1)
    return np.round(boxes) if whole else boxes


def random_image(rng: np.random.Generator, *, whole: bool, most: int = 40) -> tuple[Detections, TruthBoxes]:
    """Truth of classes 0 to 3, detections near it and elsewhere of classes 0 to 4; `whole` numbers make ties."""
    truths = int(rng.integers(0, 8)) * int(rng.random() < 0.85)
    boxes = random_boxes(rng, truths, whole=whole)
    truth = TruthBoxes(boxes, rng.integers(0, CLASSES - 1, truths), rng.random(truths) < 0.2)
    near = np.repeat(boxes, 3, axis=0)
    near = near + (rng.integers(-2, 3, near.shape) if whole else rng.normal(0, 2.0, near.shape))
    found = np.concatenate([near, random_boxes(rng, int(rng.integers(0, most)), whole=whole)])
    found[:, 2:] = np.maximum(found[:, 2:], found[:, :2] + 1.0)
    labels = np.concatenate([np.repeat(truth.labels, 3), rng.integers(0, CLASSES, len(found) - 3 * truths)])
    scores = rng.random(len(found))
    return Detections(found, labels.astype(np.int64), np.round(scores, 1) if whole else scores), truth


def coco_figures(images: list[tuple[Detections, TruthBoxes]]) -> dict[str, float]:
    coco = pytest.importorskip("pycocotools.coco")
    evaluation = pytest.importorskip("pycocotools.cocoeval")
    with contextlib.redirect_stdout(io.StringIO()):
        truth = coco.COCO()
        truth.dataset = {
            "images": [{"id": index} for index in range(len(images))],
            "categories": [{"id": label} for label in range(CLASSES)],
            "annotations": [],
        }
        for index, (_, boxes) in enumerate(images):
            for box, label, crowd in zip(boxes.boxes, boxes.labels, boxes.crowd, strict=True):
                width, height = box[2:] - box[:2]
                truth.dataset["annotations"].append(
                    {
                        "id": len(truth.dataset["annotations"]) + 1,
                        "image_id": index,
                        "category_id": int(label),
                        "bbox": [box[0], box[1], width, height],
                        "area": width * height,
                        "iscrowd": int(crowd),
                    }
                )
        truth.createIndex()
        found = truth.loadRes(
            [
                {"image_id": index, "category_id": int(label), "score": score, "bbox": [*box[:2], *(box[2:] - box[:2])]}
                for index, (detections, _) in enumerate(images)
                for box, label, score in zip(detections.boxes, detections.labels, detections.scores, strict=True)
            ]
        )
        run = evaluation.COCOeval(truth, found, "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return {"map": run.stats[0], "map50": run.stats[1], "map75": run.stats[2], "mar100": run.stats[8]}


@pytest.mark.parametrize("whole", [False, True], ids=["continuous", "ties"])
@pytest.mark.parametrize("seed", range(6))
def test_figures_are_those_of_pycocotools(seed: int, whole: bool) -> None:
    rng = np.random.default_rng(seed)
    images = [random_image(rng, whole=whole) for _ in range(40)]
    assert any(truth.crowd.any() for _, truth in images)
    assert any(len(truth.labels) == 0 for _, truth in images)
    assert any((detections.labels == CLASSES - 1).any() for detections, _ in images)
    expected = coco_figures(images)
    assert 0.01 < expected["map"] < expected["map50"] < 0.95
    assert figures_of(images) == pytest.approx(expected, abs=1e-9)


def test_more_than_a_hundred_detections_of_a_class_do_not_count() -> None:
    rng = np.random.default_rng(0)
    images = [random_image(rng, whole=False, most=1200) for _ in range(5)]
    assert max(np.bincount(detections.labels).max() for detections, _ in images) > 100
    assert figures_of(images) == pytest.approx(coco_figures(images), abs=1e-9)


def test_of_equal_overlaps_the_later_truth_is_taken() -> None:
    """As in pycocotools: the second detection then finds its truth taken, and is wrong."""
    truth = TruthBoxes(np.array([[0, 0, 10, 10], [4, 0, 14, 10.0]]), np.array([0, 0]), np.zeros(2, bool))
    found = Detections(np.array([[2, 0, 12, 10], [4, 0, 14, 10.0]]), np.array([0, 0]), np.array([0.9, 0.8]))
    figures = figures_of([(found, truth)])
    assert figures == pytest.approx(coco_figures([(found, truth)]), abs=1e-9)
    assert figures["map50"] == pytest.approx(51 / 101)


def test_an_image_without_detections_and_truth_changes_nothing() -> None:
    rng = np.random.default_rng(3)
    images = [random_image(rng, whole=False) for _ in range(4)]
    empty = (
        Detections(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0)),
        TruthBoxes(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0, bool)),
    )
    assert figures_of([empty, *images, empty]) == figures_of(images)


def test_a_hand_computed_case() -> None:
    """One truth box is found at an overlap of 0.8, after a detection of nothing; the other one is missed."""
    truth = TruthBoxes(np.array([[0, 0, 10, 10], [50, 50, 60, 60.0]]), np.array([0, 0]), np.zeros(2, bool))
    found = Detections(np.array([[80, 80, 90, 90], [0, 0, 10, 8.0]]), np.array([0, 0]), np.array([0.9, 0.8]))
    figures = figures_of([(found, truth)])
    # precision 1/2 at the 51 recalls up to 0.5, at the 7 thresholds up to 0.8
    assert figures["map50"] == pytest.approx(0.5 * 51 / 101)
    assert figures["map"] == pytest.approx(0.5 * 51 / 101 * 0.7)
    assert figures["mar100"] == pytest.approx(0.5 * 0.7)


def test_only_crowds_are_no_truth() -> None:
    truth = TruthBoxes(np.array([[0, 0, 10, 10.0]]), np.array([0]), np.ones(1, bool))
    found = Detections(np.array([[0, 0, 10, 10.0]]), np.array([0]), np.array([0.9]))
    with pytest.raises(ValueError, match="truth box"):
        figures_of([(found, truth)])
    with pytest.raises(ValueError, match="truth box"):
        figures_of([])
