"""A made-up farm for tests of nights: series with real noise, judged by the real stopping code."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

import numpy as np

from harness.domain import (
    ComparisonVerdict,
    ContextDifference,
    DatedOutcome,
    MetricChange,
    Night,
    PairOutcome,
)
from harness.measure.comparison import BlockMedian
from harness.measure.night import decide
from harness.measure.sentinel import SentinelLevels
from harness.measure.stopping import ScreenThenConfirm, settle, wanted_blocks

START = datetime(2026, 1, 1, 2, 0, tzinfo=timezone.utc)


def at(night: int) -> str:
    """When a night began."""
    return (START + timedelta(days=night)).isoformat(timespec="seconds")


def change(
    verdict: str = "SAME", ratio: float | None = 1.0, p: float | None = 0.5, *, metric: str = "latency", **more: object
) -> MetricChange:
    """A judged change."""
    given = MetricChange(metric, ComparisonVerdict(verdict), 10.0, None, "ms", ratio, p=p, blocks=12)
    return replace(given, **more)  # type: ignore[arg-type]


def outcome(
    *changes: MetricChange,
    model: str = "mobilenet",
    device: str = "p1",
    kind: str = "Pixel",
    variant: str = "int8",
    backend: str = "cpu xnnpack",
    statuses: tuple[str, str] = ("DONE", "DONE"),
    differs: Sequence[ContextDifference] = (),
    stage: str = "confirmation",
) -> PairOutcome:
    """An outcome on a phone that its serial number names."""
    series = f"{model} {variant} · {backend} 1 thread · adb serial={device}"
    return PairOutcome(
        series_id=series,
        series=series,
        model=model,
        variant=variant,
        backend=backend,
        device_id=device,
        device_model=kind,
        base_case_id="b",
        candidate_case_id="c",
        changes=changes,
        differs=tuple(differs),
        base_status=statuses[0],
        candidate_status=statuses[1],
        stage=stage,
    )


def slower(ratio: float = 1.05, p: float = 1e-6) -> MetricChange:
    """A regression of the latency."""
    return change("REGRESSION", ratio, p)


def dated(night: int, *outcomes: PairOutcome) -> list[DatedOutcome]:
    """Outcomes as a history has them."""
    return [DatedOutcome(f"run-{night}", at(night), one) for one in outcomes]


def decided(*outcomes: PairOutcome, night: int = 9, **more: object) -> Night:
    """The decision of a night."""
    given: dict[str, object] = {"run_id": f"run-{night}", "name": "farm", "now": at(night), "baseline": "release"}
    return decide(outcomes, **{**given, **more})  # type: ignore[arg-type]


@dataclass
class Farm:
    """Some models on some phones, night after night. Noise is of blocks; `effect` is candidate over base less 1."""

    models: Sequence[str]
    devices: Sequence[tuple[str, str]]
    seed: int = 1
    spread: float = 0.012
    policy: ScreenThenConfirm = field(default_factory=ScreenThenConfirm)
    page_after: int = 2
    history: list[DatedOutcome] = field(default_factory=list)
    sentinels: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)

    def night(
        self,
        number: int,
        effect: Callable[[str, str], float] = lambda model, device: 0.0,
        level: Callable[[str], float] = lambda device: 1.0,
        spread: float | None = None,
    ) -> Night:
        """Measure and decide one night; `level` is by how much a device is slower than it was."""
        outcomes = [
            self._outcome(model, device, kind, effect(model, device), level(device), spread or self.spread)
            for model in self.models
            for device, kind in self.devices
        ]
        levels = {}
        for device, _ in self.devices:
            before = self.sentinels.setdefault(device, [])
            tonight = 2.0 * level(device) * math.exp(self._rng.normal(0.0, 0.004))
            levels[device] = SentinelLevels(tonight, tuple(before))
            before.append(tonight)
        night = decide(
            outcomes,
            run_id=f"run-{number}",
            name="farm",
            now=at(number),
            baseline="release",
            history=self.history,
            sentinel=levels,
            page_after=self.page_after,
        )
        self.history += [DatedOutcome(f"run-{number}", at(number), one) for one in outcomes]
        return night

    def _outcome(self, model: str, device: str, kind: str, effect: float, level: float, spread: float) -> PairOutcome:
        base: list[BlockMedian] = []
        candidate: list[BlockMedian] = []
        while (wanted := wanted_blocks(self.policy, base, candidate, len(base))) > len(base):
            for block in range(len(base), wanted):
                first = int(self._rng.integers(0, 2))
                logs = math.log(10.0 * level) + self._rng.normal(0.0, spread, 2)
                base.append(BlockMedian(block, first, math.exp(logs[0])))
                candidate.append(BlockMedian(block, 1 - first, math.exp(logs[1]) * (1.0 + effect)))
        found, stage = settle(self.policy, base, candidate)
        assert found is not None
        level_ms = float(np.median([one.median_ms for one in base]))
        told = change(str(found.verdict), found.ratio, found.p, base=level_ms, blocks=found.blocks)
        return outcome(told, model=model, device=device, kind=kind, stage=stage)
