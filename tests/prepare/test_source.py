"""The cache key of a source: everything that decides what is built is in it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from harness.assets import folder
from harness.domain import ModelRef
from harness.prepare import source as sources
from harness.prepare.converters import Toolbox
from harness.prepare.recipe import recipe_names
from harness.prepare.source import recipe_code, resolve

TOOLS = Toolbox({"tensorflow": "2.21.0"})


def test_the_code_that_recipes_are_made_of_is_in_their_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "networks" / "net.py"
    module.parent.mkdir()
    module.write_text("WIDTH = 1")
    monkeypatch.setattr(sources, "recipe_code", lambda: recipe_code(tmp_path))
    small = resolve(ModelRef("small_regressor"))
    before = small.key((), TOOLS)
    assert small.key((), TOOLS) == before
    module.write_text("WIDTH = 2")
    assert small.key((), TOOLS) != before


def test_every_module_of_ours_that_a_recipe_imports_to_build_is_hashed() -> None:
    hashed = {path.relative_to(Path(sources.__file__).parent).as_posix() for path in recipe_code()}
    recipes = [folder("models") / f"{name}.py" for name in recipe_names()]
    seams = {"recipe.py", "progress.py"}  # what a recipe is: any change of what they do is a change of CODE_VERSION
    for path in (*recipes, *recipe_code()):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("harness.prepare"):
                assert _files(node) <= hashed | seams, f"{path} imports {node.module}"


def _files(node: ast.ImportFrom) -> set[str]:
    """The files under `harness/prepare` that a ``from … import …`` names, packages apart."""
    assert node.module is not None
    parts = node.module.split(".")[2:]
    inside = Path(sources.__file__).parent.joinpath(*parts)
    if inside.is_dir():
        return {"/".join([*parts, f"{alias.name}.py"]) for alias in node.names}
    return {"/".join(parts) + ".py"}


def test_a_model_file_does_not_depend_on_the_code_of_recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "net.keras"
    file.write_bytes(b"weights")
    given = resolve(ModelRef("net", file=str(file)))
    before = given.key((), TOOLS)
    monkeypatch.setattr(sources, "recipe_code", lambda: (file,))
    assert given.key((), TOOLS) == before
