"""From a detector's raw outputs to its detections: box decoding, and greedy non-maximum suppression. Pure.

All functions work on one image, so that memory stays that of one image. Boxes are ``x0, y0, x1, y1`` in input pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FIRST_BATCH = 1024


@dataclass(frozen=True)
class Detections:
    """The detections of one image, the highest score first.

    Attributes:
        boxes: (m, 4) float64.
        labels: (m,) int64 class indices.
        scores: (m,) float64.
    """

    boxes: NDArray[np.float64]
    labels: NDArray[np.int64]
    scores: NDArray[np.float64]


def no_detections() -> Detections:
    """What an image without detections has."""
    return Detections(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0))


def decode_yolo_v3(
    grids: Sequence[NDArray[Any]],
    anchors: NDArray[np.float64],
    input_size: tuple[int, int],
    least_objectness: float = 0.0,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Boxes and class scores of the raw grids of one image, as in the YOLOv3 paper (Redmon, Farhadi 2018, section 2.1).

    In a cell at column i and row j of stride s, ``x = (sigmoid(tx) + i) s`` and ``y = (sigmoid(ty) + j) s`` are the
    centre, ``w = anchor_w exp(tw)`` and ``h = anchor_h exp(th)`` the size; each class has the score
    ``sigmoid(objectness) sigmoid(class)``. Boxes are cut at the border of the input, as darknet does for COCO.

    Args:
        grids: (rows, columns, anchors a grid * (5 + classes)) logits each, in any order of scale.
        anchors: (grids * anchors a grid, 2) widths and heights in input pixels; the first ones are the finest grid's.
        input_size: height and width of the input in pixels.
        least_objectness: boxes below it are left out early; no class can score higher than the objectness.

    Returns:
        boxes (m, 4) and scores (m, classes), the finest grid's first.
    """
    finest_first = sorted(grids, key=lambda grid: -grid.shape[0] * grid.shape[1])
    groups = np.asarray(anchors, np.float32).reshape(len(grids), -1, 2)
    parts = [
        _decode_grid(grid, group, input_size, least_objectness)
        for grid, group in zip(finest_first, groups, strict=True)
    ]
    return np.concatenate([boxes for boxes, _ in parts]), np.concatenate([scores for _, scores in parts])


def select_detections(
    boxes: NDArray[Any],
    scores: NDArray[Any],
    *,
    score_threshold: float,
    iou_threshold: float,
    max_detections: int,
) -> Detections:
    """Greedy non-maximum suppression within each class, and the best `max_detections` of all classes.

    A box may be a detection of several classes. Candidates go by falling score, on a tie by box and then by class; one
    is dropped when its overlap with a kept one of its class is above `iou_threshold`. Taking the classes together in
    one order gives the same result as class by class and can stop at `max_detections`.

    Args:
        boxes: (m, 4).
        scores: (m, classes).
        score_threshold: a candidate scores at least this.
    """
    classes = scores.shape[1]
    flat = scores.ravel()
    rest = np.flatnonzero(flat >= score_threshold)
    kept = np.zeros(0, np.int64)
    boxes = boxes.astype(np.float64)
    size = _FIRST_BATCH
    while len(rest) and len(kept) < max_detections:
        batch, rest = _best(rest, flat, size)
        candidates = _without_overlaps(batch, kept, boxes, classes, iou_threshold)
        kept = _extend_greedily(kept, candidates, boxes, classes, iou_threshold, max_detections)
        size *= 4
    return Detections(boxes[kept // classes], (kept % classes).astype(np.int64), flat[kept].astype(np.float64))


def overlaps(
    a: NDArray[np.float64], b: NDArray[np.float64], crowd: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Intersection over union of each box of `a` (m, 4) with each of `b` (k, 4), as (m, k); 0 where both are empty.

    Where `crowd` (k,) is set, the intersection is taken over the area of the box of `a` alone, as COCO does.
    """
    sizes = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    sizes = np.maximum(sizes, 0.0)
    common = sizes[..., 0] * sizes[..., 1]
    over = areas(a)[:, None] + areas(b)[None, :] - common
    if crowd is not None:
        over = np.where(crowd[None, :], areas(a)[:, None], over)
    shares: NDArray[np.float64] = np.zeros_like(common)
    np.divide(common, over, out=shares, where=common > 0.0)
    return shares


def areas(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The areas of (m, 4) boxes; 0 for one that is inside out."""
    sizes = np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0)
    found: NDArray[np.float64] = sizes[:, 0] * sizes[:, 1]
    return found


def _decode_grid(
    grid: NDArray[Any], anchors: NDArray[np.float32], input_size: tuple[int, int], least_objectness: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    rows, columns = grid.shape[:2]
    raw = grid.reshape(rows, columns, len(anchors), -1)
    objectness = _sigmoid(raw[..., 4])
    row, column, anchor = np.nonzero(objectness >= least_objectness)
    chosen = raw[row, column, anchor]
    strides = np.array([input_size[1] / columns, input_size[0] / rows], np.float32)
    centres = (_sigmoid(chosen[:, :2]) + np.stack([column, row], axis=1).astype(np.float32)) * strides
    with np.errstate(over="ignore"):  # a size beyond float32 is cut at the border like any other
        halves = anchors[anchor] * np.exp(chosen[:, 2:4]) / 2.0
    border = np.array([input_size[1], input_size[0]] * 2, np.float32)
    boxes = np.clip(np.concatenate([centres - halves, centres + halves], axis=1), 0.0, border)
    return boxes, _sigmoid(chosen[:, 5:]) * objectness[row, column, anchor][:, None]


def _sigmoid(logits: NDArray[Any]) -> NDArray[Any]:
    with np.errstate(over="ignore"):  # exp of a very negative logit is infinite, and its sigmoid rightly 0
        found: NDArray[Any] = 1.0 / (1.0 + np.exp(-logits))
    return found


def _best(rest: NDArray[np.int64], flat: NDArray[Any], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The `size` best of the ascending indices `rest`, by falling score and on a tie ascending; and the others."""
    own = flat[rest]
    chosen = np.ones(len(rest), bool)
    if len(rest) > size:
        last = np.partition(own, len(own) - size)[len(own) - size]
        chosen = own > last
        # outputs of an integer model may tie by the hundred thousand: no more of them than asked for
        chosen[np.flatnonzero(own == last)[: size - np.count_nonzero(chosen)]] = True
    best = rest[chosen]
    return best[np.argsort(-flat[best], kind="stable")], rest[~chosen]


def _without_overlaps(
    candidates: NDArray[np.int64],
    kept: NDArray[np.int64],
    boxes: NDArray[np.float64],
    classes: int,
    iou_threshold: float,
) -> NDArray[np.int64]:
    """The candidates that overlap no kept one of their class; both are indices of (box, class)."""
    for one in kept:
        candidates = candidates[~_is_dropped_by(one, candidates, boxes, classes, iou_threshold)]
    return candidates


def _extend_greedily(
    kept: NDArray[np.int64],
    candidates: NDArray[np.int64],
    boxes: NDArray[np.float64],
    classes: int,
    iou_threshold: float,
    max_detections: int,
) -> NDArray[np.int64]:
    new = [kept]
    for _ in range(max_detections - len(kept)):
        if len(candidates) == 0:
            break
        best, candidates = candidates[0], candidates[1:]
        new.append(np.array([best]))
        candidates = candidates[~_is_dropped_by(best, candidates, boxes, classes, iou_threshold)]
    return np.concatenate(new)


def _is_dropped_by(
    kept: np.int64, candidates: NDArray[np.int64], boxes: NDArray[np.float64], classes: int, iou_threshold: float
) -> NDArray[np.bool_]:
    dropped: NDArray[np.bool_] = candidates % classes == kept % classes
    rivals = candidates[dropped] // classes
    dropped[dropped] = overlaps(boxes[rivals], boxes[kept // classes][None])[:, 0] > iou_threshold
    return dropped
