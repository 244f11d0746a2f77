"""`harness prepare --diagnose`: which layers cost the accuracy of a variant."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from harness.domain import ModelRef
from harness.errors import UsageError
from harness.units import parse_duration_s

if TYPE_CHECKING:
    from harness.domain.diagnosis import Diagnosis


def budget_seconds(text: str) -> float:
    """The seconds of ``--budget``.

    Raises:
        UsageError: not a duration over zero.
    """
    try:
        seconds = parse_duration_s(text)
    except ValueError:
        seconds = 0.0
    if seconds <= 0:
        raise UsageError(f"--budget: {text!r} is not a time such as 120s or 5min")
    return seconds


def diagnose(
    models: Sequence[ModelRef],
    *,
    variant: str,
    budget_s: float,
    wanted_db: float | None,
    metric: bool,
    cache_dir: Path | None,
    timeout_s: float,
    on_progress: Callable[[str], None],
) -> list[Diagnosis]:
    """Diagnose one model after the other; Ctrl-C stops the worker.

    Raises:
        HarnessError: whatever keeps one of them from being diagnosed.
    """
    from harness.prepare.diagnosis import diagnose_model

    cancel = threading.Event()
    try:
        return [
            diagnose_model(
                model,
                variant,
                budget_s=budget_s,
                wanted_db=wanted_db,
                metric=metric,
                cache_dir=cache_dir,
                timeout_s=timeout_s,
                on_progress=on_progress,
                cancel=cancel,
            )
            for model in models
        ]
    except KeyboardInterrupt:
        cancel.set()
        raise


def print_diagnoses(found: Sequence[Diagnosis], as_json: bool) -> None:
    """Tables, or JSON in which a figure that is infinite is null."""
    if as_json:
        click.echo(json.dumps([_finite(asdict(one)) for one in found], indent=2, allow_nan=False))
        return
    from rich.console import Console

    from harness.display.diagnosed import diagnosis_lines, layers_table

    console = Console()
    for one in found:
        console.print(layers_table(one.layers, console.width))
        for line in diagnosis_lines(one):
            console.print(line, markup=False, highlight=False, soft_wrap=line.startswith("  "))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
