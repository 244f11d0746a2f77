"""External delegates in LiteRT on this host: which library, with what, and why it cannot be used."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.domain import Backend
from harness.errors import ParseError
from harness.runtimes.edgetpu_protocol import EdgeTpuLibraries
from harness.runtimes.elf import machine_of, runs_on
from harness.runtimes.litert_protocol import Hello

LIBEDGETPU = "libedgetpu.so.1"
_ABIS = {"x86_64": "x86_64", "aarch64": "arm64-v8a", "arm64": "arm64-v8a", "armv7l": "armeabi-v7a", "i686": "x86"}
_OURS = ("path", "libraries", "rest")
_EDGETPU = ("library", "rest")
_RESTS = ("xnnpack", "builtin")
_GET = "install libedgetpu1-std or a build for newer versions, or name its path: `backends: [{edgetpu: {library: …}}]`"


@dataclass(frozen=True)
class ExternalDelegate:
    """A delegate's library as the runner is told of it.

    Attributes:
        path: of the library, or a name that the loader looks for.
        options: for the delegate itself.
        rest: what computes the nodes that it leaves: ``xnnpack``, ``builtin``; empty for the library's default.
        libraries: a folder with further libraries that it needs.
    """

    path: str
    options: tuple[tuple[str, str], ...] = ()
    rest: str = ""
    libraries: str = ""

    @property
    def fields(self) -> dict[str, object]:
        """The field `external` of the runner's request."""
        return {"path": self.path, "options": dict(self.options), "rest": self.rest}

    def environment(self, inherited: str) -> dict[str, str]:
        """The variables of the process; `inherited` is the LD_LIBRARY_PATH that there is without us."""
        if not self.libraries:
            return {}
        folders = filter(None, (str(Path(self.libraries).expanduser()), inherited))
        return {"LD_LIBRARY_PATH": ":".join(folders)}


def delegate_of(backend: Backend) -> ExternalDelegate | None:
    """The delegate of `backend`, None for a backend that is none; a missing `path` is empty."""
    given = dict(backend.options)
    if backend.kind == "external":
        own = tuple((name, value) for name, value in backend.options if name not in _OURS)
        path = str(Path(given["path"]).expanduser()) if given.get("path") else ""
        return ExternalDelegate(path, own, given.get("rest", ""), given.get("libraries", ""))
    if backend.kind == "edgetpu":
        named = given.get("library") or LIBEDGETPU
        path = str(Path(named).expanduser()) if "/" in named else named
        return ExternalDelegate(path, rest=given.get("rest", ""))
    return None


def problem_of(backend: Backend, machine: str = "") -> str | None:
    """Why the library of `backend` cannot be used on this host (or on a `machine`), or None.

    A name without a folder is the loader's to find, so nothing is said of it here.
    """
    delegate, given = delegate_of(backend), dict(backend.options)
    if delegate is None:
        return None
    key = "path" if backend.kind == "external" else "library"
    if not delegate.path:
        return f"the {backend.kind} backend needs the option {key}: the delegate's library on this host"
    if delegate.rest and delegate.rest not in _RESTS:
        return f"{backend.kind}: rest: {delegate.rest!r} is not a value; allowed: {', '.join(_RESTS)}"
    if backend.kind == "edgetpu" and (unknown := sorted(given.keys() - set(_EDGETPU))):
        return f"the edgetpu backend does not know the option {unknown[0]!r}; it knows {', '.join(_EDGETPU)}"
    if delegate.libraries and not Path(delegate.libraries).expanduser().is_dir():
        return f"{delegate.libraries!r} is not a folder; correct `libraries`"
    return _file_problem(Path(delegate.path), key, machine or platform.machine()) if "/" in delegate.path else None


def _file_problem(path: Path, key: str, machine: str) -> str | None:
    try:
        if not path.is_file():
            return f"the delegate's library {str(path)!r} is not a file; correct `{key}`"
        found = machine_of(path)
        if found is None:
            return f"{str(path)!r} is no shared library (no ELF file); correct `{key}`"
        fits = runs_on(path, (_ABIS[machine],) if machine in _ABIS else ())
    except OSError as error:
        return f"the delegate's library {str(path)!r} cannot be read: {error.strerror}"
    return None if fits else f"{path} is for {found}, this host is {machine}; name the delegate's library for it"


def libraries_said(line: Mapping[str, Any], hello: Hello) -> EdgeTpuLibraries | str:
    """What libedgetpu said of itself in the introduction `line`, or the sentence why it could not be loaded.

    Raises:
        ParseError: the line says nothing of it.
    """
    said = line.get("external")
    if not isinstance(said, Mapping):
        raise ParseError("the introduction says nothing of the delegate", where="runner output")
    if said.get("error"):
        return f"{said['error']}; {_GET}"
    runtime, package = (str(said.get(name) or "") for name in ("runtime", "package"))
    devices = tuple(map(str, said.get("devices") or ()))
    return EdgeTpuLibraries(runtime, package, hello.library, hello.version, devices)
