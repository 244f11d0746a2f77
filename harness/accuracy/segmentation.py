"""Segmentation: the class of every pixel. Intersection over union, the mean over classes, as in PASCAL VOC. Pure.

Intersections and unions are summed over the whole data set before they are divided. A class that is in no truth and no
prediction does not count. Pixels of the `ignore` value are left out of everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.accuracy import task_options
from harness.accuracy.base import Record, TaskSpec, Truth
from harness.accuracy.task_checks import only_output, require_samples, sample_at, truth_value
from harness.errors import TaskError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.accuracy.base import Arrays

IGNORE = 255


@dataclass(frozen=True)
class Segmentation:
    """Scores logits (n, H, W, classes) against ``{"mask": (H, W) integers}``.

    The first of several highest classes is taken. A sample with a NaN has no pixel right.

    Attributes:
        ignore: the value of pixels in the mask that do not count.
        classes: how many classes the masks have, so that a model with another number is refused; None: the model's.
    """

    ignore: int = IGNORE
    classes: int | None = None

    name = "segmentation"
    metric = "miou"
    higher_is_better = True

    @classmethod
    def from_spec(cls, spec: TaskSpec) -> Segmentation:
        """The task with the options of `spec`.

        Raises:
            TaskError: an option is unknown or malformed.
        """
        task_options.check_names(spec, ("ignore", "classes"))
        return cls(
            task_options.whole_number(spec, "ignore", IGNORE, least=-1, most=65535),
            task_options.whole_number(spec, "classes", 0, least=0, most=65535) or None,
        )

    def score(self, outputs: Arrays, truths: Sequence[Truth]) -> list[Record]:
        """One record a sample: for each of its `classes` the pixels of `intersection` and `union`, the pixels that are
        `right`, all `pixels` that count, and whether a value was `nan`.

        Raises:
            TaskError: the output is no map of classes, or a mask is missing, of another size, or has another class.
        """
        logits = only_output(self.name, outputs, truths)
        if logits.ndim != 4 or logits.shape[3] < 2:
            raise TaskError(f"an output of shape {logits.shape} is not class scores of shape (n, H, W, classes)")
        if self.classes not in (None, logits.shape[3]):
            raise TaskError(f"the model has {logits.shape[3]} classes, the masks {self.classes}")
        return [
            self._record(sample, truth, index) for index, (sample, truth) in enumerate(zip(logits, truths, strict=True))
        ]

    def summarise(self, records: Sequence[Record]) -> dict[str, float]:
        """`miou`, `pixel_accuracy` and `nan_samples`.

        Raises:
            TaskError: there are no samples, or no pixel counts.
        """
        require_samples(self.name, records)
        pixels = sum(record["pixels"] for record in records)
        if pixels == 0:
            raise TaskError(f"all pixels of the masks have the value {self.ignore}, which does not count")
        intersections, unions = (_by_class(records, key) for key in ("intersection", "union"))
        counted = unions > 0
        return {
            "miou": float((intersections[counted] / unions[counted]).mean()),
            "pixel_accuracy": sum(record["right"] for record in records) / pixels,
            "nan_samples": float(sum(record["nan"] for record in records)),
        }

    def values(self, records: Sequence[Record]) -> None:
        """None: the mean over classes is no mean over samples."""
        return

    def _record(self, logits: NDArray[np.float32], truth: Truth, index: int) -> Record:
        classes = logits.shape[2]
        mask = self._mask(truth, logits.shape, index)
        counted = mask != self.ignore
        labels = mask[counted].astype(np.int64)
        missing = bool(np.isnan(logits).any())
        predicted = np.zeros(0, np.int64) if missing else logits.argmax(axis=2)[counted]
        right = np.bincount(labels[:0] if missing else labels[labels == predicted], minlength=classes)
        union = np.bincount(labels, minlength=classes) + np.bincount(predicted, minlength=classes) - right
        present = np.flatnonzero(union)
        return {
            "classes": present.tolist(),
            "intersection": right[present].tolist(),
            "union": union[present].tolist(),
            "right": int(right.sum()),
            "pixels": len(labels),
            "nan": missing,
        }

    def _mask(self, truth: Truth, shape: tuple[int, ...], index: int) -> NDArray[Any]:
        mask = np.asarray(truth_value(truth, "mask", index))
        if mask.shape != shape[:2]:
            raise TaskError(
                f"the mask has the shape {mask.shape}, the output {shape[:2]}",
                where=sample_at(index),
                remedy="Masks must be given at the size of the model's output.",
            )
        if not np.issubdtype(mask.dtype, np.integer):
            raise TaskError(f"the mask holds {mask.dtype}, not class indices", where=sample_at(index))
        wrong = mask[(mask != self.ignore) & ((mask < 0) | (mask >= shape[2]))]
        if wrong.size:
            raise TaskError(
                f"the mask has the class {int(wrong[0])}, the model has classes 0 to {shape[2] - 1}",
                where=sample_at(index),
                remedy=f"Pixels that do not count have the value {self.ignore}; the option ignore sets another one.",
            )
        return mask


def _by_class(records: Sequence[Record], key: str) -> NDArray[np.int64]:
    classes = np.concatenate([np.asarray(record["classes"], np.int64) for record in records])
    counts = np.concatenate([np.asarray(record[key], np.int64) for record in records])
    total = np.zeros(int(classes.max(initial=0)) + 1, np.int64)
    np.add.at(total, classes, counts)
    return total
