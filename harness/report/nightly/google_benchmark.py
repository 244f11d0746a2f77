"""`google_benchmark.json`: invocations in Google Benchmark's JSON, for its compare.py and all that reads that format.

One entry of type ``iteration`` is one invocation, a process of its own, and its `repetition_index` is the block; so the
U test that compare.py makes over repetitions is one over processes. The arms are told apart by the start of the name:
``compare.py filters google_benchmark.json '^base ' '^candidate '``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import harness
from harness.domain import BASE, CANDIDATE, DeviceFacts, InvocationRecord, Night, PairOutcome, Purpose, RunView, Status
from harness.measure import median_ms, sample_count
from harness.units import khz_to_mhz


def google_benchmark_json(night: Night, view: RunView | None) -> str:
    """The invocations of the night's pairs; without the records of its run there is only the context."""
    return json.dumps({"context": _context(night, view), "benchmarks": list(_entries(night, view))}, indent=1) + "\n"


def _context(night: Night, view: RunView | None) -> dict[str, Any]:
    """The keys that the format has, of the one device if there is but one; ours begin with ``harness_``."""
    facts = view.facts if view is not None else ()
    one = facts[0] if len(facts) == 1 else None
    return {
        "date": night.at,
        "host_name": ", ".join(fact.device_id for fact in facts),
        "executable": f"harness nightly {night.name}",
        "num_cpus": len(one.cores) if one else 0,
        "mhz_per_cpu": _mhz(one),
        "cpu_scaling_enabled": bool(one and one.governor and one.governor != "performance"),
        "caches": [],
        "load_avg": [],
        "library_build_type": "release",
        "harness_version": harness.__version__,
        "harness_run": night.run_id,
        "harness_baseline": night.baseline,
        "harness_note": "a repetition is an invocation, real_time its median, cpu_time repeats it: it is not measured",
    }


def _mhz(facts: DeviceFacts | None) -> int:
    clocks = [core.max_khz for core in facts.cores if core.max_khz] if facts else []
    return round(khz_to_mhz(max(clocks))) if clocks else 0


def _entries(night: Night, view: RunView | None) -> Iterator[dict[str, Any]]:
    timed: dict[str, list[InvocationRecord]] = {}
    for record in view.invocations if view is not None else ():
        if record.purpose is Purpose.TIMING and record.result.status is Status.DONE:
            timed.setdefault(record.case_id, []).append(record)
    threads = {case.case_id: case.backend.threads for case in (view.cases if view is not None else ())}
    for family, outcome in enumerate(night.outcomes):
        for arm, case_id in ((BASE, outcome.base_case_id), (CANDIDATE, outcome.candidate_case_id)):
            records = _last_attempts(timed.get(case_id, []))
            for record in records:
                typical_ms = median_ms(record.result)
                if typical_ms is not None:
                    yield _entry(outcome, arm, family, record, typical_ms, len(records), threads.get(case_id, 1))


def _last_attempts(records: Sequence[InvocationRecord]) -> list[InvocationRecord]:
    """Of each block the last attempt, in the order of the blocks."""
    last: dict[int, InvocationRecord] = {}
    for record in records:
        if record.attempt >= last.get(record.block, record).attempt:
            last[record.block] = record
    return [last[block] for block in sorted(last)]


def _entry(
    outcome: PairOutcome,
    arm: str,
    family: int,
    record: InvocationRecord,
    typical_ms: float,
    repetitions: int,
    threads: int,
) -> dict[str, Any]:
    name = f"{arm} {' '.join(outcome.series.split())} @ {outcome.device_id}"
    return {
        "name": name,
        "family_index": family,
        "per_family_instance_index": 0 if arm == BASE else 1,
        "run_name": name,
        "run_type": "iteration",
        "repetitions": repetitions,
        "repetition_index": record.block,
        "threads": threads,
        "iterations": sample_count(record.result),
        "real_time": typical_ms,
        "cpu_time": typical_ms,
        "time_unit": "ms",
    }
