"""Running a user's Python file, and saying what is wrong in it and where."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from types import ModuleType


def run_file(path: Path, kind: str) -> ModuleType:
    """The module that the file at `path` makes; whatever it raises, it raises.

    It is registered under a name of its own, made of `kind`: dataclasses look up the module they are defined in.
    """
    module = ModuleType(f"harness_{kind}_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    exec(compile(path.read_bytes(), str(path), "exec", dont_inherit=True), module.__dict__)
    return module


def describe_error(error: BaseException) -> str:
    """``ValueError: text`` on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def line_of(path: Path, error: BaseException) -> str:
    """`path`, with the line of its innermost frame in `error`."""
    if isinstance(error, SyntaxError) and error.filename == str(path) and error.lineno is not None:
        return f"{path}:{error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"{path}:{lines[-1]}" if lines else str(path)
