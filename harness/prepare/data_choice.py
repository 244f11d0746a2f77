"""What a model's options say of the data set it is scored on: the reader, the task, the pre-processing. Pure."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from harness.accuracy import TASK_NAMES, Preprocessing, TaskSpec
from harness.accuracy.preprocessing import AudioPreprocessing, ImagePreprocessing, TextPreprocessing
from harness.errors import RecipeError

DATA, TASK, PREPROCESS = "data", "task", "preprocess"
PATH, SAMPLES = "path", "samples"
KIND = "kind"
KINDS: Mapping[str, type[Any]] = {
    "image": ImagePreprocessing,
    "audio": AudioPreprocessing,
    "text": TextPreprocessing,
}


@dataclass(frozen=True)
class DataChoice:
    """The options `data`, `data.*`, `task`, `task.*` and `preprocess.*` of a model, as text; all may be empty.

    `samples` is how many of the data set are taken at most (`data.samples`).
    """

    reader: str = ""
    path: str = ""
    samples: int | None = None
    reader_options: Mapping[str, str] = field(default_factory=dict)
    task: str = ""
    task_options: Mapping[str, str] = field(default_factory=dict)
    preprocess: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_texts(cls, options: Mapping[str, str]) -> DataChoice:
        """From options by their full names.

        Raises:
            RecipeError: a task that does not exist, no path for a reader, or a number of samples that is none.
        """
        data, task, preprocess = (_under(options, prefix) for prefix in (DATA, TASK, PREPROCESS))
        choice = cls(
            options.get(DATA, ""),
            data.pop(PATH, ""),
            _samples(data.pop(SAMPLES, "")),
            data,
            options.get(TASK, ""),
            task,
            preprocess,
        )
        choice._check()
        return choice

    def _check(self) -> None:
        if self.task and self.task not in TASK_NAMES:
            near = difflib.get_close_matches(self.task, TASK_NAMES, n=1)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise RecipeError(f"there is no task {self.task!r}", remedy=f"{hint}Tasks: {', '.join(TASK_NAMES)}.")
        if self.reader and not self.path:
            raise RecipeError(
                f"the data set {self.reader!r} has no path", remedy=f"Give the option {DATA}.{PATH}: where it lies."
            )
        if not self.reader and (self.path or self.reader_options or self.samples is not None):
            raise RecipeError(
                f"{DATA}.* options are given, but no reader", remedy=f"Give the option {DATA}, such as data=imagenet."
            )

    def task_over(self, own: TaskSpec | None) -> TaskSpec | None:
        """The task that is chosen, or the model's `own` with the options that were given."""
        if self.task:
            base = dict(own.options) if own is not None and own.name == self.task else {}
            return TaskSpec(self.task, tuple(sorted({**base, **self.task_options}.items())))
        if own is None or not self.task_options:
            return own
        return TaskSpec(own.name, tuple(sorted({**dict(own.options), **self.task_options}.items())))

    def preprocessing_over(self, own: Preprocessing | None, shape: tuple[int, ...] | None) -> Preprocessing | None:
        """The model's `own` pre-processing with the fields that were given, or one made of those fields.

        `shape` is that of the model's one input, or None: sizes of an image that are not given are taken from it.

        Raises:
            RecipeError: a field that does not exist, is missing, or has a value of another type.
        """
        given = dict(self.preprocess)
        kind = given.pop(KIND, _kind_of(own))
        if kind not in KINDS:
            raise RecipeError(f"there is no pre-processing {kind!r}", remedy=f"Kinds: {', '.join(KINDS)}.")
        cls = KINDS[kind]
        values = {name: _value(cls, name, text) for name, text in given.items()}
        if isinstance(own, cls):
            replaced: Preprocessing = dataclasses.replace(own, **values)
            return replaced
        if cls is ImagePreprocessing and shape is not None and len(shape) == 3:
            values = dict(zip(("height", "width", "channels"), shape, strict=True)) | values
        elif not values:
            return None
        missing = [entry.name for entry in fields(cls) if entry.name not in values and _required(entry)]
        if missing:
            names = ", ".join(f"{PREPROCESS}.{name}" for name in missing)
            raise RecipeError(f"the pre-processing of the {kind} data lacks {names}")
        made: Preprocessing = cls(**values)
        return made


def is_data_option(key: str) -> bool:
    """Whether the model option `key` belongs here and not to the builder of the model."""
    return key in (DATA, TASK) or key.partition(".")[0] in (DATA, TASK, PREPROCESS)


def described_preprocessing(preprocessing: Preprocessing | None) -> tuple[tuple[str, str], ...]:
    """``(("kind", "image"), ("height", "224"), …)``: what a row keeps of it; empty for None."""
    if preprocessing is None:
        return ()
    named = [(entry.name, _text(getattr(preprocessing, entry.name))) for entry in fields(preprocessing)]
    return ((KIND, _kind_of(preprocessing)), *named)


def read_preprocessing(described: Mapping[str, str]) -> Preprocessing | None:
    """The inverse of `described_preprocessing`."""
    return DataChoice(preprocess=described).preprocessing_over(None, None) if described else None


def _under(options: Mapping[str, str], prefix: str) -> dict[str, str]:
    start = f"{prefix}."
    return {key.removeprefix(start): text for key, text in options.items() if key.startswith(start)}


def _samples(text: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise RecipeError(f"{DATA}.{SAMPLES} is {text!r}", remedy="Give a whole number of at least 1, or leave it out.")
    return int(text)


def _kind_of(preprocessing: Preprocessing | None) -> str:
    return next((kind for kind, cls in KINDS.items() if isinstance(preprocessing, cls)), "image")


def _required(entry: Any) -> bool:
    return entry.default is dataclasses.MISSING


def _text(value: Any) -> str:
    return ",".join(str(part) for part in value) if isinstance(value, tuple) else str(value)


def _value(cls: type[Any], name: str, text: str) -> Any:
    """`text` as the type of the field `name`, which its annotation says."""
    kinds = {entry.name: str(entry.type) for entry in fields(cls)}
    if name not in kinds:
        near = difflib.get_close_matches(name, kinds, n=1)
        hint = f"Did you mean {PREPROCESS}.{near[0]}? " if near else ""
        known = ", ".join(f"{PREPROCESS}.{key}" for key in kinds)
        raise RecipeError(f"there is no option {PREPROCESS}.{name}", remedy=f"{hint}There are: {known}.")
    readers: dict[str, Callable[[str], Any]] = {
        "int": int,
        "float": float,
        "bool": _bool,
        "str": str,
        "tuple[float, ...]": _floats,
    }
    try:
        return readers[kinds[name]](text)
    except ValueError:
        raise RecipeError(f"{PREPROCESS}.{name} is {text!r}, which is no {kinds[name]}") from None


def _bool(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _floats(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))
