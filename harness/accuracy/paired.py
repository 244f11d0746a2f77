"""The same samples under two arms: how far apart are they, and which samples changed? Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from harness.accuracy.base import Record, Task
from harness.accuracy.intervals import Interval, binary_difference, mean_difference, percentile_interval
from harness.domain import AccuracyDifference, ChangedSample
from harness.errors import TaskError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

GROUP_KEY = "question_id"
"""Records that share it are parts of one sample: windows of one text."""
SUMMARY_RESAMPLES = 200
LISTED = 20


def compare(
    task: Task,
    reference_records: Sequence[Record],
    records: Sequence[Record],
    ids: Sequence[str],
    *,
    seed: int | np.random.Generator,
    listed: int = LISTED,
) -> AccuracyDifference:
    """How much worse the leading metric of `records` is than that of `reference_records`.

    0/1 values are compared by McNemar's exact test, other values of single samples by the paired bootstrap of their
    mean, and metrics that are no mean over samples by the paired bootstrap of their figures. Every sample counts as
    drawn independently; records with the same ``question_id`` are drawn together.

    Args:
        task: what made the records.
        reference_records: one record a sample, of the arm that is compared with.
        records: the records of the same samples, in the same order, of this arm.
        ids: the samples' names, in that order.
        seed: of the bootstrap, or its generator.
        listed: how many of the changed samples are named at most.

    Raises:
        TaskError: the arms are not the same samples, there are fewer than two, or the metric is not defined on them.
    """
    changed = changed_samples(task, reference_records, records, ids)
    interval = _interval(task, reference_records, records, np.random.default_rng(seed))
    loss = interval.negated() if task.higher_is_better else interval
    worse = sum(_is_worse(task, sample) for sample in changed)
    return AccuracyDifference(
        metric=task.metric,
        loss=loss.difference + 0.0,
        low=loss.low + 0.0,
        high=loss.high + 0.0,
        p_value=loss.p_value,
        method=loss.method,
        samples=len(_groups(records, ids)),
        better=len(changed) - worse,
        worse=worse,
        changed=changed[:listed],
    )


def changed_samples(
    task: Task, reference_records: Sequence[Record], records: Sequence[Record], ids: Sequence[str]
) -> tuple[ChangedSample, ...]:
    """The samples whose own figures differ, the largest change first.

    The figure of a sample is its value, or the leading metric of that sample alone where the task has no values. It is
    NaN where that is not defined, as with NaN outputs; no change is larger.

    Raises:
        TaskError: the arms are not the same samples.
    """
    _check_same(reference_records, records, ids)
    groups = _groups(records, ids)
    before, after = task.values(reference_records), task.values(records)
    if before is None or after is None:
        before, after = _own_figures(task, reference_records, groups), _own_figures(task, records, groups)
        names = list(groups)
    else:
        names = list(ids)
    differ = (before != after) & ~(np.isnan(before) & np.isnan(after))
    size = np.nan_to_num(np.abs(after - before), nan=math.inf)
    order = sorted(np.flatnonzero(differ).tolist(), key=lambda index: -size[index])
    return tuple(ChangedSample(names[index], float(before[index]), float(after[index])) for index in order)


def _check_same(reference_records: Sequence[Record], records: Sequence[Record], ids: Sequence[str]) -> None:
    if not len(reference_records) == len(records) == len(ids):
        raise TaskError(
            f"{len(reference_records)} and {len(records)} records of {len(ids)} samples cannot be compared in pairs",
            remedy="Score both arms on the same samples.",
        )
    if not ids:
        raise TaskError("there are no samples to compare")
    if len(set(ids)) != len(ids):
        twice = next(name for name in ids if list(ids).count(name) > 1)
        raise TaskError(f"the sample {twice!r} is there more than once")
    for name, reference, record in zip(ids, reference_records, records, strict=True):
        if reference.get(GROUP_KEY) != record.get(GROUP_KEY):
            raise TaskError(f"the sample {name!r} is not the same in both arms")


def _groups(records: Sequence[Record], ids: Sequence[str]) -> dict[str, list[int]]:
    """The indices of the records of each sample, by its name."""
    groups: dict[str, list[int]] = {}
    for index, (record, name) in enumerate(zip(records, ids, strict=True)):
        groups.setdefault(str(record.get(GROUP_KEY, name)), []).append(index)
    return groups


def _own_figures(task: Task, records: Sequence[Record], groups: dict[str, list[int]]) -> Floats:
    return np.array([_figure(task, [records[index] for index in indices]) for indices in groups.values()], np.float64)


def _figure(task: Task, records: Sequence[Record]) -> float:
    """The leading metric of few records; NaN where it is not defined."""
    try:
        return float(task.summarise(records)[task.metric])
    except TaskError:
        return math.nan


def _is_worse(task: Task, sample: ChangedSample) -> bool:
    if math.isnan(sample.value) or math.isnan(sample.reference):
        return math.isnan(sample.value)
    return (sample.value < sample.reference) == task.higher_is_better


def _interval(
    task: Task, reference_records: Sequence[Record], records: Sequence[Record], rng: np.random.Generator
) -> Interval:
    """Of this arm minus the reference."""
    before, after = task.values(reference_records), task.values(records)
    if before is None or after is None:
        return _interval_of_figures(task, reference_records, records, rng)
    if all(((values == 0) | (values == 1)).all() for values in (before, after)):
        return binary_difference(before, after)
    _require_two(len(before))
    return mean_difference(before, after, rng)


def _interval_of_figures(
    task: Task, reference_records: Sequence[Record], records: Sequence[Record], rng: np.random.Generator
) -> Interval:
    groups = list(_groups(records, [str(index) for index in range(len(records))]).values())
    _require_two(len(groups))
    arms = [_digested(task, arm) for arm in (reference_records, records)]
    reference, figure = (task.summarise(arm)[task.metric] for arm in arms)
    difference = figure - reference
    resampled: list[float] = []
    for _ in range(2 * SUMMARY_RESAMPLES):
        drawn = rng.integers(0, len(groups), len(groups)).tolist()
        before, after = (_figure(task, list(_drawn(arm, groups, drawn))) for arm in arms)
        if math.isfinite(after - before):
            resampled.append(after - before)
        if len(resampled) == SUMMARY_RESAMPLES:
            method = f"paired bootstrap (percentiles), {SUMMARY_RESAMPLES} resamples"
            return percentile_interval(difference, np.array(resampled), method)
    raise TaskError(
        f"{task.metric} is not defined on most resamples of {len(groups)} samples", remedy="Score more samples."
    )


def _digested(task: Task, records: Sequence[Record]) -> Sequence[Record]:
    """Records that are quick to summarise again and again, where the task has a way to make them."""
    digested = getattr(task, "digested", None)
    return records if digested is None else list(digested(records))


def _drawn(records: Sequence[Record], groups: Sequence[Sequence[int]], drawn: Sequence[int]) -> Iterator[Record]:
    """The records of the groups that were drawn. A group that is drawn twice counts as two."""
    for turn, group in enumerate(drawn):
        for index in groups[group]:
            record = records[index]
            yield {**record, GROUP_KEY: f"{turn}"} if GROUP_KEY in record else record


def _require_two(samples: int) -> None:
    if samples < 2:
        raise TaskError("a difference on one sample has no interval", remedy="Score more samples.")
