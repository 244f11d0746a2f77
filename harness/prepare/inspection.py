"""What is inside a ``.tflite`` file, for callers that must survive any file."""

from __future__ import annotations

import os
import stat
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.domain import Status, TensorInfo
from harness.errors import MissingDependencyError, ModelFileError
from harness.prepare.cache import Cache
from harness.prepare.faults import REMEDY_MARK
from harness.prepare.steps import Step, StepResult, StepRunner

IDENTIFIER = b"TFL3"
MIN_SIZE = 32
TIMEOUT_S = 60.0
MAX_SIZE = 2**31 - 1


@dataclass(frozen=True)
class ModelInfo:
    """A readable model file.

    Attributes:
        variant: which of the harness's variants it is, by the types of its tensors.
        operators: names and counts of the main graph.
        float_operators: those of a quantized file that compute in float all the same.
        unsupported: why the harness cannot measure it; empty when it can.
    """

    path: str
    size_bytes: int
    gzip_bytes: int
    sha256: str
    variant: str
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    operators: tuple[tuple[str, int], ...]
    float_operators: tuple[str, ...] = ()
    custom_operators: tuple[str, ...] = ()
    unsupported: str = ""

    @classmethod
    def from_json(cls, path: str, value: Mapping[str, Any]) -> ModelInfo:
        """From what the worker reported."""
        return cls(
            path=path,
            size_bytes=value["size_bytes"],
            gzip_bytes=value["gzip_bytes"],
            sha256=value["sha256"],
            variant=value["variant"],
            inputs=tensors_from_json(value["inputs"]),
            outputs=tensors_from_json(value["outputs"]),
            operators=tuple((name, count) for name, count in value["operators"]),
            float_operators=tuple(value["float_operators"]),
            custom_operators=tuple(value["custom_operators"]),
            unsupported=value["unsupported"],
        )


def tensors_from_json(values: list[Mapping[str, Any]]) -> tuple[TensorInfo, ...]:
    """`TensorInfo` from the worker's objects."""
    return tuple(TensorInfo(**{**value, "shape": tuple(value["shape"])}) for value in values)


def inspect_model(path: Path | str, *, timeout_s: float = TIMEOUT_S) -> ModelInfo:
    """What is inside the ``.tflite`` file at `path`. Parsed in a child process: hostile bytes cannot hurt the caller.

    Raises:
        ModelFileError: missing, unreadable, not a model, damaged, or LiteRT crashes on it.
        MissingDependencyError: ai-edge-litert is not installed.
    """
    path = Path(path)
    require_model_file(path)
    with tempfile.TemporaryDirectory(prefix="harness-inspect-") as scratch:
        runner = StepRunner(Cache(Path(scratch)), jobs=1, timeout_s=timeout_s, cancel=threading.Event())
        step = Step("inspect", "inspect", {"path": str(path.absolute())})
        result = runner.run("inspect", [step])["inspect"]
    return ModelInfo.from_json(str(path), _value(result, path))


def _value(result: StepResult, path: Path) -> Mapping[str, Any]:
    if result.ok:
        return result.value
    what, mark, command = result.reason.partition(f"{REMEDY_MARK}pip install ")
    if mark:
        raise MissingDependencyError(what, where=str(path), remedy=f"pip install {command}")
    reason = result.reason.split(" (log: ")[0].removeprefix(f"{path.absolute()}: ")
    if result.status in (Status.CRASHED, Status.TIMEOUT):
        reason = f"the model is damaged: LiteRT does not survive opening it ({reason})"
    raise ModelFileError(reason, where=str(path))


def require_model_file(path: Path) -> None:
    """Refuse at once what cannot be a ``.tflite`` file.

    Raises:
        ModelFileError: says what is wrong with it.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ModelFileError("a directory, not a .tflite file", where=str(path))
        if not stat.S_ISREG(status.st_mode):
            raise ModelFileError("not a regular file", where=str(path))
        with path.open("rb") as stream:
            head = stream.read(8)
    except OSError as error:
        raise ModelFileError(
            f"the model file cannot be read: {os.strerror(error.errno or 0)}", where=str(path)
        ) from error
    remedy = "Give a file written by a TensorFlow Lite or LiteRT converter."
    if status.st_size == 0:
        raise ModelFileError("the file is empty", where=str(path), remedy=remedy)
    if head[4:8] != IDENTIFIER:
        raise ModelFileError("not a TensorFlow Lite model (no TFL3 identifier)", where=str(path), remedy=remedy)
    if status.st_size < MIN_SIZE:
        raise ModelFileError("the model is truncated", where=str(path), remedy=remedy)
    if status.st_size > MAX_SIZE:
        raise ModelFileError("the model is larger than 2 GB; LiteRT cannot open it", where=str(path))
