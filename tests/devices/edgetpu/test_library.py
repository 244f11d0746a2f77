"""Which libedgetpu is there, and which of the two builds."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.devices.edgetpu.library import Library, find_library
from tests.devices.edgetpu import trees
from tests.devices.machines import write


def test_none(tmp_path: Path) -> None:
    assert find_library(tmp_path, {}) == Library()
    assert Library().label == ""


@pytest.mark.parametrize(("package", "speed", "word"), [("std", "std", "standard"), ("max", "max", "maximum")])
def test_the_debian_package_tells_version_and_clock(tmp_path: Path, package: str, speed: str, word: str) -> None:
    trees.library(tmp_path, f"libedgetpu1-{package}", "16.0TF2.19.1-1")
    found = find_library(tmp_path, {})
    path = "/usr/lib/x86_64-linux-gnu/libedgetpu.so.1"
    assert found == Library(path, f"libedgetpu1-{package}", "16.0TF2.19.1-1", speed)
    assert found.label == f"16.0TF2.19.1-1, libedgetpu1-{package} ({word} clock)"


def test_a_package_that_was_removed_is_not_installed(tmp_path: Path) -> None:
    text = "Package: libedgetpu1-std\nStatus: deinstall ok config-files\nVersion: 15.0\n\n"
    more = "Package: libedgetpu1-max\nVersion: 16.0\nStatus: install ok installed\n"
    write(tmp_path, {"var/lib/dpkg/status": text})
    assert find_library(tmp_path, {}) == Library()
    write(tmp_path, {"var/lib/dpkg/status": text + more})
    assert find_library(tmp_path, {}).package == "libedgetpu1-max"


def test_the_search_path_comes_before_the_cache_before_the_usual_folders(tmp_path: Path) -> None:
    trees.library(tmp_path, "")
    cached = (
        b"ld.so-1.7.0\0\0libedgetpu.so.1\0/opt/gone/libedgetpu.so.1\0libedgetpu.so.1\0/opt/tpu/libedgetpu.so.1\0\xff"
    )
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/ld.so.cache").write_bytes(cached)
    assert find_library(tmp_path, {}).path == "/usr/lib/x86_64-linux-gnu/libedgetpu.so.1"
    write(tmp_path, {"opt/tpu/libedgetpu.so.1": ""})
    assert find_library(tmp_path, {}).path == "/opt/tpu/libedgetpu.so.1"
    write(tmp_path, {"home/me/lib/libedgetpu.so.1": ""})
    assert find_library(tmp_path, {"LD_LIBRARY_PATH": "/nowhere:/home/me/lib"}).path == "/home/me/lib/libedgetpu.so.1"


def test_a_published_build_tells_its_clock_by_its_folder(tmp_path: Path) -> None:
    for build, speed in (("throttled", "std"), ("direct", "max")):
        write(tmp_path, {f"opt/libedgetpu/{build}/k8/libedgetpu.so.1.0": ""})
        link = tmp_path / "usr/local/lib/libedgetpu.so.1"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(tmp_path / f"opt/libedgetpu/{build}/k8/libedgetpu.so.1.0")
        found = find_library(tmp_path, {})
        assert (found.path, found.speed) == ("/usr/local/lib/libedgetpu.so.1", speed)
        assert found.label.startswith("/usr/local/lib/libedgetpu.so.1 (")


def test_odd_search_paths_do_no_harm(tmp_path: Path) -> None:
    path = f"::;{'x' * 5000}:\x01:relative"
    assert find_library(tmp_path, {"LD_LIBRARY_PATH": path}) == Library()
