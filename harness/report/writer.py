"""The one place of the reports that writes files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from harness.domain import RunView
from harness.errors import StableError
from harness.report.accuracy import changed_samples_csv
from harness.report.csv_files import metrics_csv, summary_csv
from harness.report.junit import Untrusted, junit_xml
from harness.report.logs import log_files
from harness.report.markdown import summary_md


def write_reports(view: RunView, directory: Path, *, untrusted: Untrusted = "passed") -> tuple[Path, ...]:
    """Write every report of a run into `directory`, which is made when missing.

    Each file appears whole or not at all, and replaces an older one of the same name.

    Args:
        view: the run.
        directory: where the files go.
        untrusted: how `junit.xml` shows rows that cannot be quoted, see `harness.report.junit.junit_xml`.

    Returns:
        The paths written: summary.csv, metrics.csv, changed_samples.csv (where accuracies were compared), summary.md,
        junit.xml, report.html, then the logs.

    Raises:
        StableError: the directory or a file cannot be written; what was measured is safe in the store.
    """
    written: list[Path] = []
    path = directory
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in _files(view, untrusted):
            path = directory / name
            path.parent.mkdir(exist_ok=True)
            write_atomically(path, text)
            written.append(path)
    except OSError as error:
        raise StableError(
            f"the report cannot be written: {error.strerror or error}",
            where=str(path),
            remedy="The results are safe in the store. Free space or choose a writable directory, then run "
            f"`harness report {view.run.run_id}`.",
        ) from error
    return tuple(written)


def _files(view: RunView, untrusted: Untrusted) -> Iterator[tuple[str, str]]:
    from harness.report.html import report_html  # Jinja2 is slow to import

    yield "summary.csv", summary_csv(view.rows)
    yield "metrics.csv", metrics_csv(view)
    if any(check.difference is not None for check in view.checks.values()):
        yield "changed_samples.csv", changed_samples_csv(view)
    yield "summary.md", summary_md(view)
    yield "junit.xml", junit_xml(view.rows, name=view.run.name, untrusted=untrusted)
    yield "report.html", report_html(view)
    for name, text in log_files(view):
        yield f"logs/{name}", text


def write_atomically(path: Path, text: str) -> None:
    """Write UTF-8 beside `path`, then rename over it; lone surrogates (undecodable file names) become ``?``.

    Raises:
        OSError: nothing of `path` has changed then, and the temporary file is gone.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(text.encode("utf-8", errors="replace"))
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
