"""The sustained pass of a case: process after process, without gate, gap or redo, until its time is up.

A pause cools the device. So a pass that is broken off is made anew from the cool state, with the next attempt number on
all its slices, and never continued.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.domain import (
    Case,
    InvocationRecord,
    InvocationRequest,
    InvocationResult,
    MeasureSettings,
    Purpose,
    Status,
    SustainedSlice,
)
from harness.events import Event, SustainedProgress
from harness.lab.tasks import DoneKey
from harness.measure import median_ms, sample_count
from harness.measure.sustained import is_complete, last_pass
from harness.units import ns_to_s, us_to_s

LONGEST_WINDOW_S = 10.0
SHORTEST_WINDOW_S = 0.5
FEWEST_SLICES = 12
TYPICAL_OVERHEAD_S = 1.0  # of a slice beside its window; the first one shows the real one
WARMUP_MIN_S, WARMUP_MAX_S = 0.05, 0.25
KEPT_SAMPLES = 4096  # of a slice: a fast model makes half a million in 10 s
_AGAIN = (Status.DONE, Status.INTERRUPTED, Status.OFFLINE)  # a pass that ended on one of these was broken off


@dataclass(frozen=True)
class SustainedPass:
    """One pass of one case.

    `request` is that of a timing pass, `invoke` makes it, `record` makes a slice durable, `ended` says whether the pass
    is to be left. `note` goes into the evidence of each slice.
    """

    device_id: str
    case: Case
    request: InvocationRequest
    invoke: Callable[[InvocationRequest], InvocationResult]
    record: Callable[[int, str, InvocationResult], None]
    post: Callable[[Event], None]
    clock: Callable[[], float]
    utc_now: Callable[[], str]
    ended: Callable[[], bool]
    note: str = ""

    def run(self) -> InvocationResult:
        """The result of the last slice, with the wall time of the whole pass; INTERRUPTED when it was left.

        Raises:
            StoreError: a slice could not be made durable.
        """
        begin_s, wanted_s = self.clock(), self.request.measure.sustained_s
        index, elapsed_s, overhead_s = 0, 0.0, TYPICAL_OVERHEAD_S
        result = InvocationResult(Status.INTERRUPTED)
        while elapsed_s < wanted_s:
            if self.ended():
                return replace(result, status=Status.INTERRUPTED, wall_s=elapsed_s)
            wanted_window_s = window_s(self.request.measure, elapsed_s, index, overhead_s)
            started_at, result = self.utc_now(), self._invoke(wanted_window_s)
            start_s, elapsed_s = elapsed_s, self.clock() - begin_s
            if result.status is Status.INTERRUPTED:
                break
            result = placed(result, start_s, elapsed_s, wanted_window_s, wanted_s, self.note)
            if index and result.status is Status.DONE:
                result = replace(result, log="")  # they all say the same
            self.record(index, started_at, result)
            if result.status is not Status.DONE:
                break
            self._tell(result, elapsed_s)
            index, overhead_s = index + 1, elapsed_s - start_s - wanted_window_s
        return replace(result, wall_s=elapsed_s)

    def _invoke(self, wanted_window_s: float) -> InvocationResult:
        measure = slice_settings(self.request.measure, wanted_window_s)
        return self.invoke(replace(self.request, purpose=Purpose.TIMING, measure=measure))

    def _tell(self, result: InvocationResult, elapsed_s: float) -> None:
        seen = result.evidence
        self.post(
            SustainedProgress(
                self.device_id,
                self.case,
                elapsed_s,
                self.request.measure.sustained_s,
                median_ms(result),
                seen.clock_end_ghz,
                seen.clock_share,
                seen.temp_end_c,
                seen.thermal_status,
                self.clock(),
            )
        )


def window_s(measure: MeasureSettings, elapsed_s: float, slices: int, overhead_s: float) -> float:
    """The timed window of the next slice: 10 s, less where twelve slices would not fit or the deadline is near.

    Args:
        elapsed_s: since the pass began.
        slices: made so far.
        overhead_s: what the last slice took beside its window.
    """
    even_s = (measure.sustained_s - elapsed_s) / max(1, FEWEST_SLICES - slices) - max(0.0, overhead_s)
    return max(SHORTEST_WINDOW_S, min(LONGEST_WINDOW_S, measure.timeout_s / 2, even_s))


def slice_settings(measure: MeasureSettings, wanted_window_s: float) -> MeasureSettings:
    """The protocol of one slice: a window of that length and next to no warm-up, for the device is warm."""
    return replace(
        measure,
        min_s=wanted_window_s,
        max_s=wanted_window_s,
        min_iterations=1,
        warmup_min_s=WARMUP_MIN_S,
        warmup_min_iterations=1,
        warmup_max_s=WARMUP_MAX_S,
    )


def placed(
    result: InvocationResult, start_s: float, end_s: float, wanted_window_s: float, wanted_s: float, note: str = ""
) -> InvocationResult:
    """`result` as a slice of a pass: with its place, and with samples thinned evenly over time where they are many."""
    timed_s = _timed_s(result)
    # Samples that are each the mean of several inferences add up to less than the window that they filled.
    busy_s = _sum_s(result.warmup_ns) + max(timed_s, wanted_window_s) if timed_s else 0.0
    place = SustainedSlice(start_s, end_s, min(busy_s, end_s - start_s), sample_count(result), wanted_s)
    notes = (*result.evidence.notes, note) if note else result.evidence.notes
    return replace(
        result,
        samples_ns=_thinned(result.samples_ns),
        warmup_ns=_thinned(result.warmup_ns),
        evidence=replace(result.evidence, notes=notes),
        sustained=place,
    )


def _timed_s(result: InvocationResult) -> float:
    if result.samples_ns is not None:
        return _sum_s(result.samples_ns)
    return us_to_s(result.tool.count * result.tool.avg_us) if result.tool is not None else 0.0


def _sum_s(values_ns: NDArray[np.int64] | None) -> float:
    return 0.0 if values_ns is None else ns_to_s(float(values_ns.sum()))


def _thinned(values_ns: NDArray[np.int64] | None) -> NDArray[np.int64] | None:
    return None if values_ns is None else values_ns[:: -(-values_ns.size // KEPT_SAMPLES) or 1].copy()


def settled_keys(keys: Collection[DoneKey], records: Iterable[InvocationRecord]) -> frozenset[DoneKey]:
    """`keys` with one for each sustained pass that need not be made again, and none for one that was broken off."""
    by_case: dict[str, list[InvocationRecord]] = {}
    for record in records:
        if record.purpose is Purpose.SUSTAINED:
            by_case.setdefault(record.case_id, []).append(record)
    others = frozenset(key for key in keys if key[1] is not Purpose.SUSTAINED)
    over = frozenset((case_id, Purpose.SUSTAINED, 0) for case_id, found in by_case.items() if _is_over(found))
    return others | over


def _is_over(records: Iterable[InvocationRecord]) -> bool:
    slices = last_pass(records)
    return is_complete(slices) or (bool(slices) and slices[-1].result.status not in _AGAIN)
