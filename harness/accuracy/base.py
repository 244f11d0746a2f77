"""The seams of this room: what a task is, what a sample is, and how a task is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Arrays = tuple[NDArray[np.float32], ...]

Truth = Mapping[str, Any]
"""What is known of one sample: JSON-able values, or numpy arrays where they are large (a mask)."""
Record = Mapping[str, Any]
"""What a task keeps of one scored sample: JSON-able, small. All figures can be made of records alone."""


@dataclass(frozen=True)
class TaskSpec:
    """A task by name, with its settings as text (``(("normalise", "inter_ocular"),)``); hashable and storable."""

    name: str
    options: tuple[tuple[str, str], ...] = ()

    def option(self, key: str, default: str = "") -> str:
        """The value of one option."""
        return dict(self.options).get(key, default)


class Task(Protocol):
    """Scores outputs against truths. Stateless: chunks may be scored in any order and by different processes.

    Attributes:
        name: such as ``classification``.
        metric: the leading figure, a key of `summarise`, such as ``top1``.
        higher_is_better: which way `metric` counts.
    """

    name: str
    metric: str
    higher_is_better: bool

    def score(self, outputs: Arrays, truths: Sequence[Truth]) -> list[Record]:
        """One record a sample.

        Args:
            outputs: one float32 array (n, *shape without batch) for each output of the model, dequantized, in order.
            truths: n of them.

        Raises:
            TaskError: shapes, classes or truths do not fit the task; says which.
        """

    def summarise(self, records: Sequence[Record]) -> dict[str, float]:
        """All figures over the samples of `records`, the leading one among them.

        Raises:
            TaskError: there are no samples.
        """

    def values(self, records: Sequence[Record]) -> NDArray[np.float64] | None:
        """One value a sample whose mean is `metric`, or None where the metric is no mean over samples (mAP, WER)."""


@dataclass(frozen=True)
class Sample:
    """One sample of a data set: `inputs` as the model wants them, one array (*shape without batch) an input."""

    sample_id: str
    inputs: tuple[NDArray[Any], ...]
    truth: Truth = field(default_factory=dict)


class SampleSource(Protocol):
    """A data set that is read sample by sample, in a fixed order."""

    def __len__(self) -> int:
        """How many samples there are."""

    def sample(self, index: int) -> Sample:
        """The sample at `index`, pre-processed.

        Raises:
            DatasetError: a file is missing or unreadable, or a label is; names the file.
        """
