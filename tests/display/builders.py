"""Values for the tests of the display."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harness.display.state import DashboardState, reduce
from harness.domain import Backend, Case, ModelRef, Purpose, ResultRow, Status, Target, Verdict
from harness.events import Event, InvocationFinished, InvocationStarted, RowUpdated, RunFinished, RunStarted

HOSTILE = (
    "[bold red]x[/bold red]",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07\x1b]8;;http://evil\x1b\\link",
    "a\nb\r\tc\x00\x08\x7f",
    "\x9b2J\x85next",
    "‮evil‬​",
    "日本語のデバイス名",
    "👩‍👩‍👧‍👦❤️",
    "z" + "̈" * 40,
    "\ud800",
    ":smile: {0} %s <b>&amp;",
    "",
    "x" * 5000,
)

MODEL = ModelRef("mobilenet_v2")
CASE = Case(MODEL, "int8")


def case(model: str = "mobilenet_v2", variant: str = "int8", **backend: Any) -> Case:
    return Case(ModelRef(model), variant, Target(), Backend(**backend))


def row(of: Case = CASE, **values: Any) -> ResultRow:
    base = ResultRow(
        run_id="r1",
        case_id=of.case_id,
        status=Status.DONE,
        verdict=Verdict.TRUSTED,
        reasons="",
        target=of.target.label,
        device="host-a",
        model=of.model.name,
        variant=of.variant,
        backend=of.backend.label,
        threads=of.backend.threads,
        cores=of.backend.cores_label,
        latency_p50_ms=12.3456,
        latency_ci_low_ms=12.30,
        latency_ci_high_ms=12.40,
        peak_rss_mib=41.25,
        model_size_mb=3.62,
        coverage="full",
        delegated_nodes=64,
        total_nodes=64,
    )
    return replace(base, **values)


def failed(of: Case = CASE, status: Status = Status.CRASHED, reasons: str = "signal 11", **values: Any) -> ResultRow:
    empty = dict.fromkeys(
        ("verdict", "latency_p50_ms", "latency_ci_low_ms", "latency_ci_high_ms", "peak_rss_mib", "delegated_nodes")
    )
    return row(of, **{**empty, "status": status, "reasons": reasons, "coverage": "", **values})


def run_started(cases: tuple[Case, ...] = (CASE,), **values: Any) -> RunStarted:
    base = RunStarted("20260101-000000-vision-ab12", "vision", cases, ("host-a",), len(cases) * 5, 0, 4, 100.0)
    return replace(base, **values)


def started(of: Case = CASE, block: int = 0, at_s: float = 101.0, **values: Any) -> InvocationStarted:
    return replace(InvocationStarted("host-a", of, Purpose.TIMING, block, 0, 2.0, at_s), **values)


def finished(of: Case = CASE, block: int = 0, at_s: float = 103.0, **values: Any) -> InvocationFinished:
    base = InvocationFinished(
        "host-a", of, Purpose.TIMING, block, 0, Status.DONE, "", 12.3, 3.0, 41.0, at_s - 101.0, at_s
    )
    return replace(base, **values)


def row_event(value: ResultRow, of: Case = CASE, final: bool = True, at_s: float = 104.0) -> RowUpdated:
    return RowUpdated(value, of, final, at_s)


def run_finished(rows: tuple[ResultRow, ...], state: str = "finished", report_dir: str = "") -> RunFinished:
    return RunFinished("20260101-000000-vision-ab12", state, rows, report_dir, 200.0)


def state_of(*events: Event) -> DashboardState:
    state = DashboardState()
    for event in events:
        state = reduce(state, event)
    return state
