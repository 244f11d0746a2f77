"""What a `ModelRef` names: its kind, its file, its options, and the key of everything that decides what is built."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.content import content_id
from harness.domain import ModelRef
from harness.errors import ModelFileError, RecipeError
from harness.prepare import converters, data_choice
from harness.prepare.cache import tree_sha256
from harness.prepare.converters import Toolbox
from harness.prepare.data_choice import DataChoice
from harness.prepare.file_options import FILE_OPTIONS
from harness.prepare.inspection import require_model_file
from harness.prepare.recipe import recipe_path

# Counted up when the code here changes what is written: older cache entries are then not used any more.
CODE_VERSION = 3
_TOOLS = {
    "recipe": ("tensorflow", "keras", "scikit-learn"),
    "keras": ("tensorflow", "keras"),
    "saved_model": ("tensorflow",),
    "tflite": ("ai-edge-litert",),
}
_FILE_OPTIONS = ("representative", "test_data")
# What recipes are made of beside their own file. A change there makes another model of the same recipe.
_RECIPE_CODE = ("networks/*.py", "generated/*.py", "imagenet.py", "keras_api.py", "synthetic.py")
TECHNIQUE_PREFIX = "technique."
KEEP_FLOAT = "keep_float"


@dataclass(frozen=True)
class Source:
    """`kind` is ``recipe``, ``keras``, ``saved_model`` or ``tflite``; `builtin` recipes are ours and loaded in process.

    Attributes:
        options: go to the builder.
        converter_options: choose converters.
        data_options: `data`, `data.*`, `task`, `task.*` and `preprocess.*`, see `harness.prepare.data_choice`.
        technique_options: how techniques train, without the prefix ``technique.``.
        keep_float: operators, or parts of tensor names, that quantized variants keep in float.
    """

    name: str
    kind: str
    path: Path
    options: Mapping[str, str]
    converter_options: Mapping[str, str]
    builtin: bool = False
    data_options: Mapping[str, str] = field(default_factory=dict)
    technique_options: Mapping[str, str] = field(default_factory=dict)
    keep_float: tuple[str, ...] = ()

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
        files += recipe_code() if self.kind == "recipe" else ()
        return content_id(
            {
                "code": CODE_VERSION,
                "kind": self.kind,
                "source": _hashed(self.path),
                "options": sorted(self.options.items()),
                "task": sorted(self.task_options.items()),
                "files": [_hashed(path.expanduser()) for path in files],
                "tools": {name: tools.versions.get(name, "") for name in _TOOLS[self.kind]},
            },
            length=40,
        )

    @property
    def task_options(self) -> dict[str, str]:
        """What decides on the source's own test split; the other data options are about a data set of its own."""
        return {key: text for key, text in self.data_options.items() if key.partition(".")[0] == data_choice.TASK}

    def _is_file_option(self, key: str) -> bool:
        return self.kind != "recipe" and key in self.options


def resolve(ref: ModelRef) -> Source:
    """The source that `ref` names.

    Raises:
        RecipeError: no such recipe, or an option that does not exist.
        ModelFileError: no such file, or not a model.
    """
    options = dict(ref.options)
    chosen = _taken(options, lambda key: key in converters.OPTIONS)
    data = _taken(options, data_choice.is_data_option)
    technique = _taken(options, lambda key: key.startswith(TECHNIQUE_PREFIX))
    kept = options.pop(KEEP_FLOAT, "")
    settings = {key.removeprefix(TECHNIQUE_PREFIX): text for key, text in technique.items()}
    keep_float = tuple(part.strip() for part in kept.split(",") if part.strip())
    DataChoice.from_texts(data)
    if ref.file is None:
        path = recipe_path(ref.recipe or ref.name)
        return Source(ref.name, "recipe", path, options, chosen, True, data, settings, keep_float)
    path = Path(ref.file).expanduser().absolute()
    kind = _kind(path)
    if kind != "recipe":
        _check_file_options(options, str(path))
    return Source(ref.name, kind, path, options, chosen, False, data, settings, keep_float)


def recipe_code(folder: Path = Path(__file__).parent) -> tuple[Path, ...]:
    """The modules of ours that a recipe may import to build and train its model, sorted."""
    return tuple(sorted(path for pattern in _RECIPE_CODE for path in folder.glob(pattern)))


def _taken(options: dict[str, str], wanted: Callable[[str], bool]) -> dict[str, str]:
    """The `wanted` options, which are removed from `options`."""
    return {key: options.pop(key) for key in list(options) if wanted(key)}


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
        if key not in FILE_OPTIONS:
            known = (*FILE_OPTIONS, *converters.OPTIONS)
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
