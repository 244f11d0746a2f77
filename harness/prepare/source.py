"""What a `ModelRef` names: its kind, its file, its options, and the key of everything that decides what is built."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.content import content_id
from harness.domain import ModelRef
from harness.errors import ModelFileError, RecipeError
from harness.prepare import converters, given_data
from harness.prepare.cache import tree_sha256
from harness.prepare.converters import Toolbox
from harness.prepare.inspection import require_model_file
from harness.prepare.recipe import recipe_path

# Counted up when the code here changes what is written: older cache entries are then not used any more.
CODE_VERSION = 1
_TOOLS = {
    "recipe": ("tensorflow", "keras", "scikit-learn"),
    "keras": ("tensorflow", "keras"),
    "saved_model": ("tensorflow",),
    "tflite": ("ai-edge-litert",),
}
_FILE_OPTIONS = ("representative", "test_data")


@dataclass(frozen=True)
class Source:
    """`kind` is ``recipe``, ``keras``, ``saved_model`` or ``tflite``; `builtin` recipes are ours and loaded in process.

    `options` go to the builder, `converter_options` choose converters.
    """

    name: str
    kind: str
    path: Path
    options: Mapping[str, str]
    converter_options: Mapping[str, str]
    builtin: bool = False

    @property
    def from_tflite(self) -> bool:
        """The source is a ``.tflite`` file."""
        return self.kind == "tflite"

    def require_tools(self, tools: Toolbox) -> None:
        """Refuse when what the source needs is not installed.

        Raises:
            MissingDependencyError: names the package and the command.
        """
        if self.from_tflite:
            converters.require("ai-edge-litert", tools, "litert")
        else:
            converters.require("tensorflow", tools)
            converters.require("ai-edge-litert", tools)

    def key(self, depends_on: Iterable[Path], tools: Toolbox) -> str:
        """The cache key: contents and versions, never names or places.

        Raises:
            ModelFileError: a file it depends on cannot be read.
        """
        files = [*depends_on, *(Path(self.options[key]) for key in _FILE_OPTIONS if self._is_file_option(key))]
        return content_id(
            {
                "code": CODE_VERSION,
                "kind": self.kind,
                "source": _hashed(self.path),
                "options": sorted(self.options.items()),
                "files": [_hashed(path.expanduser()) for path in files],
                "tools": {name: tools.versions.get(name, "") for name in _TOOLS[self.kind]},
            },
            length=40,
        )

    def _is_file_option(self, key: str) -> bool:
        return self.kind != "recipe" and key in self.options


def resolve(ref: ModelRef) -> Source:
    """The source that `ref` names.

    Raises:
        RecipeError: no such recipe, or an option that does not exist.
        ModelFileError: no such file, or not a model.
    """
    options = dict(ref.options)
    chosen = {key: options.pop(key) for key in list(options) if key in converters.OPTIONS}
    if ref.file is None:
        return Source(ref.name, "recipe", recipe_path(ref.name), options, chosen, builtin=True)
    path = Path(ref.file).expanduser().absolute()
    kind = _kind(path)
    if kind != "recipe":
        _check_file_options(options, str(path))
    return Source(ref.name, kind, path, options, chosen)


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix == ".tflite":
        require_model_file(path)
        return "tflite"
    if not path.exists():
        raise ModelFileError("there is no such file or directory", where=str(path))
    if path.is_dir():
        if (path / "saved_model.pb").is_file() or (path / "saved_model.pbtxt").is_file():
            return "saved_model"
        raise ModelFileError("the directory is no SavedModel (no saved_model.pb in it)", where=str(path))
    kinds = {".py": "recipe", ".keras": "keras", ".h5": "keras"}
    if suffix not in kinds:
        raise ModelFileError(
            "the kind of the model is not known by its name",
            where=str(path),
            remedy="Give a .tflite or .keras file, a SavedModel directory, or a recipe (.py).",
        )
    return kinds[suffix]


def _check_file_options(options: Mapping[str, str], where: str) -> None:
    for key in options:
        if key not in given_data.OPTIONS:
            known = (*given_data.OPTIONS, *converters.OPTIONS)
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise RecipeError(
                f"a model file has no option {key!r}", where=where, remedy=f"{hint}Its options: {', '.join(known)}."
            )


def _hashed(path: Path) -> str:
    try:
        return tree_sha256(path)
    except OSError as error:
        raise ModelFileError(f"the file cannot be read: {error.strerror or error}", where=str(path)) from error
