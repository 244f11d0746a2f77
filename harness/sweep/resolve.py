"""A validated sweep file to a `Sweep`: shorthand spelled out, defaults filled in, names checked across the file."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

from harness.domain import (
    AccuracySettings,
    Backend,
    DeviceSettings,
    EdgeTpuCompiler,
    Gate,
    KnownFailure,
    MeasureSettings,
    ModelRef,
    RuntimeRef,
    Target,
)
from harness.sweep.backend_fields import BackendMapping, CpuOptions
from harness.sweep.field_types import SLUG, SLUG_WORDS
from harness.sweep.fields import Exclusion, Measure, Settings, SweepFile
from harness.sweep.findings import Finding, KeyPath, dotted, printable, suggestion
from harness.sweep.model import ExcludeRule, NightlySettings, Priority, Sweep
from harness.sweep.model_fields import WEIGHTS, ModelMapping, TaskOptions
from harness.sweep.nightly_fields import Nightly
from harness.sweep.prune import PrunedView
from harness.sweep.runtime_fields import EdgeTpuCompilerOptions, RuntimeMapping, RuntimeName
from harness.sweep.target_fields import TargetMapping, TargetName

MAX_CASES = 100_000
_PATHS = {"path", "libraries", "library"}


class Resolver:
    """Makes a `Sweep` of one file, collecting findings on the way. `folder` is what relative paths start from."""

    def __init__(self, file: SweepFile, view: PrunedView, folder: Path, known_models: Iterable[str]) -> None:
        self.file = file
        self.view = view
        self.folder = folder
        self.known_models = tuple(known_models)
        self.findings: list[Finding] = []

    def sweep(self, name: str, text: str) -> Sweep:
        """The sweep; `name` serves when the file has none. Worth nothing when there are findings."""
        file = self.file
        sweep = Sweep(
            name=self._name(name),
            models=self._models(),
            variants=_distinct(file.variants),
            targets=_distinct(map(_target, file.targets)),
            backends=_distinct(map(self._backend, file.backends)),
            runtimes=_distinct(map(self._runtime, file.runtimes or ([file.runtime] if file.runtime else []))),
            measure=_measure(file.measure),
            accuracy=AccuracySettings(**file.accuracy.model_dump()),
            require_coverage=file.require.coverage,
            exclude=_distinct(map(_rule, file.exclude)),
            adb_server=file.adb_server or "",
            settings=_settings(file.settings),
            text=text,
            nightly=_nightly(file.nightly),
            edgetpu_compiler=self._compiler(file.edgetpu_compiler),
        )
        self._check_size(sweep)
        self._check_exclude(sweep)
        if self.view.document.has(("runtime",)) and self.view.document.has(("runtimes",)):
            self._find(("runtimes",), "both runtime and runtimes are given; allowed: one of them")
        return sweep

    def _find(self, path: KeyPath, text: str) -> None:
        path = self.view.original(path)
        self.findings.append(Finding(self.view.document.place(path), dotted(path), text))

    def _name(self, default: str) -> str:
        name = self.file.name or default
        if not _is_slug(name):
            self._find(("name",), f"is missing, and '{printable(name)}' cannot be one; allowed: {SLUG_WORDS}")
        return name

    def _models(self) -> tuple[ModelRef, ...]:
        models: dict[str, ModelRef] = {}
        for index, entry in enumerate(self.file.models):
            model = self._model(entry, ("models", index))
            if model.name in models:
                text = f"a second model is called '{printable(model.name)}'; allowed: each name once"
                self._find(("models", index), text)
            models.setdefault(model.name, model)
        return tuple(models.values())

    def _model(self, entry: str | ModelMapping, path: KeyPath) -> ModelRef:
        if isinstance(entry, str):
            return ModelRef(entry)
        options = tuple(model_options(entry, self.folder))
        if entry.recipe:
            name = entry.name or entry.recipe
            return ModelRef(name, options=options, recipe=entry.recipe if name != entry.recipe else "")
        name = entry.name or PurePath(entry.file).stem
        if not _is_slug(name):
            text = (
                f"the file's stem '{printable(name)}' cannot be a name; allowed: {SLUG_WORDS}; add name: to the entry"
            )
            self._find((*path, "file"), text)
        return ModelRef(name, file=str(self.folder / entry.file), options=options)

    def _runtime(self, entry: str | RuntimeMapping) -> RuntimeRef:
        if isinstance(entry, str):
            return RuntimeRef(entry)
        options = entry.litert or entry.pycoral
        python = options.python if options else ""
        if python:
            # A bare name such as python3.9 is looked up on PATH when the runtime starts.
            return RuntimeRef(entry.kind, str(self.folder / python) if "/" in python else python)
        chosen = getattr(entry, entry.kind)
        files = chosen.model_dump(exclude_unset=True) if chosen else {}
        return RuntimeRef(
            entry.kind,
            options=tuple(
                (name, value if name == "release" else str(self.folder / value)) for name, value in files.items()
            ),
        )

    def _compiler(self, given: EdgeTpuCompilerOptions) -> EdgeTpuCompiler:
        fields = given.model_dump()
        fields["intermediate_tensors"] = tuple(fields["intermediate_tensors"])
        program, space, rest = given.command.strip().partition(" ")
        if "/" in program and not program.startswith(("/", "~", "{")):
            path = str(self.folder / program)
            fields["command"] = f"{shlex.quote(path)} {rest}" if space else path
        return EdgeTpuCompiler(**fields)

    def _backend(self, entry: str | BackendMapping) -> Backend:
        if isinstance(entry, str):
            return Backend(entry)
        chosen = getattr(entry, entry.kind)
        if entry.kind == "cpu":
            return _cpu(chosen)
        given: dict[str, Any] = {} if chosen is None else chosen.model_dump(exclude_unset=True, exclude_none=True)
        own = given.pop("options", {})
        if "/" not in given.get("library", "/"):
            return Backend(entry.kind, options=(("library", given["library"]),))  # a name: the loader looks for it
        for name in _PATHS & given.keys():
            given[name] = str(self.folder / given[name])
        return Backend(entry.kind, options=tuple((name, _option(value)) for name, value in {**given, **own}.items()))

    def _check_size(self, sweep: Sweep) -> None:
        axes = (sweep.models, sweep.variants, sweep.targets, sweep.backends, sweep.runtimes or (None,))
        cases = math.prod(len(axis) for axis in axes)
        if cases > MAX_CASES:
            self._find((), f"the sweep has {cases} cases; allowed: at most {MAX_CASES}")

    def _check_exclude(self, sweep: Sweep) -> None:
        vocabulary = {
            "model": [*(model.name for model in sweep.models), *self.known_models],
            "target": [*TargetName.__args__, "any", *(target.label for target in sweep.targets)],  # type: ignore[attr-defined]
            "runtime": [name for runtime in sweep.runtimes for name in (runtime.name, runtime.label)]
            or list(RuntimeName.__args__),  # type: ignore[attr-defined]
        }
        for index, rule in enumerate(self.file.exclude):
            for key, known in vocabulary.items():
                for path, value in _values_of(getattr(rule, key), ("exclude", index, key)):
                    if value not in known:
                        allowed = ", ".join(sorted(set(known)))
                        text = f"no {key} is called '{printable(value)}'; allowed: {allowed}"
                        self._find(path, text + suggestion(value, known))


def model_options(entry: ModelMapping, folder: Path) -> Iterator[tuple[str, str]]:
    """The options of a model entry as the text pairs that preparation reads; paths are made absolute."""
    if entry.weights:
        yield "weights", entry.weights if entry.weights in WEIGHTS else str(folder / entry.weights)
    yield from entry.options.items()
    if entry.data is not None:
        yield "data", entry.data.reader
        yield "data.path", str(folder / entry.data.path)
        yield from _prefixed("data", entry.data.options)
    if entry.task is not None:
        yield "task", entry.task.name
        yield from _prefixed("task", entry.task.options | _function_file(entry.task, folder))
    yield from _prefixed("preprocess", entry.preprocess)
    if entry.representative:
        yield "representative", str(folder / entry.representative)
    if entry.keep_float:
        yield "keep_float", ",".join(entry.keep_float)
    yield from _prefixed("technique", entry.technique)
    if entry.converter is not None:
        yield "converter", entry.converter


def _function_file(task: TaskOptions, folder: Path) -> dict[str, str]:
    """The option of the task ``custom`` that names a file of the user, as ``path.py:name``."""
    named = task.options.get("function", "") if task.name == "custom" else ""
    return {"function": str(folder / named)} if named else {}


def _prefixed(prefix: str, options: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((f"{prefix}.{name}", value) for name, value in options.items())


def _is_slug(name: str) -> bool:
    return len(name) <= 64 and re.fullmatch(SLUG, name) is not None


def _distinct(items: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(items))


def _target(entry: str | TargetMapping) -> Target:
    if isinstance(entry, str):
        return Target(entry)
    chosen = getattr(entry, entry.kind)
    selector = chosen.model_dump(exclude_unset=True) if chosen else {}
    return Target(entry.kind, tuple((name, str(value)) for name, value in selector.items()))


def _option(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _measure(given: Measure) -> MeasureSettings:
    fields = given.model_dump()
    return MeasureSettings(sustained_s=fields.pop("sustained"), **fields)


def _settings(given: Settings) -> DeviceSettings:
    fields = given.model_dump()
    return DeviceSettings(**{**fields, "gate": Gate(**fields["gate"])})


def _nightly(given: Nightly) -> NightlySettings:
    return NightlySettings(
        budget_s=given.budget,
        screen_blocks=given.screen_blocks,
        threshold_pct=given.threshold_pct,
        page_after=given.page_after,
        priorities=_distinct(Priority(**entry.model_dump()) for entry in given.priorities),
        known_failures=_distinct(KnownFailure(**entry.model_dump()) for entry in given.known_failures),
    )


def _cpu(cpu: CpuOptions | None) -> Backend:
    if cpu is None:
        return Backend()
    return Backend(
        threads=cpu.threads,
        cores=tuple(sorted(cpu.cores)) if isinstance(cpu.cores, list) else cpu.cores,
        xnnpack=cpu.xnnpack and cpu.kernels != "reference",
        kernels=cpu.kernels,
    )


def _rule(entry: Exclusion) -> ExcludeRule:
    given = entry.model_dump(exclude_unset=True)
    return ExcludeRule(
        tuple((key, tuple(value) if isinstance(value, list) else (value,)) for key, value in given.items())
    )


def _values_of(value: Any, path: KeyPath) -> list[tuple[KeyPath, str]]:
    if isinstance(value, list):
        return [((*path, index), item) for index, item in enumerate(value)]
    return [] if value is None else [(path, value)]
