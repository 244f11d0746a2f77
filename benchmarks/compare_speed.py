"""How long `harness compare` of two large stored runs takes, from the start of the process to the end of its output.

    python -m benchmarks.compare_speed [--rows 10000] [--dir DIR]

Two pairs of runs: builds of one series, of which every hundredth row is 8 % slower, and builds whose runtime version
differs, so that no row is of the same series and every one is paired by its case. Beside them stands the floor: the
same interpreter that imports the store's libraries, opens the file and reads the two runs' figures, bare. CPU time is
printed, too: it says more where other work takes part of the cores. Target: under 1 s. A last line tells how the
comparison inside one run grows with its cells.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.store_speed import _row, _run, _s_per_call
from harness.domain import (
    Backend,
    Case,
    InvocationRecord,
    InvocationResult,
    MeasureSettings,
    ModelRef,
    Purpose,
    ResultRow,
    RunView,
    Status,
)
from harness.measure.matrix import compare_inside
from harness.store import Store
from harness.units import bytes_to_mb

TARGET_S = 1.0
REPEATS = 5
FLOOR = """
import sqlite3, sys, numpy, sqlalchemy, rich_click
with sqlite3.connect(sys.argv[1]) as connection:
    for run_id in sys.argv[2:]:
        connection.execute(
            "select c.case_id, r.series_key, m.name, m.stat, m.value from run n"
            " join bench_case c on c.run_number = n.number join result_row r on r.case_number = c.number"
            " join metric m on m.case_number = c.number where n.run_id = ?",
            (run_id,),
        ).fetchall()
connection.close()
"""


def main() -> int:
    """Print the figures; 1 when one misses its target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--dir", type=Path, default=None, help="where to write; the file system matters")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.dir) as name:
        path = Path(name) / "compare.sqlite"
        fill(path, asked.rows)
        print(f"two runs of {asked.rows:,} rows each, in a file of {bytes_to_mb(path.stat().st_size):.0f} MB")
        within = [measure(path, asked.rows, *pair) for pair in (("base", "slower"), ("base", "newer"))]
    tell_growth(asked.rows // 8)
    return 0 if all(within) else 1


def tell_growth(cells: int) -> None:
    """How the comparison inside one run grows: the CPU time of a cell in a run of four times as many."""
    few_s, many_s = (_inside_s(count) / count for count in (cells, 4 * cells))
    print(
        f"compare_inside of {4 * cells:,} cells: {1e3 * many_s:.2f} ms of CPU time each, {many_s / few_s:.2f} times "
        f"what it is of {cells:,} cells (1 is linear)"
    )


def _inside_s(cells: int) -> float:
    """CPU time of the matrix of a run with half as many models, each on the CPU and the GPU, 8 blocks."""
    view = _run_of_models(cells // 2)
    before_s = time.process_time()
    found = compare_inside(view, "backend")
    spent_s = time.process_time() - before_s
    if found.ratios != cells // 2:
        raise SystemExit(f"the matrix is wrong: {found.ratios} ratios of {cells} cells")
    return spent_s


def _run_of_models(models: int) -> RunView:
    cases = [Case(ModelRef(f"m{n}"), "int8", backend=one) for n in range(models) for one in (Backend(), Backend("gpu"))]
    rows = [
        replace(_row(case, "inside", n), model=case.model.name, backend=case.backend.label, device_id="host-x")
        for n, case in enumerate(cases)
    ]
    samples = np.random.default_rng(1).lognormal(16.0, 0.01, (64, 40)).astype(np.int64)
    records = tuple(
        InvocationRecord(
            *(case.case_id, Purpose.TIMING, block, number % 2, 0, ""),
            InvocationResult(Status.DONE, samples_ns=samples[(7 * number + block) % 64]),
        )
        for block in range(8)
        for number, case in enumerate(cases)
    )
    return RunView(_run("inside"), tuple(cases), tuple(rows), (), (), records, MeasureSettings())


def fill(path: Path, count: int) -> None:
    """A base, a candidate with some slower rows, and one by another version of the runtime."""
    cases = [Case(ModelRef("m"), "int8", backend=Backend(threads=1 + number)) for number in range(count)]
    with Store.open(path) as store:
        for run_id in ("base", "slower", "newer"):
            store.create_run(_run(run_id), [(case, "host-x") for case in cases])
            store.save_rows([_case_row(case, run_id, number) for number, case in enumerate(cases)])


def _case_row(case: Case, run_id: str, number: int) -> ResultRow:
    row = _row(case, run_id, number)
    latency_ms = (row.latency_p50_ms or 0.0) * (1.08 if run_id != "base" and number % 100 == 0 else 1.0)
    return replace(
        row,
        threads=case.backend.threads,
        latency_p50_ms=latency_ms,
        latency_ci_low_ms=0.995 * latency_ms,
        latency_ci_high_ms=1.005 * latency_ms,
        init_ms=4.0,
        first_inference_ms=1.6 * latency_ms,
        accuracy_metric="top1",
        accuracy_samples=1000,
        runtime_version="2.4.0" if run_id == "newer" else row.runtime_version,
        device_id="host-x",
    )


def measure(path: Path, count: int, base: str, candidate: str) -> bool:
    """Time the command and its floor in turn."""
    command = [sys.executable, "-m", "harness", "compare", base, candidate, "--store", str(path)]
    floor = [sys.executable, "-c", FLOOR, str(path), base, candidate]
    text = _output(command)
    if f"the latency of {count:,} rows" not in text or f"{-(-count // 100):,} rows stand out" not in text:
        raise SystemExit(f"the comparison is wrong:\n{text[:2000]}")
    ours, bare = [], []
    for _ in range(REPEATS):
        ours.append(_timed(command))
        bare.append(_timed(floor))
    (ours_s, busy_s), (bare_s, bare_busy_s) = (
        [statistics.median(column) for column in zip(*arm, strict=True)] for arm in (ours, bare)
    )
    print(
        f"harness compare {base} {candidate}: {ours_s:.2f} s, CPU {busy_s:.2f} s, {len(text.splitlines())} lines "
        f"(target: under {TARGET_S:g} s)"
    )
    print(f"  bare import and reading: {bare_s:.2f} s, CPU {bare_busy_s:.2f} s; ratio {ours_s / bare_s:.2f}")
    return bool(ours_s < TARGET_S)


def _timed(command: list[str]) -> tuple[float, float]:
    """Wall and CPU time of one process, in seconds."""
    before = os.times()
    wall_s = _s_per_call(lambda: _run_through(command), 1)
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return wall_s, spent


def _run_through(command: list[str]) -> None:
    _output(command)


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "140"})
    if done.returncode not in (0, 4):
        raise SystemExit(done.stderr)
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
