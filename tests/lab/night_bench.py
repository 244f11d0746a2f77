"""Nights without a device: a pinned build of made-up files, and a stand-in for `run_pairs` that keeps what it made."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.content import file_digest
from harness.domain import (
    Baseline,
    Case,
    ComparisonVerdict,
    DeviceFacts,
    MetricChange,
    Pair,
    PairOutcome,
    ResultRow,
    RunRecord,
    RuntimeRef,
    Status,
    VariantFile,
    Verdict,
)
from harness.lab.around import Around
from harness.lab.interrupt import Interrupt
from harness.lab.pairs import COMPARISON, PairsRequest, PairsResult, comparison_settings
from harness.lab.pinned_build import keep_build
from harness.lab.requests import settings_json
from harness.lab.sentinel import SENTINEL
from harness.store import LeaseBook, Store
from harness.sweep import Sweep, parse_sweep

HOST = DeviceFacts("host-x", "host", "Xeon", os_build="linux")
SWEEP = """name: farm
models: [{name: alpha, file: alpha.tflite}, {name: beta, file: beta.tflite}, {name: gamma, file: gamma.tflite}]
variants: [float32]
backends: [cpu, {cpu: {xnnpack: false}}]
"""


def sweep(folder: Path, extra: str = "", text: str = SWEEP) -> Sweep:
    """A sweep of three models on two backends."""
    for name in ("alpha", "beta", "gamma"):
        path = folder / f"{name}.tflite"
        if not path.exists():
            path.write_bytes(f"the model {name}".encode())
    return parse_sweep(text + extra, str(folder / "farm.yaml"), known_models=(), folder=folder)


def prepared(asked: Sweep, folder: Path) -> tuple[VariantFile, ...]:
    """The model files of a sweep as preparation gives them; a model whose file is empty failed."""
    found = []
    for model in asked.models:
        path = Path(model.file or "")
        for variant in asked.variants:
            if path.stat().st_size:
                digest = file_digest(path)
                found.append(VariantFile(model.name, variant, Status.DONE, path=str(path), sha256=digest))
            else:
                found.append(VariantFile(model.name, variant, Status.FAILED, "it is empty"))
    return tuple(found)


def offers(runtime: RuntimeRef) -> str:
    """What every interpreter has."""
    return "python: litert 2.1"


def no_tool(case: Case) -> None:
    """No tool was fetched."""


def pinned(asked: Sweep, folder: Path, name: str = "farm", at: str = "2026-01-01T00:00:00+00:00") -> Baseline:
    """A baseline of the sweep as it is."""
    build = keep_build(asked, prepared(asked, folder), folder / "baselines" / name, offers, no_tool)
    return Baseline(name, at, asked.name, asked.resolved_json, build.files)


@dataclass
class FakeRun:
    """Stands for `run_pairs`: every pair is measured at once, with the `ratios` by the beginning of its series.

    `statuses` are those of the two arms, by series; `rows` adds reasons. `fails` is raised so often at first. Series
    that begin with `same_build` have one build on both sides.
    """

    ratios: dict[str, float] = field(default_factory=dict)
    statuses: dict[str, tuple[Status, Status]] = field(default_factory=dict)
    reasons: str = ""
    sentinel_ms: float = 2.0
    base_ms: float = 10.0
    state: str = "finished"
    dates: list[str] = field(default_factory=list)
    fails: list[Exception] = field(default_factory=list)
    same_build: str = "nothing"
    requests: list[PairsRequest] = field(default_factory=list)

    def __call__(
        self,
        request: PairsRequest,
        *,
        store: Store,
        leases: LeaseBook,
        post: Callable[[Any], None],
        interrupt: Interrupt,
        write_reports: Callable[[str, Path], None],
    ) -> PairsResult:
        if self.fails:
            raise self.fails.pop(0)
        self.requests.append(request)
        run = request.resume or self._create(request, store)
        rows = [row for pair in request.pairs for row in self._rows(run.run_id, pair)]
        rows.append(self._row(run.run_id, _sentinel(request.pairs[0].base), Status.DONE, self.sentinel_ms))
        store.save_rows(rows)
        outcomes = tuple(self._outcome(pair) for pair in request.pairs)
        store.save_outcomes(run.run_id, outcomes)
        store.finish_run(run.run_id, self.state, run.started_at)
        directory = request.reports_dir / run.run_id
        write_reports(run.run_id, directory)
        return PairsResult(run.run_id, self.state, outcomes, tuple(rows), directory)

    def _create(self, request: PairsRequest, store: Store) -> RunRecord:
        number = len(store.list_runs())
        at = self.dates.pop(0) if self.dates else f"2026-01-{number + 2:02}T02:00:00+00:00"
        run = RunRecord(
            run_id=f"night-{number}",
            name=request.sweep.name,
            sweep_text=request.sweep.text,
            sweep_sha256=request.sha256,
            settings_json=settings_json(request.sweep, {COMPARISON: comparison_settings(request)}),
            harness_version="1",
            started_at=at,
        )
        cases = [case for pair in request.pairs for case in (pair.base, pair.candidate)]
        store.create_run(run, [(case, HOST.device_id) for case in (*cases, _sentinel(cases[0]))])
        store.save_facts(run.run_id, HOST)
        return run

    def _statuses(self, series: str) -> tuple[Status, Status]:
        return next((s for name, s in self.statuses.items() if series.startswith(name)), (Status.DONE, Status.DONE))

    def _rows(self, run_id: str, pair: Pair) -> list[ResultRow]:
        statuses = self._statuses(pair.series)
        cases = (pair.base, pair.candidate)
        return [self._row(run_id, case, status, self.base_ms) for case, status in zip(cases, statuses, strict=True)]

    def _row(self, run_id: str, case: Case, status: Status, latency_ms: float) -> ResultRow:
        return ResultRow(
            run_id,
            case.case_id,
            status,
            Verdict.TRUSTED if status is Status.DONE else None,
            "" if status is Status.DONE else self.reasons,
            case.target.label,
            "Xeon",
            case.model.name,
            case.variant,
            case.backend.label,
            1,
            "big",
            latency_p50_ms=latency_ms if status is Status.DONE else None,
            device_id=HOST.device_id,
        )

    def _outcome(self, pair: Pair) -> PairOutcome:
        base, candidate = self._statuses(pair.series)
        ran = base is candidate is Status.DONE
        ratio = next((ratio for name, ratio in self.ratios.items() if pair.series.startswith(name)), 1.0)
        return PairOutcome(
            series_id=pair.series_id,
            series=pair.series,
            model=pair.base.model.name,
            variant=pair.base.variant,
            backend=pair.base.backend.label,
            device_id=HOST.device_id,
            device_model=HOST.model,
            base_case_id=pair.base.case_id,
            candidate_case_id=pair.candidate.case_id,
            changes=(_change(ratio, self.base_ms),) if ran else (),
            base_status=base.value,
            candidate_status=candidate.value,
            stage="screen" if ratio == 1.0 else "confirmation",
            same_build=pair.series.startswith(self.same_build),
        )


def _sentinel(like: Case) -> Case:
    return replace(like, model=replace(like.model, name=SENTINEL), arm="")


def _change(ratio: float, base_ms: float) -> MetricChange:
    verdict = (
        ComparisonVerdict.REGRESSION
        if ratio > 1.02
        else ComparisonVerdict.IMPROVEMENT
        if ratio < 0.98
        else ComparisonVerdict.SAME
    )
    p = 0.5 if verdict is ComparisonVerdict.SAME else 1e-6
    return MetricChange("latency", verdict, base_ms, base_ms * ratio, "ms", ratio, p=p, blocks=12)


@dataclass
class Clock:
    """Time that passes only in sleep."""

    now_s: float = 0.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds


def around(store: Store, leases: LeaseBook, posted: list[Any] | None = None) -> Around:
    """What a night needs around it, without a display."""
    post: Callable[[Any], None] = (posted if posted is not None else []).append
    return Around(store, leases, post, Interrupt(threading.Event(), threading.Event()), lambda run_id, folder: None)
