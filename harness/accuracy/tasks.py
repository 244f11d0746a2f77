"""From the name of a task and its settings to the task."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING

from harness.accuracy.base import Record, Task, TaskSpec, Truth
from harness.accuracy.task_options import whole_number
from harness.errors import TaskError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from harness.accuracy.base import Arrays

TABLE = {
    "classification": "Classification",
    "landmarks": "Landmarks",
    "regression": "Regression",
    "segmentation": "Segmentation",
    "detection": "Detection",
    "speech": "Speech",
    "question_answering": "QuestionAnswering",
    "custom": "Custom",
}
"""The class of each task; it stands in the module of the task's name and has a classmethod ``from_spec``."""


SCORED_OUTPUT = "scored_output"
"""An option of every task: the index of the one output that is scored, for models that give more (a state)."""
MAX_OUTPUTS = 1000


class _OneOutput:
    """A task on one of several outputs."""

    def __init__(self, task: Task, index: int) -> None:
        self._task, self._index = task, index
        self.name, self.metric, self.higher_is_better = task.name, task.metric, task.higher_is_better

    def score(self, outputs: Arrays, truths: Sequence[Truth]) -> list[Record]:
        """As the task does, on the output that was named."""
        if self._index >= len(outputs):
            raise TaskError(
                f"the model has {len(outputs)} outputs", remedy=f"{SCORED_OUTPUT} counts from 0; name one of them."
            )
        return self._task.score((outputs[self._index],), truths)

    def summarise(self, records: Sequence[Record]) -> dict[str, float]:
        """As the task does."""
        return self._task.summarise(records)

    def values(self, records: Sequence[Record]) -> NDArray[np.float64] | None:
        """As the task does."""
        return self._task.values(records)


def open_task(spec: TaskSpec) -> Task:
    """The task that `spec` names. Only its own module is imported.

    Raises:
        TaskError: there is no such task, or an option of it is unknown or malformed; names the nearest.
    """
    if spec.name not in TABLE:
        near = get_close_matches(spec.name, TABLE, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise TaskError(f"there is no task named {spec.name!r}", remedy=f"{hint}Tasks: {', '.join(TABLE)}.")
    own = TaskSpec(spec.name, tuple(pair for pair in spec.options if pair[0] != SCORED_OUTPUT))
    task: Task = getattr(import_module(f"harness.accuracy.{spec.name}"), TABLE[spec.name]).from_spec(own)
    if not spec.option(SCORED_OUTPUT):
        return task
    return _OneOutput(task, whole_number(spec, SCORED_OUTPUT, 0, least=0, most=MAX_OUTPUTS))
