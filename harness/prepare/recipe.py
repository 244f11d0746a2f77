"""What a model recipe is, and how one is found and loaded.

A recipe is one Python file with a module-level ``RECIPE = Recipe(...)``. It is loaded by path, without TensorFlow: what
needs TensorFlow is imported inside `Recipe.build`, which only ever runs in a child process.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.accuracy import TASK_NAMES, Preprocessing, TaskSpec
from harness.accuracy.user_code import describe_error, line_of, run_file
from harness.assets import folder
from harness.errors import RecipeError

RANDOM = "random"
WEIGHTS = ("trained", "imagenet", RANDOM)
DTYPES = ("float32", "int32")


@dataclass(frozen=True)
class InputSpec:
    """One input of a model: `shape` of one sample, without the batch dimension; `dtype` float32 or int32."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"


@dataclass(frozen=True)
class Training:
    """How a model is trained further, for quantization-aware training, pruning and clustering.

    Attributes:
        data: the labelled training split: inputs as `Recipe.test_data` gives them, and the targets of the loss.
        loss: from the Keras in use (its module) to a loss of targets and outputs.
        epochs, batch, learning_rate: of the fine-tuning (Adam).
    """

    data: Callable[[], tuple[Any, Any]]
    loss: Callable[[Any], Any]
    epochs: int = 4
    batch: int = 64
    learning_rate: float = 1e-4


@dataclass(frozen=True)
class PublicData:
    """The public data set a model is scored on.

    Attributes:
        reader: the reader's name in a sweep's ``data`` (``imagenet``).
        layout: where which files must lie under the path that the sweep names.
        source: where a person gets it, and under which terms.
    """

    reader: str
    layout: str
    source: str


@dataclass(frozen=True)
class BuiltModel:
    """What `Recipe.build` returns.

    Attributes:
        model: a built Keras model of `harness.prepare.keras_api.keras_api()` with the recipe's inputs; outputs are
            logits (no softmax), one tensor, or a dict by the recipe's output names.
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
        input_shape: of one sample, without the batch dimension, for a model with the one input ``image``; else ().
        build: options to `BuiltModel`; runs in a child process that has TensorFlow. Should be seeded.
        representative: samples for the calibration of integer variants: float32 (n, *input_shape), or a tuple of arrays
            (n, *shape), one an input.
        test_data: the held-out test split: inputs like `representative`, and n truths: integer labels (n,), float
            targets (n, ...), or mappings as the task wants them. None without a task.
        task: a `TaskSpec` or the name of a task; None when outputs are only compared with the float reference.
        options: the options `build` understands, with a help text each.
        depends_on: the files whose content decides what is built (weights); part of the cache key.
        inputs: the inputs of a model that has several or other than float32 ``image``, sorted by name.
        outputs: the names of the outputs, sorted: converters order tensors by name.
        network: options to the untrained Keras model of `build`, of the Keras that `keras_api` gives, for techniques
            that train again; None when the model cannot be trained again.
        training: the labelled data and the loss; None makes a technique imitate the float model's own outputs on the
            representative samples.
        preprocessing: how raw data becomes inputs.
        public_data: the public data set, and how to get it.
        parameters: the published number of parameters.
    """

    description: str
    input_shape: tuple[int, ...]
    build: Callable[[Mapping[str, str]], BuiltModel]
    representative: Callable[[], Any]
    test_data: Callable[[], tuple[Any, Any]] | None = None
    task: TaskSpec | str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    depends_on: Callable[[Mapping[str, str]], tuple[Path, ...]] = _nothing
    inputs: tuple[InputSpec, ...] = ()
    outputs: tuple[str, ...] = ("output",)
    network: Callable[[Mapping[str, str]], Any] | None = None
    training: Training | None = None
    preprocessing: Preprocessing | None = None
    public_data: PublicData | None = None
    parameters: int | None = None

    @property
    def input_specs(self) -> tuple[InputSpec, ...]:
        """The inputs, in the order of the arrays."""
        return self.inputs or (InputSpec("image", self.input_shape),)

    @property
    def task_spec(self) -> TaskSpec | None:
        """The task, if there is one."""
        return TaskSpec(self.task) if isinstance(self.task, str) else self.task


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
    try:
        module = run_file(path, "recipe")
    except OSError as error:
        raise RecipeError(f"the recipe cannot be read: {error.strerror or error}", where=str(path)) from error
    except (Exception, SystemExit) as error:
        raise RecipeError(f"the recipe raises {describe_error(error)}", where=line_of(path, error)) from error
    return _validated(path, getattr(module, "RECIPE", None))


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


def _validated(path: Path, recipe: object) -> Recipe:
    if not isinstance(recipe, Recipe):
        found = "has no RECIPE" if recipe is None else f"has a RECIPE of type {type(recipe).__name__}"
        raise RecipeError(
            f"the file {found}",
            where=str(path),
            remedy="A recipe ends with RECIPE = Recipe(...) from harness.prepare.recipe; see docs/preparing.md.",
        )
    for spec in recipe.input_specs:
        if not spec.shape or not all(isinstance(size, int) and size > 0 for size in spec.shape):
            raise RecipeError(
                f"input {spec.name!r} has the shape {spec.shape!r}; it must be fixed sizes", where=str(path)
            )
        if spec.dtype not in DTYPES:
            raise RecipeError(f"input {spec.name!r} is {spec.dtype}; {' or '.join(DTYPES)} is needed", where=str(path))
    for kind, names in (("inputs", [spec.name for spec in recipe.input_specs]), ("outputs", list(recipe.outputs))):
        if not names or names != sorted(set(names)):
            raise RecipeError(f"the names of its {kind} must be sorted and differ: {', '.join(names)}", where=str(path))
    _check_task(path, recipe)
    return recipe


def _check_task(path: Path, recipe: Recipe) -> None:
    spec = recipe.task_spec
    if spec is not None and spec.name not in TASK_NAMES:
        raise RecipeError(f"task {spec.name!r} is unknown; known: {', '.join(TASK_NAMES)}", where=str(path))
    if spec is None and recipe.test_data is not None:
        raise RecipeError("test_data needs a task", where=str(path))
