"""Classification: is the label among the highest scores? Top-1 and top-5, as in ImageNet's challenge. Pure.

Ties are not resolved in the model's favour: a label counts among the first k when at most k classes, itself included,
score as high or higher. An integer model with few output levels ties often, and which class an argmax then returns is
an accident of the order of the classes. `ties_share` says how many answers such an accident would decide.
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

    Bools = NDArray[np.bool_]

MANY_CLASSES = 5
"""With no more classes than this, top-5 says nothing."""
_ROWS_AT_ONCE = 8192


@dataclass(frozen=True)
class Classification:
    """Scores one score a class, logits or probabilities, against ``{"label": int}``.

    A sample with a NaN is a miss. Option ``classes``: how many classes the labels count, so that a model with another
    number (a background class before them) is refused instead of scored one class off.
    """

    classes: int | None = None

    name = "classification"
    metric = "top1"
    higher_is_better = True

    @classmethod
    def from_spec(cls, spec: TaskSpec) -> Classification:
        """The task with the options of `spec`.

        Raises:
            TaskError: an option is unknown or malformed.
        """
        task_options.check_names(spec, ("classes",))
        return cls(task_options.whole_number(spec, "classes", 0, least=0, most=10_000_000) or None)

    def score(self, outputs: Arrays, truths: Sequence[Truth]) -> list[Record]:
        """One record a sample: the worst `rank` of its label, counting from 1 (None with a NaN), and if it is `tied`.

        Args:
            outputs: one array (n, classes), or with further axes of length 1.
            truths: n of ``{"label": int}``.

        Raises:
            TaskError: the output is not one score a class, or a label is none of its classes.
        """
        scores = self._scores(only_output(self.name, outputs, truths))
        if len(scores) == 0:
            return []
        classes = scores.shape[1]
        labels = np.array([_label(truth, index, classes) for index, truth in enumerate(truths)], np.int64)
        ranks, ties, missing = _ranked(scores, labels)
        return [
            {"rank": None if nan else int(rank), "tied": bool(tied and not nan), "classes": classes}
            for rank, tied, nan in zip(ranks, ties, missing, strict=True)
        ]

    def summarise(self, records: Sequence[Record]) -> dict[str, float]:
        """`top1`, `top5` where there are more than five classes, `ties_share` and `nan_samples`.

        Raises:
            TaskError: there are no samples.
        """
        require_samples(self.name, records)
        figures = {"top1": _share_within(records, 1)}
        if all(record["classes"] > MANY_CLASSES for record in records):
            figures["top5"] = _share_within(records, MANY_CLASSES)
        figures["ties_share"] = sum(record["tied"] for record in records) / len(records)
        figures["nan_samples"] = float(sum(record["rank"] is None for record in records))
        return figures

    def values(self, records: Sequence[Record]) -> NDArray[np.float64]:
        """1 for a hit at the first place, else 0."""
        return np.array([record["rank"] == 1 for record in records], np.float64)

    def _scores(self, output: NDArray[Any]) -> NDArray[Any]:
        """(n, classes)."""
        classes = max(output.shape[1:], default=0)
        if output.ndim < 2 or classes != int(np.prod(output.shape[1:])) or classes < 2:
            raise TaskError(f"an output of shape {output.shape} is not one score a class, as {self.name} needs")
        if self.classes not in (None, classes):
            raise TaskError(
                f"the model has {classes} classes, the labels count {self.classes}",
                remedy="Give the model's own list of classes, with its background class if it has one.",
            )
        return output.reshape(len(output), classes)


def _label(truth: Truth, index: int, classes: int) -> int:
    label = truth_value(truth, "label", index)
    if isinstance(label, bool) or not isinstance(label, int | np.integer) or not 0 <= label < classes:
        raise TaskError(
            f"the label {label!r} is no class index of a model with {classes} classes (0 to {classes - 1})",
            where=sample_at(index),
            remedy="Are the labels those of this model, in its order, and counted from 0?",
        )
    return int(label)


def _ranked(scores: NDArray[Any], labels: NDArray[np.int64]) -> tuple[NDArray[np.int64], Bools, Bools]:
    """For each sample: the worst rank of its label, whether it shares the highest score, and whether there is none.

    XNNPACK's clamping makes an infinity of a NaN, so that a highest score which is infinite says as little as NaN.
    """
    ranks, ties, missing = np.empty(len(labels), np.int64), *np.empty((2, len(labels)), np.bool_)
    for start in range(0, len(labels), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        own = np.take_along_axis(scores[rows], labels[rows, None], axis=1)
        ranks[rows] = (scores[rows] >= own).sum(axis=1)
        ties[rows] = ((scores[rows] == own).sum(axis=1) > 1) & (own[:, 0] == scores[rows].max(axis=1))
        missing[rows] = ~np.isfinite(scores[rows].max(axis=1))  # NaN where any is NaN
    return ranks, ties, missing


def _share_within(records: Sequence[Record], k: int) -> float:
    hits = sum(record["rank"] is not None and record["rank"] <= k for record in records)
    return float(hits / len(records))
