"""In the worker: train a recipe's model again, and write the result as a source folder of its own."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import ConversionError
from harness.prepare.faults import UnsupportedModelError
from harness.prepare.interface import Interface, packed
from harness.prepare.recipe import Recipe, check_options, load_recipe
from harness.prepare.techniques import kernels, steps
from harness.prepare.techniques.export import export
from harness.prepare.techniques.library import Library, load_library
from harness.prepare.techniques.network import float_network, load_weights, outputs_of, require_same
from harness.prepare.techniques.settings import parse_settings
from harness.prepare.techniques.training import Teacher, teacher
from harness.variants import TECHNIQUES, Technique

SEED = 1


def apply_technique(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Train the model of a recipe again and write ``arguments["folder"]``: `saved_model/`, `check.npz`,
    `calibration.npy` and `interface.json`, laid out as `harness.prepare.build` does.

    `arguments`: `path` of the recipe, its `options`, `technique`, `source` (the folder of the float model, with
    `weights.npz`), `folder`, and `settings` as texts. The process must have been started for tf-keras.

    Returns what the row says: `technique`, `training` (a sentence), `sparsity` and `clusters` of the trained kernels
    (None where the technique makes none), `data` (``labelled`` or ``representative``), `epochs` of each fine-tuning,
    `training_s`, `notes`.

    Raises:
        UnsupportedModelError: the model cannot be trained again, or tensorflow-model-optimization refuses it.
        RecipeError: a setting, the network or the training data are wrong.
        ConversionError: the training failed or diverged.
        MissingDependencyError: tf-keras or tensorflow-model-optimization is not installed.
    """
    technique, path = TECHNIQUES[arguments["technique"]], Path(arguments["path"])
    settings = parse_settings(arguments.get("settings", {}))
    recipe = _recipe(path, arguments["options"])
    library = load_library()
    source, folder = Path(arguments["source"]), Path(arguments["folder"])
    library.keras.utils.set_random_seed(SEED)
    calibration = np.load(source / "calibration.npy", allow_pickle=False)
    with np.load(source / "check.npz", allow_pickle=False) as arrays:
        checks, expected = arrays["inputs"], arrays["outputs"]
    model = float_network(library, recipe, arguments["options"], load_weights(source / "weights.npz"))
    interface = Interface(recipe.input_specs, recipe.outputs)
    inputs = interface.unpack(checks)
    require_same(library, model, inputs, expected)
    data = teacher(library, recipe, model, interface.unpack(calibration), settings.epochs)
    shop = steps.Workshop(library, data, settings)
    trained = _trained(shop, technique, model)
    outputs = packed(outputs_of(library, trained, inputs))
    if not np.isfinite(outputs).all():
        raise ConversionError(f"the model trained as {technique.name} gives NaN or infinite outputs")
    export(library, trained, interface, folder / "saved_model")
    interface.write(folder)
    np.savez(folder / "check.npz", inputs=checks, outputs=outputs.reshape(expected.shape))
    shutil.copyfile(source / "calibration.npy", folder / "calibration.npy")
    return _described(library, technique, trained, shop)


def _recipe(path: Path, options: Mapping[str, str]) -> Recipe:
    """The recipe, when it is one that can be trained again.

    Raises:
        UnsupportedModelError: a model file, or a recipe without a network.
    """
    if path.suffix != ".py":
        raise UnsupportedModelError(
            "a model file cannot be trained again: only a recipe tells how it is built and trained",
            where=str(path),
            remedy="Write a recipe (.py) with `network` and `training`, or leave this variant out.",
        )
    recipe = load_recipe(path)
    check_options(recipe, options, str(path))
    if recipe.network is None:
        raise UnsupportedModelError(
            "the recipe has no `network`, so that its model cannot be trained again",
            where=str(path),
            remedy="Give RECIPE a `network`, and `training` where there are labelled data; see docs/preparing.md.",
        )
    return recipe


def _trained(shop: steps.Workshop, technique: Technique, model: Any) -> Any:
    """`model` after each step of `technique`: first the zeros, then the clusters, then the integers."""
    if technique.sparse:
        model = steps.prune(shop, model)
    if technique.clustered:
        model = steps.cluster(shop, model, keep_zeros=technique.sparse)
    if technique.quantized:
        model = steps.quantize(shop, model, sparse=technique.sparse, clustered=technique.clustered)
    return model


def _described(library: Library, technique: Technique, trained: Any, shop: steps.Workshop) -> dict[str, Any]:
    found = list(kernels.kernels(library, trained))
    data = shop.teacher
    return {
        "technique": technique.name,
        "training": training_sentence(technique, data),
        "sparsity": kernels.sparsity(found) if technique.sparse else None,
        "clusters": kernels.clusters(found) if technique.clustered else None,
        "data": "labelled" if data.labelled else "representative",
        "epochs": data.epochs,
        "training_s": data.seconds,
        "notes": list(shop.notes),
    }


def training_sentence(technique: Technique, data: Teacher) -> str:
    """``fine-tuned 4 epochs on 1,078 labelled samples``."""
    made = [("pruned", technique.sparse), ("clustered", technique.clustered), ("quantized", technique.quantized)]
    turns = [name for name, done in made if done]
    times = f"{len(turns)} times {data.epochs}" if len(turns) > 1 else f"{data.epochs}"
    each = f" ({', then '.join(turns)})" if len(turns) > 1 else ""
    aim = "" if data.labelled else "to imitate the float model's own outputs "
    kind = "labelled" if data.labelled else "representative"
    epochs = "epoch" if data.epochs == 1 else "epochs"
    return f"fine-tuned {times} {epochs}{each} {aim}on {data.samples:,} {kind} samples"
