"""The cache of prepared files: addressed by content, written atomically, verified when read.

::

    <root>/sources/<key>/    interface.json, check.npz, calibration.npy, dataset/, saved_model/  + entry.json
    <root>/variants/<key>/   model.tflite, outputs.npy                                           + entry.json
    <root>/datasets/<key>/   dataset/                                                            + entry.json
    <root>/logs/             what failed children wrote
    <root>/staging/          being written; renamed into place when complete
    <root>/locks/            one per source, so that two runs do not convert the same model at once
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from harness.assets import cache_folder
from harness.content import file_digest

try:
    import fcntl
except ImportError:  # not POSIX: no locks, only atomic renames
    fcntl = None  # type: ignore[assignment]

STALE_STAGING_S = 24 * 3600.0
_POLL_S = 0.1
_MANIFEST = "entry.json"


def default_cache_dir() -> Path:
    """``$XDG_CACHE_HOME/harness``, or ``~/.cache/harness``."""
    return cache_folder(os.environ)


def tree_sha256(path: Path) -> str:
    """SHA-256 over the names and contents of a file, or of all files under a directory."""
    if not path.is_dir():
        return file_digest(path)
    digest = hashlib.sha256()
    for name in sorted(_files_under(path)):
        digest.update(f"{name}\0{file_digest(path / name)}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


@dataclass(frozen=True)
class Entry:
    """A verified cache entry: its folder, what was stored about it, and the SHA-256 of each of its files."""

    path: Path
    meta: Mapping[str, Any]
    sha256: Mapping[str, str]


class Cache:
    """Entries of a `kind` (``sources``, ``variants``, ``datasets``) by key. Safe for several processes at once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def load(self, kind: str, key: str, *, unverified: tuple[str, ...] = ()) -> Entry | None:
        """The entry, or None when it is missing or damaged. A damaged one is removed, to be made again.

        Files whose name begins with one of `unverified` are not read (large parts that are not needed now).
        """
        folder = self.root / kind / key
        try:
            manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
            files: dict[str, str] = manifest["files"]
            intact = all(
                name.startswith(unverified) or file_digest(folder / name) == sha256 for name, sha256 in files.items()
            )
            entry = Entry(folder, dict(manifest["meta"]), files)
        except FileNotFoundError:
            if not folder.exists():
                return None
            intact = False
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            intact = False
        if intact:
            return entry
        self._remove(folder)
        return None

    def commit(self, kind: str, key: str, staged: Path, meta: Mapping[str, Any]) -> Entry:
        """Keep the files under `staged` as the entry; an entry another process made meanwhile wins.

        `staged` stays as it is: the entry has hard links (or copies) of its files, and appears by one rename.

        Raises:
            OSError: the cache cannot be written.
        """
        names = sorted(_files_under(staged))
        with self.staging() as scratch:
            complete = scratch / "entry"
            complete.mkdir()
            for name in names:
                _link(staged / name, complete / name)
            files = {name: file_digest(complete / name) for name in names}
            (complete / _MANIFEST).write_text(json.dumps({"meta": meta, "files": files}, indent=1))
            target = self.root / kind / key
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                complete.rename(target)
            except OSError:
                theirs = self.load(kind, key)
                if theirs is not None:
                    return theirs
                complete.rename(target)
        return Entry(target, dict(meta), files)

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """A fresh folder on the cache's file system, removed at the end."""
        parent = self.root / "staging"
        parent.mkdir(parents=True, exist_ok=True)
        path = Path(tempfile.mkdtemp(dir=parent))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def log_path(self, name: str) -> Path:
        """Where a child called `name` writes its log."""
        folder = self.root / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)[:80]
        handle, path = tempfile.mkstemp(prefix=f"{safe}-", suffix=".log", dir=folder)
        os.close(handle)
        return Path(path)

    def remove_stale(self) -> None:
        """Remove staging folders and logs that a killed run left more than a day ago."""
        for parent in (self.root / "staging", self.root / "logs"):
            with contextlib.suppress(OSError):
                for path in parent.iterdir():
                    if time.time() - path.stat().st_mtime > STALE_STAGING_S:
                        self._remove(path)

    @contextlib.contextmanager
    def lock(self, key: str, cancel: Event) -> Iterator[None]:
        """Hold the lock of `key`, waiting for another process until `cancel` is set. The kernel frees it on a crash.

        File systems without locks get none: entries stay right by their atomic rename, work may be done twice.
        """
        folder = self.root / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / key).open("w") as stream:
            if fcntl is not None:
                _wait_for_lock(stream.fileno(), cancel)
            yield

    @staticmethod
    def _remove(path: Path) -> None:
        """Remove a file or folder; a folder is first renamed, so that nobody reads half of it."""
        with contextlib.suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                doomed = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
                path.rename(doomed)
                shutil.rmtree(doomed, ignore_errors=True)
            else:
                path.unlink()


def _wait_for_lock(handle: int, cancel: Event) -> None:
    while not cancel.is_set():
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            cancel.wait(_POLL_S)
        except OSError:
            return


def _files_under(folder: Path) -> list[str]:
    """Relative POSIX names of all regular files under `folder`."""
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
