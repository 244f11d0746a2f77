"""What the results store costs: until a finished invocation is durable, to compare two large runs, to read a history.

    python -m benchmarks.store_speed [--appends 400] [--rows 100000] [--nights 365] [--dir DIR]

An invocation has 500 samples. Beside the append stands what the disk allows: a bare write and fsync of as many bytes as
the append wrote, in the same directory, taken in turn with it. The comparison pairs two runs of so many rows with five
figures each, in a file that also holds two other runs. A night of the history has 100 series with seven judged metrics
each. Targets: an append under 20 ms (p99), a comparison of 100,000 rows under 0.5 s, the history of a year under 10 s
and of one of its series under 0.2 s.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import numpy as np

from harness.domain import (
    Backend,
    Case,
    ComparisonVerdict,
    ContextDifference,
    Coverage,
    Evidence,
    InvocationRecord,
    InvocationResult,
    MetricChange,
    ModelRef,
    PairOutcome,
    Purpose,
    ResultRow,
    RunRecord,
    Status,
    Verdict,
)
from harness.domain.comparisons import series_id_of
from harness.store import Store
from harness.units import bytes_to_mb, ns_to_s, ns_to_us, us_to_ms

APPEND_TARGET_MS = 20.0
COMPARE_TARGET_S = 0.5
HISTORY_TARGET_S = 10.0
SERIES_TARGET_S = 0.2
SAMPLES = 500
SERIES = 100
METRICS = ("latency", "init", "first_inference", "peak_rss", "pss", "model_size", "accuracy")


def main() -> int:
    """Print all figures; 1 when one misses its target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--appends", type=int, default=400)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--nights", type=int, default=365)
    parser.add_argument("--dir", type=Path, default=None, help="where to write; the file system matters")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.dir) as name:
        folder = Path(name)
        within = [durable_append(folder, asked.appends), comparison(folder, asked.rows), history(folder, asked.nights)]
    return 0 if all(within) else 1


# ---- durable append --------------------------------------------------------------------------------------------------


def durable_append(directory: Path, count: int) -> bool:
    """Time appends and bare writes in turn."""
    case = Case(ModelRef("mobilenet_v2"), "int8")
    path = directory / "append.sqlite"
    with Store.open(path) as store, (directory / "bare").open("wb", buffering=0) as bare:
        store.create_run(_run("append"), [(case, "host-x")])
        size = _bytes_an_append(store, case, path)
        block = os.urandom(size)
        appends, writes = [], []
        for number in range(count):
            record = _record(case, number)
            appends.append(_timed_ms(partial(store.append_invocation, "append", record, token=1)))
            writes.append(_timed_ms(partial(_write_durably, bare.fileno(), block)))
    print(f"durable append of {SAMPLES} samples: {_spread(appends)}  (target: p99 under {APPEND_TARGET_MS:.0f} ms)")
    print(f"bare write + fsync of {size} bytes: {_spread(writes)}")
    print(f"ratio of the medians: {statistics.median(appends) / statistics.median(writes):.2f}")
    return float(np.percentile(appends, 99)) < APPEND_TARGET_MS


def _bytes_an_append(store: Store, case: Case, path: Path) -> int:
    """How much one append adds to the write-ahead log, which is all that it writes before it returns."""
    log = path.with_name(path.name + "-wal")
    before = log.stat().st_size
    for number in range(10):
        store.append_invocation("append", _record(case, 1_000_000 + number), token=1)
    return (log.stat().st_size - before) // 10


def _write_durably(descriptor: int, block: bytes) -> None:
    os.write(descriptor, block)
    os.fsync(descriptor)


def _record(case: Case, block: int) -> InvocationRecord:
    samples = 12e6 + np.random.default_rng(block).exponential(1e5, SAMPLES)
    result = InvocationResult(
        Status.DONE,
        init_us=5200.0,
        first_inference_us=15_000.0,
        samples_ns=samples.astype(np.int64),
        warmup_ns=samples[:60].astype(np.int64),
        coverage=Coverage("XNNPACK", 64, 64, 1),
        evidence=Evidence(cpus=(1,), cpus_verified=True, clock_start_ghz=2.9, clock_end_ghz=2.9, clock_share=1.0),
        runtime_version="2.3.0",
        wall_s=3.1,
        log="logs/0001.txt",
    )
    return InvocationRecord(case.case_id, Purpose.TIMING, block, 0, 0, "2026-01-01T00:00:00.000+00:00", result)


# ---- comparison ------------------------------------------------------------------------------------------------------


def comparison(directory: Path, count: int) -> bool:
    """Time the pairing of two runs of `count` rows: first call of a fresh process's cache, then the median of five."""
    cases = [Case(ModelRef("m"), "int8", backend=Backend(threads=number)) for number in range(count)]
    path = directory / "compare.sqlite"
    with Store.open(path) as store:
        for run_id in ("before", "first", "between", "second"):
            few = cases if run_id in ("first", "second") else cases[: count // 10]
            store.create_run(_run(run_id), [(case, "host-x") for case in few])
            store.save_rows([_row(case, run_id, number) for number, case in enumerate(few)])
    with Store.open(path, read_only=True) as store:
        first_s = _s_per_call(lambda: _compare(store, count), 1)
        busy_s = time.process_time()
        again_s = _s_per_call(lambda: _compare(store, count), 5)
        busy_s = (time.process_time() - busy_s) / 5
    print(
        f"comparison of {count} rows: first {first_s:.3f} s, then {again_s:.3f} s, of it CPU {busy_s:.3f} s  "
        f"(target: under {COMPARE_TARGET_S} s; file of {bytes_to_mb(path.stat().st_size):.0f} MB)"
    )
    return first_s < COMPARE_TARGET_S


def _compare(store: Store, count: int) -> None:
    pairs = store.metric_pairs("first", "second", "latency", "p50")
    ratio = float(np.median(pairs.b / pairs.a))
    if len(pairs) != count or not 0.9 < ratio < 1.2:
        raise SystemExit(f"{len(pairs)} of {count} rows were paired, median ratio {ratio}: the comparison is wrong")


def _run(run_id: str) -> RunRecord:
    return RunRecord(run_id, run_id, "name: speed\n", "0" * 64, "{}", "1.0", "2026-01-01T00:00:00.000+00:00")


def _row(case: Case, run_id: str, number: int) -> ResultRow:
    latency_ms = 10.0 + number % 977
    row = ResultRow(
        run_id,
        case.case_id,
        Status.DONE,
        Verdict.TRUSTED,
        "",
        "host",
        "vm",
        "m",
        "int8",
        "cpu",
        1,
        "big",
        invocations=8,
    )
    return replace(
        row,
        latency_p50_ms=latency_ms,
        latency_p90_ms=latency_ms * 1.1,
        peak_rss_mib=33.0,
        model_size_mb=3.5,
        accuracy=0.97,
        model_sha256="ab" * 32,
        runtime_version="2.3.0",
    )


# ---- history ---------------------------------------------------------------------------------------------------------


def history(directory: Path, nights: int) -> bool:
    """Time the reading of all outcomes of so many nights, and of one series among them."""
    path = directory / "history.sqlite"
    outcomes = [_outcome(f"model{number} int8 · cpu xnnpack 1 thread · adb") for number in range(SERIES)]
    with Store.open(path) as store:
        for night in range(nights):
            began = datetime(2026, 1, 1, 2, tzinfo=timezone.utc) + timedelta(days=night)
            at, settings = began.isoformat(timespec="milliseconds"), '{"comparison": {"purpose": "nightly"}}'
            store.create_run(replace(_run(f"night-{night}"), started_at=at, settings_json=settings), [])
            store.save_outcomes(f"night-{night}", outcomes)
    with Store.open(path, read_only=True) as store:
        busy_s = time.process_time()
        all_s = _s_per_call(lambda: _read_history(store, nights * SERIES), 1)
        busy_s = time.process_time() - busy_s
        one_s = _s_per_call(lambda: _read_history(store, nights, outcomes[7].series), 5)
    print(
        f"history of {nights} nights x {SERIES} series: {all_s:.2f} s, of it CPU {busy_s:.2f} s  "
        f"(target: under {HISTORY_TARGET_S:.0f} s; file of {bytes_to_mb(path.stat().st_size):.0f} MB)"
    )
    print(f"one series of it: {one_s:.3f} s  (target: under {SERIES_TARGET_S} s)")
    return all_s < HISTORY_TARGET_S and one_s < SERIES_TARGET_S


def _read_history(store: Store, wanted: int, series: str | None = None) -> None:
    found = len(store.outcome_history(series=series, purpose="nightly"))
    if found != wanted:
        raise SystemExit(f"{found} of {wanted} outcomes were found: the history is wrong")


def _outcome(series: str) -> PairOutcome:
    latency = MetricChange(
        "latency", ComparisonVerdict.SAME, 12.5, 12.6, "ms", 1.008, 0.99, 1.02, 0.21, 0.021, 0.03, 12, "three looks"
    )
    return PairOutcome(
        series_id_of(series),
        series,
        "model",
        "int8",
        "cpu xnnpack",
        "adb-0123",
        "Pixel 8",
        "a" * 12,
        "b" * 12,
        changes=tuple(replace(latency, metric=metric) for metric in METRICS),
        differs=(ContextDifference("model", "ab12", "cd34", 0.9, "another file was measured"),),
        base_status="DONE",
        candidate_status="DONE",
    )


# ---- timing ----------------------------------------------------------------------------------------------------------


def _timed_ms(call: Callable[[], None]) -> float:
    began_ns = time.perf_counter_ns()
    call()
    return us_to_ms(ns_to_us(time.perf_counter_ns() - began_ns))


def _s_per_call(call: Callable[[], None], times: int) -> float:
    """The median time of some calls, in seconds."""
    taken_s = []
    for _ in range(times):
        began_ns = time.perf_counter_ns()
        call()
        taken_s.append(ns_to_s(time.perf_counter_ns() - began_ns))
    return statistics.median(taken_s)


def _spread(times_ms: Sequence[float]) -> str:
    p50, p99 = np.percentile(times_ms, [50, 99])
    return f"median {p50:.2f} ms, p99 {p99:.2f} ms, max {max(times_ms):.2f} ms"


if __name__ == "__main__":
    sys.exit(main())
