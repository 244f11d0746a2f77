"""Fine-tuning against stand-ins of Keras: what is asked of it, and what it says on the way."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from harness.errors import ConversionError
from harness.prepare import progress
from harness.prepare.techniques.training import Teacher

SECONDS_A_BATCH = 600.0


class Clock:
    now_s = 0.0


class Model:
    """Calls back as Keras does; `losses` are those of the epochs."""

    layers: tuple[Any, ...] = ()

    def __init__(self, losses: list[float]) -> None:
        self._losses = losses

    def compile(self, **settings: Any) -> None:
        self.settings = settings

    def fit(self, inputs: Any, targets: Any, *, batch_size: int, epochs: int, callbacks: Any, verbose: int) -> Any:
        for epoch in range(epochs):
            for callback in callbacks:
                callback.on_epoch_begin(epoch)
            for batch in range(-(-len(inputs) // batch_size)):
                Clock.now_s += SECONDS_A_BATCH
                for callback in callbacks:
                    callback.on_train_batch_end(batch, {})
        return SimpleNamespace(history={"loss": self._losses})


def library() -> Any:
    silent = SimpleNamespace(on_epoch_begin=lambda *_: None, on_train_batch_end=lambda *_: None)
    callbacks = SimpleNamespace(
        TerminateOnNaN=lambda: silent, LambdaCallback=lambda **calls: SimpleNamespace(**vars(silent) | calls)
    )
    keras = SimpleNamespace(callbacks=callbacks, optimizers=SimpleNamespace(Adam=lambda rate: rate))
    return SimpleNamespace(keras=keras, tf=SimpleNamespace(errors=SimpleNamespace(OpError=OSError)))


def teacher() -> Teacher:
    inputs = np.zeros((5, 2), np.float32)
    return Teacher(library(), [inputs], inputs, None, labelled=True, epochs=2, batch=2, learning_rate=0.5)


def test_a_training_longer_than_the_deadline_says_that_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress.time, "monotonic", lambda: Clock.now_s)
    said: list[str] = []
    with progress.sending_to(said.append):
        teacher().train(Model([0.5, 0.25]))
    assert len(said) == teacher().steps == 6
    assert (said[0], said[-1]) == (
        "training, epoch 1 of 2, batch 1 of 3",
        "training, epoch 2 of 2, batch 3 of 3",
    )


def test_a_loss_that_is_no_number_is_named() -> None:
    with pytest.raises(ConversionError, match="diverged"):
        teacher().train(Model([0.5, float("nan")]))
