"""In the worker: how the small models are trained, once, when they are prepared."""

from __future__ import annotations

from typing import Any

from harness.prepare.keras_api import keras_api
from harness.prepare.progress import training_callback
from harness.prepare.recipe import BuiltModel, Training

SEED = 1


def trained(model: Any, training: Training, *, epochs: int, batch: int, learning_rate: float) -> BuiltModel:
    """`model`, trained from its random weights on the data of `training` with its loss.

    Adam's rate rises to `learning_rate` in the first tenth of the steps and then falls to zero along a cosine.
    """
    keras = keras_api()
    inputs, targets = training.data()
    first = inputs[0] if isinstance(inputs, tuple) else inputs
    batches = -(-len(first) // batch)
    steps = epochs * batches
    schedule = keras.optimizers.schedules.CosineDecay(
        learning_rate / 10, steps - steps // 10, warmup_target=learning_rate, warmup_steps=steps // 10
    )
    # Keras 3 would compile with XLA by default, which on two CPU cores costs more time than it saves
    model.compile(optimizer=keras.optimizers.Adam(schedule), loss=training.loss(keras), jit_compile=False)
    told = [training_callback(keras, epochs, batches)]
    model.fit(inputs, targets, batch_size=batch, epochs=epochs, callbacks=told, verbose=0)
    return BuiltModel(model, "trained")


def seeded() -> Any:
    """The Keras in use, its random numbers begun anew: call it before the network is made."""
    keras = keras_api()
    keras.utils.set_random_seed(SEED)
    return keras
