"""A sweep after validation: frozen values, ready to be expanded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from harness.content import canonical_json
from harness.domain import (
    VARIANTS,
    AccuracySettings,
    Backend,
    Case,
    DeviceSettings,
    MeasureSettings,
    ModelRef,
    RuntimeRef,
    Target,
)

Value = str | int


@dataclass(frozen=True)
class ExcludeRule:
    """Leaves out the cases that match every criterion, each by any of its values."""

    criteria: tuple[tuple[str, tuple[Value, ...]], ...]

    @property
    def text(self) -> str:
        """``backend: hexagon, variant: float32 or float16``."""
        return ", ".join(f"{key}: {' or '.join(map(str, values))}" for key, values in self.criteria)

    def matches(self, names: Mapping[str, tuple[Value, ...]]) -> bool:
        """Whether every criterion has a value among the `names` of a case (see `names_of`)."""
        return all(any(value in names[key] for value in values) for key, values in self.criteria)


def names_of(case: Case) -> dict[str, tuple[Value, ...]]:
    """What a case is called by, for each key an exclude rule may have."""
    return {
        "model": (case.model.name,),
        "variant": (case.variant,),
        "target": (case.target.kind, case.target.label),
        "backend": (case.backend.kind, case.backend.label),
        "threads": (case.backend.threads,) if case.backend.kind == "cpu" else (),
        "runtime": (case.runtime.name, case.runtime.label),
    }


@dataclass(frozen=True)
class Sweep:
    """What a sweep file asks for, with every default filled in. `text` is the file as it was read.

    Without `runtimes` each target has its own: LiteRT on the host, benchmark_model on phones.
    """

    name: str
    models: tuple[ModelRef, ...]
    variants: tuple[str, ...] = VARIANTS
    targets: tuple[Target, ...] = (Target(),)
    backends: tuple[Backend, ...] = (Backend(),)
    runtimes: tuple[RuntimeRef, ...] = ()
    measure: MeasureSettings = field(default_factory=MeasureSettings)
    accuracy: AccuracySettings = field(default_factory=AccuracySettings)
    require_coverage: str = "partial"
    exclude: tuple[ExcludeRule, ...] = ()
    adb_server: str = ""
    settings: DeviceSettings = field(default_factory=DeviceSettings)
    text: str = ""

    @cached_property
    def resolved_json(self) -> str:
        """Canonical JSON of everything but `text`: equal sweeps give equal JSON, however they were written."""
        resolved: dict[str, Any] = asdict(self)
        del resolved["text"]
        return canonical_json(resolved)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of `resolved_json`, 64 hex digits."""
        return hashlib.sha256(self.resolved_json.encode()).hexdigest()
