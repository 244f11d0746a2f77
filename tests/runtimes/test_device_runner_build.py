"""Which program a device gets, and what is said when it cannot be built."""

from __future__ import annotations

import os
import platform
import shutil
import struct
from pathlib import Path

import pytest

from harness.assets import folder
from harness.errors import MissingDependencyError, StableError, UsageError
from harness.runtimes.elf import machine_of
from harness.runtimes.runner_build import PROGRAM, runner_for, target_for, toolchain_for
from tests.runtimes.runner_program import litert_library, need_compiler, runner

SOURCES = folder("device_scripts") / "runner"
HERE = f"linux-{platform.machine()}"


def elf(path: Path, machine: int, needs: bytes) -> Path:
    path.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 3, machine) + bytes(40) + b"\0" + needs)
    return path


def program(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def test_a_target_is_the_librarys_processor_and_c_library(tmp_path: Path) -> None:
    library = tmp_path / "l.so"
    assert target_for(elf(library, 183, b"libdl.so\0libc.so\0")) == "arm64-v8a"
    assert target_for(elf(library, 183, b"libm.so.6\0libc.so.6\0")) == "linux-aarch64"
    assert target_for(elf(library, 62, b"libc.so.6\0")) == "linux-x86_64"
    assert target_for(elf(library, 40, b"libc.so\0")) is None
    library.write_text("no library")
    assert target_for(library) is None


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the package's library is for this machine")
def test_the_packages_library_is_for_linux() -> None:
    assert target_for(litert_library()) == "linux-x86_64"


def test_a_named_runner_comes_first(tmp_path: Path) -> None:
    named, environ = tmp_path / "named", tmp_path / "environ"
    for path in (named, environ):
        path.write_text("")
    variables = {"HARNESS_RUNNER": str(environ)}
    assert runner_for("arm64-v8a", named=str(named), environ=variables) == named
    assert runner_for("arm64-v8a", environ=variables) == environ
    with pytest.raises(UsageError) as failure:
        runner_for("arm64-v8a", environ={"HARNESS_RUNNER": str(tmp_path / "absent")})
    assert "HARNESS_RUNNER" in str(failure.value)


def test_an_unknown_target_is_told() -> None:
    with pytest.raises(UsageError, match="mips"):
        runner_for("mips", environ={})


def test_a_missing_ndk_compiler_or_cross_compiler_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(MissingDependencyError) as failure:
        runner_for("arm64-v8a", cache_dir=tmp_path, environ={})
    assert "ANDROID_NDK_HOME" in failure.value.remedy
    with pytest.raises(MissingDependencyError, match=r"android\.toolchain\.cmake is missing"):
        runner_for("arm64-v8a", cache_dir=tmp_path, environ={"ANDROID_NDK_HOME": str(tmp_path)})
    with pytest.raises(MissingDependencyError, match="compiler is missing"):
        runner_for(HERE, cache_dir=tmp_path, environ={"PATH": str(tmp_path)})
    if platform.machine() == "x86_64":
        with pytest.raises(MissingDependencyError) as failure:
            runner_for("linux-aarch64", cache_dir=tmp_path, environ={"PATH": str(tmp_path)})
        assert "gcc-aarch64-linux-gnu" in failure.value.remedy


def test_the_ndk_is_given_to_cmake(tmp_path: Path) -> None:
    file = tmp_path / "build" / "cmake" / "android.toolchain.cmake"
    file.parent.mkdir(parents=True)
    file.write_text("")
    first = toolchain_for("arm64-v8a", SOURCES, {"ANDROID_NDK_ROOT": str(tmp_path)})
    expected = (f"-DCMAKE_TOOLCHAIN_FILE={file}", "-DANDROID_ABI=arm64-v8a", "-DANDROID_PLATFORM=android-26")
    assert first.arguments == expected
    (tmp_path / "source.properties").write_text("Pkg.Revision = 27.0\n")
    assert toolchain_for("arm64-v8a", SOURCES, {"ANDROID_NDK_ROOT": str(tmp_path)}).identity != first.identity


def test_a_build_is_kept_by_content_and_compiler(tmp_path: Path) -> None:
    first = runner()
    assert (first.name, os.access(first, os.X_OK)) == (PROGRAM, True)
    assert [path.name for path in first.parent.iterdir()] == [PROGRAM]
    stamp = first.stat().st_mtime_ns
    kept = {"cache_dir": first.parents[2], "environ": {"PATH": os.environ["PATH"]}}
    assert runner_for(target_for(litert_library()) or "", **kept) == first
    assert first.stat().st_mtime_ns == stamp
    # Another version of the compiler is another build.
    other = program(tmp_path / "bin" / "cc", "echo other 1.0")
    toolchain = toolchain_for(HERE, SOURCES, {"PATH": str(other.parent)})
    assert toolchain.identity == f"{other} other 1.0"


def test_a_failed_build_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    need_compiler()
    program(tmp_path / "bin" / "cc", "echo error: this compiler is broken >&2; exit 1")
    with pytest.raises(StableError, match="the runner cannot be built"):
        runner_for(HERE, cache_dir=tmp_path, environ={"PATH": str(tmp_path / "bin")})
    assert not list(tmp_path.rglob(PROGRAM))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("aarch64-linux-gnu-gcc") is None, reason="aarch64-linux-gnu-gcc is not installed")
def test_the_runner_compiles_for_aarch64(tmp_path: Path) -> None:
    built = runner_for("linux-aarch64", cache_dir=tmp_path, environ={"PATH": os.environ["PATH"]})
    assert machine_of(built) == "AArch64"
