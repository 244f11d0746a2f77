"""What the dashboard knows, and how each event changes it: pure.

`reduce` is total: it takes events in any order and from any resumed or broken run without raising.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from harness.display.labels import case_label, describe_file, describe_row, describe_sustained
from harness.display.marks import mark_of
from harness.domain import Case, Purpose, ResultRow, Status
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

LOG_LENGTH = 200


class Activity(str, Enum):
    """What a lane is doing."""

    RUNNING = "running"
    WAITING = "waiting"
    IDLE = "idle"
    OFFLINE = "offline"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Lane:
    """One device. `case`, `purpose` and `block` stay those of the last invocation while the lane is between two, as do
    the slices of a `sustained` pass.

    `since_s` is when the activity began; `began_s` and `last_s` bound the invocations seen so far,
    `expected_done_s` is the sum of what those were expected to take: together they correct the ETA.
    """

    device_id: str
    activity: Activity = Activity.IDLE
    since_s: float | None = None
    case: Case | None = None
    purpose: Purpose | None = None
    block: int = 0
    expected_s: float = 0.0
    reason: str = ""
    finished: int = 0
    clock_ghz: float | None = None
    temp_c: float | None = None
    began_s: float | None = None
    last_s: float | None = None
    expected_done_s: float = 0.0
    scored: int = 0
    to_score: int = 0
    sustained: tuple[SustainedProgress, ...] = ()


@dataclass(frozen=True)
class CaseWork:
    """How far the invocations of one case are. `closed` means that no more will come."""

    device_id: str = ""
    timing_done: int = 0
    side_done: int = 0
    sustained_done: bool = False
    timing_expected_s: float | None = None
    side_expected_s: float | None = None
    closed: bool = False


@dataclass(frozen=True)
class Preparation:
    """Progress of preparing the variant files."""

    total: int
    done: int = 0
    cached: int = 0
    failed: int = 0
    last: str = ""


@dataclass(frozen=True, eq=False)
class RowEntry:
    """A row with its place in time. Compared by identity, so that what was drawn of it can be kept."""

    row: ResultRow
    final: bool
    order: int


@dataclass(frozen=True)
class LogEntry:
    """A line of the event log."""

    at_s: float
    level: str
    text: str
    device_id: str = ""
    case_id: str = ""


@dataclass(frozen=True, eq=False)
class DashboardState:
    """Everything a view shows. Mappings are never changed in place. Times are seconds of the events' clock."""

    run_id: str = ""
    name: str = ""
    cases: tuple[Case, ...] = ()
    blocks: int = 0
    sustained_s: float = 0.0
    total_invocations: int = 0
    done_before: int = 0
    finished_invocations: int = 0
    started_s: float | None = None
    lanes: Mapping[str, Lane] = field(default_factory=dict)
    work: Mapping[str, CaseWork] = field(default_factory=dict)
    preparation: Preparation | None = None
    rows: Mapping[str, RowEntry] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    log: tuple[LogEntry, ...] = ()
    end: RunFinished | None = None

    @property
    def preparing(self) -> bool:
        """Whether variant files are still being made."""
        made = self.preparation
        return made is not None and made.done < made.total and self.end is None

    @property
    def failures(self) -> int:
        """Final rows without a number that should have had one."""
        return sum(count for word, count in self.counts.items() if word in _FAILURES)

    @property
    def final_rows(self) -> tuple[ResultRow, ...]:
        """The run's own final rows once it ended, else the final ones seen so far."""
        if self.end is not None and self.end.rows:
            return self.end.rows
        return tuple(entry.row for entry in self.rows.values() if entry.final)


_FAILURES = frozenset(map(str, (Status.FAILED, Status.TIMEOUT, Status.CRASHED, Status.OOM, Status.OFFLINE)))


def reduce(state: DashboardState, event: Event) -> DashboardState:
    """The state after `event`."""
    handler = _HANDLERS.get(type(event))
    if handler is None:
        return state
    if state.started_s is None:
        state = replace(state, started_s=event.at_s)
    return handler(state, event)


def _run_started(state: DashboardState, event: RunStarted) -> DashboardState:
    return replace(
        state,
        run_id=event.run_id,
        name=event.name,
        cases=event.cases,
        blocks=event.blocks,
        sustained_s=event.sustained_s,
        total_invocations=event.total_invocations,
        done_before=event.done_invocations,
        lanes={**state.lanes, **{name: state.lanes.get(name, Lane(name)) for name in event.device_ids}},
    )


def _prepare_started(state: DashboardState, event: PrepareStarted) -> DashboardState:
    return replace(state, preparation=Preparation(event.total))


def _variant_prepared(state: DashboardState, event: VariantPrepared) -> DashboardState:
    file, before = event.file, state.preparation or Preparation(0)
    failed = file.status is not Status.DONE
    after = replace(
        before,
        total=max(before.total, before.done + 1),
        done=before.done + 1,
        cached=before.cached + (file.cached and not failed),
        failed=before.failed + failed,
        last=describe_file(file),
    )
    level = "error" if failed else "info"
    return _logged(replace(state, preparation=after), LogEntry(event.at_s, level, after.last))


def _invocation_started(state: DashboardState, event: InvocationStarted) -> DashboardState:
    lane = state.lanes.get(event.device_id, Lane(event.device_id))
    lane = replace(
        lane,
        activity=Activity.RUNNING,
        since_s=event.at_s,
        case=event.case,
        purpose=event.purpose,
        block=event.block,
        expected_s=event.expected_s,
        reason="",
        scored=0,
        to_score=0,
        sustained=(),
        began_s=event.at_s if lane.began_s is None else lane.began_s,
    )
    work = state.work.get(event.case.case_id, CaseWork())
    if event.purpose is Purpose.TIMING:
        work = replace(work, device_id=event.device_id, timing_expected_s=event.expected_s)
    elif event.purpose is Purpose.SUSTAINED:
        work = replace(work, device_id=event.device_id)
    else:
        work = replace(work, device_id=event.device_id, side_expected_s=event.expected_s)
    return _with_lane(_with_work(state, event.case, work), lane)


def _tasks_planned(state: DashboardState, event: TasksPlanned) -> DashboardState:
    return replace(state, total_invocations=state.finished_invocations + event.total_invocations)


def _accuracy_progress(state: DashboardState, event: AccuracyProgress) -> DashboardState:
    lane = state.lanes.get(event.device_id, Lane(event.device_id))
    return _with_lane(state, replace(lane, scored=event.samples, to_score=event.total))


def _sustained_progress(state: DashboardState, event: SustainedProgress) -> DashboardState:
    lane = state.lanes.get(event.device_id, Lane(event.device_id))
    lane = replace(
        lane,
        clock_ghz=event.clock_ghz if event.clock_ghz is not None else lane.clock_ghz,
        temp_c=event.temp_c if event.temp_c is not None else lane.temp_c,
        sustained=(*lane.sustained, event),
    )
    return _with_lane(state, lane)


def _invocation_finished(state: DashboardState, event: InvocationFinished) -> DashboardState:
    lane = state.lanes.get(event.device_id, Lane(event.device_id))
    offline = event.status is Status.OFFLINE
    lane = replace(
        lane,
        activity=Activity.OFFLINE if offline else Activity.IDLE,
        since_s=event.at_s,
        reason=event.error if offline else "",
        finished=lane.finished + 1,
        clock_ghz=event.clock_ghz if event.clock_ghz is not None else lane.clock_ghz,
        temp_c=event.temp_c if event.temp_c is not None else lane.temp_c,
        last_s=event.at_s,
        expected_done_s=lane.expected_done_s + lane.expected_s,
    )
    work = state.work.get(event.case.case_id, CaseWork())
    if event.purpose is Purpose.TIMING:
        work = replace(work, timing_done=max(work.timing_done, event.block + 1))
    elif event.purpose is Purpose.SUSTAINED:
        work = replace(work, sustained_done=True)
    else:
        work = replace(work, side_done=work.side_done + 1)
    state = replace(state, finished_invocations=state.finished_invocations + 1)
    state = _with_lane(_with_work(state, event.case, replace(work, device_id=event.device_id)), lane)
    if event.status in (Status.DONE, Status.INTERRUPTED):
        return state
    text = f"{case_label(event.case)}: {event.purpose} pass {event.status}"
    text += f": {event.error}" if event.error else ""
    return _logged(state, LogEntry(event.at_s, "warning", text, event.device_id, event.case.case_id))


def _row_updated(state: DashboardState, event: RowUpdated) -> DashboardState:
    key = event.row.case_id
    before = state.rows.get(key)
    was_final = before is not None and before.final
    # A row keeps its place while it is refined, and moves once, when it becomes final; then it stays final.
    moves = before is None or (event.final and not was_final)
    order = len(state.rows) + sum(state.counts.values()) if before is None or moves else before.order
    rows = {**state.rows, key: RowEntry(event.row, event.final or was_final, order)}
    state = replace(state, rows=rows)
    if not (event.final or was_final):
        return state
    state = replace(state, counts=_counts(rows))
    if event.row.status is not Status.DONE:
        state = _with_work(state, event.case, replace(state.work.get(key, CaseWork()), closed=True))
    if was_final:
        return _with_sustained(state, event, before)
    return _logged(_without_last(state, key), _row_entry(event))


def _with_sustained(state: DashboardState, event: RowUpdated, before: RowEntry | None) -> DashboardState:
    """With a line on the sustained pass when the row has just got its figures."""
    told = describe_sustained(event.row)
    if not told or (before is not None and before.row.sustained_first_ms is not None):
        return state
    return _logged(state, LogEntry(event.at_s, "info", f"{case_label(event.case)}: {told}", event.row.device))


def _row_entry(event: RowUpdated) -> LogEntry:
    level = {"bad": "error", "doubt": "warning"}.get(mark_of(event.row).kind, "info")
    text = f"{case_label(event.case)}: {describe_row(event.row)}"
    return LogEntry(event.at_s, level, text, event.row.device, event.row.case_id)


def _counts(rows: Mapping[str, RowEntry]) -> dict[str, int]:
    return dict(Counter(mark_of(entry.row).word for entry in rows.values() if entry.final))


def _waiting(state: DashboardState, event: Waiting) -> DashboardState:
    lane = state.lanes.get(event.device_id, Lane(event.device_id))
    activity = Activity.WAITING if event.reason else Activity.IDLE
    if not event.reason and lane.activity is not Activity.WAITING:
        activity = lane.activity
    since_s = lane.since_s if activity is lane.activity else event.at_s
    news = bool(event.reason) and lane.activity is not Activity.WAITING
    state = _with_lane(state, replace(lane, activity=activity, since_s=since_s, reason=event.reason))
    return _logged(state, LogEntry(event.at_s, "info", event.reason, event.device_id)) if news else state


def _message(state: DashboardState, event: Message) -> DashboardState:
    return _logged(state, LogEntry(event.at_s, event.level, event.text, event.device_id))


def _run_finished(state: DashboardState, event: RunFinished) -> DashboardState:
    lanes = {name: replace(lane, activity=Activity.IDLE, reason="") for name, lane in state.lanes.items()}
    return replace(state, end=event, run_id=state.run_id or event.run_id, lanes=lanes)


def _without_last(state: DashboardState, case_id: str) -> DashboardState:
    """Without the line that just told the end of an invocation, when the row of its case says the same."""
    if not state.log or state.log[-1].case_id != case_id:
        return state
    return replace(state, log=state.log[:-1])


def _with_lane(state: DashboardState, lane: Lane) -> DashboardState:
    return replace(state, lanes={**state.lanes, lane.device_id: lane})


def _with_work(state: DashboardState, case: Case, work: CaseWork) -> DashboardState:
    return replace(state, work={**state.work, case.case_id: work})


def _logged(state: DashboardState, entry: LogEntry) -> DashboardState:
    return replace(state, log=(*state.log, entry)[-LOG_LENGTH:])


_HANDLERS: dict[type, Callable[[DashboardState, Any], DashboardState]] = {
    RunStarted: _run_started,
    PrepareStarted: _prepare_started,
    VariantPrepared: _variant_prepared,
    InvocationStarted: _invocation_started,
    TasksPlanned: _tasks_planned,
    AccuracyProgress: _accuracy_progress,
    SustainedProgress: _sustained_progress,
    InvocationFinished: _invocation_finished,
    RowUpdated: _row_updated,
    Waiting: _waiting,
    Message: _message,
    RunFinished: _run_finished,
}
