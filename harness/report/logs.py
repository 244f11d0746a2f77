"""The raw logs of a run as files with names that are safe anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.domain import InvocationRecord, RunView, Status

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


def log_files(view: RunView) -> Iterator[tuple[str, str]]:
    """(file name, text) of every invocation that failed or said something, in the order they ran.

    The text is what the process wrote, after a head of lines that begin with ``# ``.
    """
    cases = {case.case_id: case.label for case in view.cases}
    for index, record in enumerate(view.invocations):
        if record.result.log or record.result.status is not Status.DONE:
            yield log_name(index, record), _text(record, cases.get(record.case_id, ""))


def log_name(index: int, record: InvocationRecord) -> str:
    """``0042-1f3a9c0d2b11-timing-block3.log``, whatever the case id is."""
    case_id = _UNSAFE.sub("_", record.case_id)[:40] or "case"
    attempt = f"-attempt{record.attempt}" if record.attempt > 1 else ""
    return f"{index:04d}-{case_id}-{record.purpose.value}-block{record.block}{attempt}.log"


def _text(record: InvocationRecord, label: str) -> str:
    head = {
        "case": f"{record.case_id} {label}".strip(),
        "started": record.started_at,
        "status": record.result.status.value,
        "error": record.result.error,
        "runtime": record.result.runtime_version,
    }
    lines = [f"# {key}: {' '.join(value.split())}" for key, value in head.items() if value]
    return "\n".join([*lines, "", record.result.log.rstrip("\n"), ""])
