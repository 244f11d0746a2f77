"""Writing a tf-keras model as a SavedModel with a static batch of 1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.prepare.interface import Interface
from harness.prepare.techniques.library import Library


def export(library: Library, model: Any, interface: Interface, target: Path) -> None:
    """One signature: the inputs by name, (1, *shape) each, to the outputs by name.

    Through a module of our own and not by saving the model: that would leave the batch open and name the tensors after
    layers.
    """
    tf, specs = library.tf, interface.inputs

    def serve(**tensors: Any) -> dict[str, Any]:
        given = [tensors[spec.name] for spec in specs]
        found = tf.nest.flatten(model(given if len(given) > 1 else given[0], training=False))
        return dict(zip(interface.outputs, found, strict=True))

    module = tf.Module()
    module.model = model
    signature = {spec.name: tf.TensorSpec((1, *spec.shape), spec.dtype, name=spec.name) for spec in specs}
    concrete = tf.function(serve).get_concrete_function(**signature)
    tf.saved_model.save(module, str(target), signatures=concrete)
