"""A sweep after validation: frozen values, ready to be expanded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from harness.content import canonical_json
from harness.domain import (
    VARIANTS,
    AccuracySettings,
    Backend,
    Case,
    DeviceSettings,
    EdgeTpuCompiler,
    KnownFailure,
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
class Priority:
    """Cases that go first; each criterion is a glob."""

    model: str = "*"
    variant: str = "*"
    backend: str = "*"
    target: str = "*"

    def matches(self, case: Case) -> bool:
        """Whether every glob matches a name of the case."""
        names = names_of(case)
        return all(any(fnmatchcase(str(name), glob) for name in names[key]) for key, glob in vars(self).items())


@dataclass(frozen=True)
class NightlySettings:
    """How a night is run and judged.

    Attributes:
        budget_s: no further pairs are begun after so long; None for no limit.
        screen_blocks: blocks that every pair gets; threshold_pct: what they must differ by to be confirmed.
        page_after: nights that must confirm a regression which no second device shows.
        priorities: what goes first, the first entry before the second.
        known_failures: what nobody is called for.
    """

    budget_s: float | None = None
    screen_blocks: int = 6
    threshold_pct: float = 1.5
    page_after: int = 2
    priorities: tuple[Priority, ...] = ()
    known_failures: tuple[KnownFailure, ...] = ()


@dataclass(frozen=True)
class Sweep:
    """What a sweep file asks for, with every default filled in. `text` is the file as it was read.

    Without `runtimes` each target has its own: LiteRT on the host, benchmark_model on phones, pycoral on Edge TPUs.
    `nightly` says how much
    of the sweep a night measures and what is made of it, not what a measurement is.
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
    nightly: NightlySettings = field(default_factory=NightlySettings)
    edgetpu_compiler: EdgeTpuCompiler = field(default_factory=EdgeTpuCompiler)

    @cached_property
    def resolved_json(self) -> str:
        """Canonical JSON of what is measured and how: equal sweeps give equal JSON, however they were written.

        Without `text`, and without `nightly`: an entry that is added to the known failures leaves a sweep what it is,
        so that an unfinished run of it can be continued.
        """
        resolved: dict[str, Any] = asdict(self)
        del resolved["text"], resolved["nightly"]
        if self.edgetpu_compiler == EdgeTpuCompiler():  # so that sweeps of before this section keep their hashes
            del resolved["edgetpu_compiler"]
        return canonical_json(resolved)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of `resolved_json`, 64 hex digits."""
        return hashlib.sha256(self.resolved_json.encode()).hexdigest()
