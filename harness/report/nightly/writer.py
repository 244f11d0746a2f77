"""Writes the files of a night."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.domain import DatedOutcome, Night, RunView
from harness.errors import StableError
from harness.report.nightly.bencher import bencher_json
from harness.report.nightly.document import nightly_json
from harness.report.nightly.google_benchmark import google_benchmark_json
from harness.report.nightly.junit import junit_xml
from harness.report.nightly.openmetrics import openmetrics_text
from harness.report.nightly.otava import otava_csv, otava_yaml
from harness.report.nightly.summary import summary_md
from harness.report.writer import write_atomically


def write_night(
    night: Night, directory: Path, *, view: RunView | None = None, history: Sequence[DatedOutcome] = ()
) -> tuple[Path, ...]:
    """Write everything about a night into `directory`, which is made when missing.

    Each file appears whole or not at all and replaces an older one of the same name, so the night's summary.md and
    junit.xml take the places of the run's.

    Args:
        night: the night after its decision.
        directory: where the files go.
        view: the run, whose invocations google_benchmark.json holds; without it that file has none.
        history: the outcomes of all nights, tonight's included; without them otava.csv has tonight alone.

    Returns:
        The paths of nightly.json, summary.md, junit.xml, nightly.html, google_benchmark.json, bencher.json, otava.csv,
        otava.yaml and metrics.prom.

    Raises:
        StableError: the directory or a file cannot be written; what was measured is safe in the store.
    """
    path, written = directory, list[Path]()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in _files(night, view, history):
            path = directory / name
            write_atomically(path, text)
            written.append(path)
    except OSError as error:
        raise StableError(
            f"the files of the night cannot be written: {error.strerror or error}",
            where=str(path),
            remedy="What was measured is safe in the store. Free space or choose a writable directory.",
        ) from error
    return tuple(written)


def _files(night: Night, view: RunView | None, history: Sequence[DatedOutcome]) -> Iterator[tuple[str, str]]:
    from harness.report.nightly.html import nightly_html  # Jinja2 is slow to import

    nights = history or tuple(DatedOutcome(night.run_id, night.at, outcome) for outcome in night.outcomes)
    yield "nightly.json", nightly_json(night)
    yield "summary.md", summary_md(night)
    yield "junit.xml", junit_xml(night)
    yield "nightly.html", nightly_html(night)
    yield "google_benchmark.json", google_benchmark_json(night, view)
    yield "bencher.json", bencher_json(night)
    yield "otava.csv", otava_csv(nights)
    yield "otava.yaml", otava_yaml(nights)
    yield "metrics.prom", openmetrics_text(night)
