"""How long the reports of a large run take, and how large its page is.

    python -m benchmarks.report_speed [--rows 2000] [--blocks 8] [--samples 500]

The run is made up: 20 models, six variants, threads and kernels until there are enough rows. Timed is the page alone,
and everything together with the files written. Targets with 2,000 rows: a page below 3 MB, built in under 3 s.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from harness.domain import VARIANTS, Backend, RunView
from harness.report import write_reports
from harness.report.html import report_html
from tests.report.factory import Model, run_view

TARGET_BYTES, TARGET_S = 3_000_000, 3.0


def large_view(rows: int, blocks: int, samples: int) -> RunView:
    """A run with exactly `rows` rows."""
    models = [Model(f"model_{index:02d}", 0.5 + 1.7 * index, 1.0 + index, 0.9 - 0.01 * index) for index in range(20)]
    threads = itertools.cycle((True, False))
    per_model = -(-rows // (len(models) * len(VARIANTS)))
    backends = [Backend(threads=1 + index // 2, xnnpack=next(threads)) for index in range(per_model)]
    view = run_view(models=models, backends=backends, blocks=blocks, samples=samples)
    return replace(view, cases=view.cases[:rows], rows=view.rows[:rows])


def main() -> int:
    """Print the figures; the exit code is 1 when one misses its target."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--blocks", type=int, default=8)
    parser.add_argument("--samples", type=int, default=500)
    asked = parser.parse_args()
    view = large_view(asked.rows, asked.blocks, asked.samples)
    report_html(replace(view, cases=(), rows=(), invocations=()))  # imports and templates, once a process
    began_s = time.perf_counter()
    page = report_html(view)
    page_s = time.perf_counter() - began_s
    with tempfile.TemporaryDirectory() as directory:
        began_s = time.perf_counter()
        written = write_reports(view, Path(directory))
        all_s = time.perf_counter() - began_s
    size_bytes = len(page.encode())
    print(f"{len(view.rows)} rows, {len(view.invocations)} invocations of {asked.samples} samples")
    print(f"page: {page_s:.2f} s (target below {TARGET_S:g}), {size_bytes / 1e6:.2f} MB (target below 3)")
    print(f"all {len(written)} files: {all_s:.2f} s")
    return 0 if page_s < TARGET_S and size_bytes < TARGET_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
