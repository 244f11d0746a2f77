"""What a model recipe is, and how one is found and loaded.

A recipe is one Python file with a module-level ``RECIPE = Recipe(...)``. It is loaded by path, without TensorFlow: what
needs TensorFlow is imported inside `Recipe.build`, which only ever runs in a child process.
"""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from harness.assets import folder
from harness.errors import RecipeError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WEIGHTS = ("trained", "imagenet", "random")
TASKS = ("classification",)


@dataclass(frozen=True)
class BuiltModel:
    """What `Recipe.build` returns.

    Attributes:
        model: a Keras 3 model with one input (batch, *input_shape) float32 whose output is logits (no softmax).
        weights: where the weights come from: ``trained``, ``imagenet`` or ``random``. With ``random`` no accuracy is
            claimed anywhere.
    """

    model: Any
    weights: str


def _nothing(_: Mapping[str, str]) -> tuple[Path, ...]:
    return ()


@dataclass(frozen=True)
class Recipe:
    """How to build a model, and the data that belongs to it.

    Attributes:
        description: one sentence for lists.
        input_shape: of one sample, without the batch dimension.
        build: options to `BuiltModel`; runs in a child process that has TensorFlow. Should be seeded.
        representative: samples for the calibration of integer variants: float32 (n, *input_shape).
        test_data: the held-out test split: float32 (n, *input_shape) and int64 labels (n,). None without a task.
        task: ``classification`` or None.
        options: the options `build` understands, with a help text each.
        depends_on: the files whose content decides what is built (weights); part of the cache key.
    """

    description: str
    input_shape: tuple[int, ...]
    build: Callable[[Mapping[str, str]], BuiltModel]
    representative: Callable[[], NDArray[np.float32]]
    test_data: Callable[[], tuple[NDArray[np.float32], NDArray[np.int64]]] | None = None
    task: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    depends_on: Callable[[Mapping[str, str]], tuple[Path, ...]] = _nothing


def recipe_names() -> tuple[str, ...]:
    """The built-in recipes, sorted. A directory listing: nothing is loaded."""
    return tuple(sorted(path.stem for path in folder("models").glob("*.py") if not path.stem.startswith("_")))


def recipe_path(name: str) -> Path:
    """The file of the built-in recipe `name`.

    Raises:
        RecipeError: there is none; names the nearest.
    """
    names = recipe_names()
    if name in names:
        return folder("models") / f"{name}.py"
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise RecipeError(
        f"there is no model recipe named {name!r}",
        remedy=f"{hint}Recipes: {', '.join(names)}; or give a .py, .keras or .tflite file or a SavedModel directory.",
    )


def load_recipe(path: Path) -> Recipe:
    """The `RECIPE` of the Python file at `path`.

    Raises:
        RecipeError: the file is unreadable, raises, or has no valid RECIPE; says where.
    """
    module = ModuleType(f"harness_recipe_{path.stem}")
    module.__file__ = str(path)
    try:
        exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
    except OSError as error:
        raise RecipeError(f"the recipe cannot be read: {error.strerror or error}", where=str(path)) from error
    except (Exception, SystemExit) as error:
        raise RecipeError(f"the recipe raises {describe_error(error)}", where=_where(path, error)) from error
    return _validated(path, getattr(module, "RECIPE", None))


def describe_error(error: BaseException) -> str:
    """``ValueError: text`` on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def check_options(recipe: Recipe, options: Mapping[str, str], where: str) -> None:
    """Refuse options the recipe does not know.

    Raises:
        RecipeError: names the unknown option and what is allowed.
    """
    for key in options:
        if key not in recipe.options:
            near = difflib.get_close_matches(key, recipe.options, n=1)
            allowed = ", ".join(recipe.options) or "none"
            raise RecipeError(
                f"the recipe has no option {key!r}",
                where=where,
                remedy=(f"Did you mean {near[0]}? " if near else "") + f"Its options: {allowed}.",
            )


def _where(path: Path, error: BaseException) -> str:
    """`path` with the line of the recipe's innermost frame."""
    if isinstance(error, SyntaxError) and error.lineno is not None:
        return f"{path}:{error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"{path}:{lines[-1]}" if lines else str(path)


def _validated(path: Path, recipe: object) -> Recipe:
    if not isinstance(recipe, Recipe):
        found = "has no RECIPE" if recipe is None else f"has a RECIPE of type {type(recipe).__name__}"
        raise RecipeError(
            f"the file {found}",
            where=str(path),
            remedy="A recipe ends with RECIPE = Recipe(...) from harness.prepare.recipe; see docs/preparing.md.",
        )
    if not recipe.input_shape or not all(isinstance(size, int) and size > 0 for size in recipe.input_shape):
        raise RecipeError(f"input_shape is {recipe.input_shape!r}; it must be fixed sizes", where=str(path))
    if recipe.task is not None and recipe.task not in TASKS:
        raise RecipeError(f"task {recipe.task!r} is unknown; known: {', '.join(TASKS)}", where=str(path))
    if (recipe.task is None) != (recipe.test_data is None):
        raise RecipeError("task and test_data belong together: give both or neither", where=str(path))
    return recipe
