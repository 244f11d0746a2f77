"""The delegate of this folder as a shared library, made by the machine's C compiler once for a test process."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent
WARNINGS = ("-Wall", "-Wextra", "-Werror")


@cache
def _folder() -> Path:
    path = Path(tempfile.mkdtemp(prefix="harness-delegate-test-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


@cache
def compiler() -> str:
    found = shutil.which("cc") or shutil.which("gcc")
    return found or pytest.skip("a C compiler is needed to build the test's delegate")


@cache
def library(name: str, *flags: str, source: str = "delegate.c") -> Path:
    """`source`, of this folder or any, as the shared library `name`."""
    path = _folder() / name
    command = [compiler(), "-std=gnu11", "-O1", "-shared", "-fPIC", "-fvisibility=hidden", *WARNINGS]
    subprocess.run([*command, "-o", str(path), str(HERE / source), *flags], check=True)
    return path


def delegate() -> Path:
    """The delegate that does what its options say."""
    return library("libtestdelegate.so")


def libedgetpu(folder: Path, *machine: str) -> Path:
    """The stand-in for libedgetpu in `folder`, on a machine with these lines; see delegate.c."""
    path = folder / "libedgetpu.so.1"
    path.write_bytes(library("libedgetpu.so.1", "-DEDGETPU", "-ldl").read_bytes())
    (folder / "machine").write_text("\n".join(machine) + "\n", encoding="utf-8")
    return path
