"""A run, and everything that the reports need of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.domain.cases import Case, MeasureSettings
from harness.domain.devices import DeviceFacts
from harness.domain.files import VariantFile
from harness.domain.invocations import InvocationRecord, OutputsCheck
from harness.domain.results import ResultRow


@dataclass(frozen=True)
class RunRecord:
    """One sweep run. Times are ISO 8601 UTC; `state` is running, finished, incomplete (a device was lost) or
    interrupted.
    """

    run_id: str
    name: str
    sweep_text: str
    sweep_sha256: str
    settings_json: str
    harness_version: str
    started_at: str
    finished_at: str | None = None
    state: str = "running"
    git_commit: str = ""


@dataclass(frozen=True)
class RunView:
    """Everything the reports need of one run, as values. `rows` are ordered like `cases`, `checks` keyed by case id."""

    run: RunRecord
    cases: tuple[Case, ...]
    rows: tuple[ResultRow, ...]
    files: tuple[VariantFile, ...]
    facts: tuple[DeviceFacts, ...]
    invocations: tuple[InvocationRecord, ...]
    measure: MeasureSettings
    estimated_s: float | None = None
    checks: Mapping[str, OutputsCheck] = field(default_factory=dict)
