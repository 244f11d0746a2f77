"""What is asked of a sweep's session, and what comes of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.content import canonical_json
from harness.domain import ResultRow, RunRecord, VariantFile
from harness.lab.rounds import Rounds, RoundsContext
from harness.sweep import Plan, Sweep

Files = Mapping[tuple[str, str], VariantFile]  # by model and variant


@dataclass(frozen=True)
class SweepRequest:
    """What `harness run` asks for. `resume` is the run to continue, or None for a new one.

    Attributes:
        plan: the cases, where they are not those of the sweep file.
        together: cases that are to be on one device, by case id, where it is not a model's cases.
        rounds: which invocations a lane makes; None for those of `tasks_for`.
        extra_settings: stored with the settings of the run.
        files: model files that are there already, by model and variant; only the others are prepared.
    """

    sweep: Sweep
    reports_dir: Path
    cache_dir: Path
    jobs: int
    resume: RunRecord | None = None
    prepare_timeout_s: float = 1800.0
    plan: Plan | None = None
    together: Mapping[str, str] = field(default_factory=dict)
    rounds: Callable[[RoundsContext], Rounds] | None = None
    extra_settings: Mapping[str, Any] = field(default_factory=dict)
    files: Files = field(default_factory=dict)


@dataclass(frozen=True)
class SweepOutcome:
    """What came of it. `state` is ``finished``, ``incomplete`` (a device was lost) or ``interrupted``."""

    run_id: str
    state: str
    rows: tuple[ResultRow, ...]
    report_dir: Path


def settings_json(sweep: Sweep, extra: Mapping[str, Any]) -> str:
    """What a run keeps of its settings: the resolved sweep, and what is not in it."""
    return canonical_json({**json.loads(sweep.resolved_json), **extra}) if extra else sweep.resolved_json


def settings_sha256(sweep: Sweep, extra: Mapping[str, Any]) -> str:
    """What an unfinished run of the same settings is found by."""
    return hashlib.sha256(settings_json(sweep, extra).encode()).hexdigest() if extra else sweep.sha256
