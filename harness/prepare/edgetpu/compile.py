"""Compiling for the Edge TPU: one call of the compiler, tried again where that helps, judged by what it wrote."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.domain import EdgeTpuCompiler, EdgeTpuMapping, Status
from harness.errors import HarnessError, is_disk_full
from harness.prepare.edgetpu.command import (
    Missing,
    Program,
    Run,
    arguments_of,
    compiler_version,
    find_compiler,
    run_compiler,
)
from harness.prepare.edgetpu.failures import Failure
from harness.prepare.edgetpu.log import CompilerLog, parse_log, with_operation_log
from harness.prepare.edgetpu.proof import FileFacts, mapping_from, read_all
from harness.prepare.edgetpu.readiness import refusal_of
from harness.prepare.edgetpu.verdict import (
    call_failure,
    partial_note,
    result_failure,
    runtime_failure,
    runtime_note,
    text_of,
)
from harness.prepare.steps import INTERRUPTED

GRACE_S = 30.0
# The compiler's internal errors come and go: the same call is made again after these pauses.
PAUSES_S = (2.0, 10.0)
MAX_LOG = 1 << 20
_SUFFIX = "_edgetpu"


@dataclass(frozen=True)
class CompileRequest:
    """Models to compile into `folder`; several for one parameter cache, unless they are cut into segments."""

    models: tuple[Path, ...]
    folder: Path
    settings: EdgeTpuCompiler


@dataclass(frozen=True)
class Compiled:
    """What became of one model.

    Attributes:
        path: the compiled file; None where there is none, or where `segments` are.
        segments: the files of a pipeline, in order.
        reason: why it failed; of a compiled file what stays on the CPU and what else is to know, or empty.
        log: everything that the compiler printed.
    """

    source: Path
    path: Path | None = None
    segments: tuple[Path, ...] = ()
    status: Status = Status.DONE
    reason: str = ""
    mapping: EdgeTpuMapping | None = None
    seconds: float = 0.0
    log: str = ""


@dataclass(frozen=True)
class _Call:
    """How the calls of the compiler for one group of models ended."""

    log: CompilerLog
    text: str
    seconds: float
    tries: int
    failure: Failure | None


def compile_models(
    request: CompileRequest,
    *,
    cancel: threading.Event,
    run: Run = run_compiler,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Compiled, ...]:
    """One result a model, in their order; whatever the compiler does is one of them. Blocks.

    A model that is compiled already is used as it is; one without any 8-bit operator is refused with its cause.
    """
    facts = read_all(request.models, cancel=cancel)
    done: dict[Path, Compiled] = {}
    for model, found in facts.items():
        early = _interrupted(model) if cancel.is_set() else _without_compiler(model, found, request.settings)
        if early is not None:
            done[model] = early
    waiting = {model: found for model, found in facts.items() if model not in done and isinstance(found, FileFacts)}
    for group in _groups(tuple(waiting), request.settings):
        done |= _Group(request, {model: waiting[model] for model in group}, cancel, run, sleep).compiled()
    return tuple(done[model] for model in request.models)


def _groups(models: tuple[Path, ...], settings: EdgeTpuCompiler) -> list[tuple[Path, ...]]:
    """What is compiled in one call: segments of a pipeline have a cache each, so that models do not share one."""
    if settings.num_segments > 1:
        return [(model,) for model in models]
    return [models] if models else []


def _interrupted(model: Path) -> Compiled:
    return Compiled(model, status=Status.INTERRUPTED, reason=INTERRUPTED)


def _without_compiler(model: Path, found: FileFacts | HarnessError, settings: EdgeTpuCompiler) -> Compiled | None:
    """The result for what the compiler need not, or cannot, be asked for."""
    if isinstance(found, HarnessError):
        return Compiled(model, status=Status.FAILED, reason=found.sentences)
    if found.compiled:
        mapping = mapping_from((found,), ())
        failure = runtime_failure(found.runtime_version, settings)
        if failure is not None:
            return Compiled(model, status=failure.status, reason=failure.sentence, mapping=mapping)
        note = f"compiled already, used as it is; {runtime_note(found.runtime_version)}"
        return Compiled(model, model, reason=note, mapping=mapping)
    reason = refusal_of(found)
    return Compiled(model, status=Status.UNSUPPORTED, reason=reason) if reason else None


class _Group:
    """Models that are compiled in one call."""

    def __init__(
        self,
        request: CompileRequest,
        models: dict[Path, FileFacts],
        cancel: threading.Event,
        run: Run,
        sleep: Callable[[float], None],
    ) -> None:
        self._request, self._models, self._cancel = request, models, cancel
        self._run, self._sleep = run, sleep
        self._names = _names(tuple(models))

    def compiled(self) -> dict[Path, Compiled]:
        """The result of each."""
        program = find_compiler(self._request.settings)
        if isinstance(program, Missing):
            return self._all(Failure(Status.FAILED, program.reason, program.remedy))
        try:
            self._request.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(
                dir=self._request.folder.absolute(), prefix="compile-", ignore_cleanup_errors=True
            ) as place:
                return self._compile(program, Path(place))
        except OSError as error:
            return self._all(_failure_of(error, self._request.folder))

    def _compile(self, program: Program, place: Path) -> dict[Path, Compiled]:
        for model, name in self._names.items():
            shutil.copyfile(model, place / f"{name}.tflite")
        call = self._call(program, place)
        if call.failure is not None:
            return self._all(call.failure, call)
        written = {model: self._written(place / "out", name) for model, name in self._names.items()}
        facts = read_all([path for paths in written.values() for path in paths], cancel=self._cancel)
        if self._cancel.is_set():
            return self._all(Failure(Status.INTERRUPTED, INTERRUPTED), call)
        return {model: self._judged(model, paths, facts, call) for model, paths in written.items()}

    def _call(self, program: Program, place: Path) -> _Call:
        """Call the compiler, again after an internal error of it."""
        settings, out = self._request.settings, place / "out"
        models = tuple(place / f"{name}.tflite" for name in self._names.values())
        version = compiler_version(program, folder=place, run=self._run, cancel=self._cancel)
        argv = program.argv(arguments_of(settings, models, out, version), place)
        timeout_s, seconds, tries = settings.timeout_s + GRACE_S, 0.0, 0
        while True:
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir(exist_ok=True)
            result = self._run(argv, timeout_s, self._cancel)
            text, tries, seconds = text_of(result), tries + 1, seconds + result.wall_s
            log = parse_log(text)
            failure = call_failure(result, log, timeout_s=timeout_s, tries=tries)
            if failure is None or not failure.transient or tries > len(PAUSES_S) or self._cancel.is_set():
                return _Call(log, text[-MAX_LOG:], seconds, tries, failure)
            self._sleep(PAUSES_S[tries - 1])

    def _written(self, out: Path, name: str) -> list[Path]:
        count = self._request.settings.num_segments
        if count == 1:
            return [out / f"{name}{_SUFFIX}.tflite"]
        return [out / f"{name}_segment_{number}_of_{count}{_SUFFIX}.tflite" for number in range(count)]

    def _judged(
        self, model: Path, paths: Sequence[Path], facts: dict[Path, FileFacts | HarnessError], call: _Call
    ) -> Compiled:
        found = []
        for path in paths:
            one = facts[path]
            if isinstance(one, HarnessError):
                return self._without_file(model, path, one, call)
            found.append(one)
        mapping = self._mapping(paths, found, call)
        versions = [one.runtime_version for one in found if one.runtime_version is not None]
        failure = result_failure(self._models[model], found, mapping) or runtime_failure(
            max(versions, default=None), self._request.settings
        )
        if failure is not None:
            return replace(self._failed(model, failure, None), mapping=mapping, seconds=call.seconds, log=call.text)
        kept = tuple(self._kept(path) for path in paths)
        whole, segments = (kept[0], ()) if len(kept) == 1 else (None, kept)
        notes = self._notes(model, mapping, call)
        return Compiled(model, whole, segments, Status.DONE, notes, mapping, call.seconds, call.text)

    def _mapping(self, paths: Sequence[Path], found: Sequence[FileFacts], call: _Call) -> EdgeTpuMapping:
        blocks = [
            with_operation_log(block, _read(path.with_suffix(".log")))
            for path in paths
            if (block := call.log.of(path.name)) is not None
        ]
        together = tuple(one.stem for one in self._models) if len(self._models) > 1 else ()
        return mapping_from(found, blocks if len(blocks) == len(paths) else (), call.log.version, together)

    def _without_file(self, model: Path, path: Path, error: HarnessError, call: _Call) -> Compiled:
        what = f"the compiler says that it succeeded, but {path.name} cannot be used: {error.what}"
        remedy = (
            "See whether the command's folder is the one that this host sees ({folder}), and whether its disk is full."
        )
        return self._failed(model, Failure(Status.FAILED, what, remedy), call)

    def _kept(self, path: Path) -> Path:
        """Move a result, and its operation log, out of the folder that will be deleted."""
        for one in (path.with_suffix(".log"), path):
            if one.exists():
                one.replace(self._request.folder / one.name)
        return self._request.folder / path.name

    def _notes(self, model: Path, mapping: EdgeTpuMapping, call: _Call) -> str:
        again = f"compiled at attempt {call.tries}, after internal errors of the compiler" if call.tries > 1 else ""
        return "; ".join(note for note in (partial_note(self._models[model], mapping), again) if note)

    def _all(self, failure: Failure, call: _Call | None = None) -> dict[Path, Compiled]:
        return {model: self._failed(model, failure, call) for model in self._models}

    def _failed(self, model: Path, failure: Failure, call: _Call | None) -> Compiled:
        others = [one.name for one in self._models if one != model]
        reason = failure.sentence
        if others and call is not None and failure.status is not Status.INTERRUPTED:
            reason = f"compiled together with {', '.join(others)}: {reason}"
        seconds, text = (call.seconds, call.text) if call is not None else (0.0, "")
        return Compiled(model, status=failure.status, reason=reason, seconds=seconds, log=text)


def _names(models: tuple[Path, ...]) -> dict[Path, str]:
    """Under which name each model is given to the compiler: harmless to shells and to the compiler, and of its own."""
    names: dict[Path, str] = {}
    for model in models:
        safe = "".join(one if one.isascii() and (one.isalnum() or one in "-_.") else "_" for one in model.stem)[:100]
        name = safe.lstrip("-.") or "model"
        names[model] = name if name not in names.values() else f"{name}_{len(names) + 1}"
    return names


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_LOG).decode(errors="replace")
    except OSError:
        return ""


def _failure_of(error: OSError, folder: Path) -> Failure:
    if is_disk_full(error):
        return Failure(
            Status.FAILED,
            f"the disk of {folder} is full",
            "Free space there, or give another folder.",
        )
    return Failure(Status.FAILED, f"{error.filename or folder}: {error.strerror or error}", "Give another folder.")
