"""What Python interpreters have for the Edge TPU, asked in a child process each, for what it loads may crash."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any

from harness.devices.base import ProcessResult
from harness.devices.process import run_process

DEADLINE_S = 30.0
# Where Coral's pycoral is at home, and python3 for Debian's package of it.
_NAMES = ("python3", *(f"python3.{minor}" for minor in range(6, 14)))
_PROBE = Path(__file__).with_name("_probe.py")
_LONGEST_TEXT = 300


@dataclass(frozen=True)
class Interpreter:
    """One interpreter and what it has.

    Attributes:
        asked: somebody named it, so that its lack of pycoral is a problem.
        own: the harness runs in it.
        python: its version; empty when it did not say one.
        kind: ``coral``, ``other`` (PyPI's pycoral, which is Allen Coral Atlas), ``none``.
        pycoral: the version of the package of that name.
        tflite: libraries with an interpreter of TensorFlow Lite, and their versions.
        runtime: what the loaded libedgetpu says of itself.
        problem: why it is of no use, in its own words; empty when it is.
        crash: the signal that ended it while it imported pycoral.
    """

    path: str
    asked: bool = False
    own: bool = False
    python: str = ""
    kind: str = "none"
    pycoral: str = ""
    tflite: tuple[tuple[str, str], ...] = ()
    runtime: str = ""
    problem: str = ""
    crash: str = ""

    @property
    def label(self) -> str:
        """``/opt/coral/bin/python (Python 3.9.18)``."""
        return f"{self.path} (Python {self.python})" if self.python else self.path


def candidates(named: Iterable[str], environ: Mapping[str, str]) -> tuple[Interpreter, ...]:
    """The interpreters to ask: those that are named, else the harness's own and those on PATH."""
    if asked := tuple(dict.fromkeys(named)):
        return tuple(_named(name, environ) for name in asked)
    found = {_identity(sys.executable): Interpreter(sys.executable, own=True)}
    for name in _NAMES:
        path = shutil.which(name, path=environ.get("PATH", ""))
        if path is not None:
            found.setdefault(_identity(path), Interpreter(path))
    return tuple(found.values())


def _named(name: str, environ: Mapping[str, str]) -> Interpreter:
    path = shutil.which(Path(name).expanduser(), path=environ.get("PATH", ""))
    if path is None:
        return Interpreter(name, asked=True, problem="no such program, or it may not be run")
    return Interpreter(path, asked=True, own=_identity(path) == _identity(sys.executable))


def _identity(path: str) -> tuple[str, str]:
    """One program in one folder: a virtual environment's interpreter is a link to the one it was made from."""
    return os.path.realpath(Path(path).parent), os.path.realpath(path)


def ask(interpreter: Interpreter, deadline_s: float = DEADLINE_S) -> Interpreter:
    """`interpreter` with what it says of itself."""
    if interpreter.problem:
        return interpreter
    argv = (interpreter.path, "-E", "-B", str(_PROBE))
    result = run_process(argv, stdin=b"", env={}, timeout_s=deadline_s, cancel=Event())
    return read_answer(interpreter, result, deadline_s)


def read_answer(interpreter: Interpreter, result: ProcessResult, deadline_s: float = DEADLINE_S) -> Interpreter:
    """What the lines of the probe and its end say."""
    lines = [line for text in result.stdout.splitlines() if (line := _line(text)) is not None]
    if not lines or not isinstance(lines[0].get("python"), str):
        return replace(interpreter, problem=_end(result, deadline_s) or "it did not answer as a Python interpreter")
    found = _with_lines(interpreter, lines[0], lines[1] if len(lines) > 1 else {})
    if found.kind != "coral" or len(lines) > 1:
        return found
    return replace(found, crash=_signal(result), problem=_end(result, deadline_s) or "it ended while importing pycoral")


def _with_lines(interpreter: Interpreter, first: Mapping[str, Any], second: Mapping[str, Any]) -> Interpreter:
    return replace(
        interpreter,
        python=_short(first["python"]),
        kind=first["kind"] if first.get("kind") in ("coral", "other") else "none",
        pycoral=_short(first.get("pycoral")),
        tflite=_pairs(first.get("tflite")),
        runtime=_short(second.get("runtime")),
        problem=_short(second.get("error")),
    )


def _pairs(value: object) -> tuple[tuple[str, str], ...]:
    pairs = value if isinstance(value, list) else []
    return tuple((_short(pair[0]), _short(pair[1])) for pair in pairs if isinstance(pair, list) and len(pair) == 2)


def _line(text: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _short(value: object) -> str:
    return "".join(filter(str.isprintable, str(value or "")))[:_LONGEST_TEXT]


def _end(result: ProcessResult, deadline_s: float) -> str:
    """How the process ended, where that says something."""
    if result.timed_out:
        return f"no answer within {deadline_s:.0f} s"
    if result.returncode < 0:
        return f"ended by {_signal(result)}"
    last = result.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
    return _short(last[0]) if last and result.returncode else ""


def _signal(result: ProcessResult) -> str:
    if result.returncode >= 0 or result.timed_out:
        return ""
    try:
        return signal.Signals(-result.returncode).name
    except ValueError:
        return f"signal {-result.returncode}"
