"""The rules of the house that a machine can check."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import harness

PACKAGE = Path(harness.__file__).parent
BASE = {
    *("domain", "content", "errors", "units", "events", "assets", "holder", "lazy", "figures"),
    *("variants", "metric_names", "operator_names", "short_paths"),
}
# room -> the rooms it may import
ALLOWED = {
    "accuracy": set(),
    "measure": set(),
    "sweep": set(),
    "store": set(),
    "prepare": {"accuracy", "devices"},
    "devices": set(),
    "runtimes": {"devices"},
    "display": {"report"},
    "report": {"measure"},
    "inspect": {"prepare", "report", "store", "display"},
    "lab": {"prepare", "devices", "runtimes", "accuracy", "measure", "store", "sweep"},
    "cli": {
        "prepare",
        "devices",
        "runtimes",
        "accuracy",
        "measure",
        "store",
        "sweep",
        "lab",
        "display",
        "report",
        "inspect",
    },
}
PURE = ("accuracy", "measure", "sweep")
IMPURE_MODULES = {"subprocess", "socket", "sqlite3", "sqlalchemy", "urllib", "requests", "threading"}


def imported_modules(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def rooms_imported(path: Path) -> set[str]:
    parts = (name.split(".") for name in imported_modules(path) if name.startswith("harness."))
    return {part[1] for part in parts} - BASE


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_imports_point_down_only(room: str) -> None:
    for path in (PACKAGE / room).rglob("*.py"):
        wrong = {name for name in rooms_imported(path) if name in ALLOWED} - ALLOWED[room] - {room}
        assert not wrong, f"{path.relative_to(PACKAGE)} must not import {wrong}"


def test_every_folder_is_a_known_room() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert rooms == {*ALLOWED, "domain"}


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_import_nothing_that_does_io(room: str) -> None:
    for path in (PACKAGE / room).rglob("*.py"):
        roots = {name.split(".")[0] for name in imported_modules(path)}
        assert not roots & IMPURE_MODULES, path


def test_modules_stay_small() -> None:
    for path in PACKAGE.rglob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 600, path


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "sys.argv = ['harness', '--help']\n"
        "from harness.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}), sep='\\n', file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    loaded = set(done.stderr.split())
    assert "harness" in loaded
    assert "Usage" in done.stdout
    assert not loaded & {
        "numpy",
        "scipy",
        "sqlalchemy",
        "alembic",
        "pydantic",
        "ruamel",
        "tensorflow",
        "jinja2",
        "pandas",
    }
