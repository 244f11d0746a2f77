"""The runner in C as a program for a device: one that is named, one that was built before, or built now with CMake."""

from __future__ import annotations

import hashlib
import mmap
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.assets import cache_folder, folder
from harness.errors import MissingDependencyError, StableError, UsageError
from harness.runtimes.elf import machine_of

PROGRAM = "harness-runner"
ENVIRONMENT_NAME = "HARNESS_RUNNER"
NDK_NAMES = ("ANDROID_NDK_HOME", "ANDROID_NDK_ROOT", "ANDROID_NDK")
BUILD_TIMEOUT_S = 300.0
# Android 8.0: the oldest that is supported.
_ANDROID_PLATFORM = "android-26"
_LINUX = {"linux-x86_64": "x86_64", "linux-aarch64": "aarch64"}
_ANDROID = ("arm64-v8a", "x86_64")
TARGETS = (*_LINUX, *_ANDROID)
_BY_LIBRARY = {
    ("x86-64", "glibc"): "linux-x86_64",
    ("AArch64", "glibc"): "linux-aarch64",
    ("AArch64", "bionic"): "arm64-v8a",
    ("x86-64", "bionic"): "x86_64",
}

LIBRARIES = ("64-bit Arm", "64-bit x86")


@dataclass(frozen=True)
class Toolchain:
    """How CMake is told what to build with. `identity` changes when the compiler does."""

    arguments: tuple[str, ...]
    identity: str


def target_for(library: Path) -> str | None:
    """The build target whose programs can load `library`: processor and C library must agree. None if unknown.

    Raises:
        OSError: it cannot be read.
    """
    machine = machine_of(library)
    if machine is None:
        return None
    with library.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        libc = "glibc" if content.find(b"libc.so.6\0") >= 0 else "bionic"
    return _BY_LIBRARY.get((machine, libc))


def runner_for(
    target: str, *, named: str = "", cache_dir: Path | None = None, environ: Mapping[str, str] = os.environ
) -> Path:
    """The runner for `target` (one of `TARGETS`).

    In this order: `named`, the file in the variable HARNESS_RUNNER, the cache, a build into the cache. The cache's key
    is the content of the sources and the compiler.

    Raises:
        UsageError: a named runner is no file, or there is no such target.
        MissingDependencyError: CMake, a compiler or the Android NDK is missing; the remedy says which.
        StableError: the build failed.
    """
    for given, where in (
        (named, "runtime.device_runner.runner"),
        (environ.get(ENVIRONMENT_NAME, ""), ENVIRONMENT_NAME),
    ):
        if given:
            return _named(given, where)
    if target not in TARGETS:
        raise UsageError(f"the runner has no build for {target!r}", remedy=f"There are: {', '.join(TARGETS)}.")
    sources = folder("device_scripts") / "runner"
    toolchain = toolchain_for(target, sources, environ)
    kept = (cache_dir or cache_folder(environ)) / "runner" / f"{target}-{_key(sources, toolchain)}" / PROGRAM
    if not kept.is_file():
        _build(sources, toolchain, kept)
    return kept


def _named(given: str, where: str) -> Path:
    path = Path(given).expanduser()
    if not path.is_file():
        raise UsageError(f"the runner {given!r} is not a file", where=where, remedy=f"Correct or remove {where}.")
    return path.resolve()


# ---- compilers -------------------------------------------------------------------------------------------------------


def toolchain_for(target: str, sources: Path, environ: Mapping[str, str]) -> Toolchain:
    """The compiler of this machine, a cross compiler, or the NDK.

    Raises:
        MissingDependencyError: there is none.
    """
    if target in _ANDROID:
        return _ndk(target, environ)
    if platform.machine().replace("arm64", "aarch64") == _LINUX[target]:
        compiler = next((found for name in ("cc", "gcc", "clang") if (found := _which(name, environ))), None)
        if compiler is None:
            raise _missing("a C compiler", "Install one (Debian: apt install gcc)")
        return Toolchain((f"-DCMAKE_C_COMPILER={compiler}",), _version(compiler))
    if target != "linux-aarch64":
        raise _missing(f"a compiler for {target} on this machine", "Build the runner on such a machine")
    compiler = _which("aarch64-linux-gnu-gcc", environ)
    if compiler is None:
        raise _missing("aarch64-linux-gnu-gcc", "Install it (Debian: apt install gcc-aarch64-linux-gnu)")
    file = sources / "toolchains" / "aarch64-linux-gnu.cmake"
    return Toolchain((f"-DCMAKE_TOOLCHAIN_FILE={file}",), _version(compiler))


def _ndk(target: str, environ: Mapping[str, str]) -> Toolchain:
    root = next((Path(environ[name]) for name in NDK_NAMES if environ.get(name)), None)
    if root is None:
        raise _missing("the Android NDK", f"Unpack it and set {NDK_NAMES[0]} to its folder")
    file = root / "build" / "cmake" / "android.toolchain.cmake"
    if not file.is_file():
        raise _missing(f"the file {file}", f"Correct {NDK_NAMES[0]}: it names the unpacked NDK's folder")
    properties = root / "source.properties"
    release = properties.read_text(encoding="utf-8", errors="replace") if properties.is_file() else ""
    settings = (f"-DANDROID_ABI={target}", f"-DANDROID_PLATFORM={_ANDROID_PLATFORM}")
    return Toolchain((f"-DCMAKE_TOOLCHAIN_FILE={file}", *settings), f"ndk {root} {release}")


def _which(name: str, environ: Mapping[str, str]) -> str | None:
    return shutil.which(name, path=environ.get("PATH"))


def _version(compiler: str) -> str:
    answer = subprocess.run([compiler, "--version"], capture_output=True, text=True, timeout=30, check=False)
    return f"{compiler} {answer.stdout.splitlines()[0] if answer.stdout else ''}"


def _missing(what: str, remedy: str) -> MissingDependencyError:
    named = f"name a runner that was built elsewhere (`runtime.device_runner.runner` or {ENVIRONMENT_NAME})"
    return MissingDependencyError(f"the runner cannot be built: {what} is missing", remedy=f"{remedy}, or {named}.")


# ---- the build -------------------------------------------------------------------------------------------------------


def _key(sources: Path, toolchain: Toolchain) -> str:
    digest = hashlib.sha256(" ".join((*toolchain.arguments, toolchain.identity)).encode(errors="surrogateescape"))
    for path in sorted(path for path in sources.rglob("*") if path.suffix in (".c", ".h", ".cmake", ".txt")):
        digest.update(f"\0{path.relative_to(sources)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _build(sources: Path, toolchain: Toolchain, kept: Path) -> None:
    cmake = shutil.which("cmake")
    if cmake is None:
        raise _missing("cmake", "Install it (Debian: apt install cmake)")
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="build-", dir=kept.parent) as build:
        _step([cmake, "-S", str(sources), "-B", build, *toolchain.arguments])
        _step([cmake, "--build", build, "--parallel", "2"])
        # Whole or not there, also when two processes build at once.
        Path(build, PROGRAM).replace(kept)


def _step(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise StableError(f"the runner's build did not end within {BUILD_TIMEOUT_S:g} s", where=command[0]) from error
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).strip().splitlines()
        errors = [line for line in lines if "error" in line.lower()] or lines
        raise StableError(f"the runner cannot be built: {' | '.join(errors[-5:])}", where=" ".join(command[:3]))
