"""The libraries that techniques need, or a sentence that says how to install them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from harness.errors import ConversionError, MissingDependencyError
from harness.prepare.keras_api import LEGACY

# tf-keras declares `tensorflow`, which would be installed over `tensorflow-cpu` into the same folder: hence --no-deps.
COMMAND = "pip install --no-deps 'tf-keras>=2.19,<2.22' 'tensorflow-model-optimization>=0.8,<0.9'"
EXTRA = "optimization"
NAME = "tensorflow-model-optimization"


@dataclass(frozen=True)
class Library:
    """The modules in use: `tf` tensorflow, `keras` tf-keras, `tfmot` tensorflow-model-optimization."""

    tf: Any
    keras: Any
    tfmot: Any

    @property
    def cluster_weights(self) -> Any:
        """The form of tfmot's `cluster_weights` that can keep zeros; the public one cannot."""
        return import_module("tensorflow_model_optimization.python.core.clustering.keras.experimental.cluster")

    @property
    def cluster_utils(self) -> Any:
        """Where tfmot keeps `strip_clustering_cqat`, which its public interface lacks."""
        room = "tensorflow_model_optimization.python.core.quantization.keras.collab_opts.cluster_preserve"
        return import_module(f"{room}.cluster_utils")


def load_library() -> Library:
    """Import TensorFlow, tf-keras and tensorflow-model-optimization.

    Raises:
        MissingDependencyError: one is not installed; names the extra and the command.
        ConversionError: this process was not started for tf-keras, or the versions do not fit each other.
    """
    if os.environ.get(LEGACY) != "1":
        raise ConversionError(f"techniques need a process that was started with {LEGACY}=1")
    modules = [_imported(name) for name in ("tensorflow", "tf_keras", "tensorflow_model_optimization")]
    return Library(*modules)


def _imported(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        missing = (error.name or name).partition(".")[0]
        raise MissingDependencyError(
            f"techniques that train again need {missing}, which is not installed",
            remedy=f"{COMMAND} (the extra {EXTRA!r}, without a second TensorFlow)",
        ) from error
    except ImportError as error:
        raise ConversionError(
            f"{name} does not fit the installed TensorFlow: {error}",
            remedy=f"tf-keras must be of TensorFlow's minor version: {COMMAND}",
        ) from error
