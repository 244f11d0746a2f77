"""A build that is kept: every file that defines it, copied to where nobody builds, and found out when it changes.

::

    <root>/<name>/<content>/build.json              what is what
                            models/<sha256>.tflite  one for each model and variant, check arrays beside them
                            files/<sha256>-<name>   tools, libraries, delegates; folders of them as folders

What cannot be copied is written down: an interpreter by its path and what it offers.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.content import content_id, file_digest
from harness.domain import Baseline, Case, ModelRef, RuntimeRef, Status, VariantFile
from harness.errors import StableError
from harness.lab.interpreters import INTERPRETED
from harness.store.codec import CodecError, from_json, to_json
from harness.sweep import NightlySettings, Sweep, expand

MANIFEST = "build.json"
_TOOL = "benchmark_model"
_FETCHED = "fetched"  # stands for the path of a tool that the sweep does not name
AskInterpreter = Callable[[RuntimeRef], str]
FindTool = Callable[[Case], "Path | None"]  # the folder of the fetched tool that a case would run with


@dataclass(frozen=True)
class Interpreter:
    """An interpreter of the build: `runtime` as the sweep names it, `offers` what it said it has."""

    runtime: RuntimeRef
    offers: str


@dataclass(frozen=True)
class Manifest:
    """What is in the folder of a build. Paths in `variants` and `moved` lead to the copies; `moved` is by the path that
    the sweep names."""

    sweep: Sweep
    variants: tuple[VariantFile, ...]
    moved: tuple[tuple[str, str], ...]
    interpreters: tuple[Interpreter, ...]


class PinnedBuild:
    """The build of a baseline, as it lies in `folder`; see `load_build` and `keep_build`."""

    def __init__(self, folder: Path, manifest: Manifest, files: Sequence[tuple[str, str]]) -> None:
        self.folder, self.sweep, self.files = folder, manifest.sweep, tuple(files)
        self._variants = {(file.model, file.variant): file for file in manifest.variants}
        self._moved = dict(manifest.moved)
        self._offers = {one.runtime: one.offers for one in manifest.interpreters}
        self._altered: dict[str, str] = {}
        self._other: dict[RuntimeRef, str] = {}

    @property
    def interpreters(self) -> tuple[RuntimeRef, ...]:
        """The runtimes of the build that are interpreters."""
        return tuple(self._offers)

    def verify(self, ask: AskInterpreter) -> tuple[str, ...]:
        """Hold every file to its SHA-256 and every interpreter to what it offered; a sentence for each that changed."""
        self._altered = {path: reason for path, sha256 in self.files if (reason := _altered(Path(path), sha256))}
        for runtime, offers in self._offers.items():
            now = ask(runtime)
            if now != offers:
                self._other[runtime] = f"{runtime.label} offers {now!r} now, {offers!r} when it was pinned"
        return (*self._altered.values(), *self._other.values())

    def why_gone(self, case: Case) -> str:
        """Why `case` of the pinned sweep cannot be measured as it was, after `verify`; empty when it can."""
        file = self._variants.get((case.model.name, case.variant))
        needed = [] if file is None else [path for path in (file.path, file.check_path, file.own_outputs_path) if path]
        needed += [self._moved[path] for path in (*_paths_of(case), _fetched_name(case)) if path in self._moved]
        found = [reason for path, reason in self._altered.items() if any(_is_in(path, one) for one in needed)]
        return next(iter(found), self._other.get(case.runtime, ""))

    def here(self, case: Case) -> Case:
        """`case` of the pinned sweep, with the copies for its files."""
        return replace(
            case,
            model=ModelRef(case.model.name, file=str(self.folder)),
            backend=replace(case.backend, options=self._place(case.backend.options)),
            runtime=replace(case.runtime, options=(*self._place(case.runtime.options), *self._fetched(case))),
        )

    def file(self, case: Case, name: str = "") -> VariantFile:
        """The model file of `case` of the pinned sweep, under the model's `name` or its own."""
        model = name or case.model.name
        file = self._variants.get((case.model.name, case.variant))
        if file is None:
            return VariantFile(model, case.variant, Status.FAILED, "the pinned build does not have it")
        return replace(file, model=model)

    def _fetched(self, case: Case) -> tuple[tuple[str, str], ...]:
        copy = self._moved.get(_fetched_name(case))
        return (("binary", str(Path(copy) / _TOOL)),) if copy else ()

    def _place(self, options: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        return tuple((name, self._moved.get(value, value)) for name, value in options)


def keep_build(
    sweep: Sweep, variants: Sequence[VariantFile], root: Path, ask: AskInterpreter, find_tool: FindTool
) -> PinnedBuild:
    """Copy the build of `sweep` below `root`, into a folder that is named by its content.

    Args:
        sweep: whose build it is.
        variants: its prepared model files, failed ones included.
        root: the folder of the baseline's name.
        ask: what an interpreter offers.
        find_tool: where the fetched tool of a case lies that names none.

    Raises:
        StableError: a file is missing or cannot be copied; nothing is left behind.
    """
    staged = root
    try:
        root.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=".new-", dir=root))
        return _settle(_copied(sweep, variants, staged, ask, find_tool), staged, root)
    except OSError as error:
        raise StableError(
            f"the build cannot be copied: {error.strerror or error}",
            where=str(error.filename or root),
            remedy="Free space, or make the folder of the baselines writable, and pin again.",
        ) from error
    finally:
        if staged != root:
            shutil.rmtree(staged, ignore_errors=True)


def load_build(baseline: Baseline) -> PinnedBuild:
    """The build of a baseline; what has changed of it is found by `verify`.

    Raises:
        StableError: what the build consists of is not known any more.
    """
    described = next((Path(path) for path, _ in baseline.files if Path(path).name == MANIFEST), None)
    remedy = f"Pin it anew: harness baseline pin SWEEP.yaml --name {baseline.name}"
    if described is None:
        raise StableError(f"the baseline {baseline.name} has no {MANIFEST}", remedy=remedy)
    digest = dict(baseline.files)[str(described)]
    problem = _altered(described, digest)
    if problem:
        raise StableError(f"the baseline {baseline.name} is gone: {problem}", where=str(described), remedy=remedy)
    try:
        manifest = from_json(Manifest, described.read_text(encoding="utf-8"))
    except (OSError, CodecError) as error:
        raise StableError(
            f"the baseline {baseline.name} cannot be read: {error}", where=str(described), remedy=remedy
        ) from error
    return PinnedBuild(described.parent, manifest, baseline.files)


# ---- copying ---------------------------------------------------------------------------------------------------------


def _copied(
    sweep: Sweep, variants: Sequence[VariantFile], folder: Path, ask: AskInterpreter, find_tool: FindTool
) -> Manifest:
    """The manifest of what was copied into `folder`, with paths in it."""
    cases = expand(sweep).cases
    kept = tuple(_keep_variant(file, folder) for file in variants)
    paths = {path: Path(path) for case in cases for path in _paths_of(case)}
    for case in cases:
        tool = find_tool(case) if _fetched_name(case) else None
        if tool is not None:
            paths[_fetched_name(case)] = tool
    moved = tuple((name, str(_copy(path, folder / "files"))) for name, path in paths.items())
    interpreters = dict.fromkeys(case.runtime for case in cases if case.runtime.name in INTERPRETED)
    build = replace(sweep, text="", nightly=NightlySettings())  # neither makes another build
    return Manifest(build, kept, moved, tuple(Interpreter(runtime, ask(runtime)) for runtime in interpreters))


def _keep_variant(file: VariantFile, folder: Path) -> VariantFile:
    if file.status is not Status.DONE or file.path is None:
        return file
    target = folder / "models" / f"{file.sha256}.tflite"
    _copy_file(Path(file.path), target)
    if file_digest(target) != file.sha256:
        raise StableError(
            f"{file.model} {file.variant} changed while it was copied", where=file.path, remedy="Pin again."
        )
    # The data set stays where it is: it defines no build, and its content is checked when it is used.
    beside = {
        name: None if path is None else str(_copy(Path(path), folder / "models"))
        for name, path in (("check_path", file.check_path), ("own_outputs_path", file.own_outputs_path))
    }
    return replace(file, path=str(target), cached=True, **beside)  # type: ignore[arg-type]


def _copy(path: Path, folder: Path) -> Path:
    """The copy of a file or a folder; of the same content it is the same copy."""
    if path.is_dir():
        names = sorted(one.relative_to(path) for one in path.rglob("*") if one.is_file())
        digest = content_id([(str(name), file_digest(path / name)) for name in names], 16)
        for name in names:
            _copy_file(path / name, folder / f"{digest}-{path.name}" / name)
        return folder / f"{digest}-{path.name}"
    target = folder / f"{file_digest(path)[:16]}-{path.name}"
    _copy_file(path, target)
    return target


def _copy_file(path: Path, target: Path) -> None:
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)


def _settle(manifest: Manifest, staged: Path, root: Path) -> PinnedBuild:
    """Give the staged folder the name of its content, and its manifest the paths that it has then."""
    digests = sorted((str(path.relative_to(staged)), file_digest(path)) for path in _files_in(staged))
    content = content_id([manifest.sweep.resolved_json, digests, [to_json(one) for one in manifest.interpreters]], 16)
    folder = root.absolute() / content
    settled = _moved(manifest, str(staged), str(folder))
    (staged / MANIFEST).write_text(to_json(settled), encoding="utf-8")  # the rename below makes it whole
    if folder.exists():  # the same build, pinned before: its copies may have been altered since
        shutil.rmtree(folder)
    staged.rename(folder)
    names = [*(name for name, _ in digests), MANIFEST]
    files = [(str(folder / name), file_digest(folder / name)) for name in names]
    return PinnedBuild(folder, settled, files)


def _moved(manifest: Manifest, old: str, new: str) -> Manifest:
    def path(text: str | None) -> str | None:
        return text if text is None else text.replace(old, new, 1) if text.startswith(old) else text

    variants = [
        replace(
            file, path=path(file.path), check_path=path(file.check_path), own_outputs_path=path(file.own_outputs_path)
        )
        for file in manifest.variants
    ]
    moved = tuple((named, path(copy) or "") for named, copy in manifest.moved)
    return replace(manifest, variants=tuple(variants), moved=moved)


def _files_in(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _paths_of(case: Case) -> list[str]:
    """The files and folders that the options of a case name: tools, libraries, delegates."""
    values = [value for _, value in (*case.backend.options, *case.runtime.options)]
    return [value for value in values if Path(value).is_absolute()]


def _fetched_name(case: Case) -> str:
    """What stands for the fetched tool of `case`; empty where it names one or needs none."""
    options = dict(case.runtime.options)
    if case.runtime.name != _TOOL or "binary" in options:
        return ""
    return f"{_FETCHED} {case.target.kind} {options.get('release', '')}"


def _altered(path: Path, sha256: str) -> str:
    """Why a file is not what it was; empty when it is."""
    try:
        return "" if file_digest(path) == sha256 else f"{path} was altered"
    except FileNotFoundError:
        return f"{path} is gone"
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"


def _is_in(path: str, place: str) -> bool:
    return path == place or Path(place) in Path(path).parents
