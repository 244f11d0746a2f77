"""Fine-tuning: on the recipe's labelled data, or to imitate the float model's own outputs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.accuracy.user_code import describe_error
from harness.errors import ConversionError, HarnessError, RecipeError
from harness.prepare.faults import shortened
from harness.prepare.interface import Interface
from harness.prepare.progress import report, training_callback
from harness.prepare.recipe import Recipe
from harness.prepare.techniques.data import as_inputs, as_targets
from harness.prepare.techniques.library import Library
from harness.prepare.techniques.network import outputs_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Representative samples are few, so that it takes many rounds and small batches to come to enough steps.
IMITATION_EPOCHS = 20
IMITATION_BATCH = 16
IMITATION_RATE = 1e-4
SETTLING_BATCHES = 50


@dataclass
class Teacher:
    """What a network is trained on, and how long that has taken so far.

    Attributes:
        labelled: the targets are labels; else they are the float model's own outputs.
        seconds: of all trainings.
    """

    library: Library
    inputs: Sequence[NDArray[Any]]
    targets: Any
    loss: Any
    labelled: bool
    epochs: int
    batch: int
    learning_rate: float
    seconds: float = 0.0

    @property
    def samples(self) -> int:
        """How many samples an epoch has."""
        return len(self.inputs[0])

    @property
    def batches(self) -> int:
        """How many batches an epoch has."""
        return -(-self.samples // self.batch)

    @property
    def steps(self) -> int:
        """Optimizer steps of one fine-tuning."""
        return self.epochs * self.batches

    def train(self, model: Any, callbacks: Sequence[Any] = (), *, rate: float = 1.0) -> None:
        """Fine-tune `model` in place with Adam, at `rate` times the learning rate.

        Raises:
            ConversionError: the training fails, or its loss becomes NaN or infinite.
        """
        begin_s = time.monotonic()
        inputs = list(self.inputs) if len(self.inputs) > 1 else self.inputs[0]
        keras = self.library.keras
        told = [keras.callbacks.TerminateOnNaN(), training_callback(keras, self.epochs, self.batches)]
        try:
            optimizer = keras.optimizers.Adam(rate * self.learning_rate)
            model.compile(optimizer=optimizer, loss=self.loss)
            history = model.fit(
                inputs,
                self.targets,
                batch_size=self.batch,
                epochs=self.epochs,
                callbacks=[*callbacks, *told],
                verbose=0,
            )
        except (ValueError, TypeError, RuntimeError, ArithmeticError, self.library.tf.errors.OpError) as error:
            raise ConversionError(f"the fine-tuning failed: {shortened(describe_error(error))}") from error
        self.seconds += time.monotonic() - begin_s
        if not np.isfinite(history.history["loss"]).all():
            raise ConversionError(
                "the fine-tuning diverged: its loss is NaN or infinite",
                remedy=f"Lower the recipe's learning rate ({self.learning_rate:g}).",
            )

    def settle(self, model: Any) -> None:
        """Measure the means and variances of batch normalisation anew, over at most `SETTLING_BATCHES`.

        Their moving averages forget 1 % a step, so that after a short training they are still those of the old weights.
        """
        begin_s = time.monotonic()
        layers = [layer for layer in normalisations(self.library, model) if layer.trainable]
        momenta = [layer.momentum for layer in layers]
        batches = min(SETTLING_BATCHES, self.batches) if layers else 0
        for index in range(batches):
            for layer in layers:
                layer.momentum = index / (index + 1)  # the mean of all batches so far
            batch = [array[index * self.batch : (index + 1) * self.batch] for array in self.inputs]
            model(batch if len(batch) > 1 else batch[0], training=True)
            report(f"settling batch normalisation, batch {index + 1} of {batches}")
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        self.seconds += time.monotonic() - begin_s


def normalisations(library: Library, model: Any) -> list[Any]:
    """The batch normalisation layers of `model`, also of models inside it."""
    found = []
    for layer in model.layers:
        if isinstance(layer, library.keras.Model):
            found += normalisations(library, layer)
        elif isinstance(layer, library.keras.layers.BatchNormalization):
            found.append(layer)
    return found


def teacher(
    library: Library, recipe: Recipe, model: Any, representative: Sequence[NDArray[Any]], epochs: int | None
) -> Teacher:
    """Labelled data where the recipe has them; else `model`'s outputs on the representative samples.

    Raises:
        RecipeError: the recipe's training raises, or its arrays do not fit.
    """
    training = recipe.training
    if training is None:
        targets = outputs_of(library, model, representative)
        return Teacher(
            library,
            representative,
            targets if len(targets) > 1 else targets[0],
            library.keras.losses.MeanSquaredError(),
            labelled=False,
            epochs=epochs or IMITATION_EPOCHS,
            batch=IMITATION_BATCH,
            learning_rate=IMITATION_RATE,
        )
    try:
        values, truths = training.data()
        loss = training.loss(library.keras)
    except HarnessError:
        raise
    except Exception as error:
        raise RecipeError(f"the recipe's training raises {describe_error(error)}") from error
    if isinstance(loss, Mapping):
        loss = [loss[name] for name in recipe.outputs]
    inputs = as_inputs(values, Interface(recipe.input_specs, recipe.outputs))
    targets = as_targets(truths, recipe.outputs, len(inputs[0]))
    rate = training.learning_rate
    return Teacher(library, inputs, targets, loss, True, epochs or training.epochs, training.batch, rate)
