"""Which libedgetpu a process of this host would load: its path, and what the package manager says of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

SONAME = "libedgetpu.so.1"
SPEEDS = {"std": "standard clock", "max": "maximum clock"}

_CACHE = "etc/ld.so.cache"
_STATUS = "var/lib/dpkg/status"
_FOLDERS = ("lib", "usr/lib", "usr/local/lib")
_CACHED = re.compile(rb"/[^\0\n]{1,4096}/libedgetpu\.so\.1(?=\0)")
_PACKAGE = re.compile(r"^Package: (libedgetpu1-(?:std|max))$(.*?)(?:\n\n|\Z)", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^(Status|Version): (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Library:
    """libedgetpu on this host; what nobody says is empty.

    Attributes:
        path: of ``libedgetpu.so.1``; empty when there is none.
        package: the Debian package that is installed: ``libedgetpu1-std``, ``libedgetpu1-max``.
        version: of that package.
        speed: ``std`` or ``max``: whether a stick runs at half or at full clock.
    """

    path: str = ""
    package: str = ""
    version: str = ""
    speed: str = ""

    @property
    def label(self) -> str:
        """``16.0, libedgetpu1-std (standard clock)``; the path where no package is known."""
        if not self.path and not self.package:
            return ""
        named = ", ".join(filter(None, (self.version, self.package))) or self.path
        return f"{named} ({SPEEDS[self.speed]})" if self.speed else named


def find_library(root: Path, environ: Mapping[str, str]) -> Library:
    """The library that the loader would take, and the package that is installed."""
    path = next(_candidates(root, environ), "")
    package, version = _package(root)
    return Library(path, package, version, package.rpartition("-")[2] or _speed(root, path))


def _candidates(root: Path, environ: Mapping[str, str]) -> Iterator[str]:
    """In the loader's order: LD_LIBRARY_PATH, its cache, the usual folders."""
    named = filter(None, re.split("[:;]", environ.get("LD_LIBRARY_PATH", "")))
    yield from _there(root, (f"{folder}/{SONAME}" for folder in named))
    yield from _there(root, (match.decode("utf-8", "replace") for match in _CACHED.findall(_bytes(root / _CACHE))))
    for folder in _FOLDERS:
        patterns = (f"{folder}/*-linux-gnu*/{SONAME}", f"{folder}/{SONAME}")
        yield from (f"/{path.relative_to(root)}" for pattern in patterns for path in sorted(root.glob(pattern)))


def _there(root: Path, paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        try:
            if (root / path.lstrip("/")).is_file():
                yield path
        except OSError:  # a name that is too long, or a folder that may not be read
            continue


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _package(root: Path) -> tuple[str, str]:
    """Name and version of the installed package; empty without one."""
    text = _bytes(root / _STATUS).decode("utf-8", "replace")
    for match in _PACKAGE.finditer(text):
        fields = dict(_FIELD.findall(match[2]))
        if fields.get("Status", "").endswith(" installed"):
            return match[1], fields.get("Version", "")
    return "", ""


def _speed(root: Path, path: str) -> str:
    """The builds are published in folders ``throttled`` and ``direct``, and the link tells which one was taken."""
    try:
        parts = (root / path.lstrip("/")).resolve().parts if path else ()
    except (OSError, RuntimeError):
        return ""
    return "std" if "throttled" in parts else "max" if "direct" in parts else ""
