"""How long the reports of a large run take, and how large its page is.

    python -m benchmarks.report_speed [--rows 2000] [--blocks 8] [--samples 500]

The run is made up: 20 models, six variants, threads and kernels until there are enough rows, every figure and reason
different as in a real one. Timed is the page alone, and everything together with the files written. Targets with 2,000
rows: a page below 1 MB, built in under 1 s of processor time, which what else runs on the machine hardly lengthens.
"""

from __future__ import annotations

import argparse
import itertools
import random
import re
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from harness.domain import VARIANTS, Backend, ResultRow, RunView
from harness.report import write_reports
from harness.report.html import report_html
from tests.report.factory import Model, run_view

TARGET_BYTES, TARGET_S = 1_000_000, 1.0
REPEATS = 3  # the fastest counts


def large_view(rows: int, blocks: int, samples: int) -> RunView:
    """A run with exactly `rows` rows."""
    models = [Model(f"model_{index:02d}", 0.5 + 1.7 * index, 1.0 + index, 0.9 - 0.01 * index) for index in range(20)]
    threads = itertools.cycle((True, False))
    per_model = -(-rows // (len(models) * len(VARIANTS)))
    backends = [Backend(threads=1 + index // 2, xnnpack=next(threads)) for index in range(per_model)]
    view = run_view(models=models, backends=backends, blocks=blocks, samples=samples)
    chance = random.Random(1)
    return replace(view, cases=view.cases[:rows], rows=tuple(_varied(row, chance) for row in view.rows[:rows]))


def _varied(row: ResultRow, chance: random.Random) -> ResultRow:
    """`row` with figures of its own where the made-up runs have the same in all rows."""
    if row.latency_p50_ms is None:
        return row
    return replace(
        row,
        reasons=re.sub(r"\d+\.\d", lambda found: f"{float(found[0]) * chance.uniform(0.5, 2):.2f}", row.reasons),
        peak_rss_mib=chance.uniform(30, 80),
        pss_mib=chance.uniform(20, 70),
        temp_start_c=round(chance.uniform(30, 40), 1),
        temp_end_c=round(chance.uniform(35, 45), 1),
        foreign_load=chance.uniform(0, 0.02),
        clock_share=chance.uniform(0.97, 1),
        init_ms=chance.uniform(2, 3),
        samples=4000 + chance.randrange(900),
    )


def fastest_page(view: RunView) -> tuple[str, float, float]:
    """The page, and the seconds that it took at best: of the processor, and by the clock."""
    processor_s, clock_s = [], []
    for _ in range(REPEATS):
        began_s = time.process_time(), time.perf_counter()
        page = report_html(view)
        processor_s.append(time.process_time() - began_s[0])
        clock_s.append(time.perf_counter() - began_s[1])
    return page, min(processor_s), min(clock_s)


def main() -> int:
    """Print the figures; the exit code is 1 when one misses its target."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--blocks", type=int, default=8)
    parser.add_argument("--samples", type=int, default=500)
    asked = parser.parse_args()
    view = large_view(asked.rows, asked.blocks, asked.samples)
    report_html(replace(view, cases=(), rows=(), invocations=()))  # imports and templates, once a process
    page, page_s, clock_s = fastest_page(view)
    with tempfile.TemporaryDirectory() as directory:
        began_s = time.perf_counter()
        written = write_reports(view, Path(directory))
        all_s = time.perf_counter() - began_s
    size_bytes = len(page.encode())
    print(f"{len(view.rows)} rows, {len(view.invocations)} invocations of {asked.samples} samples")
    print(f"page: {page_s:.2f} s of processor time (target below {TARGET_S:g}), {clock_s:.2f} s by the clock")
    print(f"page: {size_bytes / 1e6:.2f} MB (target below {TARGET_BYTES / 1e6:g})")
    print(f"all {len(written)} files: {all_s:.2f} s")
    return 0 if page_s < TARGET_S and size_bytes < TARGET_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
