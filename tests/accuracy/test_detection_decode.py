"""Box decoding against its formula written out, suppression against the plain loop."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.accuracy.detection_decode import decode_yolo_v3, overlaps, select_detections

ANCHORS = np.array([[4, 6], [8, 5], [20, 16], [30, 40]], np.float64)


def sigmoid(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-value))


def written_out(grid: np.ndarray, anchors: np.ndarray, stride: float, size: tuple[int, int]) -> list[tuple]:
    found = []
    rows, columns, _ = grid.shape
    for row in range(rows):
        for column in range(columns):
            for values, (width, height) in zip(grid[row, column].reshape(len(anchors), -1), anchors, strict=True):
                tx, ty, tw, th, objectness, *classes = (float(value) for value in values)
                x, y = (sigmoid(tx) + column) * stride, (sigmoid(ty) + row) * stride
                w, h = width * math.exp(tw), height * math.exp(th)
                box = (max(x - w / 2, 0), max(y - h / 2, 0), min(x + w / 2, size[1]), min(y + h / 2, size[0]))
                found.append((box, [sigmoid(objectness) * sigmoid(one) for one in classes]))
    return found


@pytest.mark.parametrize("reverse", [False, True])
def test_yolo_grids_are_decoded_as_published(reverse: bool) -> None:
    rng = np.random.default_rng(1)
    size = (64, 96)
    coarse, fine = (rng.normal(size=(64 // s, 96 // s, 2 * 8)).astype(np.float32) for s in (32, 16))
    expected = written_out(fine, ANCHORS[:2], 16, size) + written_out(coarse, ANCHORS[2:], 32, size)
    grids = [fine, coarse] if reverse else [coarse, fine]
    boxes, scores = decode_yolo_v3(grids, ANCHORS, size)
    np.testing.assert_allclose(boxes, [box for box, _ in expected], rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(scores, [one for _, one in expected], rtol=1e-4)


def test_low_objectness_is_left_out_and_nothing_else() -> None:
    rng = np.random.default_rng(2)
    grids = [rng.normal(size=(4, 4, 2 * 7)).astype(np.float32), rng.normal(size=(2, 2, 2 * 7)).astype(np.float32)]
    boxes, scores = decode_yolo_v3(grids, ANCHORS, (64, 64))
    fewer_boxes, fewer_scores = decode_yolo_v3(grids, ANCHORS, (64, 64), 0.4)
    assert 0 < len(fewer_boxes) < len(boxes)
    assert len(np.unique(fewer_scores[fewer_scores >= 0.4])) == len(np.unique(scores[scores >= 0.4]))


def test_extreme_logits_give_boxes_inside_the_input() -> None:
    grid = np.full((2, 2, 2 * 6), 500.0, np.float32)
    grid[0] = -500.0
    boxes, scores = decode_yolo_v3([grid], ANCHORS[:2], (32, 32))
    assert np.isfinite(boxes).all()
    assert boxes.min() >= 0
    assert boxes.max() <= 32
    assert set(np.unique(scores)) == {0.0, 1.0}


def test_overlaps_of_plain_cases() -> None:
    a = np.array([[0, 0, 10, 10], [0, 0, 0, 0.0]])
    b = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10], [-10, -10, 30, 30], [0, 0, 0, 0.0]])
    np.testing.assert_allclose(overlaps(a, b), [[1, 1 / 3, 0, 1 / 16, 0], [0] * 5])
    crowd = np.array([False, True, False, True, False])
    np.testing.assert_allclose(overlaps(a, b, crowd), [[1, 1 / 2, 0, 1, 0], [0] * 5])


def plain_suppression(boxes: np.ndarray, scores: np.ndarray, threshold: float, iou: float, most: int) -> list[tuple]:
    """Class by class, one candidate after another; then the best of all."""
    kept = []
    for label in range(scores.shape[1]):
        own: list[int] = []
        for index in sorted(range(len(boxes)), key=lambda i: (-scores[i, label], i)):
            if scores[index, label] >= threshold and all(
                overlaps(boxes[[index]], boxes[[other]])[0, 0] <= iou for other in own
            ):
                own.append(index)
        kept += [(-scores[index, label], index, label) for index in own]
    return [(index, label) for _, index, label in sorted(kept)[:most]]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(0, 60),
    levels=st.sampled_from([2, 5, 1000]),
    iou=st.sampled_from([0.0, 0.3, 0.45, 1.0]),
    most=st.sampled_from([1, 7, 1000]),
)
def test_suppression_is_that_of_the_plain_loop(seed: int, count: int, levels: int, iou: float, most: int) -> None:
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, 12, (count, 2))
    boxes = np.concatenate([corners, corners + rng.integers(0, 8, (count, 2))], axis=1).astype(np.float64)
    scores = rng.integers(0, levels, (count, 3)) / levels
    found = select_detections(boxes, scores, score_threshold=0.2, iou_threshold=iou, max_detections=most)
    expected = plain_suppression(boxes, scores, 0.2, iou, most)
    np.testing.assert_array_equal(found.boxes, boxes[[index for index, _ in expected]].reshape(-1, 4))
    np.testing.assert_array_equal(found.labels, [label for _, label in expected])
    np.testing.assert_array_equal(found.scores, [scores[index, label] for index, label in expected])
    again = np.zeros((len(found.boxes), 3))
    again[np.arange(len(again)), found.labels] = found.scores
    twice = select_detections(found.boxes, again, score_threshold=0.2, iou_threshold=iou, max_detections=most)
    np.testing.assert_array_equal(twice.boxes, found.boxes)
    np.testing.assert_array_equal(twice.labels, found.labels)


@pytest.mark.parametrize("levels", [3, 10**6], ids=["ties", "distinct"])
def test_candidates_beyond_the_first_batch(levels: int) -> None:
    """More than a thousand candidates in a few heaps: the best suppress whole batches, and later ones are reached."""
    rng = np.random.default_rng(4)
    heaps = rng.integers(0, 20, 600)
    boxes = np.stack([heaps * 10, heaps * 0, heaps * 10 + 8, heaps * 0 + 8], axis=1) + rng.normal(0, 0.1, (600, 4))
    scores = rng.integers(1, levels + 1, (600, 2)) / levels / (1 + heaps[:, None] ** 2)
    found = select_detections(boxes, scores, score_threshold=0.0, iou_threshold=0.45, max_detections=100)
    expected = plain_suppression(boxes, scores, 0.0, 0.45, 100)
    assert len(found.boxes) == 40
    np.testing.assert_array_equal(found.boxes, boxes[[index for index, _ in expected]])
