"""The host's journal of what is changed on phones: one JSON file a phone, durable before the phone is touched."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.assets import state_folder
from harness.devices.android.batch import ROOT_WAYS
from harness.devices.android.changes import VERSION, Change, Entry
from harness.errors import StoreError

_SUFFIX = ".json"
_MAX_BYTES = 1 << 20
_ShortText = Annotated[str, Field(max_length=500)]


class _ChangeFile(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)
    key: _ShortText
    original: _ShortText | None
    wanted: _ShortText | None
    made: bool = False


class _EntryFile(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)
    version: Literal[1]
    device: _ShortText
    journal_id: Annotated[str, Field(pattern=r"^[0-9a-f]{1,64}$")]
    host: _ShortText
    serial: _ShortText
    boot_id: _ShortText
    made_at: _ShortText
    sdk: Annotated[int, Field(ge=0, le=10_000)]
    root: list[_ShortText] | None
    changes: Annotated[list[_ChangeFile], Field(max_length=1000)]


def encode(entry: Entry) -> str:
    """An entry as one line of ASCII JSON."""
    return json.dumps({"version": VERSION, **asdict(entry)}, sort_keys=True)


def decode(text: str) -> Entry:
    """An entry from `encode`'s text, which may come from a phone and is not trusted.

    Raises:
        ValueError: it is not an entry of this version; the message is one sentence.
    """
    try:
        found = _EntryFile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}") from None
    root = None if found.root is None else tuple(found.root)
    if root is not None and root not in ROOT_WAYS:
        raise ValueError(f"root: {root!r} is no way to become root")
    changes = tuple(Change(**one.model_dump()) for one in found.changes)
    return Entry(**{**found.model_dump(exclude={"version"}), "root": root, "changes": changes})


@dataclass(frozen=True)
class Contents:
    """What the journal holds; `problems` has a sentence for each file that cannot be read."""

    entries: tuple[Entry, ...]
    problems: tuple[str, ...]


class Journal:
    """The entries of all phones below `folder`, at most one a phone. Every method may raise StoreError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def open(cls, environ: Mapping[str, str] = os.environ) -> Journal:
        """The journal of this user: HARNESS_RESTORE, or ``harness/restore`` in the user's state directory."""
        named = environ.get("HARNESS_RESTORE")
        return cls(Path(named) if named else state_folder(environ) / "restore")

    def put(self, entry: Entry) -> None:
        """Keep `entry`, on disk before this returns, in place of the phone's former one.

        A former file that cannot be read is moved aside, not overwritten.
        """
        path = self._path(entry.device)
        with _store_errors(path):
            self.folder.mkdir(parents=True, exist_ok=True)
            if path.exists() and _read(path)[0] is None:
                path.replace(path.with_suffix(".unreadable"))
            _write_durably(path, encode(entry))

    def get(self, device: str) -> Entry | None:
        """The entry of a phone; None when there is none or its file cannot be read (`contents` says why)."""
        path = self._path(device)
        with _store_errors(path):
            return _read(path)[0] if path.exists() else None

    def remove(self, device: str) -> None:
        """Forget a phone's entry, durably; does nothing when there is none."""
        path = self._path(device)
        with _store_errors(path):
            path.unlink(missing_ok=True)
            if self.folder.is_dir():
                _sync_folder(self.folder)

    def contents(self) -> Contents:
        """Everything, by device."""
        with _store_errors(self.folder):
            found = [_read(path) for path in sorted(self.folder.glob(f"*{_SUFFIX}"))]
        entries = sorted((entry for entry, _ in found if entry is not None), key=lambda entry: entry.device)
        return Contents(tuple(entries), tuple(problem for _, problem in found if problem))

    def _path(self, device: str) -> Path:
        """A file name that a person recognises and that no device name can lead elsewhere."""
        readable = re.sub(r"[^A-Za-z0-9_-]+", "_", device)[:60]
        return self.folder / f"{readable}-{hashlib.sha256(device.encode()).hexdigest()[:10]}{_SUFFIX}"


@contextmanager
def _store_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"the journal of changed settings cannot be used: {error.strerror}",
            where=str(error.filename or path),
            remedy="Set HARNESS_RESTORE to a folder that can be written.",
        ) from error


def _read(path: Path) -> tuple[Entry | None, str]:
    """The entry, or the sentence that says why there is none."""
    with path.open("rb") as file:
        text = file.read(_MAX_BYTES).decode("utf-8", "replace")
    try:
        return decode(text), ""
    except ValueError as error:
        return None, f"{path}: not a journal entry of this version: {error}"


def _write_durably(path: Path, text: str) -> None:
    """Replace `path` so that at every instant, also of a power cut, it is the old text or the new."""
    draft = path.with_suffix(f".{os.getpid()}.draft")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
