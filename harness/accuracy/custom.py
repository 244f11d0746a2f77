"""A user's own measure: a Python function that is given the outputs and the truth of one sample.

::

    # measure.py
    def distance(outputs, truth):
        return float(abs(outputs[0] - truth["target"]).max())

The task is then ``custom`` with the option ``function: measure.py:distance``.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.accuracy import task_options
from harness.accuracy.base import Record, TaskSpec, Truth
from harness.accuracy.task_checks import require_samples
from harness.accuracy.user_code import describe_error, line_of, run_file
from harness.errors import TaskError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.accuracy.base import Arrays

    Function = Callable[[Arrays, Truth], Any]


class Custom:
    """Scores with a function of the user; the figure `score` is the mean over the samples.

    The function is called with a tuple of one array an output (without the batch dimension, float32, its own copy) and
    the truth, and returns a finite number. Options: ``function``, as ``path.py:name``; ``better``: ``higher`` (the
    default) or ``lower``.
    """

    name = "custom"
    metric = "score"

    def __init__(self, spec: TaskSpec, path: Path, function: Function, *, higher_is_better: bool) -> None:
        self.higher_is_better = higher_is_better
        self._spec, self._path, self._function = spec, path, function

    def __reduce__(self) -> tuple[Callable[[TaskSpec], Custom], tuple[TaskSpec]]:
        return Custom.from_spec, (self._spec,)

    @classmethod
    def from_spec(cls, spec: TaskSpec) -> Custom:
        """The task with the options of `spec`.

        Raises:
            TaskError: the file is missing or raises, or has no such function; says where.
        """
        task_options.check_names(spec, ("function", "better"))
        better = task_options.choice(spec, "better", ("higher", "lower"), "higher")
        file, colon, name = spec.option("function").rpartition(":")
        if not (colon and file.endswith(".py") and name.isidentifier()):
            raise task_options.wrong_option(spec, "function", "a Python file and the name of a function, file.py:name")
        path = Path(file)
        return cls(spec, path, _function(path, name), higher_is_better=better == "higher")

    def score(self, outputs: Arrays, truths: Sequence[Truth]) -> list[Record]:
        """One record a sample: its `score`, and whether an output held a `nan`.

        Raises:
            TaskError: the function raises, or returns anything but one finite number; with its file and line.
        """
        if not outputs or any(len(output) != len(truths) for output in outputs):
            shapes = ", ".join(str(output.shape) for output in outputs) or "none"
            raise TaskError(f"outputs of the shapes {shapes} came with {len(truths)} truths")
        records: list[Record] = []
        for index, truth in enumerate(truths):
            sample = tuple(np.array(output[index]) for output in outputs)
            nan = any(bool(np.isnan(output).any()) for output in sample)
            records.append({"score": self._call(sample, truth), "nan": nan})
        return records

    def summarise(self, records: Sequence[Record]) -> dict[str, float]:
        """`score` and `nan_samples`.

        Raises:
            TaskError: there are no samples.
        """
        require_samples(self.name, records)
        return {
            "score": float(self.values(records).mean()),
            "nan_samples": float(sum(record["nan"] for record in records)),
        }

    def values(self, records: Sequence[Record]) -> NDArray[np.float64]:
        """The score of each sample."""
        return np.array([record["score"] for record in records], np.float64)

    def _call(self, sample: Arrays, truth: Truth) -> float:
        try:
            returned = self._function(sample, truth)
        except (Exception, SystemExit) as error:
            raise TaskError(
                f"the function {_name(self._function)} raises {describe_error(error)}", where=line_of(self._path, error)
            ) from error
        number = _number(returned)
        if number is None:
            raise TaskError(
                f"the function {_name(self._function)} returns {_told(returned)}",
                where=_defined_at(self._path, self._function),
                remedy="It must return one finite number for each sample.",
            )
        return number


def _function(path: Path, name: str) -> Function:
    """The function `name` of the file at `path`."""
    try:
        module = run_file(path, "custom_task")
    except OSError as error:
        raise TaskError(f"the file cannot be read: {error.strerror or error}", where=str(path)) from error
    except (Exception, SystemExit) as error:
        raise TaskError(f"the file raises {describe_error(error)}", where=line_of(path, error)) from error
    function = getattr(module, name, None)
    if not callable(function):
        raise TaskError(
            f"the file has no function {name!r}",
            where=str(path),
            remedy=f"{_near(name, module)}Define {name}(outputs, truth).",
        )
    _check_parameters(path, function)
    return function  # type: ignore[no-any-return]


def _check_parameters(path: Path, function: Callable[..., Any]) -> None:
    try:
        inspect.signature(function).bind((), {})
    except TypeError as error:
        raise TaskError(
            f"the function {_name(function)} cannot be called with (outputs, truth): {error}",
            where=_defined_at(path, function),
        ) from error
    except ValueError:
        return  # functions written in C need not say


def _near(name: str, module: ModuleType) -> str:
    from difflib import get_close_matches

    functions = [key for key, value in vars(module).items() if callable(value) and not key.startswith("__")]
    near = get_close_matches(name, functions, n=1)
    return f"Did you mean {near[0]}? " if near else ""


def _number(returned: object) -> float | None:
    """`returned` as a finite number, if it is one number."""
    if isinstance(returned, str | bytes) or returned is None:
        return None
    try:
        array = np.asarray(returned)
        if array.ndim != 0 or array.dtype.kind not in "biuf":
            return None
        value = float(array)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _told(returned: object) -> str:
    if isinstance(returned, float | np.floating):
        return f"{returned}"
    shape = getattr(returned, "shape", None)
    return f"a value of type {type(returned).__name__}" + (f" and shape {shape}" if shape else "")


def _name(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def _defined_at(path: Path, function: Callable[..., Any]) -> str:
    code = getattr(function, "__code__", None)
    return f"{path}:{code.co_firstlineno}" if code is not None and code.co_filename == str(path) else str(path)
