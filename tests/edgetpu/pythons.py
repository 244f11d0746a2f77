"""Interpreters that have a pycoral: programs in front of the tests' own, which is given the runner script to run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.runtimes.wire import program

STANDIN = Path(__file__).parent / "pycoral_standin"


def python_with(folder: Path, *paths: Path, before: str = "", interpreter: str = "") -> str:
    """An interpreter that finds modules in `paths` first, and runs `before` before the script it is given.

    `interpreter` is another Python than that of the tests.
    """
    folder.mkdir(parents=True, exist_ok=True)
    body = f"""
import os, runpy, sys
place = next(number for number, argument in enumerate(sys.argv) if number and argument.endswith('.py'))
sys.argv = sys.argv[place:]
sys.path[:0] = {[str(path) for path in paths]!r} + [os.path.dirname(sys.argv[0])]
{before}
runpy.run_path(sys.argv[0], run_name='__main__')
"""
    found = program(folder / "python", body)
    if interpreter:
        text = Path(found).read_text(encoding="utf-8")
        Path(found).write_text(text.replace(text.splitlines()[0], f"#!{interpreter}", 1), encoding="utf-8")
    return found


def standin_python(folder: Path, *, root: Path | None = None, **behaviour: Any) -> str:
    """An interpreter with the stand-in, which behaves as `behaviour` says, or else as PYCORAL_STANDIN says.

    `root` is where it finds /sys, /dev and /proc of the Edge TPU.
    """
    before = f"os.environ['PYCORAL_STANDIN'] = {json.dumps(behaviour)!r}\n" if behaviour else ""
    if root is not None:
        before += f"os.environ['HARNESS_EDGETPU_ROOT'] = {str(root)!r}\n"
    return python_with(folder, STANDIN, before=before)
