"""The real runner, built once for all tests, the real LiteRT library, and stand-ins for libraries written in C."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from harness.runtimes.runner_build import runner_for, target_for

HERE = Path(__file__).parent
CPU = max(os.sched_getaffinity(0))


@cache
def scratch() -> Path:
    path = Path(tempfile.mkdtemp(prefix="harness-runner-test-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


@cache
def litert_library() -> Path:
    spec = find_spec("ai_edge_litert")
    if spec is None or spec.origin is None:
        pytest.skip("ai-edge-litert is not installed")
    path = Path(spec.origin).parent / "libLiteRt.so"
    return path if path.is_file() else pytest.skip(f"{path} is not there")


def need_compiler() -> str:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or shutil.which("cmake") is None:
        pytest.skip("a C compiler and cmake are needed to build the runner")
    return compiler


@cache
def runner() -> Path:
    need_compiler()
    target = target_for(litert_library())
    assert target is not None
    return runner_for(target, cache_dir=scratch(), environ={"PATH": os.environ["PATH"]})


@cache
def shared_library(source: str, *flags: str) -> Path:
    """A stand-in compiled from a .c file beside this one."""
    path = scratch() / f"lib{Path(source).stem}{abs(hash(flags))}.so"
    subprocess.run(
        [need_compiler(), "-shared", "-fPIC", "-Wall", "-Werror", *flags, "-o", str(path), str(HERE / source)],
        check=True,
    )
    return path


def run(*flags: str, library: Path | str | None = None, **kwargs: Any) -> subprocess.CompletedProcess[bytes]:
    argv = [str(runner()), f"--library={library or litert_library()}", *flags]
    return subprocess.run(argv, capture_output=True, timeout=60, check=False, **kwargs)


def lines(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def result(*flags: str, **kwargs: Any) -> dict[str, Any]:
    done = run(*flags, **kwargs)
    last = lines(done)[-1]
    assert done.returncode == 0, last
    assert last["type"] == "result", last
    return last


def error(*flags: str, **kwargs: Any) -> tuple[str, str]:
    """(kind, message) of a run that fails without a result."""
    done = run(*flags, **kwargs)
    found = lines(done)
    assert done.returncode == (2 if found[-1]["kind"] == "usage" else 1), done
    assert [line["type"] for line in found if line["type"] == "result"] == []
    return found[-1]["kind"], found[-1]["message"]
