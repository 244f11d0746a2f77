"""The options of the detection task, read from their text. Pure.

- ``head``: ``yolo_v3``, raw grids (n, rows, columns, anchors a grid * (5 + classes)), one output a scale in any order;
  or ``boxes``, two outputs (n, boxes, 4) as x0, y0, x1, y1 in input pixels and scores (n, boxes, classes). The output
  whose last axis is 4 is the boxes; with four classes, the first one.
- ``anchors``: widths and heights in input pixels, the finest grid's first, such as ``10,13 16,30``; without it the nine
  that YOLOv3 publishes for COCO at 416 x 416 pixels.
- ``input_size``: ``416`` or ``height x width`` as ``288x512``; needed with ``anchors``. Boxes of the head ``boxes`` are
  cut at the border of the input only where it is given.
- ``classes``: how many; checked against the outputs.
- ``score_threshold`` (0.001), ``iou_threshold`` of the suppression (0.45), ``max_detections`` of an image (100).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.accuracy.base import TaskSpec
from harness.accuracy.task_options import check_names, choice, number, whole_number, wrong_option
from harness.errors import TaskError

YOLO_V3, BOXES = "yolo_v3", "boxes"
# of the published configuration yolov3.cfg, for an input of 416 x 416 pixels
YOLO_V3_ANCHORS = "10,13 16,30 33,23 30,61 62,45 59,119 116,90 156,198 373,326"
_YOLO_V3_INPUT_SIZE = "416"
_OPTIONS = ("head", "anchors", "input_size", "classes", "score_threshold", "iou_threshold", "max_detections")
_SIZES = "pixels such as 416, or height x width such as 288x512"


@dataclass(frozen=True)
class DetectionSettings:
    """The options of the task, read; `classes` is 0 and `input_size` None where they are not given."""

    head: str
    anchors: tuple[tuple[float, float], ...]
    input_size: tuple[int, int] | None
    classes: int
    score_threshold: float
    iou_threshold: float
    max_detections: int

    @classmethod
    def from_spec(cls, spec: TaskSpec) -> DetectionSettings:
        """Read the options.

        Raises:
            TaskError: names the option and what it may be.
        """
        check_names(spec, _OPTIONS)
        return cls(
            head=choice(spec, "head", (YOLO_V3, BOXES), YOLO_V3),
            anchors=_anchors(spec),
            input_size=_input_size(spec),
            classes=whole_number(spec, "classes", 0, least=1, most=100_000) if spec.option("classes") else 0,
            score_threshold=number(spec, "score_threshold", 0.001, least=0.0, most=1.0),
            iou_threshold=number(spec, "iou_threshold", 0.45, least=0.0, most=1.0),
            max_detections=whole_number(spec, "max_detections", 100, least=1, most=10_000),
        )


def _anchors(spec: TaskSpec) -> tuple[tuple[float, float], ...]:
    words = re.split(r"[\s,;x]+", spec.option("anchors", YOLO_V3_ANCHORS).strip())
    try:
        sizes = [float(word) for word in words]
    except ValueError:
        sizes = []
    if not sizes or len(sizes) % 2 or not all(0.0 < size < 1e6 for size in sizes):
        raise wrong_option(spec, "anchors", "pairs of positive widths and heights in pixels, such as 10,13 16,30")
    return tuple(zip(sizes[::2], sizes[1::2], strict=True))


def _input_size(spec: TaskSpec) -> tuple[int, int] | None:
    text = spec.option("input_size")
    if not text and spec.option("head", YOLO_V3) == BOXES:
        return None
    if not text and spec.option("anchors"):
        raise TaskError(
            "the option 'anchors' of the task detection needs the option 'input_size' beside it",
            remedy=f"Allowed: {_SIZES}.",
        )
    found = re.fullmatch(r"\s*([1-9]\d{0,4})(?:\s*x\s*([1-9]\d{0,4}))?\s*", text or _YOLO_V3_INPUT_SIZE)
    if found is None:
        raise wrong_option(spec, "input_size", _SIZES)
    return int(found[1]), int(found[2] or found[1])
