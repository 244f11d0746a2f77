"""What a compiled file itself shows: the Edge TPU's operators, what is left for the CPU, the runtime that it needs."""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import harness
from harness.domain import EdgeTpuMapping, MappedOperator, TensorInfo
from harness.errors import HarnessError, MissingDependencyError, ModelFileError
from harness.operator_names import EDGE_TPU_OPERATOR
from harness.prepare.cache import Cache
from harness.prepare.edgetpu.log import CompilerLog, ModelLog
from harness.prepare.faults import REMEDY_MARK
from harness.prepare.inspection import require_model_file, tensors_from_json
from harness.prepare.steps import Step, StepResult, StepRunner

TIMEOUT_S = 60.0
ON_CPU = "Left on the CPU"
_ROOT = Path(harness.__file__).resolve().parent.parent
_BOOT = (
    "import sys; sys.path[:1] = [sys.argv.pop(1)]; from harness.prepare.edgetpu._worker import main; sys.exit(main())"
)
_COMMAND = (sys.executable, "-c", _BOOT, str(_ROOT))


@dataclass(frozen=True)
class FileFacts:
    """The main graph of a ``.tflite`` file.

    Attributes:
        operators: names and counts, in the order of their first appearance.
        runtime_version: the oldest libedgetpu interface that runs its compiled parts; None where no part says it.
        not_integer: what is not 8-bit (`harness.prepare.edgetpu.integers`).
        uncompilable: why compiling it is of no use; empty when it may be.
    """

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    operators: tuple[tuple[str, int], ...]
    runtime_version: int | None = None
    not_integer: tuple[str, ...] = ()
    uncompilable: str = ""

    @cached_property
    def custom_operators(self) -> int:
        """Parts on the Edge TPU."""
        return dict(self.operators).get(EDGE_TPU_OPERATOR, 0)

    @property
    def compiled(self) -> bool:
        """It was compiled, and something was mapped."""
        return self.custom_operators > 0

    @property
    def left(self) -> tuple[MappedOperator, ...]:
        """The operators that the CPU computes."""
        return tuple(MappedOperator(name, count, ON_CPU) for name, count in self.operators if name != EDGE_TPU_OPERATOR)


def read_facts(path: Path) -> FileFacts:
    """The facts of the file at `path`.

    Raises:
        ModelFileError: it is missing, unreadable or damaged.
        MissingDependencyError: ai-edge-litert is not installed.
    """
    found = read_all((path,))[path]
    if isinstance(found, HarnessError):
        raise found
    return found


def read_all(paths: Sequence[Path], *, cancel: threading.Event | None = None) -> dict[Path, FileFacts | HarnessError]:
    """The facts of each file, or what is wrong with it; read by a child process, which hostile bytes cannot hurt."""
    found: dict[Path, FileFacts | HarnessError] = {}
    steps: dict[str, Path] = {}
    for path in dict.fromkeys(paths):
        try:
            require_model_file(path)
            steps[f"file {len(steps)}"] = path
        except HarnessError as error:
            found[path] = error
    if not steps:
        return found
    with tempfile.TemporaryDirectory(prefix="harness-edgetpu-") as scratch:
        runner = StepRunner(
            Cache(Path(scratch)), jobs=1, timeout_s=TIMEOUT_S, cancel=cancel or threading.Event(), command=_COMMAND
        )
        results = runner.run(
            "edgetpu", [Step(name, "facts", {"path": str(path.absolute())}) for name, path in steps.items()]
        )
    return found | {path: _facts(results[name], path) for name, path in steps.items()}


def _facts(result: StepResult, path: Path) -> FileFacts | HarnessError:
    if result.ok:
        return _from_json(result.value)
    what, mark, command = result.reason.partition(f"{REMEDY_MARK}pip install ")
    if mark:
        return MissingDependencyError(what, where=str(path), remedy=f"pip install {command}")
    reason = result.reason.split(" (log: ")[0].removeprefix(f"{path.absolute()}: ")
    return ModelFileError(reason.removesuffix(f"{REMEDY_MARK}Copy or convert it again."), where=str(path))


def _from_json(value: Mapping[str, Any]) -> FileFacts:
    return FileFacts(
        inputs=tensors_from_json(value["inputs"]),
        outputs=tensors_from_json(value["outputs"]),
        operators=tuple((name, int(count)) for name, count in value["operators"]),
        runtime_version=value["runtime_version"],
        not_integer=tuple(value["not_integer"]),
        uncompilable=value["uncompilable"],
    )


def is_compiled(path: Path) -> bool:
    """Whether the file at `path` carries operators of the Edge TPU.

    Raises:
        ModelFileError, MissingDependencyError: as `read_facts`.
    """
    return read_facts(path).compiled


def mapping_of(path: Path, log: CompilerLog | None = None) -> EdgeTpuMapping:
    """What the compiled file at `path` shows, with what the compiler's `log` says of it.

    Raises:
        ModelFileError, MissingDependencyError: as `read_facts`.
    """
    block = log.of(path.name) if log is not None else None
    return mapping_from((read_facts(path),), () if block is None else (block,), log.version if log else "")


def mapping_from(
    files: Sequence[FileFacts], blocks: Sequence[ModelLog], version: str = "", together: tuple[str, ...] = ()
) -> EdgeTpuMapping:
    """The mapping of a model in one file, or in the segments of a pipeline; without `blocks` from the files alone."""
    runtime = [one.runtime_version for one in files if one.runtime_version is not None]
    operators = [one for block in blocks for one in block.operators]
    left = [one for file in files for one in file.left]
    return EdgeTpuMapping(
        compiler_version=version,
        min_runtime_version=str(max(runtime)) if runtime else "",
        mapped=_sum([block.mapped for block in blocks]),
        on_cpu=_sum([block.on_cpu for block in blocks]) if blocks else sum(one.count for one in left),
        subgraphs=sum(file.custom_operators for file in files),
        on_chip_used_bytes=_sum([block.on_chip_used_bytes for block in blocks]),
        on_chip_remaining_bytes=_least([block.on_chip_remaining_bytes for block in blocks]),
        off_chip_bytes=_sum([block.off_chip_bytes for block in blocks]),
        operators=tuple(operators or left),
        together=together,
    )


def _sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def _least(values: Sequence[int | None]) -> int | None:
    """Of the chip that has the least left: each segment has one of its own."""
    known = [value for value in values if value is not None]
    return min(known) if known and len(known) == len(values) else None
