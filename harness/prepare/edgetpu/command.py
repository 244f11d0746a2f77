"""Where ``edgetpu_compiler`` is, and the command line that runs it: on this host, in a container or on another host."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from harness.devices.base import ProcessResult
from harness.devices.process import run_process
from harness.domain import EdgeTpuCompiler
from harness.prepare.edgetpu.failures import INSTALL
from harness.prepare.edgetpu.log import parse_log
from harness.prepare.edgetpu.verdict import text_of

ARGUMENTS, FOLDER = "{arguments}", "{folder}"
VERSION_TIMEOUT_S = 60.0
# The first release that prints of a timer; our own deadline holds for all.
FIRST_WITH_TIMEOUT = 16
Run = Callable[[tuple[str, ...], float, threading.Event], ProcessResult]
"""Runs a command line with a deadline in seconds until its end or until the event is set."""


@dataclass(frozen=True)
class Program:
    """How the compiler is called. `remote`: the words are joined and read by a shell again, as ssh does it."""

    words: tuple[str, ...]
    remote: bool = False

    @property
    def template(self) -> bool:
        """Whether it is the user's own command, and not the compiler itself."""
        return any(ARGUMENTS in word for word in self.words)

    def argv(self, arguments: tuple[str, ...], folder: Path) -> tuple[str, ...]:
        """The whole command line with `arguments`, for files in `folder`."""
        if not self.template:
            return (*self.words, *arguments)
        return tuple(part for word in self.words for part in self._filled(word, arguments, str(folder)))

    def _filled(self, word: str, arguments: tuple[str, ...], folder: str) -> tuple[str, ...]:
        if word == ARGUMENTS:
            return tuple(map(shlex.quote, arguments)) if self.remote else arguments
        before, inside, after = word.partition(ARGUMENTS)
        # Inside a longer word they are part of a line that some shell reads: `sh -c "cd /tmp; compiler {arguments}"`.
        place = shlex.quote(folder) if inside or self.remote else folder
        parts = (before.replace(FOLDER, place), after.replace(FOLDER, place))
        return (f"{parts[0]}{shlex.join(arguments) if inside else ''}{parts[1]}",)


@dataclass(frozen=True)
class Missing:
    """Why there is no compiler, and what to do about it."""

    reason: str
    remedy: str = INSTALL


def find_compiler(settings: EdgeTpuCompiler) -> Program | Missing:
    """The compiler that `settings` name: on PATH, by its path, or by a template; or why it is not there."""
    command = settings.command.strip()
    path = Path(command).expanduser()
    if os.sep in command and path.is_file():
        if os.access(path, os.X_OK):
            return Program((str(path.absolute()),))
        return Missing(f"{path} may not be executed", f"chmod +x {shlex.quote(str(path))}")
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        return Missing(f"the command {command!r} cannot be split into words: {error}", "Close its quotation marks.")
    if not words:
        return Missing("no command is given for edgetpu_compiler")
    if len(words) > 1 and ARGUMENTS not in command:
        return Missing(
            f"the command {command!r} does not say where the compiler's arguments go",
            "Put {arguments} where they belong, as in `docker run --rm -v {folder}:{folder} IMAGE edgetpu_compiler "
            "{arguments}`.",
        )
    found = shutil.which(os.path.expanduser(words[0]))  # noqa: PTH111 - a name on PATH stays a name
    if found is None:
        return Missing(f"{words[0]} is not on this host" if os.sep in words[0] else f"{words[0]} is not on PATH")
    return Program((found, *words[1:]), remote=Path(words[0]).name in ("ssh", "autossh", "sshpass"))


def arguments_of(settings: EdgeTpuCompiler, models: tuple[Path, ...], out: Path, version: str = "") -> tuple[str, ...]:
    """The arguments for the compiler of this `version`: the table of operators is always asked for."""
    arguments = ["-s", "-o", str(out)]
    if not version or int(version.split(".")[0]) >= FIRST_WITH_TIMEOUT:
        arguments += ["-t", str(max(1, ceil(settings.timeout_s)))]
    if settings.min_runtime_version is not None:
        arguments += ["-m", str(settings.min_runtime_version)]
    if settings.intermediate_tensors:
        arguments += ["-i", ",".join(settings.intermediate_tensors)]
    if settings.several_subgraphs:
        arguments.append("-a")
    if settings.num_segments > 1:
        arguments += ["-n", str(settings.num_segments)]
    if settings.search_delegate:
        arguments.append("-d")
        if settings.search_step is not None:
            arguments += ["-k", str(settings.search_step)]
    return (*arguments, *map(str, models))


def run_compiler(argv: tuple[str, ...], timeout_s: float, cancel: threading.Event) -> ProcessResult:
    """Run `argv` in the user's own environment: a container's or ssh's client needs its sockets and keys."""
    env: Mapping[str, str] = {**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    return run_process(argv, stdin=b"", env=env, timeout_s=timeout_s, cancel=cancel)


class Versions:
    """What compilers said of themselves; each is asked once, as long as its file does not change."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], str] = {}
        self._lock = threading.Lock()

    def of(self, program: Program, folder: Path, run: Run, cancel: threading.Event) -> str:
        """The version of `program`; one that does not say it is asked again the next time."""
        key = (program, _stamp(Path(program.words[0])))
        with self._lock:
            if not self._known.get(key):
                result = run(program.argv(("--version",), folder), VERSION_TIMEOUT_S, cancel)
                self._known[key] = parse_log(text_of(result)).version
            return self._known[key]


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except OSError:
        return ()
    return (status.st_ino, status.st_size, status.st_mtime_ns)


_VERSIONS = Versions()


def compiler_version(
    program: Program,
    *,
    folder: Path | None = None,
    run: Run = run_compiler,
    cancel: threading.Event | None = None,
    versions: Versions = _VERSIONS,
) -> str:
    """``16.0.384591198``; empty when it does not say.

    `folder` is what a template's `{folder}` stands for; by default a new one, since a user's script may copy or remove
    whatever folder it is given.
    """
    stop = cancel or threading.Event()
    if folder is not None:
        return versions.of(program, folder, run, stop)
    with tempfile.TemporaryDirectory(prefix="harness-edgetpu-", ignore_cleanup_errors=True) as own:
        return versions.of(program, Path(own), run, stop)
