"""Google's published builds of the benchmark tools: where they are, and how a fetched one is held to its digest.

A digest is trusted as far as somebody has checked it. The table in `published` holds those that were checked for this
version of the harness; a file without one is *recorded* at its first fetch, and every later fetch must give the same
bytes. The user can state one from another source.

::

    <folder>/<release>/<platform>/<file>
    <folder>/pins/<id>.json                 url, sha256 and size of the first fetch
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from harness.content import file_digest
from harness.errors import StableError
from harness.runtimes.download import download, forget
from harness.runtimes.elf import machine_of
from harness.runtimes.published import LITERT_RELEASE, TFLITE_RELEASE, TOOL, Published

try:
    import fcntl
except ImportError:  # not POSIX
    fcntl = None  # type: ignore[assignment]

MACHINES = {"arm64": "AArch64", "arm": "Arm", "x86_64": "x86-64"}

OnProgress = Callable[[str, int, "int | None"], None]


@dataclass(frozen=True)
class Fetched:
    """A file that is here; `url` is where it came from just now, empty if it was here before.

    `trust` is ``checked`` (against the table), ``given`` (against the user's digest), ``recorded`` (the same bytes as
    at its first fetch) or ``new`` (this was its first fetch: nobody has checked it).
    """

    key: str
    path: str
    url: str
    sha256: str
    size_bytes: int
    trust: str
    cached: bool


def binaries_folder(cache_dir: Path) -> Path:
    """Where the files are kept."""
    return cache_dir / "binaries"


def fetch(
    one: Published,
    folder: Path,
    *,
    source: str | None = None,
    sha256: str = "",
    update: bool = False,
    on_progress: OnProgress = lambda key, done, total: None,
) -> Fetched:
    """Bring `one` into `folder`, unless it is there and unchanged.

    Args:
        source: a folder, or the address of a mirror with Google's layout; None is Google.
        sha256: the digest that it must have.
        update: take other bytes than those of the first fetch, and record them.

    Raises:
        TransientError: there is no connection.
        StableError: the bytes are not the expected ones, or not a program of the platform.
    """
    target = folder / one.release / one.platform / one.file
    with _alone(folder, one):
        return _fetch(one, folder, target, source, sha256, update, on_progress)


def _fetch(
    one: Published,
    folder: Path,
    target: Path,
    source: str | None,
    sha256: str,
    update: bool,
    on_progress: OnProgress,
) -> Fetched:
    expected, trust = _expected(one, folder, sha256, update)
    if target.is_file() and not update:
        digest = file_digest(target)
        if expected in ("", digest):
            return _kept(one, folder, target, digest, trust, url="")
    url = source_url(one, source)
    part = target.with_name(target.name + ".part")
    download(url, part, lambda done, total: on_progress(one.key, done, total))
    digest = file_digest(part)
    try:
        _require_digest(one, url, digest, expected, trust)
        _require_program(one, url, part)
    except StableError:
        forget(part)
        raise
    part.chmod(0o755)
    part.replace(target)
    return _kept(one, folder, target, digest, trust, url=url)


@contextlib.contextmanager
def _alone(folder: Path, one: Published) -> Iterator[None]:
    """Wait for another process that fetches the same file; the kernel ends the lock with the process."""
    path = folder / "locks" / one.key.replace("/", "--")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("w")
    except OSError as error:
        raise StableError(f"{path}: {error.strerror}", remedy="Choose another place with --cache.") from error
    with stream:
        if fcntl is not None:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(stream.fileno(), fcntl.LOCK_EX)
        yield


def source_url(one: Published, source: str | None) -> str:
    """Where to take `one` from: Google, a mirror, or a folder in which it lies under any of its names.

    Raises:
        StableError: the folder has no such file.
    """
    if source is None:
        return one.url
    if len(urlsplit(source).scheme) > 1:
        return f"{source.rstrip('/')}/{quote(one.path)}"
    root = Path(source).expanduser()
    names = (one.key, f"{one.platform}/{one.file}", one.path, Path(one.path).name, one.file)
    for name in names:
        if (root / name).is_file():
            return (root / name).resolve().as_uri()
    raise StableError(
        f"{root} has none of {', '.join(names)}", remedy="Correct the folder after --from, or use --only."
    )


def _expected(one: Published, folder: Path, sha256: str, update: bool) -> tuple[str, str]:
    if sha256:
        return sha256.lower(), "given"
    if one.checked_sha256:
        return one.checked_sha256, "checked"
    recorded = "" if update else recorded_sha256(one, folder)
    return (recorded, "recorded") if recorded else ("", "new")


def _require_digest(one: Published, url: str, digest: str, expected: str, trust: str) -> None:
    if expected in ("", digest):
        return
    said = {"given": "you gave", "checked": "this version expects", "recorded": "was recorded at its first fetch"}[
        trust
    ]
    remedy = "Fetch it again; if it differs again, do not use it."
    if trust == "recorded":
        remedy = "If it was published anew and you want that, use --update; results of both are not comparable."
    raise StableError(f"{url} has the SHA-256 {digest}, but {expected} {said}", where=one.key, remedy=remedy)


def _require_program(one: Published, url: str, path: Path) -> None:
    found, wanted = machine_of(path), MACHINES[one.platform.partition("_")[2]]
    if found != wanted:
        what = f"a program for {found}" if found else "no program (an error page?)"
        raise StableError(f"{url} is {what}, not one for {wanted}", where=one.key)


def _kept(one: Published, folder: Path, path: Path, digest: str, trust: str, *, url: str) -> Fetched:
    size = path.stat().st_size
    if trust in ("new", "given"):
        record = {"key": one.key, "url": url or "found in the cache", "sha256": digest, "size_bytes": size}
        _write_atomically(_pin_path(one, folder), json.dumps(record, indent=2) + "\n")
    return Fetched(one.key, str(path), url, digest, size, trust, cached=not url)


def recorded_sha256(one: Published, folder: Path) -> str:
    """The digest of the first fetch of `one`, or an empty text."""
    try:
        value = json.loads(_pin_path(one, folder).read_text(encoding="utf-8"))["sha256"]
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StableError(
            f"{_pin_path(one, folder)} cannot be read", remedy="Remove it, or fetch with --update."
        ) from error
    return str(value)


def _pin_path(one: Published, folder: Path) -> Path:
    return folder / "pins" / f"{one.key.replace('/', '--')}.json"


def _write_atomically(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    shutil.move(name, path)


def fetched_tool(folder: Path, platform: str, release: str = "") -> Path | None:
    """The benchmark tool for `platform` that was fetched: of `release`, else TensorFlow Lite's before LiteRT's."""
    for name in [release] if release else [TFLITE_RELEASE, LITERT_RELEASE]:
        path = folder / name / platform / TOOL
        if path.is_file():
            return path
    return None
