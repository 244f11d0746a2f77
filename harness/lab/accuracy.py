"""The accuracy pass of one case: its data set is streamed through the device, scored as it comes, chunk by chunk.

A chunk's scores are durable before the next are taken, so that a resumed run goes on behind the last chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from harness.domain import (
    AccuracyDifference,
    AccuracyResult,
    Case,
    InvocationRequest,
    InvocationResult,
    OutputsCheck,
    ScoredChunk,
    Status,
    VariantFile,
)
from harness.errors import DatasetError, TaskError
from harness.lab.interrupt import Interrupt
from harness.lab.ledger import Ledger
from harness.runtimes.base import InputChunk, Runtime
from harness.units import ms_to_s

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from harness.accuracy.base import Record, Task
    from harness.accuracy.dataset import Dataset, DatasetChunk

Progress = Callable[[int, int], None]
"""Takes the samples scored so far and their number in all."""
DIFFERENCE_SEED = 1
CHANGED_LISTED = 1000
SLOWER_THAN_TIMED = 3.0  # a phone that throttles, and the reading of inputs


class AccuracyPass:
    """Scores one case on the data set of its file.

    Args:
        case: what is scored.
        file: its model file, with data set and task.
        limit: test samples at most; None for all.
        ledger: keeps the scores.
        token: the fencing token of the device's lease.

    Raises:
        DatasetError: the data set cannot be opened, is empty, or is not the one that was scored before.
        TaskError: no such task, or its options do not fit.
    """

    def __init__(self, case: Case, file: VariantFile, limit: int | None, ledger: Ledger, token: int) -> None:
        from harness.accuracy.dataset import Dataset

        assert file.data_path is not None
        self._case, self._ledger, self._token = case, ledger, token
        self._limit = limit
        self._dataset: Dataset = Dataset.open(Path(file.data_path))
        self._task = task_of(file)
        self._plan = self._dataset.plan_chunks(limit)
        if not self._plan:
            raise DatasetError("the data set has no samples", where=file.data_path)
        self._waiting: dict[int, DatasetChunk] = {}
        self._scored = {chunk.index: len(chunk.sample_ids) for chunk in self._same_data(ledger.scores(case))}

    def run(
        self, runtime: Runtime, request: InvocationRequest, progress: Progress, interrupt: Interrupt
    ) -> InvocationResult:
        """Score what is not scored yet, in one process; the check has the accuracy when all of it is there.

        A pass may take hours: the first interrupt ends it behind the chunks that are on the device.

        Raises:
            StoreError: scores could not be made durable.
        """
        todo = [index for index in range(len(self._plan)) if index not in self._scored]
        result = InvocationResult(Status.DONE)
        if todo:
            chunks = self._chunks(todo, interrupt.stop)
            result = runtime.stream(self._patient(request), chunks, self._taker(progress), interrupt.cancel)
        if result.status is not Status.DONE:
            return result
        if interrupt.stop.is_set() and len(self._scored) < len(self._plan):
            return replace(result, status=Status.INTERRUPTED)
        self._conclude()
        return result

    def _patient(self, request: InvocationRequest) -> InvocationRequest:
        """The deadline is that of a chunk: it grows with its samples, by the latency that was measured before."""
        latency_s = ms_to_s(self._ledger.latency_ms(self._case) or 0.0)
        chunk_s = SLOWER_THAN_TIMED * latency_s * max(map(len, self._plan))
        return replace(request, measure=replace(request.measure, timeout_s=request.measure.timeout_s + chunk_s))

    def _same_data(self, chunks: Sequence[ScoredChunk]) -> Sequence[ScoredChunk]:
        """`chunks`, which are of this data set, as are those of the model's other cases: they are compared in pairs."""
        known = {chunk.dataset_id for chunk in chunks} or self._ledger.data_scored_on(self._case.model)
        if known - {self._dataset.dataset_id}:
            raise DatasetError(
                "the data set was changed since its first chunks were scored",
                where=str(self._dataset.folder),
                remedy="Start the sweep anew: scores of different data cannot be put together.",
            )
        return chunks

    def _chunks(self, todo: Sequence[int], stop: Event) -> Iterator[InputChunk]:
        for index in todo:
            if stop.is_set():
                return
            chunk = self._dataset.chunk(index, self._limit)
            self._waiting[index] = replace(chunk, inputs=chunk.inputs[:0])  # truths wait for the outputs, inputs do not
            yield InputChunk(index, chunk.inputs)

    def _taker(self, progress: Progress) -> Callable[[int, tuple[NDArray[np.float32], ...]], None]:
        total = sum(map(len, self._plan))

        def take(index: int, outputs: tuple[NDArray[np.float32], ...]) -> None:
            chunk = self._waiting.pop(index)
            records = tuple(self._task.score(outputs, chunk.truths))
            scored = ScoredChunk(index, self._dataset.dataset_id, chunk.ids, records)
            self._ledger.save_scores(self._case, scored, self._token)
            self._scored[index] = len(records)
            progress(sum(self._scored.values()), total)

        return take

    def _conclude(self) -> None:
        chunks = self._ledger.scores(self._case)
        check = self._ledger[self._case.case_id].check or OutputsCheck()
        accuracy = replace(accuracy_of(self._task, records_of(chunks)), dataset_id=self._dataset.dataset_id)
        finite = check.finite and not accuracy.metrics.get("nan_samples", 0.0)
        self._ledger.set_check(self._case, replace(check, accuracy=accuracy, finite=finite, difference=None))


def task_of(file: VariantFile) -> Task:
    """The task that outputs of `file` are scored on.

    Raises:
        TaskError: no such task, or its options do not fit.
    """
    from harness.accuracy.base import TaskSpec
    from harness.accuracy.tasks import open_task

    if not file.task:
        raise TaskError(
            "the model has a data set and no task", where=file.model, remedy="Name it with `task:` in the sweep."
        )
    return open_task(TaskSpec(file.task, file.task_options))


def records_of(chunks: Sequence[ScoredChunk]) -> list[Record]:
    """The records of all samples, in the order of the data set."""
    return [record for chunk in chunks for record in chunk.records]


def accuracy_of(task: Task, records: Sequence[Record]) -> AccuracyResult:
    """All figures of `records`."""
    metrics = task.summarise(records)
    return AccuracyResult(task.metric, metrics[task.metric], len(records), metrics, task.higher_is_better)


def settle_differences(ledger: Ledger, cases: Sequence[Case], cancel: Event | None = None) -> None:
    """Give every scored case its difference from float32 on the same samples, where both have been scored.

    Also anew: a resumed run may have scored a nearer float32 case than there was before. `cancel` ends it between two
    cases, for the bootstrap of some metrics takes a minute or more.
    """
    for case in cases:
        if cancel is not None and cancel.is_set():
            return
        check, reference = ledger[case.case_id].check, ledger.float_reference(case)
        if check is not None and check.accuracy is not None:
            file = ledger[case.case_id].file
            found = (
                None if reference is None else paired_difference(file, ledger.scores(case), ledger.scores(reference))
            )
            if found != check.difference:
                ledger.set_check(case, replace(check, difference=found))


def paired_difference(
    file: VariantFile | None, ours: Sequence[ScoredChunk], theirs: Sequence[ScoredChunk]
) -> AccuracyDifference | None:
    """How `ours`, the scores of `file`, differ from `theirs`; None when they are not of the same samples."""
    from harness.accuracy.paired import compare

    ids = [sample_id for chunk in ours for sample_id in chunk.sample_ids]
    same_data = len({chunk.dataset_id for chunk in (*ours, *theirs)}) == 1
    same_ids = ids == [sample_id for chunk in theirs for sample_id in chunk.sample_ids]
    if file is None or len(ids) < 2 or not (same_data and same_ids):
        return None  # not the same samples: nothing to pair
    try:
        return compare(
            task_of(file), records_of(theirs), records_of(ours), ids, seed=DIFFERENCE_SEED, listed=CHANGED_LISTED
        )
    except TaskError:
        return None  # the metric is not defined on resamples of so few samples
