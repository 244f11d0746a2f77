"""What is installed is complete: the folders beside the package travel with it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Sources that are no part of the product, in the folders that are installed.
LEFT_OUT = {"__pycache__"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, timeout=300)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.mark.slow
def test_every_module_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    for path in (ROOT / "harness").rglob("*.py"):
        assert f"harness/{path.relative_to(ROOT / 'harness').as_posix()}" in names


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["device_scripts", "models", "reports/templates", "reports/vendor"])
def test_the_folders_beside_the_package_are_in_the_wheel(wheel: zipfile.ZipFile, folder: str) -> None:
    files = [path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.is_file()]
    wanted = [path for path in files if not LEFT_OUT & set(path.parts)]
    assert wanted
    assert {f"harness/{path.as_posix()}" for path in wanted} <= set(wheel.namelist())


@pytest.mark.slow
def test_tests_and_benchmarks_are_not_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    roots = {name.split("/")[0] for name in wheel.namelist()}
    assert all(root == "harness" or root.endswith(".dist-info") for root in roots), roots
