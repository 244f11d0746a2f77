"""Many rounds shown as one run."""

from __future__ import annotations

from dataclasses import replace

from harness.domain import Case, ModelRef, Purpose, ResultRow, Status
from harness.events import (
    Event,
    InvocationFinished,
    InvocationStarted,
    Message,
    PrepareStarted,
    RowUpdated,
    RunFinished,
    RunStarted,
    TasksPlanned,
)
from harness.lab.calibration_events import OneRun, Progress

CASE = Case(ModelRef("m"), "int8")
ROW = ResultRow("r", CASE.case_id, Status.DONE, None, "", "host", "d", "m", "int8", "cpu", 1, "big")
NOTE = Message("info", "core 1 is the big one", 0.0, "d")
DONE = InvocationFinished("d", CASE, Purpose.TIMING, 7, 7, Status.DONE, "", 1.0, None, None, 1.0, 0.0)
STARTED = RunStarted("r", "calibrate", (CASE,), ("d",), 18, 0, 8, 0.0)
ROUND: list[Event] = [
    STARTED,
    NOTE,
    PrepareStarted(2, 0.0),
    TasksPlanned(18, 0.0),
    InvocationStarted("d", CASE, Purpose.TIMING, 0, 0, 3.0, 0.0),
    DONE,
    RowUpdated(ROW, CASE, True, 0.0),
    RunFinished("r", "finished", (ROW,), "reports/r", 0.0),
]


def shown(*, total: int, first: int) -> list[Event]:
    """What is shown of all rounds that are left."""
    events: list[Event] = []
    one_run = OneRun(events.append, total=total, first=first, blocks=8)
    for number in range(first + 1, total + 1):
        one_run.begin(Progress(number, total, 60.0), 0.0)
        for event in ROUND:
            one_run.post(event)
    one_run.end("r9", "finished", 9.0)
    return events


def test_three_rounds_are_a_run_of_24_blocks() -> None:
    events = shown(total=3, first=0)
    started = [event for event in events if isinstance(event, RunStarted)]
    assert started == [RunStarted("r", "calibrate", (CASE,), ("d",), 54, 0, 24, 0.0)]
    assert [event for event in events if isinstance(event, TasksPlanned)] == [TasksPlanned(54, 0.0)]
    assert [event.block for event in events if isinstance(event, InvocationStarted)] == [0, 8, 16]
    assert [event.block for event in events if isinstance(event, InvocationFinished)] == [7, 15, 23]
    assert not any(event.final for event in events if isinstance(event, RowUpdated))
    assert [event for event in events if isinstance(event, RunFinished)] == [RunFinished("r9", "finished", (), "", 9.0)]
    assert isinstance(events[-1], RunFinished)


def test_what_was_made_before_counts_as_done() -> None:
    events = shown(total=3, first=1)
    (started,) = (event for event in events if isinstance(event, RunStarted))
    assert (started.total_invocations, started.done_invocations) == (36, 18)
    assert [event.block for event in events if isinstance(event, InvocationFinished)] == [15, 23]


def test_a_round_that_is_resumed_has_less_left() -> None:
    events: list[Event] = []
    one_run = OneRun(events.append, total=2, first=1, blocks=8)
    one_run.begin(Progress(2, 2, 60.0), 0.0)
    one_run.post(replace(STARTED, total_invocations=10, done_invocations=8))
    assert isinstance(events[-1], RunStarted)
    assert (events[-1].total_invocations, events[-1].done_invocations) == (10, 26)


def test_preparation_and_notes_are_told_once_and_warnings_always() -> None:
    events = shown(total=3, first=0)
    assert events.count(NOTE) == 1
    assert len([event for event in events if isinstance(event, PrepareStarted)]) == 1
    told: list[Event] = []
    one_run = OneRun(told.append, total=2, first=0, blocks=8)
    warning = Message("warning", "hot", 0.0, "d")
    one_run.post(warning)
    one_run.post(warning)
    assert told == [warning, warning]


def test_the_rounds_are_counted() -> None:
    texts = [event.text for event in shown(total=2, first=0) if isinstance(event, Message)]
    assert "comparison 2 of 2, about 1 min 00 s left" in texts
