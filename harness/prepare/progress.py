"""In the worker: telling the controller how far a long step is. Each report also puts off the step's deadline."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

MIN_INTERVAL_S = 5.0


class _Channel:
    """Where reports go; nowhere outside a worker."""

    def __init__(self) -> None:
        self.send: Callable[[str], None] | None = None
        self.last_s = 0.0


_channel = _Channel()


@contextlib.contextmanager
def sending_to(send: Callable[[str], None]) -> Iterator[None]:
    """Send what `report` is told to `send`."""
    _channel.send, _channel.last_s = send, time.monotonic()
    try:
        yield
    finally:
        _channel.send = None


def report(text: str) -> None:
    """One line on how far the step is, such as ``1,200 of 50,000 images``; at most one in five seconds is passed on."""
    now_s = time.monotonic()
    if _channel.send is not None and now_s - _channel.last_s >= MIN_INTERVAL_S:
        _channel.last_s = now_s
        _channel.send(text)


def training_callback(keras: Any, epochs: int, batches: int) -> Any:
    """A callback of `keras` that reports each batch of a training, which may take longer than a step's deadline."""
    epoch = 0

    def begin(index: int, logs: Any = None) -> None:
        nonlocal epoch
        epoch = index + 1

    def done(index: int, logs: Any = None) -> None:
        report(f"training, epoch {epoch} of {epochs}, batch {index + 1:,} of {batches:,}")

    return keras.callbacks.LambdaCallback(on_epoch_begin=begin, on_train_batch_end=done)
