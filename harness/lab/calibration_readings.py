"""What the A/A comparisons of a stored run showed, from its records."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.domain import InvocationRecord, InvocationResult, MeasureSettings, NoiseRecord, Pair, Purpose, RunRecord
from harness.lab.pairs import COMPARISON, pairs_of
from harness.measure import BlockMedian, Comparison, block_medians, median_ms
from harness.measure.calibration import ClassEvidence, model_class
from harness.measure.stopping import FixedBlocks, settle
from harness.measure.variance import ProcessSpread, process_spread
from harness.store import Store
from harness.units import ms_to_s, ns_to_s, s_to_ns

LEAST_SHARE = 0.75  # of the planned blocks: fewer are no comparison like the others
LEAST_COST_S = 1e-3


@dataclass(frozen=True)
class Cost:
    """What one invocation took, in seconds: one inference, all beside the inferences, warm-up, timed window."""

    inference_s: float
    invocation_s: float
    warmup_s: float
    window_s: float


@dataclass(frozen=True)
class Reading:
    """One A/A comparison: its noise record, and what its invocations say."""

    noise: NoiseRecord
    blocks: tuple[tuple[ProcessSpread, ProcessSpread], ...]
    differences: tuple[float, ...]
    costs: tuple[Cost, ...]


def readings_of(store: Store, run: RunRecord, device_id: str, blocks: int, measure: MeasureSettings) -> list[Reading]:
    """The A/A comparisons of a stored run on one device; those that have too few blocks are left out."""
    settings = store.run_settings(run.run_id)[COMPARISON]
    found = (
        _reading(store, run, device_id, pair, blocks, measure) for pair in pairs_of(settings, store.cases(run.run_id))
    )
    return [reading for reading in found if reading is not None]


def evidence_of(readings: Iterable[Reading], class_of: Mapping[str, str]) -> dict[str, ClassEvidence]:
    """What the readings say together, by model class; `class_of` are those of the series."""
    by_class: dict[str, list[Reading]] = {}
    for reading in readings:
        by_class.setdefault(class_of[reading.noise.series], []).append(reading)
    return {name: _evidence(group) for name, group in by_class.items()}


def _reading(
    store: Store, run: RunRecord, device_id: str, pair: Pair, blocks: int, measure: MeasureSettings
) -> Reading | None:
    arms = [_timings(store.invocations(run.run_id, case.case_id)) for case in (pair.base, pair.candidate)]
    base, candidate = (block_medians(arm.values()) for arm in arms)
    # Judged without a noise floor: whether the bare test cries wolf is what is to be found out.
    comparison, _ = settle(FixedBlocks(blocks), base, candidate)
    if comparison is None or comparison.available < LEAST_SHARE * blocks:
        return None
    used = sorted({entry.block for entry in base} & {entry.block for entry in candidate})
    results = [[arm[block].result for arm in arms] for block in used]
    return Reading(
        _noise(run, device_id, pair, base, comparison),
        tuple((_spread(first), _spread(second)) for first, second in results),
        _differences(base, candidate),
        tuple(_cost(result, measure) for pair_of_results in results for result in pair_of_results),
    )


def _timings(records: Iterable[InvocationRecord]) -> dict[int, InvocationRecord]:
    """Of each block the last attempt."""
    last: dict[int, InvocationRecord] = {}
    for record in records:
        if record.purpose is Purpose.TIMING and record.attempt >= last.get(record.block, record).attempt:
            last[record.block] = record
    return last


def _noise(
    run: RunRecord, device_id: str, pair: Pair, base: Sequence[BlockMedian], comparison: Comparison
) -> NoiseRecord:
    latency_ms = statistics.median(entry.median_ms for entry in base)
    return NoiseRecord(
        device_id,
        model_class(pair.base.backend.kind, latency_ms),
        run.started_at,
        run.run_id,
        pair.series,
        comparison.ratio - 1.0,
        comparison.verdict,
        comparison.blocks,
        "calibrate",
    )


def _differences(base: Sequence[BlockMedian], candidate: Sequence[BlockMedian]) -> tuple[float, ...]:
    other: Mapping[int, float] = {entry.block: entry.median_ms for entry in candidate}
    return tuple(math.log(other[entry.block] / entry.median_ms) for entry in base if entry.block in other)


def _spread(result: InvocationResult) -> ProcessSpread:
    """A tool that keeps its samples to itself gives a level alone."""
    if result.samples_ns is not None and result.samples_ns.size:
        return process_spread(result.samples_ns)
    typical_ms = median_ms(result)
    assert typical_ms is not None  # only invocations with a median make a block
    return ProcessSpread(result.tool.count if result.tool else 1, math.log(s_to_ns(ms_to_s(typical_ms))))


def _cost(result: InvocationResult, measure: MeasureSettings) -> Cost:
    """Short inferences are timed in batches, so that their samples do not add up to the window: it is as long as the
    protocol asks for at least."""
    inference_s = ms_to_s(median_ms(result) or 0.0)
    counted = result.tool.count * inference_s if result.samples_ns is None and result.tool is not None else 0.0
    window_s = max(_sum_s(result.samples_ns), counted, min(measure.min_s, result.wall_s))
    warmup_s = max(_sum_s(result.warmup_ns), measure.warmup_min_s)
    return Cost(inference_s, max(LEAST_COST_S, result.wall_s - window_s - warmup_s), warmup_s, window_s)


def _sum_s(samples_ns: np.ndarray[tuple[int, ...], np.dtype[np.int64]] | None) -> float:
    return 0.0 if samples_ns is None else ns_to_s(float(samples_ns.sum()))


def _evidence(readings: Sequence[Reading]) -> ClassEvidence:
    costs = [cost for reading in readings for cost in reading.costs]
    return ClassEvidence(
        tuple(block for reading in readings for block in reading.blocks),
        tuple(difference for reading in readings for difference in reading.differences),
        *(
            statistics.median(getattr(cost, name) for cost in costs)
            for name in ("inference_s", "invocation_s", "warmup_s", "window_s")
        ),
    )
