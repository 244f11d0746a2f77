"""What all tasks ask of outputs, truths and records before they look closer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.accuracy.base import Record, Truth
from harness.errors import TaskError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from harness.accuracy.base import Arrays


def only_output(name: str, outputs: Arrays, truths: Sequence[Truth]) -> NDArray[np.float32]:
    """The one output (n, ...) of a model whose task needs one, with n truths.

    Raises:
        TaskError: there are several outputs, or not as many truths as samples.
    """
    if len(outputs) != 1:
        raise TaskError(f"the task {name} needs a model with one output, this one has {len(outputs)}")
    if outputs[0].ndim == 0 or len(outputs[0]) != len(truths):
        raise TaskError(f"outputs of shape {outputs[0].shape} came with {len(truths)} truths")
    return outputs[0]


def truth_value(truth: Truth, key: str, index: int) -> Any:
    """What `truth` says of `key`.

    Raises:
        TaskError: nothing.
    """
    if key not in truth:
        raise TaskError(f"the truth has no {key!r}", where=sample_at(index))
    return truth[key]


def sample_at(index: int) -> str:
    """Where an error is: a sample by its place among those that were scored together."""
    return f"sample {index} of its chunk"


def require_samples(name: str, records: Sequence[Record]) -> None:
    """Refuse to make a figure of nothing.

    Raises:
        TaskError: there are no records.
    """
    if not records:
        raise TaskError(f"there are no samples to score as {name}", remedy="Is the data set empty?")
