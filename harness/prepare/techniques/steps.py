"""The steps that techniques are made of: prune, cluster, train for 8-bit integers.

Each returns a model without the wrappers that only training needs, and begins with a copy, because tfmot's wrappers
keep and change the layers they are given. Pruning and clustering wrap only the layers that have kernels for it: under a
wrapper of tfmot's clustering a layer is not told that it is being trained, so that batch normalisation and dropout
would stay in inference mode.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.prepare.faults import UnsupportedModelError
from harness.prepare.techniques.library import NAME, Library
from harness.prepare.techniques.settings import Settings
from harness.prepare.techniques.training import Teacher

MAX_SENTENCE = 240
# What Keras raises anew is the frames, then the name of the error and its text, then the arguments of the call.
_CAUSE = re.compile(r"in user code:.*\b\w+(?:Error|Exception): (.+?)(?= Call arguments received by |$)")
# The last third of the steps lets the weights that are left make up for those that are gone.
PRUNING_SHARE = 2 / 3
PRUNING_TIMES = 50
# Most weights go, so that the others must move further than to make good a rounding.
PRUNING_RATE = 10.0
# k-means++ refuses to pick more centroids than there are values; with twice as many both signs have enough.
VALUES_PER_CLUSTER = 2


@dataclass
class Workshop:
    """What every step works with; `notes` are for the reader of the row."""

    library: Library
    teacher: Teacher
    settings: Settings
    notes: list[str] = field(default_factory=list)

    def note(self, sentence: str) -> None:
        """Add a sentence, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)


def prune(shop: Workshop, model: Any) -> Any:
    """Set the smallest weights of each kernel to zero, gradually, while fine-tuning.

    Raises:
        UnsupportedModelError: no layer has a kernel that tfmot prunes.
    """
    keras = shop.library.tfmot.sparsity.keras
    schedule = keras.PolynomialDecay(0.0, shop.settings.sparsity, 0, **pruning_steps(shop.teacher.steps))

    def wrapped(layer: Any) -> Any:
        wrapper = keras.prune_low_magnitude(layer, pruning_schedule=schedule)
        return wrapper if layer.get_prunable_weights() else None

    training = _wrapped(shop, model, wrapped, "pruned")
    shop.teacher.train(training, [keras.UpdatePruningStep()], rate=PRUNING_RATE)
    pruned = keras.strip_pruning(training)
    shop.teacher.settle(pruned)
    return pruned


def pruning_steps(steps: int) -> dict[str, int]:
    """Where pruning ends and how often it happens, in optimizer steps; its last turn is exactly at the end."""
    end = max(1, round(steps * PRUNING_SHARE))
    every = max(1, end // PRUNING_TIMES)
    return {"end_step": end - end % every, "frequency": every}


def cluster(shop: Workshop, model: Any, *, keep_zeros: bool) -> Any:
    """Leave each kernel a few different values, and fine-tune those.

    Raises:
        UnsupportedModelError: no layer has a kernel that tfmot clusters.
    """
    library, clusters = shop.library, shop.settings.clusters
    # RANDOM centroids, spread evenly between the extremes, lose accuracy that fine-tuning does not bring back.
    init = library.tfmot.clustering.keras.CentroidInitialization.KMEANS_PLUS_PLUS

    def wrapped(layer: Any) -> Any:
        wrapper = library.cluster_weights.cluster_weights(layer, clusters, init, preserve_sparsity=keep_zeros)
        kernels: list[tuple[str, Any]] = getattr(layer, "get_clusterable_weights", list)()
        if not kernels:
            return None
        if any(np.count_nonzero(kernel) < VALUES_PER_CLUSTER * clusters for _, kernel in kernels):
            shop.note(f"{layer.name} has too few weights for {clusters} clusters and was left as it is")
            return None
        return wrapper

    training = _wrapped(shop, model, wrapped, "clustered")
    shop.teacher.train(training)
    return library.tfmot.clustering.keras.strip_clustering(training)


def quantize(shop: Workshop, model: Any, *, sparse: bool = False, clustered: bool = False) -> Any:
    """Fine-tune with fake quantization to 8 bits, which stays in the model; zeros and clusters are kept where asked.

    Raises:
        UnsupportedModelError: tfmot does not support a layer; its own sentence.
    """
    tfmot = shop.library.tfmot
    schemes = tfmot.experimental.combine
    try:
        annotated = tfmot.quantization.keras.quantize_annotate_model(copied(shop.library, model))
        if clustered:
            scheme = schemes.Default8BitClusterPreserveQuantizeScheme(preserve_sparsity=sparse)
        elif sparse:
            scheme = schemes.Default8BitPrunePreserveQuantizeScheme()
        else:
            scheme = None
        arguments = () if scheme is None else (scheme,)
        training = tfmot.quantization.keras.quantize_apply(annotated, *arguments)
    except (ValueError, TypeError, RuntimeError, NotImplementedError, AttributeError, KeyError) as error:
        raise refused(error) from error
    shop.teacher.train(training)
    return shop.library.cluster_utils.strip_clustering_cqat(training) if clustered else training


def copied(library: Library, model: Any) -> Any:
    """A model of new layers with the same weights."""
    copy = library.keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def refused(error: Exception) -> UnsupportedModelError:
    """The library's own sentence, without the frames that Keras adds to it, cut to a length for a table."""
    text = " ".join(str(error).split())
    text = (_CAUSE.findall(text) or [text])[-1]
    sentence = text if len(text) <= MAX_SENTENCE else text[: MAX_SENTENCE - 2] + " …"
    return UnsupportedModelError(f"{NAME} refuses the model: {sentence or type(error).__name__}")


def _wrapped(shop: Workshop, model: Any, wrap: Callable[[Any], Any], done: str) -> Any:
    """A copy of `model` whose layers are wrapped by `wrap` where it returns something."""
    keras = shop.library.keras
    left: list[str] = []
    count = 0

    def clone(layer: Any) -> Any:
        nonlocal count
        if isinstance(layer, keras.Model):
            return keras.models.clone_model(layer, clone_function=clone)
        try:
            wrapper = wrap(layer)
        except ValueError:  # tfmot's refusal of one layer
            wrapper = None
            if layer.trainable_weights:
                left.append(f"{layer.name} ({type(layer).__name__})")
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            shop.note(f"depthwise convolutions are not {done}: {NAME} leaves them as they are")
        count += wrapper is not None
        return layer if wrapper is None else wrapper

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = keras.models.clone_model(copied(shop.library, model), clone_function=clone)
    except (ValueError, TypeError, RuntimeError, NotImplementedError, AttributeError) as error:
        raise refused(error) from error
    if not count:
        names = f": {', '.join(left[:3])}" if left else ""
        raise UnsupportedModelError(f"the model has no layer that can be {done} by {NAME}{names}")
    if left:
        more = f" and {len(left) - 3} more" if len(left) > 3 else ""
        shop.note(f"layers that {NAME} does not know were not {done}: {', '.join(left[:3])}{more}")
    return found
