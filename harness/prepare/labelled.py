"""In the worker: the task's leading figure of a file, on the first samples of a prepared data set."""

from __future__ import annotations

from pathlib import Path

from harness.accuracy.base import Record
from harness.accuracy.dataset import Dataset
from harness.accuracy.tasks import open_task
from harness.prepare.interface import unpacked
from harness.prepare.litert_file import inspect
from harness.prepare.litert_run import Model


class Scores:
    """Files scored on the same samples.

    Attributes:
        metric: the name of the figure, such as ``top1``.
        samples: how many there are, at most what was asked for.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        """Open the data set in `folder`.

        Raises:
            DatasetError: it is not there, or damaged.
        """
        self._data = Dataset.open(folder)
        self._task = open_task(self._data.task)
        self._limit = limit
        self._chunks = self._data.plan_chunks(limit)
        self.metric = self._task.metric
        self.samples = sum(len(positions) for positions in self._chunks)

    def of(self, path: Path) -> float:
        """The figure of the file.

        Raises:
            TaskError: its outputs do not fit the task.
        """
        model = Model(path)
        shapes = [_one(tensor["shape"]) for tensor in inspect({"path": str(path)})["outputs"]]
        records: list[Record] = []
        for index in range(len(self._chunks)):
            chunk = self._data.chunk(index, self._limit)
            records += self._task.score(unpacked(model.run(chunk.inputs), shapes), chunk.truths)
        return float(self._task.summarise(records)[self.metric])


def _one(shape: list[int]) -> tuple[int, ...]:
    """The shape of one sample's output, whatever the file calls its batch."""
    return tuple(shape[1:]) if shape and shape[0] == 1 else tuple(shape)
