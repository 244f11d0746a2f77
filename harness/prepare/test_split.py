"""In the worker: the test split of a recipe or a file, as a data set on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.accuracy import TaskSpec, Truth
from harness.errors import DatasetError, RecipeError
from harness.prepare.interface import Interface

if TYPE_CHECKING:
    from numpy.typing import NDArray


def write_test_split(
    folder: Path, interface: Interface, inputs: NDArray[np.float32], truths: Sequence[Truth], task: TaskSpec
) -> None:
    """Write packed `inputs` (n, *packed_shape) and their truths as the data set `folder`.

    Raises:
        DatasetError: a truth lacks what the task needs; names the sample.
    """
    from harness.accuracy.dataset import write_dataset
    from harness.accuracy.readers import ArraySource

    source = ArraySource(interface.unpack(inputs), truths)
    write_dataset(source, task, folder, samples=None, say=lambda _done, _total: None)


def as_truths(task: TaskSpec, values: Any, count: int, where: str) -> tuple[Truth, ...]:
    """`count` truths of `task` from mappings, or from one array: labels, targets, masks or points.

    Raises:
        RecipeError: another number, or an array that the task cannot mean.
    """
    if isinstance(values, (list, tuple)) and values and all(isinstance(value, Mapping) for value in values):
        if len(values) != count:
            raise RecipeError(f"there are {len(values)} truths for {count} test inputs", where=where)
        return tuple(values)
    array = np.asarray(values)
    whole = np.issubdtype(array.dtype, np.integer)
    if task.name == "custom" and array.shape[:1] == (count,) and array.dtype.kind in "iuf":
        # what numbers mean without a task of ours: one integer is a label, floats are a target
        labels = whole and array.ndim == 1
        return tuple({"label": int(one)} if labels else {"target": np.ravel(one).tolist()} for one in array)
    if task.name == "classification":
        if array.shape != (count,) or not whole:
            raise RecipeError(f"the labels must be {count} integers, not {array.dtype} {array.shape}", where=where)
        return tuple({"label": int(label)} for label in array)
    if array.dtype == object or array.ndim < 1 or len(array) != count:
        raise RecipeError(
            f"the truths of {task.name} must be {count} mappings or an array of {count}, not {array.dtype} "
            f"{array.shape}",
            where=where,
        )
    if task.name == "regression":
        return tuple({"target": row.tolist()} for row in array.reshape(count, -1).astype(np.float64))
    if task.name == "segmentation" and array.ndim == 3 and whole:
        return tuple({"mask": mask.astype(np.uint8)} for mask in array)
    if task.name == "landmarks" and array.ndim == 3 and array.shape[2] == 2:
        return tuple({"points": points.tolist()} for points in array.astype(np.float64))
    raise RecipeError(
        f"truths of {task.name} cannot be one array {array.dtype} {array.shape}",
        where=where,
        remedy="Give one mapping a sample; see docs/preparing.md.",
    )


def check_classes(task: TaskSpec, truths: Sequence[Truth], outputs: NDArray[np.float32], where: str) -> None:
    """Refuse labels that are no class of the model.

    Raises:
        DatasetError: says how many classes the model has, and the label.
    """
    if task.name != "classification":
        return
    require_labels((int(truth["label"]) for truth in truths if "label" in truth), outputs[0].size, where)


def require_labels(labels: Any, classes: int, where: str) -> None:
    """Refuse labels that are not 0 to `classes` - 1.

    Raises:
        DatasetError: names the label and the number of classes.
    """
    wrong = next((label for label in labels if not 0 <= label < classes), None)
    if wrong is not None:
        raise DatasetError(
            f"a sample has the label {wrong}, but the model gives {classes} classes (0 to {classes - 1})",
            where=where,
            remedy="Give the data set that the model was trained for, or an option of its reader that shifts labels.",
        )
