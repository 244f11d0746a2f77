"""From the name of a task and its settings to the task."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module

from harness.accuracy.base import Task, TaskSpec
from harness.errors import TaskError

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


def open_task(spec: TaskSpec) -> Task:
    """The task that `spec` names. Only its own module is imported.

    Raises:
        TaskError: there is no such task, or an option of it is unknown or malformed; names the nearest.
    """
    if spec.name not in TABLE:
        near = get_close_matches(spec.name, TABLE, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise TaskError(f"there is no task named {spec.name!r}", remedy=f"{hint}Tasks: {', '.join(TABLE)}.")
    task: Task = getattr(import_module(f"harness.accuracy.{spec.name}"), TABLE[spec.name]).from_spec(spec)
    return task
