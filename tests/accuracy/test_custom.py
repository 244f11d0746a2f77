"""A user's function: what it is given, and what is said when it is wrong."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.accuracy import Task, TaskSpec, open_task
from harness.errors import TaskError

Write = Callable[..., Path]
OUTPUTS = (np.arange(6, dtype=np.float32).reshape(3, 2), np.ones((3, 1), np.float32))
TRUTHS = [{"add": 1}, {"add": 2}, {"add": 3}]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def one(text: str, name: str = "measure.py") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return one


def task_of(path: Path, name: str = "measure", **options: str) -> Task:
    return open_task(TaskSpec("custom", (("function", f"{path}:{name}"), *options.items())))


def test_it_is_called_with_the_arrays_of_one_sample_and_its_truth(write: Write) -> None:
    task = task_of(write("def measure(outputs, truth):\n    return outputs[0].sum() * outputs[1][0] + truth['add']\n"))
    records = task.score(OUTPUTS, TRUTHS)
    assert records == [{"score": value, "nan": False} for value in (2.0, 7.0, 12.0)]
    assert task.summarise(records) == {"score": 7.0, "nan_samples": 0.0}
    assert task.values(records).tolist() == [2.0, 7.0, 12.0]  # type: ignore[union-attr]
    assert (task.metric, task.higher_is_better) == ("score", True)


def test_better_can_be_lower_and_a_task_travels_to_another_process(write: Write) -> None:
    path = write("def measure(outputs, truth):\n    return 1\n")
    task = pickle.loads(pickle.dumps(task_of(path, better="lower")))
    assert task.higher_is_better is False
    assert task.score(OUTPUTS, TRUTHS)[0]["score"] == 1.0


def test_it_cannot_spoil_the_outputs_and_nan_in_them_is_counted(write: Write) -> None:
    task = task_of(write("def measure(outputs, truth):\n    outputs[0][:] = 0\n    return True\n"))
    outputs = OUTPUTS[0].copy()
    outputs[1, 0] = math.nan
    before = outputs.copy()
    assert task.summarise(task.score((outputs,), TRUTHS)) == {"score": 1.0, "nan_samples": 1.0}
    assert np.array_equal(outputs, before, equal_nan=True)


def test_a_file_may_define_dataclasses_and_keeps_its_own_flags(write: Write) -> None:
    text = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n\n"
        "@dataclass\nclass Point:\n    x: float\n\n"
        "def measure(outputs, truth):\n    return Point(2.0).x\n"
    )
    assert task_of(write(text)).score(OUTPUTS, TRUTHS)[0]["score"] == 2.0
    eager = "def measure(outputs: undefined_name, truth):\n    return 1.0\n"
    with pytest.raises(TaskError, match="NameError"):
        task_of(write(eager, "eager.py"))


def test_what_it_raises_is_told_with_its_line(write: Write) -> None:
    path = write("def measure(outputs, truth):\n    x = 1\n    return truth['label']\n")
    with pytest.raises(TaskError, match="the function measure raises KeyError: 'label'") as caught:
        task_of(path).score(OUTPUTS, TRUTHS)
    assert caught.value.where == f"{path}:3"


@pytest.mark.parametrize(
    ("returned", "told"),
    [
        ("float('nan')", "returns nan"),
        ("float('inf')", "returns inf"),
        ("None", "NoneType"),
        ("'0.5'", "type str"),
        ("[0.5]", "type list"),
        ("outputs[0]", r"type ndarray and shape \(2,\)"),
        ("1j", "type complex"),
        ("10 ** 400", "type int"),
    ],
)
def test_anything_but_one_finite_number_is_refused_with_its_line(write: Write, returned: str, told: str) -> None:
    path = write(f"\ndef measure(outputs, truth):\n    return {returned}\n")
    with pytest.raises(TaskError, match=told) as caught:
        task_of(path).score(OUTPUTS, TRUTHS)
    assert caught.value.where == f"{path}:2"


@pytest.mark.parametrize(
    ("text", "sentence", "line"),
    [
        ("import nothing_like_this\n", "raises ModuleNotFoundError", ":1"),
        ("x = 1\ndef measure(:\n", "raises SyntaxError", ":2"),
        ("raise SystemExit(3)\n", "raises SystemExit", ":1"),
        ("def mesure(outputs, truth):\n    return 1.0\n", "no function 'measure'", ""),
        ("measure = 3\n", "no function 'measure'", ""),
        ("def measure(outputs):\n    return 1.0\n", "cannot be called with", ":1"),
    ],
)
def test_a_file_that_does_not_do_is_refused(write: Write, text: str, sentence: str, line: str) -> None:
    path = write(text)
    with pytest.raises(TaskError, match=sentence) as caught:
        task_of(path)
    assert caught.value.where == f"{path}{line}"


def test_the_nearest_function_is_named(write: Write) -> None:
    with pytest.raises(TaskError) as caught:
        task_of(write("def mesure(outputs, truth):\n    return 1.0\n"))
    assert "Did you mean mesure?" in caught.value.remedy


@pytest.mark.parametrize("text", ["", "measure", "measure.py", "measure.py:", "measure.txt:f", "measure.py:a b"])
def test_a_malformed_name_is_refused(text: str) -> None:
    with pytest.raises(TaskError, match="'function'"):
        open_task(TaskSpec("custom", (("function", text),)))


def test_a_missing_file_and_outputs_that_do_not_fit(write: Write, tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="cannot be read: No such file"):
        task_of(tmp_path / "gone.py")
    task = task_of(write("def measure(outputs, truth):\n    return 1.0\n"))
    outputs: Any = (OUTPUTS[0],)
    with pytest.raises(TaskError, match="came with 2 truths"):
        task.score(outputs, TRUTHS[:2])
    with pytest.raises(TaskError, match="no samples"):
        task.summarise([])
