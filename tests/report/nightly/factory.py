"""A night in which one of everything happens."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harness.domain import (
    Backend,
    Case,
    ComparisonVerdict,
    ContextDifference,
    InvocationRecord,
    InvocationResult,
    MeasureSettings,
    MetricChange,
    ModelRef,
    Night,
    NightEvent,
    PairOutcome,
    Purpose,
    RunView,
    Status,
)
from harness.domain.comparisons import series_id_of
from tests.report.factory import facts, run_record
from tests.report.hostile import NAMES

REGRESSION, IMPROVEMENT = ComparisonVerdict.REGRESSION, ComparisonVerdict.IMPROVEMENT
SAME, INCONCLUSIVE = ComparisonVerdict.SAME, ComparisonVerdict.INCONCLUSIVE
AT = "2026-11-21T23:00:00+00:00"
RUN_ID = "20261121-230000-farm"


def latency(ratio: float, verdict: ComparisonVerdict = SAME, half: float = 0.012, **fields: object) -> MetricChange:
    figures: dict[str, object] = {
        "metric": "latency",
        "verdict": verdict,
        "base": 10.0,
        "candidate": 10.0 * ratio,
        "unit": "ms",
        "ratio": ratio,
        "ci_low": ratio - half,
        "ci_high": ratio + half,
        "p": 0.4 if verdict is SAME else 0.00021,
        "mde": 0.021,
        "min_effect": 0.02,
        "blocks": 12,
    }
    return MetricChange(**(figures | fields))  # type: ignore[arg-type]


def size(ratio: float = 1.0, verdict: ComparisonVerdict = SAME) -> MetricChange:
    return MetricChange("model_size", verdict, 3.5, 3.5 * ratio, "MB", ratio, note="the size of the file", blocks=1)


def accuracy(difference: float, verdict: ComparisonVerdict = SAME) -> MetricChange:
    ends = (difference - 0.004, difference + 0.004)
    return MetricChange("accuracy", verdict, 0.712, 0.712 + difference, "", None, *ends, 0.03, 0.006, 0.01, 1000)


def pair(
    model: str,
    *changes: MetricChange,
    device: str = "pixel-1",
    status: tuple[str, str] = ("DONE", "DONE"),
    differs: tuple[ContextDifference, ...] = (),
    stage: str = "screen",
) -> PairOutcome:
    series = f"{model} int8 · cpu xnnpack 1 thread · adb"
    return PairOutcome(
        series_id=series_id_of(series),
        series=series,
        model=model,
        variant="int8",
        backend="cpu xnnpack",
        device_id=device,
        device_model="Pixel 9",
        base_case_id=f"b-{model}",
        candidate_case_id=f"c-{model}",
        changes=changes,
        differs=differs,
        base_status=status[0],
        candidate_status=status[1],
        stage=stage,
    )


FELL_BACK = ContextDifference(
    "coverage", "62 of 62 nodes", "58 of 62 nodes", 0.9, "Four nodes left the delegate and run on the CPU."
)
BUILD = ContextDifference("model file", "a1b2c3", "d4e5f6", 0.3, "The files differ.")

SLOWER = (
    pair("mobilenet_v2", latency(1.081, REGRESSION), size(), differs=(FELL_BACK, BUILD), stage="confirmation"),
    pair(
        "mobilenet_v2", latency(1.076, REGRESSION), size(), device="pixel-2", differs=(FELL_BACK,), stage="confirmation"
    ),
)
WAITS = pair("deeplab", latency(1.034, REGRESSION), accuracy(-0.002), stage="confirmation")
FASTER = pair("yolo", latency(0.93, IMPROVEMENT, p=1e-6), stage="confirmation")
STEADY = (pair("digits_cnn", latency(1.002), size()), pair("digits_cnn", latency(0.997), size(), device="pixel-2"))
OPEN = pair("wav2letter", latency(1.018, INCONCLUSIVE, 0.04, note="30 blocks gave no answer"), stage="confirmation")
FAILS = pair("mobilebert", status=("DONE", "CRASHED"))
KNOWN = pair("hrnet", status=("DONE", "TIMEOUT"))
ABSENT = pair("gone_model", device="pixel-2", status=("", ""))


def event(kind: str, title: str, *outcomes: PairOutcome, **fields: str) -> NightEvent:
    return NightEvent(
        kind,
        title,
        series=tuple(dict.fromkeys(one.series for one in outcomes)),
        devices=tuple(dict.fromkeys(one.device_id for one in outcomes)),
        outcomes=outcomes,
        **fields,  # type: ignore[arg-type]
    )


def night() -> Night:
    """A night with most kinds of events."""
    events = (
        event(
            "REGRESSION",
            "mobilenet_v2 int8 cpu xnnpack is 7.6 to 8.1 % slower on 2 devices",
            *SLOWER,
            metric="latency",
            reason="likeliest cause: coverage (62 of 62 nodes, now 58 of 62 nodes)",
        ),
        event("NEWLY_FAILING", "mobilebert int8 cpu xnnpack fails on pixel-1", FAILS, reason="CRASHED, signal 11"),
        event("MISSING", "gone_model int8 is missing on pixel-2", ABSENT, reason="the device was lost"),
        event("AWAITING", "deeplab int8 is 3.4 % slower on pixel-1", WAITS, metric="latency", reason="the next night"),
        event(
            "INCONCLUSIVE", "wav2letter int8 is undecided", OPEN, metric="latency", reason="30 blocks gave no answer"
        ),
        NightEvent("NOT_REACHED", "2 series were not reached", ("late a", "late b"), ("pixel-2",), reason="06:00"),
        event("KNOWN", "hrnet int8: known failure", KNOWN, reason="driver (until 2026-12-31)", link="https://t/7"),
        event("IMPROVEMENT", "yolo int8 is 7.0 % faster on pixel-1", FASTER, metric="latency"),
    )
    return Night(
        run_id=RUN_ID,
        name="farm",
        at=AT,
        baseline="release-41",
        verdict="REGRESSION",
        events=events,
        outcomes=(*SLOWER, WAITS, FASTER, *STEADY, OPEN, FAILS, KNOWN),
        notes=("pixel-2 was calibrated 40 days ago",),
        took_s=5400.0,
    )


def quiet_night() -> Night:
    return Night(RUN_ID, "farm", AT, "release-41", "PASS", outcomes=STEADY)


def empty_night() -> Night:
    return Night(RUN_ID, "farm", AT, "", "INCONCLUSIVE")


def large_night(pairs: int) -> Night:
    """Everything is slower, and everything is said at length."""
    outcomes = tuple(
        pair(f"model_{index}_{'long' * 10}", latency(1.05, REGRESSION), size(), accuracy(0.0)) for index in range(pairs)
    )
    events = tuple(
        event(
            "REGRESSION", f"{one.model} is slower " + "and so on " * 20, one, reason="because " * 100, metric="latency"
        )
        for one in outcomes[: pairs // 2]
    )
    return replace(night(), outcomes=outcomes, events=events, notes=("note " * 200,) * 50)


def hostile_night() -> Night:
    """A night in which every text that somebody else controls is one of the hostile names."""
    outcomes = tuple(
        replace(
            pair("x", latency(1.08, REGRESSION, note=name), size()),
            series=name,
            model=name,
            variant=name,
            backend=name,
            device_id=NAMES[(index + 1) % len(NAMES)],
            device_model=name,
            notes=(name,),
            differs=(ContextDifference(name, name, NAMES[0], 0.5, name),),
        )
        for index, name in enumerate(NAMES)
    )
    events = (
        *(event("REGRESSION", one.series, one, reason=one.model, link=one.variant) for one in outcomes[:9]),
        *(NightEvent("KNOWN", name, (name,), (name,), name, name, name) for name in NAMES),
    )
    return Night(NAMES[0], NAMES[1], NAMES[2], NAMES[3], "REGRESSION", events, outcomes, NAMES, 1.0)


def view() -> RunView:
    """The run of `night`: two arms of one pair, three blocks, one of them tried twice."""
    cases = tuple(
        Case(ModelRef("mobilenet_v2"), "int8", backend=Backend(threads=2), arm=arm) for arm in ("base", "candidate")
    )
    records = []
    for block in range(3):
        for order, (case, typical_ns) in enumerate(zip(cases, (10e6, 10.8e6), strict=True)):
            samples = np.full(5, typical_ns * (1 + block / 1000), np.int64)
            result = InvocationResult(Status.DONE, samples_ns=samples)
            records.append(InvocationRecord(case.case_id, Purpose.TIMING, block, order, 1, AT, result))
    crashed = InvocationResult(Status.CRASHED, error="signal 11")
    records.append(InvocationRecord(cases[0].case_id, Purpose.TIMING, 3, 0, 1, AT, crashed))
    records.append(InvocationRecord(cases[0].case_id, Purpose.MEMORY, 0, 0, 1, AT, records[0].result))
    again = InvocationResult(Status.DONE, samples_ns=np.full(7, 10.5e6, np.int64))
    records.append(InvocationRecord(cases[0].case_id, Purpose.TIMING, 1, 0, 2, AT, again))
    return RunView(run_record(), cases, (), (), (facts("pixel-1"),), tuple(records), MeasureSettings())


def viewed_night() -> Night:
    """A night whose first pair is the one of `view`."""
    found = view()
    one = replace(SLOWER[0], base_case_id=found.cases[0].case_id, candidate_case_id=found.cases[1].case_id)
    return replace(night(), outcomes=(one,), events=())
