"""What the outputs pass of one case showed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from harness.accuracy.metrics import output_error, tie_share, top_k_accuracy
from harness.domain import AccuracyResult, OutputsCheck

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASSIFICATION = "classification"


def check_outputs(
    check_outputs: NDArray[Any],
    reference_outputs: NDArray[Any] | None,
    *,
    task_outputs: NDArray[Any] | None = None,
    labels: NDArray[np.integer] | None = None,
    task: str | None = None,
) -> OutputsCheck:
    """Compare outputs with the float reference, and score them on the task.

    Args:
        check_outputs: (n, ...) dequantized outputs on the check inputs; may be empty without a reference.
        reference_outputs: (n, ...) outputs of the source model on them, or None.
        task_outputs: (m, classes) dequantized outputs on the test split.
        labels: (m,) class indices.
        task: the task's name, for the error text; labels with one score a class are a classification.

    Returns:
        `finite` False, and no distance or score made of such values, where outputs are NaN or infinite.

    Raises:
        ValueError: shapes do not fit, or outputs of the task came without labels.
    """
    if (task_outputs is None) != (labels is None):
        raise ValueError("outputs of a task need its labels, and labels need outputs")
    check_outputs = np.asarray(check_outputs)
    reference = accuracy = None
    check_finite = bool(np.isfinite(check_outputs).all())
    if reference_outputs is not None:
        reference_outputs = np.asarray(reference_outputs)
        if check_outputs.shape != reference_outputs.shape:
            raise ValueError(
                f"outputs of shape {check_outputs.shape} do not fit the reference of shape {reference_outputs.shape}"
            )
        if check_finite:
            reference = output_error(check_outputs, reference_outputs)
    task_finite = True
    if task_outputs is not None and labels is not None:
        task_outputs = np.asarray(task_outputs)
        task_finite = bool(np.isfinite(task_outputs).all())
        accuracy = classification(task_outputs, labels, task=task)
    return OutputsCheck(reference=reference, accuracy=accuracy, finite=check_finite and task_finite)


def classification(outputs: NDArray[Any], labels: NDArray[np.integer], *, task: str | None = None) -> AccuracyResult:
    """Top-1, top-5 where there are more than five classes, and the share of tied top scores.

    Args:
        outputs: (m, classes), or with further axes of length 1.
        labels: (m,) class indices.
        task: the task's name, for the error text.

    Raises:
        ValueError: the outputs are not one score a class.
    """
    outputs = np.asarray(outputs)
    scores = outputs.reshape(len(outputs), -1)
    if outputs.ndim < 2 or scores.shape[1] != max(outputs.shape[1:]):
        raise ValueError(
            f"outputs of shape {outputs.shape} are not one score a class, as {task or CLASSIFICATION} needs"
        )
    metrics = {"top1": top_k_accuracy(scores, labels, 1), "ties_share": tie_share(scores, labels)}
    if scores.shape[1] > 5:
        metrics["top5"] = top_k_accuracy(scores, labels, 5)
    return AccuracyResult(metric="top1", value=metrics["top1"], samples=len(scores), metrics=metrics)
