"""One file by URL: resumed where it stopped, written under its name only when it is whole. Proxies are those of the
environment (``https_proxy``, ``no_proxy``)."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness.errors import StableError, TransientError

SCHEMES = ("https", "http", "file")
SOCKET_TIMEOUT_S = 30.0
MAX_BYTES = 2 << 30
_CHUNK = 1 << 18
_HTTP_PARTIAL, _HTTP_RANGE_REFUSED = 206, 416
OFFLINE_REMEDY = (
    "Without a network: copy the files from a machine that has one and give their folder with --from DIR. Behind a "
    "proxy: set https_proxy. A started download goes on where it stopped."
)

Progress = Callable[[int, "int | None"], None]
"""Takes the bytes so far and the size, None where the server does not say it."""


def download(url: str, part: Path, progress: Progress = lambda done, total: None) -> None:
    """Fetch `url` into the file `part`, going on with what an earlier try left there.

    Raises:
        TransientError: no connection, or it broke; what arrived is kept.
        StableError: the address is wrong, or the server has no such file.
    """
    if urlsplit(url).scheme not in SCHEMES:
        raise StableError(f"cannot fetch {url!r}: use one of {', '.join(SCHEMES)}")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        with _open(url, part) as response:
            _receive(response, url, part, progress)
    except urllib.error.HTTPError as error:
        raise _http_error(url, error) from error
    except (OSError, http.client.HTTPException) as error:
        raise _connection_error(url, error) from error


def _open(url: str, part: Path) -> Any:
    have, mark = _left_over(part)
    request = urllib.request.Request(url, headers={"User-Agent": "harness", "Accept-Encoding": "identity"})
    if have and mark and not url.startswith("file:"):
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", mark)
    try:
        return urllib.request.urlopen(request, timeout=SOCKET_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code != _HTTP_RANGE_REFUSED:
            raise
        error.close()  # what is there is as long as the file, or longer: begin anew
        forget(part)
        request.remove_header("Range")
        request.remove_header("If-range")
        return urllib.request.urlopen(request, timeout=SOCKET_TIMEOUT_S)


def _left_over(part: Path) -> tuple[int, str]:
    """How much of an earlier try is there, and what identifies the version of the file that it is of."""
    try:
        mark = json.loads(_mark_path(part).read_text(encoding="utf-8"))
        return part.stat().st_size, mark if isinstance(mark, str) else ""
    except (OSError, ValueError):
        return 0, ""


def _mark_path(part: Path) -> Path:
    return part.with_name(part.name + ".mark")


def forget(part: Path) -> None:
    """Remove what an earlier try left."""
    for path in (part, _mark_path(part)):
        path.unlink(missing_ok=True)


def _receive(response: Any, url: str, part: Path, progress: Progress) -> None:
    resumed = getattr(response, "status", None) == _HTTP_PARTIAL
    done = part.stat().st_size if resumed else 0
    length = response.headers.get("Content-Length")
    total = done + int(length) if length is not None and re.fullmatch(r"[0-9]{1,18}", length) else None
    _require_plausible(url, total)
    mark = response.headers.get("ETag") or ""
    # A weak tag does not promise equal bytes.
    _mark_path(part).write_text(json.dumps("" if mark.startswith("W/") else mark), encoding="utf-8")
    with part.open("ab" if resumed else "wb", buffering=0) as stream:
        while block := response.read(_CHUNK):
            _write(stream, block, part)
            done += len(block)
            progress(done, total)
            _require_plausible(url, done)
    if total is not None and done < total:
        raise http.client.IncompleteRead(b"", total - done)
    with contextlib.suppress(OSError):
        _mark_path(part).unlink()


def _write(stream: FileIO, block: bytes, part: Path) -> None:
    try:
        view = memoryview(block)
        while view:
            view = view[stream.write(view) :]
    except OSError as error:
        raise StableError(
            f"{part}: cannot be written: {error.strerror}",
            remedy="Free space there, or choose another place with --cache.",
        ) from error


def _require_plausible(url: str, size: int | None) -> None:
    if size is not None and size > MAX_BYTES:
        raise StableError(f"{url} is larger than {MAX_BYTES} bytes: this is not the file")


def _http_error(url: str, error: urllib.error.HTTPError) -> StableError | TransientError:
    error.close()
    text = f"{url}: the server answers {error.code} {error.reason}"
    if error.code >= 500 or error.code in (408, 429):
        return TransientError(text, remedy="Try again later.")
    return StableError(text, remedy="Look whether this file is still published, or give a folder with --from DIR.")


def _connection_error(url: str, error: Exception) -> TransientError | StableError:
    reason = getattr(error, "reason", error)
    if isinstance(reason, FileNotFoundError):
        return StableError(f"{url}: there is no such file", remedy="Correct the folder after --from.")
    if isinstance(reason, OSError) and getattr(error, "filename", None) is not None:
        return StableError(f"{error.filename}: {reason.strerror}", remedy="Choose another place with --cache.")  # type: ignore[attr-defined]
    if isinstance(reason, socket.gaierror):
        what = f"the name {urlsplit(url).hostname} cannot be resolved: this machine seems to be offline"
    elif isinstance(reason, http.client.IncompleteRead):
        what = "the connection broke before the file was whole"
    elif isinstance(reason, TimeoutError):
        what = f"no answer for {SOCKET_TIMEOUT_S:g} s"
    else:
        what = str(getattr(reason, "strerror", None) or reason or type(error).__name__)
    return TransientError(f"{url}: {what}", remedy=OFFLINE_REMEDY)
