from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import RecipeError
from harness.prepare.recipe import Recipe, check_options, load_recipe, recipe_names, recipe_path

GOOD = """
import numpy as np
from harness.prepare.recipe import BuiltModel, Recipe
RECIPE = Recipe(
    description="d", input_shape=(4,), build=lambda options: BuiltModel(None, "random"),
    representative=lambda: np.zeros((2, 4), np.float32), options={"width": "how wide"},
)
"""


def _write(folder: Path, text: str) -> Path:
    path = folder / "mine.py"
    path.write_text(text)
    return path


def test_built_in_names_are_the_files() -> None:
    names = recipe_names()
    assert {"digits_cnn", "inception_v3", "mobilenet_v1", "mobilenet_v2", "resnet_v2_101"} <= set(names)
    assert list(names) == sorted(names)
    assert all(recipe_path(name).is_file() for name in names)


def test_names_and_recipes_are_had_without_tensorflow() -> None:
    code = (
        "import sys; from harness.prepare import recipe_names, load_recipe\n"
        "from harness.prepare.recipe import recipe_path\n"
        "assert 'numpy' not in sys.modules\n"
        "recipes = [load_recipe(recipe_path(name)) for name in recipe_names()]\n"
        "assert all(recipe.description for recipe in recipes)\n"
        "assert not {'tensorflow', 'keras', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_misspelt_name_gets_a_suggestion() -> None:
    with pytest.raises(RecipeError, match="no model recipe named 'mobilnet_v2'") as caught:
        recipe_path("mobilnet_v2")
    assert "Did you mean mobilenet_v2?" in caught.value.remedy


def test_a_name_is_no_path() -> None:
    with pytest.raises(RecipeError, match="no model recipe"):
        recipe_path("../models/digits_cnn")


def test_user_recipe_is_loaded_by_path(tmp_path: Path) -> None:
    recipe = load_recipe(_write(tmp_path, GOOD))
    assert isinstance(recipe, Recipe)
    assert recipe.input_shape == (4,)
    assert list(tmp_path.iterdir()) == [tmp_path / "mine.py"]


@pytest.mark.parametrize(
    ("text", "what", "where"),
    [
        ("x = 1\n\nraise KeyError('gone')\n", "raises KeyError: 'gone'", "mine.py:3"),
        ("import sys\nsys.exit(4)\n", "raises SystemExit: 4", "mine.py:2"),
        ("def f(:\n", "raises SyntaxError", "mine.py:1"),
        ("\x00", "raises SyntaxError|raises ValueError", "mine.py"),
        ("import nonexistent_module_abc\n", "raises ModuleNotFoundError", "mine.py:1"),
        ("x = 1\n", "has no RECIPE", "mine.py"),
        ("RECIPE = 3\n", "of type int", "mine.py"),
        (GOOD.replace("(4,)", "(None, 4)"), "input 'image' has the shape", "mine.py"),
        (GOOD.replace('description="d"', 'description="d", test_data=tuple'), "test_data needs a task", "mine.py"),
        (GOOD.replace('description="d"', 'description="d", task="x"'), "task 'x' is unknown", "mine.py"),
    ],
)
def test_bad_recipe_says_what_and_where(tmp_path: Path, text: str, what: str, where: str) -> None:
    with pytest.raises(RecipeError, match=what) as caught:
        load_recipe(_write(tmp_path, text))
    assert caught.value.where.endswith(where)


def test_missing_recipe_file(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="No such file"):
        load_recipe(tmp_path / "none.py")


def test_unknown_option_gets_a_suggestion(tmp_path: Path) -> None:
    recipe = load_recipe(_write(tmp_path, GOOD))
    check_options(recipe, {"width": "2"}, "mine")
    with pytest.raises(RecipeError, match="no option 'widht'") as caught:
        check_options(recipe, {"widht": "2"}, "mine")
    assert "Did you mean width?" in caught.value.remedy


def test_a_recipe_may_have_dataclasses(tmp_path: Path) -> None:
    text = "from dataclasses import dataclass\n\n@dataclass\nclass Split:\n    count: int\n\n" + GOOD
    assert load_recipe(_write(tmp_path, text)).input_shape
    postponed = "from __future__ import annotations\n" + text
    assert load_recipe(_write(tmp_path, postponed)).input_shape
