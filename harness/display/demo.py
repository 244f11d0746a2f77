"""A made-up run as events with their times: for trying displays and for measuring what they cost. Pure and seeded.

Nothing in it was measured; its run is named so.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterator
from dataclasses import replace

from harness.domain import Backend, Case, ModelRef, Purpose, ResultRow, Status, Target, VariantFile, Verdict
from harness.events import (
    AccuracyProgress,
    Event,
    InvocationFinished,
    InvocationStarted,
    Message,
    PrepareStarted,
    RowUpdated,
    RunFinished,
    RunStarted,
    SustainedProgress,
    TasksPlanned,
    VariantPrepared,
    Waiting,
)

_MODELS = ("digits_cnn", "mobilenet_v2", "inception_v3", "resnet_v2_101")
_VARIANTS = ("float32", "dynamic_range", "float16", "full_integer", "int8")
_BASE_MS = {"digits_cnn": 0.021, "mobilenet_v2": 12.3, "inception_v3": 148.0, "resnet_v2_101": 402.0}
_SPEED = {"float32": 1.0, "dynamic_range": 0.61, "float16": 0.99, "full_integer": 0.43, "int8": 0.42}
_LATE = (Purpose.MEMORY, Purpose.SUSTAINED, Purpose.ACCURACY)
_CLOSE_PROGRAMS = "Close other programs, or raise measure.blocks."
_CALIBRATE = "Convert again with more calibration samples."
_OUTCOMES = {
    5: (Status.DONE, Verdict.NOISY, "the interval is 8.2 % of the median", _CLOSE_PROGRAMS),
    8: (Status.CRASHED, None, "signal 11 (SIGSEGV) while loading the model", "See the log of the invocation."),
    11: (Status.DONE, Verdict.FELL_BACK, "0 of 64 nodes on the delegate", "Check operator support of this delegate."),
    15: (Status.DONE, Verdict.NOISY, "the interval is 6.4 % of the median", _CLOSE_PROGRAMS),
    17: (Status.UNSUPPORTED, None, "no Vulkan device for the GPU accelerator", ""),
    22: (Status.TIMEOUT, None, "no answer within 120 s", "Raise measure.timeout_s."),
    26: (Status.DONE, Verdict.WRONG_OUTPUT, "cosine to the float reference is 0.61", _CALIBRATE),
    31: (Status.DONE, Verdict.THROTTLED, "the clock fell to 71 % of its highest", "Cool the device."),
    36: (Status.DONE, Verdict.UNVERIFIED, "neither clock nor load could be seen", ""),
}


def demo_cases(count: int = 40) -> tuple[Case, ...]:
    """`count` cases over two devices."""
    backends = (Backend(), Backend(xnnpack=False), Backend(threads=4), Backend(kind="gpu"))
    targets = (Target(), Target("adb", (("serial", "29131FDH2006"),)))
    cases = [
        Case(ModelRef(model), variant, target, backend)
        for backend in backends
        for target in targets
        for model in _MODELS
        for variant in _VARIANTS
    ]
    chosen = cases[:: max(1, len(cases) // count)][:count]
    extra = [Case(ModelRef(f"model_{index}"), "int8") for index in range(count - len(chosen))]
    return (*chosen, *extra)


def demo_events(
    cases: tuple[Case, ...] | None = None,
    *,
    blocks: int = 4,
    invocation_s: float = 2.0,
    start_s: float = 0.0,
    seed: int = 1,
    sustained_s: float = 0.0,
) -> Iterator[Event]:
    """The events of a run over `cases`, in order of time; 40 cases show most statuses and every verdict. With
    `sustained_s` each case ends with a pass of that length, in which it gets slower and settles."""
    return _Demo(cases or demo_cases(), blocks, invocation_s, start_s, seed, sustained_s).events()


class _Demo:
    def __init__(
        self, cases: tuple[Case, ...], blocks: int, invocation_s: float, start_s: float, seed: int, sustained_s: float
    ) -> None:
        self.cases, self.blocks, self.invocation_s, self.start_s = cases, blocks, invocation_s, start_s
        self.sustained_s = sustained_s
        self.random = random.Random(seed)
        self.device_of = {case.case_id: _device(case) for case in cases}
        self.devices = tuple(dict.fromkeys(self.device_of.values()))
        self.row_of = {case.case_id: _row(case, index, self.random) for index, case in enumerate(cases)}

    def events(self) -> Iterator[Event]:
        total = len(self.cases) * (self.blocks + 3 + (self.sustained_s > 0))
        start = (total, 0, self.blocks, self.start_s, self.sustained_s)
        yield RunStarted("demo-0001", "made-up demo", self.cases, self.devices, *start)
        yield Message("info", "made-up events: nothing here was measured", self.start_s)
        prepared = list(self._prepare())
        yield from prepared
        yield TasksPlanned(total, prepared[-1].at_s)
        begin_s = end_s = prepared[-1].at_s
        lanes = [_DemoLane(self, device, begin_s, number).events() for number, device in enumerate(self.devices)]
        for event in heapq.merge(*lanes, key=lambda event: event.at_s):
            end_s = event.at_s
            yield event
        rows = tuple(self.row_of[case.case_id] for case in self.cases)
        yield RunFinished("demo-0001", "finished", rows, "reports/demo-0001", end_s)

    def _prepare(self) -> Iterator[Event]:
        pairs = list(dict.fromkeys((case.model.name, case.variant) for case in self.cases))
        yield PrepareStarted(len(pairs), self.start_s)
        for number, (model, variant) in enumerate(pairs):
            size = round(1e6 * _BASE_MS.get(model, 1.0) ** 0.5 * _SPEED.get(variant, 1.0))
            file = VariantFile(model, variant, Status.DONE, size_bytes=size, conversion_s=4.2, cached=number % 3 == 0)
            yield VariantPrepared(file, self.start_s + 0.25 * self.invocation_s * (number + 1))


class _DemoLane:
    def __init__(self, demo: _Demo, device: str, now_s: float, number: int) -> None:
        self.demo, self.device, self.now_s = demo, device, now_s
        self.random = random.Random(number)
        self.cases = [case for case in demo.cases if demo.device_of[case.case_id] == device]
        self.index = 0

    def events(self) -> Iterator[Event]:
        yield from self._pass(Purpose.OUTPUTS, 0)
        for block in range(self.demo.blocks):
            yield from self._pass(Purpose.TIMING, block)
            yield from self._cool(block)
        yield from self._pass(Purpose.MEMORY, 0)
        if self.demo.sustained_s > 0:
            yield from self._pass(Purpose.SUSTAINED, 0)
        yield from self._pass(Purpose.ACCURACY, 0)

    def _pass(self, purpose: Purpose, block: int) -> Iterator[Event]:
        for case in self.random.sample(self.cases, len(self.cases)):
            row = self.demo.row_of[case.case_id]
            over = purpose in _LATE or (purpose is Purpose.TIMING and block > 1)
            if row.status is Status.DONE or not over:
                yield from self._invocation(case, row, purpose, block)

    def _invocation(self, case: Case, row: ResultRow, purpose: Purpose, block: int) -> Iterator[Event]:
        status = row.status if purpose is Purpose.TIMING and block == 1 else Status.DONE
        expected_s = self.demo.sustained_s if purpose is Purpose.SUSTAINED else self.demo.invocation_s
        yield InvocationStarted(self.device, case, purpose, block, self.index, expected_s, self.now_s)
        wall_s = expected_s * self.random.uniform(0.9, 1.2)
        if purpose is Purpose.SUSTAINED:
            wall_s = expected_s
            yield from self._slices(case, row)
        if purpose is Purpose.ACCURACY:
            for part in (1, 2, 3):
                yield AccuracyProgress(self.device, case, 180 * part, 719, self.now_s + 0.25 * part * wall_s)
        self.now_s += wall_s
        error = row.reasons if status is not Status.DONE else ""
        clock, temp = (2.40, 36 + 3 * self.random.random()) if self.device.startswith("adb") else (3.01, None)
        median_ms = row.latency_p50_ms if purpose is Purpose.TIMING else None
        yield InvocationFinished(
            self.device, case, purpose, block, self.index, status, error, median_ms, clock, temp, wall_s, self.now_s
        )
        self.index += 1
        final = self._is_final(row, purpose, block)
        yield RowUpdated(_row_now(row, purpose, final), case, final, self.now_s)

    def _slices(self, case: Case, row: ResultRow, count: int = 60) -> Iterator[Event]:
        base_ms, wanted_s = row.latency_p50_ms or 1.0, self.demo.sustained_s
        for number in range(1, count + 1):
            share = number / count
            heat = 1 - math.exp(-4 * share)
            slow = 1.0 if share < 0.2 else 1.0 + 0.3 * heat
            clock = 2.40 / slow if self.device.startswith("adb") else 3.01
            temp = 33 + 14 * heat if self.device.startswith("adb") else None
            median_ms = base_ms * slow * self.random.uniform(0.99, 1.01)
            at_s = self.now_s + share * wanted_s
            yield SustainedProgress(
                self.device, case, share * wanted_s, wanted_s, median_ms, clock, clock / 3.0, temp, None, at_s
            )

    def _is_final(self, row: ResultRow, purpose: Purpose, block: int) -> bool:
        if row.status is not Status.DONE:
            return purpose is Purpose.TIMING and block >= 1
        return purpose in _LATE or (purpose is Purpose.TIMING and block == self.demo.blocks - 1)

    def _cool(self, block: int) -> Iterator[Event]:
        if self.device.startswith("adb") and block % 2:
            yield Waiting(self.device, "cooling: 41.0 °C, gate 38.0 °C", self.now_s)
            self.now_s += 4 * self.demo.invocation_s
            yield Waiting(self.device, "", self.now_s)


def _row_now(row: ResultRow, purpose: Purpose, final: bool) -> ResultRow:
    """What is known of `row` after an invocation for `purpose`."""
    if purpose is Purpose.OUTPUTS:
        row = replace(row, latency_p50_ms=None, latency_ci_low_ms=None, latency_ci_high_ms=None)
    if purpose not in _LATE:
        row = replace(row, peak_rss_mib=None)
    return row if final else replace(row, status=Status.DONE)


def _device(case: Case) -> str:
    return "host-lab3" if case.target.kind == "host" else "adb-29131fdh2006"


def _row(case: Case, index: int, source: random.Random) -> ResultRow:
    status, verdict, reasons, remedy = _OUTCOMES.get(index, (Status.DONE, Verdict.TRUSTED, "", ""))
    base_ms = _BASE_MS.get(case.model.name, 5.0) * _SPEED.get(case.variant, 1.0)
    base_ms *= {"cpu builtin": 3.4, "gpu": 0.55}.get(case.backend.label, 1.0) * source.uniform(0.95, 1.05)
    half_ms = base_ms * (0.04 if verdict is Verdict.NOISY else 0.004)
    row = ResultRow(
        run_id="demo-0001",
        case_id=case.case_id,
        status=status,
        verdict=verdict,
        reasons=reasons,
        target=case.target.label,
        device=_device(case),
        model=case.model.name,
        variant=case.variant,
        backend=case.backend.label,
        threads=case.backend.threads,
        cores=case.backend.cores_label,
        remedy=remedy,
        runtime="litert",
        model_size_mb=_BASE_MS.get(case.model.name, 4.0) ** 0.5 * _SPEED.get(case.variant, 1.0),
    )
    if status is not Status.DONE:
        return row
    digits = case.model.name == "digits_cnn"
    return replace(
        row,
        latency_p50_ms=base_ms,
        latency_ci_low_ms=base_ms - half_ms,
        latency_ci_high_ms=base_ms + half_ms,
        peak_rss_mib=30 + base_ms**0.5 * 8,
        accuracy_metric="top1" if digits else "",
        accuracy=0.985 - 0.002 * (case.variant == "int8") if digits else None,
        coverage="none" if verdict is Verdict.FELL_BACK else "full",
        delegated_nodes=0 if verdict is Verdict.FELL_BACK else 64,
        total_nodes=64,
    )
