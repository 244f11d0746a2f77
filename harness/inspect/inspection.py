"""Looking into a ``.tflite`` file from a process that must survive any file: a child reads it."""

from __future__ import annotations

import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import harness
from harness.domain import Status
from harness.errors import MissingDependencyError, ModelFileError
from harness.inspect.model import ModelFile
from harness.prepare.cache import Cache
from harness.prepare.faults import REMEDY_MARK
from harness.prepare.inspection import require_model_file
from harness.prepare.steps import Step, StepResult, StepRunner
from harness.store.codec import from_json

TIMEOUT_S = 60.0
_ROOT = Path(harness.__file__).resolve().parent.parent
_BOOT = "import sys; sys.path[:1] = [sys.argv.pop(1)]; from harness.inspect._worker import main; sys.exit(main())"
_COMMAND = (sys.executable, "-c", _BOOT, str(_ROOT))


def inspect_file(path: Path | str, *, gzip: bool = False, timeout_s: float = TIMEOUT_S) -> ModelFile:
    """What is inside the file at `path`, read in a child process with a deadline and a bound on its memory.

    `gzip` adds the compressed size, which takes about 10 s for 100 MB.

    Raises:
        ModelFileError: missing, unreadable, not a model, damaged, or too large to look into.
        MissingDependencyError: ai-edge-litert is not installed.
    """
    path = Path(path)
    require_model_file(path)
    with tempfile.TemporaryDirectory(prefix="harness-inspect-") as scratch:
        found = Path(scratch) / "found.json"
        arguments = {"path": str(path.absolute()), "found": str(found), "gzip": gzip}
        steps = [Step("read", "read", arguments), Step("open", "open", arguments, needs=("read",))]
        runner = StepRunner(
            Cache(Path(scratch)), jobs=1, timeout_s=timeout_s, cancel=threading.Event(), command=_COMMAND
        )
        results = runner.run("inspect", steps)
        _require(results["read"], path)
        file = replace(from_json(ModelFile, found.read_text(encoding="utf-8")), path=str(path))
    return replace(file, cannot_run=file.cannot_run or _refusal(results["open"], path))


def _require(result: StepResult, path: Path) -> None:
    """Raise what the reading ended with, unless it succeeded."""
    if result.ok:
        return
    what, mark, command = result.reason.partition(f"{REMEDY_MARK}pip install ")
    if mark:
        raise MissingDependencyError(what, where=str(path), remedy=f"pip install {command}")
    reason = _said(result, path)
    if result.status is Status.OOM:
        reason = "looking into it takes more memory than is allowed: damaged, or made to exhaust its reader"
    elif result.status in (Status.CRASHED, Status.TIMEOUT):
        reason = f"the model is damaged: it cannot be read to its end ({reason})"
    raise ModelFileError(reason, where=str(path), remedy="Copy or convert it again.")


def _refusal(result: StepResult, path: Path) -> str:
    """Why LiteRT does not open it, or an empty string."""
    if result.ok:
        return str(result.value.get("refused", ""))
    reason = _said(result, path)
    if result.status in (Status.CRASHED, Status.TIMEOUT, Status.OOM):
        return f"LiteRT does not survive opening it ({reason})"
    return reason


def _said(result: StepResult, path: Path) -> str:
    reason = result.reason.split(" (log: ")[0].removeprefix(f"{path.absolute()}: ")
    return reason.removesuffix(f"{REMEDY_MARK}Copy or convert it again.")
