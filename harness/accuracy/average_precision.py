"""COCO's average precision of boxes: matching, precision over recall, and the means. Pure.

The definition is https://cocodataset.org/#detection-eval, details as in its reference implementation (pycocotools):
intersection over union from 0.50 to 0.95 in steps of 0.05, precision at 101 recalls, boxes of every area, at most 100
detections of a class in an image. Detections on crowd regions are neither right nor wrong. Classes without truth do not
count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.accuracy.detection_decode import Detections, overlaps

if TYPE_CHECKING:
    from numpy.typing import NDArray

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
DETECTIONS_A_CLASS = 100


@dataclass(frozen=True)
class TruthBoxes:
    """What is in one image: boxes (k, 4) as x0, y0, x1, y1, labels (k,), and which are crowd regions (k,)."""

    boxes: NDArray[np.float64]
    labels: NDArray[np.int64]
    crowd: NDArray[np.bool_]


@dataclass(frozen=True)
class _Matched:
    """Detections with, for each threshold: is it right, and does it count at all; both (m, thresholds)."""

    labels: NDArray[np.int64]
    scores: NDArray[np.float64]
    right: NDArray[np.bool_]
    ignored: NDArray[np.bool_]


@dataclass(frozen=True)
class MatchedImage:
    """What one image adds to the figures, which does not depend on the other images."""

    detections: _Matched
    truth_labels: NDArray[np.int64]


def match_image(detections: Detections, truth: TruthBoxes) -> MatchedImage:
    """Hold the detections of one image against its truth."""
    return MatchedImage(_match(detections, truth), truth.labels[~truth.crowd])


def average_precision(images: Sequence[MatchedImage]) -> dict[str, float]:
    """`map` over all thresholds, `map50` and `map75` at one, and `mar100`: the mean of the highest recalls.

    Detections with equal scores go in the order of `images`.

    Raises:
        ValueError: no image has a truth box outside of crowd regions, so that nothing is defined.
    """
    truth_labels = np.concatenate([image.truth_labels for image in images] or [np.zeros(0, np.int64)])
    if len(truth_labels) == 0:
        raise ValueError("average precision needs at least one truth box that is no crowd region")
    matched = _by_class(_joined([image.detections for image in images]))
    classes, counts = np.unique(truth_labels, return_counts=True)
    first = np.searchsorted(matched.labels, classes, side="left")
    last = np.searchsorted(matched.labels, classes, side="right")
    curves = [
        _curve(matched.right[a:b], matched.ignored[a:b], int(count))
        for a, b, count in zip(first, last, counts, strict=True)
    ]
    precision = np.stack([curve for curve, _ in curves])
    return {
        "map": float(precision.mean()),
        "map50": float(precision[:, 0].mean()),
        "map75": float(precision[:, 5].mean()),
        "mar100": float(np.stack([recall for _, recall in curves]).mean()),
    }


def _match(detections: Detections, truth: TruthBoxes) -> _Matched:
    """Give each detection of one image, the best score first, the free truth of its class that it overlaps most.

    Crowd regions come last and are never used up; on equal overlaps the later truth is taken.
    """
    order = _limited(detections)
    labels, boxes = detections.labels[order], detections.boxes[order]
    shares = overlaps(boxes, truth.boxes, truth.crowd)
    shares[labels[:, None] != truth.labels[None, :]] = 0.0
    right = np.zeros((len(order), len(IOU_THRESHOLDS)), bool)
    ignored = np.zeros_like(right)
    used: set[tuple[int, int]] = set()
    crowd = truth.crowd.tolist()
    for row in np.flatnonzero((shares >= IOU_THRESHOLDS[0]).any(axis=1)):
        for step, index in _choices(shares[row], crowd, used):
            right[row, step], ignored[row, step] = not crowd[index], crowd[index]
            used.add((step, index))
    return _Matched(labels, detections.scores[order], right, ignored)


def _limited(detections: Detections) -> NDArray[np.int64]:
    """Indices by falling score, cut at the limit of each class."""
    order = np.argsort(-detections.scores, kind="stable")
    if len(order) <= DETECTIONS_A_CLASS:
        return order
    labels = detections.labels[order]
    kept = [np.flatnonzero(labels == label)[:DETECTIONS_A_CLASS] for label in np.unique(labels)]
    return order[np.sort(np.concatenate(kept))]


def _choices(shares: NDArray[np.float64], crowd: list[bool], used: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """The truth that one detection takes at each threshold, as (index of the threshold, index of the truth)."""
    possible = np.flatnonzero(shares >= IOU_THRESHOLDS[0]).tolist()
    by_preference = sorted(possible, key=lambda index: (crowd[index], -shares[index], -index))
    chosen = []
    for step, threshold in enumerate(IOU_THRESHOLDS):
        for index in by_preference:
            if shares[index] >= threshold and (crowd[index] or (step, index) not in used):
                chosen.append((step, index))
                break
    return chosen


def _joined(parts: list[_Matched]) -> _Matched:
    return _Matched(
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.right for part in parts]),
        np.concatenate([part.ignored for part in parts]),
    )


def _by_class(matched: _Matched) -> _Matched:
    """Sorted by class and within it by falling score; equal scores keep their order."""
    order = np.lexsort((-matched.scores, matched.labels))
    return _Matched(matched.labels[order], matched.scores[order], matched.right[order], matched.ignored[order])


def _curve(
    right: NDArray[np.bool_], ignored: NDArray[np.bool_], truths: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of one class: the precision at each of `RECALLS`, (thresholds, 101), and the recall reached, (thresholds,).

    The precision at a recall is the highest at this or any higher recall, and 0 where that recall is never reached.
    """
    steps = right.shape[1]
    precision = np.zeros((steps, len(RECALLS)))
    if len(right) == 0:
        return precision, np.zeros(steps)
    hits = np.cumsum(right, axis=0, dtype=np.float64)
    misses = np.cumsum(~right & ~ignored, axis=0, dtype=np.float64)
    recall = hits / truths
    best = np.maximum.accumulate((hits / np.maximum(hits + misses, 1.0))[::-1], axis=0)[::-1]
    for step in range(steps):
        at = np.searchsorted(recall[:, step], RECALLS, side="left")
        reached = at < len(right)
        precision[step, reached] = best[at[reached], step]
    return precision, recall[-1]
