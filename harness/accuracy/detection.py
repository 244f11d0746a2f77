"""The task of a detector: boxes with classes, scored by average precision as COCO defines it. Pure.

The options are those of `harness.accuracy.detection_settings`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.accuracy.average_precision import MatchedImage, TruthBoxes, average_precision, match_image
from harness.accuracy.base import Record, TaskSpec, Truth
from harness.accuracy.detection_decode import Detections, decode_yolo_v3, no_detections, select_detections
from harness.accuracy.detection_settings import BOXES, YOLO_V3, DetectionSettings
from harness.accuracy.task_checks import require_samples, sample_at
from harness.errors import TaskError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.accuracy.base import Arrays

# thousandths of a pixel and 1e-9 of a score are below what float32 outputs can tell apart, and keep records short
_BOX_DECIMALS, _SCORE_DECIMALS = 3, 9
_MATCHED = "matched"


class Detection:
    """Mean average precision of detections; a record holds the detections and the truth of one image."""

    name = "detection"
    metric = "map50"
    higher_is_better = True

    def __init__(self, settings: DetectionSettings) -> None:
        self.settings = settings

    @classmethod
    def from_spec(cls, spec: TaskSpec) -> Detection:
        """The task with the options of `spec`.

        Raises:
            TaskError: an option is unknown or cannot be used; names what is allowed.
        """
        return cls(DetectionSettings.from_spec(spec))

    def score(self, outputs: Arrays, truths: Sequence[Truth]) -> list[Record]:
        """One record an image; an image whose outputs hold a NaN or an infinite value has no detections.

        Args:
            outputs: the raw outputs of the head, float32.
            truths: ``boxes`` in input pixels, ``labels``, and ``crowd`` where there are crowd regions.

        Raises:
            TaskError: outputs do not fit the head, or a truth does not fit the classes.
        """
        if any(output.ndim < 2 or len(output) != len(truths) for output in outputs):
            shapes = ", ".join(str(output.shape) for output in outputs)
            raise TaskError(f"outputs of shapes {shapes} do not fit {len(truths)} truths")
        classes = self._classes(outputs)
        return [
            self._record(tuple(output[index] for output in outputs), _truth_boxes(truth, classes, index))
            for index, truth in enumerate(truths)
        ]

    def summarise(self, records: Sequence[Record]) -> dict[str, float]:
        """`map50`, `map`, `map75`, `mar100`, and `nan_samples`: how many images had outputs that are not finite.

        Raises:
            TaskError: there are no samples, or no truth box in any of them.
        """
        require_samples(self.name, records)
        try:
            figures = average_precision([record.get(_MATCHED) or _matched(record) for record in records])
        except ValueError as error:
            raise TaskError(
                f"the detections of {len(records)} images cannot be scored: {error}",
                remedy="Take more images, or check that their labels are read.",
            ) from error
        return {**figures, "nan_samples": float(sum(bool(record["nan"]) for record in records))}

    def values(self, records: Sequence[Record]) -> NDArray[np.float64] | None:
        """None: average precision is no mean over images."""
        return None

    def digested(self, records: Sequence[Record]) -> list[Record]:
        """The records with their detections matched: most of the work of `summarise`, and the same in any selection."""
        return [{**record, _MATCHED: _matched(record)} for record in records]

    def _classes(self, outputs: Arrays) -> int:
        """How many classes the outputs have, once they are known to fit the head."""
        settings = self.settings
        found = _yolo_classes(outputs, settings) if settings.head == YOLO_V3 else _scored_boxes(outputs)[1].shape[2]
        if settings.classes not in (0, found):
            raise TaskError(
                f"the outputs hold {found} classes where the task has {settings.classes}",
                remedy="Set the option 'classes' to those of the model, and use labels of the same list.",
            )
        return found

    def _record(self, outputs: Arrays, truth: TruthBoxes) -> Record:
        finite = all(bool(np.isfinite(output).all()) for output in outputs)
        found = self._detect(outputs) if finite else no_detections()
        return {
            "boxes": np.round(found.boxes, _BOX_DECIMALS).tolist(),
            "labels": found.labels.tolist(),
            "scores": np.round(found.scores, _SCORE_DECIMALS).tolist(),
            "truth_boxes": truth.boxes.tolist(),
            "truth_labels": truth.labels.tolist(),
            "crowd": truth.crowd.tolist(),
            "nan": not finite,
        }

    def _detect(self, outputs: Arrays) -> Detections:
        """The detections in the outputs of one image, without the axis of the samples."""
        settings = self.settings
        boxes, scores = self._decode(outputs)
        return select_detections(
            boxes,
            scores,
            score_threshold=settings.score_threshold,
            iou_threshold=settings.iou_threshold,
            max_detections=settings.max_detections,
        )

    def _decode(self, outputs: Arrays) -> tuple[NDArray[Any], NDArray[Any]]:
        settings = self.settings
        if settings.head == YOLO_V3:
            assert settings.input_size is not None
            return decode_yolo_v3(outputs, np.array(settings.anchors), settings.input_size, settings.score_threshold)
        boxes, scores = _scored_boxes(tuple(output[None] for output in outputs))
        if settings.input_size is not None:
            boxes = np.clip(boxes, 0.0, np.array(settings.input_size[::-1] * 2, np.float32))
        return boxes[0], scores[0]


def _yolo_classes(outputs: Arrays, settings: DetectionSettings) -> int:
    """How many classes the raw grids hold.

    Raises:
        TaskError: they are no grids of one number of classes for these anchors and this input.
    """
    anchors = len(settings.anchors)
    shapes = ", ".join(str(output.shape) for output in outputs)
    if not outputs or anchors % len(outputs):
        raise TaskError(
            f"{anchors} anchors cannot be shared out to {len(outputs)} grids of shapes {shapes}",
            remedy="Set the option 'anchors', as many for each grid, the finest grid's first.",
        )
    per_grid = anchors // len(outputs)
    values = {int(np.prod(output.shape[3:])) / per_grid for output in outputs if output.ndim in (4, 5)}
    channels = values.pop() if len(values) == 1 and all(output.ndim in (4, 5) for output in outputs) else 0.0
    if channels != int(channels) or channels < 6:
        raise TaskError(
            f"outputs of shapes {shapes} are not grids (n, rows, columns, {per_grid} * (5 + classes)), as the head "
            f"{YOLO_V3} with {anchors} anchors needs",
            remedy="Set the options 'head' and 'anchors' to those of the model.",
        )
    for output in outputs:
        _check_stride(output.shape, settings.input_size)
    return int(channels) - 5


def _check_stride(shape: tuple[int, ...], input_size: tuple[int, int] | None) -> None:
    height, width = input_size or (0, 0)
    rows, columns = shape[1:3]
    if height % rows or width % columns or height // rows != width // columns:
        raise TaskError(
            f"a grid of {rows} x {columns} cells does not fit an input of {height} x {width} pixels",
            remedy="Set the option 'input_size' to that of the model.",
        )


def _scored_boxes(outputs: Arrays) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Boxes (n, m, 4) and scores (n, m, classes), in whichever order they come.

    Raises:
        TaskError: they are not both there.
    """
    if len(outputs) == 2 and all(output.ndim == 3 for output in outputs):
        boxes, scores = outputs if outputs[0].shape[2] == 4 else outputs[::-1]
        if boxes.shape[2] == 4 and boxes.shape[:2] == scores.shape[:2] and scores.shape[2]:
            return boxes, scores
    shapes = ", ".join(str(output.shape) for output in outputs)
    raise TaskError(
        f"outputs of shapes {shapes} are not boxes (n, m, 4) and scores (n, m, classes), as the head {BOXES} needs",
        remedy=f"Set the option 'head': {YOLO_V3} or {BOXES}.",
    )


def _truth_boxes(truth: Truth, classes: int, index: int) -> TruthBoxes:
    """The truth of the sample at `index`, checked.

    Raises:
        TaskError: names the sample and what is wrong in it.
    """
    where = sample_at(index)
    try:
        boxes = np.asarray(truth["boxes"], np.float64)
        labels = np.asarray(truth["labels"])
        crowd = np.asarray(truth.get("crowd", np.zeros(labels.shape)), bool)
    except (KeyError, TypeError, ValueError) as error:
        raise TaskError(
            f"a truth of detection needs boxes of four numbers and their labels ({error!r})", where=where
        ) from error
    boxes = boxes.reshape(-1, 4) if boxes.size == 0 else boxes
    if boxes.shape != (labels.size, 4) or labels.ndim != 1 or crowd.shape != labels.shape:
        raise TaskError(
            f"boxes of shape {boxes.shape}, labels of shape {labels.shape} and crowd flags of shape {crowd.shape} "
            "do not belong together",
            where=where,
        )
    if not np.isfinite(boxes).all() or (boxes[:, 2:] < boxes[:, :2]).any():
        raise TaskError("a truth box is not finite, or ends before it begins", where=where)
    return TruthBoxes(boxes, _checked_labels(labels, classes, where), crowd)


def _checked_labels(labels: NDArray[Any], classes: int, where: str) -> NDArray[np.int64]:
    if labels.size == 0:
        return np.zeros(0, np.int64)
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0 or labels.max() >= classes:
        raise TaskError(
            f"the labels {sorted(set(labels.tolist()))} are not all class indices from 0 to {classes - 1}",
            where=where,
            remedy="Number the classes of the data set as the model does.",
        )
    return labels.astype(np.int64)


def _matched(record: Record) -> MatchedImage:
    return match_image(_detections(record), _recorded_truth(record))


def _detections(record: Record) -> Detections:
    return Detections(
        np.asarray(record["boxes"], np.float64).reshape(-1, 4),
        np.asarray(record["labels"], np.int64),
        np.asarray(record["scores"], np.float64),
    )


def _recorded_truth(record: Record) -> TruthBoxes:
    return TruthBoxes(
        np.asarray(record["truth_boxes"], np.float64).reshape(-1, 4),
        np.asarray(record["truth_labels"], np.int64),
        np.asarray(record["crowd"], bool),
    )
