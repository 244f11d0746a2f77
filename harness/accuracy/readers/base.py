"""What all readers share: samples made of items one by one, identity by content, and errors about the layout."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Generic, Protocol, TypeVar

from harness.accuracy.base import Sample, SampleSource
from harness.accuracy.dataset_files import Affine
from harness.content import content_id, file_digest
from harness.errors import DatasetError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm")
Item = TypeVar("Item")


class Reader(SampleSource, Protocol):
    """A `SampleSource` with what `write_dataset` further makes use of."""

    @property
    def affine(self) -> Affine | None:
        """How the uint8 inputs become what the model wants; None: they are that."""

    @property
    def groups(self) -> Sequence[int] | None:
        """A number a sample: samples of equal numbers belong together. None: each stands for itself."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What has to be said with every score."""

    def fingerprint(self) -> str:
        """The identity of the content: equal as long as no file was changed.

        Raises:
            DatasetError: a file is gone.
        """


@dataclass(frozen=True)
class Content:
    """What decides a data set's content.

    Annotations and lists (`hashed`) count with all their bytes; media, which are large, by their name relative to
    `root`, their size, and their time of modification.
    """

    reader: str
    options: Mapping[str, str]
    root: Path
    hashed: tuple[Path, ...] = ()
    media: tuple[Path, ...] = ()

    def fingerprint(self) -> str:
        """SHA-256 of all of it.

        Raises:
            DatasetError: a file is gone.
        """
        try:
            annotations = [(self._name(path), file_digest(path)) for path in self.hashed]
            media = [(self._name(path), *_state(path)) for path in self.media]
        except OSError as error:
            raise DatasetError(
                f"a file of the data set cannot be read any more: {error.strerror}", where=str(error.filename)
            ) from error
        return content_id([self.reader, dict(self.options), annotations, media], 64)

    def _name(self, path: Path) -> str:
        return os.path.relpath(path, self.root)


@dataclass(frozen=True)
class ItemSource(Generic[Item]):
    """A `Reader` whose samples are each made of one item: a path with a label, a line of a list."""

    items: Sequence[Item]
    read: Callable[[Item], Sample]
    content: Content
    affine: Affine | None = None
    groups: Sequence[int] | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.items)

    def sample(self, index: int) -> Sample:
        """The sample at `index`."""
        return self.read(self.items[index])

    def fingerprint(self) -> str:
        """The identity of the content."""
        return self.content.fingerprint()


def layout_error(where: Path, expected: str, found: Iterable[str] | None = None) -> DatasetError:
    """The files are not as `expected`; `found` are names, by default those in the folder `where`."""
    names = sorted(_names(where) if found is None else found)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    seen = f"{', '.join(names[:3])}{more}" if names else "nothing"
    return DatasetError(f"expected {expected}; found {seen}", where=str(where))


def inside(folder: Path, name: str, where: Path) -> Path:
    """The file `name` of an annotation, under `folder`.

    Raises:
        DatasetError: the name leads out of the folder.
    """
    relative = PurePosixPath(name)
    if not name or "\0" in name or relative.is_absolute() or ".." in relative.parts:
        raise DatasetError(f"the file name {name!r} leads out of {folder}", where=str(where))
    return folder / relative


def existing(path: Path, expected: str) -> Path:
    """`path`.

    Raises:
        DatasetError: there is no such file or folder; says what is in its nearest folder.
    """
    if path.exists():
        return path
    parent = next((folder for folder in path.parents if folder.is_dir()), Path())
    raise layout_error(path, expected, (f"{parent / name}" for name in _names(parent)))


def named(path: Path, options: Mapping[str, str], key: str, default: str, expected: str) -> Path:
    """The file or folder that the option `key` names, relative to `path`.

    Raises:
        DatasetError: it does not exist.
    """
    return existing(path / Path(options.get(key, default)).expanduser(), expected)


def images_in(folder: Path) -> list[Path]:
    """The image files of a folder by their suffix, sorted by name; hidden ones are none.

    Raises:
        DatasetError: the folder cannot be read.
    """
    try:
        paths = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES]
    except OSError as error:
        raise DatasetError(f"the folder cannot be read: {error.strerror}", where=str(folder)) from error
    return sorted(path for path in paths if not path.name.startswith("."))


def read_lines(path: Path) -> list[str]:
    """The lines of a text file that are not empty.

    Raises:
        DatasetError: it is unreadable or empty.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"the file cannot be read as text: {error}", where=str(path)) from error
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if not lines:
        raise DatasetError("the file is empty", where=str(path))
    return lines


def read_json(path: Path) -> Any:
    """The JSON of a file.

    Raises:
        DatasetError: it is unreadable, or no JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise DatasetError(f"the file cannot be read: {error.strerror}", where=str(path)) from error
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"the file is no JSON: {error}", where=str(path)) from error


def number(options: Mapping[str, str], key: str, default: float, *, low: float = -math.inf) -> float:
    """The option `key` as a number of at least `low`.

    Raises:
        DatasetError: it is none.
    """
    text = options.get(key, str(default))
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= low):
        at_least = "" if low == -math.inf else f" of at least {low:g}"
        raise DatasetError(f"the option {key} is {text!r}, not a number{at_least}")
    return value


def integer(options: Mapping[str, str], key: str, default: int, *, low: float = -math.inf) -> int:
    """The option `key` as an integer of at least `low`.

    Raises:
        DatasetError: it is none.
    """
    value = number(options, key, default, low=low)
    if value != int(value):
        raise DatasetError(f"the option {key} is {options[key]!r}, not an integer")
    return int(value)


def choice(options: Mapping[str, str], key: str, default: str, allowed: Sequence[str]) -> str:
    """The option `key`, one of `allowed`.

    Raises:
        DatasetError: it is none of them.
    """
    value = options.get(key, default)
    if value not in allowed:
        raise DatasetError(f"the option {key} is {value!r}, not one of {', '.join(allowed)}")
    return value


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []


def _state(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_size, state.st_mtime_ns
