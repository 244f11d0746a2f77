"""The changes of a segment of a history: alarms, where each change lies, and what was stamped anew then."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from harness.measure.creep import (
    BASELINE_NIGHTS,
    LEAST_NIGHTS,
    RECENT_NIGHTS,
    CreepTest,
    Split,
    creep_test,
    locate_change,
)
from harness.measure.history_series import HistoryChange, HistoryPoint, NightContext, Segment

_WINDOW = BASELINE_NIGHTS + RECENT_NIGHTS
_NIGHTS_AFTER = 30  # tell a slope from a step
_CAUSES = {
    "candidate_file": "model file",
    "candidate_runtime": "runtime",
    "harness_version": "harness",
    "git_commit": "commit",
}


def changes_of(points: Sequence[HistoryPoint], segment: Segment) -> list[HistoryChange]:
    """All changes of a segment: the nights that raise the alarm, joined, and each located."""
    logs = [math.log(point.ratio) for point in points[segment.start : segment.end]]
    found = []
    for first, last, test in _alarms(logs):
        begin = max(0, first + 1 - _WINDOW)
        split = locate_change(logs[begin : min(last, first + _NIGHTS_AFTER) + 1])
        change = _placed(split, begin, first, test, current=last == len(logs) - 1)
        change = replace(change, returned=_returned(logs, change, last))
        found.append(_shifted(change, segment.start))
    return [replace(change, causes=_causes(points, segment, change)) for change in found]


def _alarms(logs: Sequence[float]) -> list[tuple[int, int, CreepTest]]:
    """The first and the last index of each stretch of nights with an alarm in one direction; pauses of up to 14 nights
    belong to it."""
    found: list[tuple[int, int, CreepTest]] = []
    for index in range(LEAST_NIGHTS - 1, len(logs)):
        test = creep_test(logs[max(0, index + 1 - _WINDOW) : index + 1])
        if test is None or not test.direction:
            continue
        if found and found[-1][2].direction == test.direction and index - found[-1][1] <= RECENT_NIGHTS:
            found[-1] = (found[-1][0], index, found[-1][2])
        else:
            found.append((index, index, test))
    return found


def _placed(split: Split, begin: int, found: int, test: CreepTest, *, current: bool) -> HistoryChange:
    """The located change; where the split tells of another, older one, the nights that raised the alarm."""
    if split.shift * test.direction > 0:
        places = (begin + split.first, begin + split.best, begin + split.last)
        return HistoryChange(*places, found, split.shift, split.creeping, current)
    first = found - test.nights + 1
    return HistoryChange(first, first, found, found, test.shift, False, current)


def _returned(logs: Sequence[float], change: HistoryChange, last: int) -> int | None:
    """The night from which the former level held again, if the alarm ended because of that."""
    rest = logs[change.best : last + 1 + RECENT_NIGHTS]
    if change.current or change.creeping or len(rest) < 6:
        return None
    back = locate_change(rest)
    undone = back.shift * change.shift < 0 and abs(back.shift) > abs(change.shift) / 2
    return change.best + back.best if undone else None


def _shifted(change: HistoryChange, start: int) -> HistoryChange:
    places = {name: getattr(change, name) + start for name in ("first", "best", "last", "found")}
    return replace(change, **places, returned=None if change.returned is None else change.returned + start)


def _causes(points: Sequence[HistoryPoint], segment: Segment, change: HistoryChange) -> tuple[str, ...]:
    """What of the candidate's stamps changed from before the range of nights to its end."""
    before = max(segment.start, change.first - 1)
    return tuple(_stamps(points[before].context, points[change.last].context))


def _stamps(before: NightContext, now: NightContext) -> list[str]:
    pairs = [(name, getattr(before, field), getattr(now, field)) for field, name in _CAUSES.items()]
    return [f"{name} {old[:24]} → {new[:24]}" for name, old, new in pairs if old and new and old != new]
