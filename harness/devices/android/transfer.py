"""Files on a phone by their content: what is there is not pushed again, and what counts as there was verified."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Protocol

from harness.assets import folder
from harness.content import content_id, file_digest
from harness.devices.android.cache_listing import Look, parse_free, parse_look, parse_used, to_remove
from harness.devices.android.process import script_with
from harness.devices.android.shell import Shell
from harness.devices.base import ProcessResult
from harness.errors import DeviceError, HarnessError, StorageFullError, UsageError
from harness.units import bytes_to_mb

ROOT = "/data/local/tmp/harness/files"
DEFAULT_LIMIT_BYTES = 4 << 30

_FOLLOWED_BYTES = 8 << 20
"""From this size on a file is hashed on the phone while it is received; for less, another shell costs more."""

_SLOWEST_BYTES_PER_S = 1_000_000
_ATTEMPTS = 2
_HASHES_AT_ONCE = 4
_SHORT_S = 30.0
_LONGEST_NAME = 120
_HIDDEN_BOOT = "none"  # what files.sh says where the phone hides its boot's identity: two boots look the same


class Carrier(Shell, Protocol):
    """A shell that can also be sent files: a `Connection`."""

    def push(
        self, local: Path, remote: str, *, timeout_s: float, mode: int = 0o644, cancel: Event | None = None
    ) -> None:
        """Copy a file; see `Connection.push`."""


@dataclass(frozen=True)
class Item:
    """One file to be on the phone. `sha256` of its content where it is known already, `name` its own by default."""

    local: Path
    sha256: str = ""
    name: str = ""
    executable: bool = False


@dataclass(frozen=True)
class _File:
    local: Path
    name: str
    sha256: str
    size: int
    executable: bool


@dataclass(frozen=True)
class _Bundle:
    """Files that lie in one folder. `any_name`: a single file, whose name there does not matter."""

    key: str
    files: tuple[_File, ...]
    any_name: bool

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


_Seen = dict[str, "Future[ProcessResult]"]


class FileCache:
    """The files of the harness on one phone. Not for several threads at once.

    A file that has been asked for since the cache was made is not removed to make room for others.
    """

    def __init__(
        self, connection: Carrier, limit_bytes: int = DEFAULT_LIMIT_BYTES, *, cancel: Event | None = None
    ) -> None:
        self._phone, self._limit, self._cancel = connection, limit_bytes, cancel
        self._in_use: set[str] = set()
        self._hashes: dict[tuple[str, int, int, str], str] = {}
        self._script = (folder("device_scripts") / "files.sh").read_text(encoding="utf-8")
        self.pushed_bytes = 0

    def put(self, local: Path, *, sha256: str = "", name: str = "", executable: bool = False) -> str:
        """The path on the phone of a file with the content of `local`. Its name there may be the one under which the
        same content was put first.

        Raises:
            UsageError: `local` cannot be read.
            StorageFullError: there is no room, also after the least recently used were removed.
            DeviceError: the phone refuses the file, or receives another content.
            DeviceOfflineError, InvocationTimeoutError: as for `Connection.shell`.
        """
        return self.put_many([Item(local, sha256, name, executable)])[0]

    def put_many(self, items: Sequence[Item]) -> tuple[str, ...]:
        """The paths on the phone of several files; what is there is found in one round trip. Raises as `put`."""
        bundles = [_single(self._file(item, safe_name(item.name or item.local.name))) for item in items]
        names = self._ensure(bundles)
        return tuple(f"{ROOT}/{bundle.key}/{names[bundle.key]}" for bundle in bundles)

    def put_folder(self, files: Mapping[str, Path], executable: Collection[str] = ()) -> str:
        """The path on the phone of a folder that holds `files` by their names, such as a program and its libraries.

        Raises:
            UsageError: no files, or a name that is none. Otherwise as `put`.
        """
        wrong = [name for name in files if not _is_name(name)]
        if wrong or not files:
            raise UsageError(f"{wrong[0]!r} is no name for a file on a phone" if wrong else "no files to put")
        entries = [self._file(Item(path, "", name, name in executable), name) for name, path in sorted(files.items())]
        key = content_id([(file.name, file.sha256, file.executable) for file in entries], 64)
        self._ensure([_Bundle(key, tuple(entries), any_name=False)])
        return f"{ROOT}/{key}"

    def usage(self) -> int:
        """How many bytes the cache takes on the phone. Raises as `Connection.shell`."""
        return sum(entry.size for entry in parse_used(self._call("used")))

    def clean(self) -> int:
        """Remove everything; how many bytes that freed. Raises as `Connection.shell`."""
        before = self.usage()
        left = parse_used(self._call("clear"))
        self._in_use.clear()
        return before - sum(entry.size for entry in left)

    # ---- what is there -----------------------------------------------------------------------------------------------

    def _ensure(self, bundles: Sequence[_Bundle]) -> dict[str, str]:
        """See that all are there; for each key the name of its first file."""
        self._in_use.update(bundle.key for bundle in bundles)
        look = parse_look(self._call("look", *dict.fromkeys(bundle.key for bundle in bundles)))
        if not look.tool:
            raise DeviceError("the phone has neither sha256sum nor md5sum, so no transfer to it can be verified")
        names: dict[str, str] = {}
        missing: dict[str, _Bundle] = {}
        for bundle in bundles:
            name = _present(bundle, look)
            if name and self._still_good(bundle, name, look):
                names[bundle.key] = name
            else:
                missing[bundle.key] = bundle
        if missing:
            self._make_room(missing.values())
            self._bring(list(missing.values()), look.tool)
        names.update({key: bundle.files[0].name for key, bundle in missing.items()})
        return names

    def _still_good(self, bundle: _Bundle, name: str, look: Look) -> bool:
        """Verified in this boot, or again now: what a phone had not written before it crashed may be zeros."""
        first = bundle.files[0]
        if bundle.any_name and first.executable and not look.files[f"{bundle.key}/{name}"][1] & 0o100:
            self._call_in(_SHORT_S, "mode", bundle.key, "755", name)
        if look.boot not in ("", _HIDDEN_BOOT) and look.verified[bundle.key] == look.boot:
            return True
        names = [name] if bundle.any_name else [file.name for file in bundle.files]
        pairs = [
            part
            for file, there in zip(bundle.files, names, strict=True)
            for part in (self._digest(file, look.tool), there)
        ]
        return "kept" in self._call_in(_time_for(bundle.size), "check", bundle.key, look.tool, *pairs)

    def _file(self, item: Item, name: str) -> _File:
        try:
            size = item.local.stat().st_size
            sha256 = item.sha256.lower() or self._hash(item.local, "sha256")
        except OSError as error:
            raise UsageError(f"{item.local} cannot be read: {error.strerror or error}") from error
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise UsageError(f"{item.sha256!r} is no sha256")
        return _File(item.local, name, sha256, size, item.executable)

    def _digest(self, file: _File, tool: str) -> str:
        return file.sha256 if tool == "sha256sum" else self._hash(file.local, "md5")

    def _hash(self, path: Path, algorithm: str) -> str:
        status = path.stat()
        key = (str(path.resolve()), status.st_size, status.st_mtime_ns, algorithm)
        if key not in self._hashes:
            self._hashes[key] = file_digest(path, algorithm)
        return self._hashes[key]

    # ---- bringing it there -------------------------------------------------------------------------------------------

    def _bring(self, bundles: Sequence[_Bundle], tool: str) -> None:
        """Push all, then give those that arrived whole their names; the others once more.

        The phone hashes a large file while it is received and while the next ones are.
        """
        for attempt in range(_ATTEMPTS):
            with ThreadPoolExecutor(_HASHES_AT_ONCE, "phone-hash") as pool:
                stop = Event()
                try:
                    sent = [(bundle, *self._send(bundle, tool, pool, stop)) for bundle in bundles]
                except BaseException:
                    stop.set()
                    raise
                outcomes = [(bundle, self._settle(bundle, unique, seen, tool)) for bundle, unique, seen in sent]
            wrong = {bundle.key: said for bundle, said in outcomes if said != "kept"}
            bundles = [bundle for bundle in bundles if bundle.key in wrong]
            if not bundles:
                return
            if attempt + 1 == _ATTEMPTS:
                raise DeviceError(
                    f"{bundles[0].files[0].name} is not on the phone as it was sent: {wrong[bundles[0].key]}"
                )

    def _send(self, bundle: _Bundle, tool: str, pool: ThreadPoolExecutor, stop: Event) -> tuple[str, _Seen]:
        """Push the files of a bundle into a folder of their own: its name, and what the phone is hashing."""
        unique = secrets.token_hex(8)
        seen: _Seen = {}
        for file in bundle.files:
            remote = f"{ROOT}/.new-{unique}/{file.name}"
            timeout_s = _time_for(file.size)
            if file.size >= _FOLLOWED_BYTES:
                script = script_with(self._script, ["follow", tool, str(file.size), remote])
                seen[file.name] = pool.submit(self._phone.shell, script, timeout_s=timeout_s, cancel=stop)
            try:
                self._phone.push(file.local, remote, timeout_s=timeout_s, cancel=self._cancel)
            except StorageFullError as error:
                stop.set()
                raise _full(file.size, parse_free(self._call("room")), self._limit) from error
            self.pushed_bytes += file.size
        return unique, seen

    def _settle(self, bundle: _Bundle, unique: str, seen: _Seen, tool: str) -> str:
        """Verify what was not verified on the way and give the folder its name: ``kept``, or what is wrong."""
        arguments: list[str] = []
        for file in bundle.files:
            digest = self._digest(file, tool)
            verified = file.name in seen and _digest_of(seen[file.name]) == digest
            arguments += ["755" if file.executable else "644", "-" if verified else digest, file.name]
        output = self._call_in(_time_for(bundle.size), "settle", unique, bundle.key, tool, *arguments)
        return "kept" if "kept" in output else "; ".join(output) or "the phone did not say why"

    # ---- room --------------------------------------------------------------------------------------------------------

    def _make_room(self, bundles: Iterable[_Bundle]) -> None:
        needed = sum(bundle.size for bundle in bundles)
        if needed > self._limit:
            raise _full(needed, None, self._limit)
        output = self._call("room")
        entries, free = parse_used(output), parse_free(output)
        going = to_remove(entries, self._in_use, needed, free, self._limit)
        if going:
            self._call("remove", *(entry.key for entry in going))
        gained = sum(entry.size for entry in going)
        if free is not None and free + gained < needed:
            raise _full(needed, free + gained, self._limit)

    def _call(self, *arguments: str) -> list[str]:
        return self._call_in(_SHORT_S, *arguments)

    def _call_in(self, timeout_s: float, *arguments: str) -> list[str]:
        result = self._phone.shell(script_with(self._script, arguments), timeout_s=timeout_s, cancel=self._cancel)
        output = result.stdout.decode("utf-8", "replace").splitlines()
        if result.returncode != 0 and not output:
            reason = result.stderr.decode("utf-8", "replace").strip() or f"exit status {result.returncode}"
            kind = StorageFullError if "No space left" in reason else DeviceError
            raise kind(f"the file cache on the phone cannot be used: {reason}", where=ROOT)
        return output


def safe_name(name: str) -> str:
    """`name` as a file name that needs no quoting and hides nothing: only letters, digits and ``._+-``."""
    text = re.sub(r"[^A-Za-z0-9._+-]+", "_", name).lstrip(".-")
    return text[-_LONGEST_NAME:].lstrip(".-") or "file"


def _is_name(name: str) -> bool:
    return bool(name) and len(name.encode("utf-8", "replace")) <= 255 and not re.search(r"^[.-]|[/\x00-\x1f\x7f]", name)


def _single(file: _File) -> _Bundle:
    return _Bundle(file.sha256, (file,), any_name=True)


def _present(bundle: _Bundle, look: Look) -> str:
    """The name of the bundle's first file on the phone when all have their size there, or an empty text."""
    if bundle.key not in look.verified:
        return ""
    if bundle.any_name:
        prefix = f"{bundle.key}/"
        fitting = [path for path, (size, _) in look.files.items() if path.startswith(prefix) and size == bundle.size]
        return min(fitting, default="").removeprefix(prefix)
    sizes = [look.files.get(f"{bundle.key}/{file.name}", (-1, 0))[0] for file in bundle.files]
    return bundle.files[0].name if sizes == [file.size for file in bundle.files] else ""


def _digest_of(follower: Future[ProcessResult]) -> str:
    """The hash the phone computed on the way; empty when it did not."""
    try:
        output = follower.result().stdout
    except HarnessError:
        return ""
    return output.decode("ascii", "replace").split(" ")[0].strip()


def _time_for(size: int) -> float:
    return _SHORT_S + size / _SLOWEST_BYTES_PER_S


def _full(needed: int, free: int | None, limit: int) -> StorageFullError:
    there = f"{bytes_to_mb(free):.0f} MB are free" if free is not None else f"the limit is {bytes_to_mb(limit):.0f} MB"
    return StorageFullError(
        f"no room on the phone: {bytes_to_mb(needed):.0f} MB are needed, {there}",
        where=ROOT,
        remedy="Free some on the phone, or run: harness devices --clean",
    )
