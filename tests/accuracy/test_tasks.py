"""The table of tasks."""

from __future__ import annotations

import numpy as np
import pytest

from harness.accuracy import TASK_NAMES, TaskSpec, open_task
from harness.accuracy.tasks import TABLE
from harness.errors import TaskError

NEEDED = {
    "landmarks": (("stride", "4"),),
    "speech": (("alphabet", "abc"),),
}
"""The options without which a task means nothing."""


def test_the_table_has_all_tasks() -> None:
    assert tuple(TABLE) == TASK_NAMES


@pytest.mark.parametrize("name", [name for name in TABLE if name != "custom"])
def test_every_task_opens_by_its_name(name: str) -> None:
    task = open_task(TaskSpec(name, NEEDED.get(name, ())))
    assert task.name == name
    assert task.metric
    assert isinstance(task.higher_is_better, bool)
    with pytest.raises(TaskError, match="no option 'nonsense'"):
        open_task(TaskSpec(name, (*NEEDED.get(name, ()), ("nonsense", "1"))))


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(TaskError, match="no task named 'clasification'") as caught:
        open_task(TaskSpec("clasification"))
    assert caught.value.remedy.startswith("Did you mean classification? Tasks: classification, ")


def test_an_unknown_option_is_told_with_the_nearest() -> None:
    with pytest.raises(TaskError) as caught:
        open_task(TaskSpec("landmarks", (("normalize", "box"),)))
    assert "Did you mean normalise?" in caught.value.remedy
    with pytest.raises(TaskError, match="'normalise' of the task landmarks cannot be 'eyes'"):
        open_task(TaskSpec("landmarks", (("stride", "4"), ("normalise", "eyes"))))


def test_one_of_several_outputs_is_scored() -> None:
    task = open_task(TaskSpec("classification", (("scored_output", "1"),)))
    noise, logits = np.zeros((2, 7), np.float32), np.eye(3, dtype=np.float32)[:2]
    records = task.score((noise, logits), [{"label": 0}, {"label": 1}])
    assert task.summarise(records)["top1"] == 1.0
    assert (task.name, task.metric, task.higher_is_better) == ("classification", "top1", True)
    with pytest.raises(TaskError, match="has 1 outputs"):
        task.score((logits,), [{"label": 0}, {"label": 1}])
