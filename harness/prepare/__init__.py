"""Model variants: from a recipe or a model file to checked, cached ``.tflite`` files.

Importing this package is cheap: everything below is loaded at first use, and TensorFlow only ever in child processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.lazy import lazy_names

if TYPE_CHECKING:
    from harness.prepare.cache import default_cache_dir
    from harness.prepare.engine import prepare
    from harness.prepare.inspection import ModelInfo, inspect_model
    from harness.prepare.recipe import BuiltModel, Recipe, load_recipe, recipe_names

__all__ = [
    "BuiltModel",
    "ModelInfo",
    "Recipe",
    "default_cache_dir",
    "inspect_model",
    "load_recipe",
    "prepare",
    "recipe_names",
]

__getattr__ = lazy_names(
    __name__,
    {
        "BuiltModel": "recipe",
        "ModelInfo": "inspection",
        "Recipe": "recipe",
        "default_cache_dir": "cache",
        "inspect_model": "inspection",
        "load_recipe": "recipe",
        "prepare": "engine",
        "recipe_names": "recipe",
    },
)
