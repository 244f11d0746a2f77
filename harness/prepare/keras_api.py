"""In the worker: the Keras that is in use, Keras 3 or, for tensorflow-model-optimization, the legacy tf-keras."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from harness.errors import MissingDependencyError

LEGACY = "TF_USE_LEGACY_KERAS"


def keras_api() -> Any:
    """The module to build with: ``keras = keras_api()``. Recipes that use it can also be trained again.

    Raises:
        MissingDependencyError: it is not installed.
    """
    legacy = os.environ.get(LEGACY) == "1"
    try:
        return import_module("tf_keras" if legacy else "keras")
    except ModuleNotFoundError as error:
        extra = "optimization" if legacy else "prepare"
        raise MissingDependencyError(
            f"{error.name} is not installed", remedy=f"pip install 'on-device-benchmark-harness[{extra}]'"
        ) from error
