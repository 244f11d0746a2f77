from __future__ import annotations

import copy
import math
from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.display.demo import demo_cases, demo_events
from harness.display.marks import mark_of
from harness.display.state import LOG_LENGTH, Activity, DashboardState, reduce
from harness.domain import Purpose, Status, VariantFile, Verdict
from harness.events import AccuracyProgress, Event, Message, PrepareStarted, TasksPlanned, VariantPrepared, Waiting
from tests.display.builders import (
    CASE,
    HOSTILE,
    case,
    failed,
    finished,
    row,
    row_event,
    run_finished,
    run_started,
    started,
    state_of,
)

DEVICES = st.sampled_from(("host-a", "adb-b", *HOSTILE))
CASES = st.sampled_from((CASE, case("a"), case("b", "float32", threads=4)))
TIMES = st.one_of(st.floats(0, 1e4), st.sampled_from((-1.0, math.nan, math.inf)))
TEXTS = st.sampled_from(("", "cooling", *HOSTILE))
STATUSES = st.sampled_from(Status)
ROWS = st.builds(
    lambda of, status, verdict, reasons: row(of, status=status, verdict=verdict, reasons=reasons),
    CASES,
    STATUSES,
    st.one_of(st.none(), st.sampled_from(Verdict)),
    TEXTS,
)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(run_started, st.lists(CASES, unique=True, max_size=3).map(tuple), at_s=TIMES, blocks=st.integers(0, 3)),
    st.builds(PrepareStarted, st.integers(0, 3), TIMES),
    st.builds(lambda status, at_s: VariantPrepared(VariantFile("m", "int8", status), at_s), STATUSES, TIMES),
    st.builds(started, CASES, st.integers(0, 5), TIMES, device_id=DEVICES, purpose=st.sampled_from(Purpose)),
    st.builds(
        finished, CASES, st.integers(0, 5), TIMES, device_id=DEVICES, purpose=st.sampled_from(Purpose), status=STATUSES
    ),
    st.builds(row_event, ROWS, CASES, st.booleans(), TIMES),
    st.builds(Waiting, DEVICES, TEXTS, TIMES),
    st.builds(Message, st.sampled_from(("info", "warning", "error", "odd")), TEXTS, TIMES, DEVICES),
    st.builds(run_finished, st.lists(ROWS, max_size=3).map(tuple), st.sampled_from(("finished", "interrupted"))),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(EVENTS, max_size=40))
def test_any_order_of_events_gives_a_sound_state(events: list[Event]) -> None:
    state = DashboardState()
    for event in events:
        before = copy.copy(state.__dict__)
        frozen = (dict(state.rows), dict(state.lanes), state.log)
        after = reduce(state, event)
        assert state.__dict__ == before
        assert frozen == (dict(state.rows), dict(state.lanes), state.log)
        state = after
    assert len(state.log) <= LOG_LENGTH
    finals = [entry.row for entry in state.rows.values() if entry.final]
    assert state.counts == Counter(mark_of(value).word for value in finals)
    assert state.failures <= len(finals)
    orders = [entry.order for entry in state.rows.values()]
    assert len(set(orders)) == len(orders)


def test_a_lane_follows_its_invocation() -> None:
    running = state_of(run_started(), started(block=2)).lanes["host-a"]
    assert (running.activity, running.case, running.block) == (Activity.RUNNING, CASE, 2)
    idle = state_of(run_started(), started(), finished()).lanes["host-a"]
    assert (idle.activity, idle.clock_ghz, idle.temp_c, idle.finished) == (Activity.IDLE, 3.0, 41.0, 1)


def test_a_figure_that_a_device_stops_giving_keeps_its_last_value() -> None:
    state = state_of(run_started(), finished(), finished(clock_ghz=None, temp_c=None))
    assert (state.lanes["host-a"].clock_ghz, state.lanes["host-a"].temp_c) == (3.0, 41.0)


def test_scored_samples_are_counted_and_forgotten_with_the_next_invocation() -> None:
    scoring = state_of(run_started(), started(), AccuracyProgress("host-a", started().case, 320, 5000, 103.0))
    assert (scoring.lanes["host-a"].scored, scoring.lanes["host-a"].to_score) == (320, 5000)
    assert reduce(scoring, started()).lanes["host-a"].to_score == 0


def test_the_number_of_tasks_is_corrected_when_the_files_are_known() -> None:
    state = state_of(run_started(), finished(), TasksPlanned(7, 103.0))
    assert state.total_invocations == 8


def test_waiting_begins_and_ends() -> None:
    waiting = state_of(run_started(), Waiting("host-a", "cooling", 105.0), Waiting("host-a", "cooling still", 106.0))
    assert waiting.lanes["host-a"].activity is Activity.WAITING
    assert waiting.lanes["host-a"].reason == "cooling still"
    assert [entry.text for entry in waiting.log] == ["cooling"]
    assert reduce(waiting, Waiting("host-a", "", 107.0)).lanes["host-a"].activity is Activity.IDLE


def test_an_unfounded_end_of_waiting_does_not_stop_a_running_lane() -> None:
    state = state_of(run_started(), started(), Waiting("host-a", "", 102.0))
    assert state.lanes["host-a"].activity is Activity.RUNNING


def test_offline_until_it_runs_again() -> None:
    gone = state_of(run_started(), started(), finished(status=Status.OFFLINE, error="no answer"))
    assert (gone.lanes["host-a"].activity, gone.lanes["host-a"].reason) == (Activity.OFFLINE, "no answer")
    assert reduce(gone, started()).lanes["host-a"].activity is Activity.RUNNING


def test_preparation_is_counted() -> None:
    good = VariantFile("m", "int8", Status.DONE, size_bytes=3_600_000, cached=True)
    bad = VariantFile("m", "int16x8", Status.FAILED, "unsupported operator")
    state = state_of(PrepareStarted(2, 100.0), VariantPrepared(good, 101.0))
    assert state.preparing
    state = reduce(state, VariantPrepared(bad, 102.0))
    assert not state.preparing
    assert state.preparation is not None
    assert (state.preparation.done, state.preparation.cached, state.preparation.failed) == (2, 1, 1)
    assert state.log[-1].level == "error"
    assert "unsupported operator" in state.log[-1].text


def test_a_refined_row_keeps_its_place_and_its_log_line() -> None:
    other = case("other")
    state = state_of(
        run_started((CASE, other)), row_event(row(), final=False), row_event(row(other), other), row_event(row())
    )
    order = state.rows[CASE.case_id].order
    assert order > state.rows[other.case_id].order
    refined = reduce(state, row_event(row(peak_rss_mib=50.0)))
    assert refined.rows[CASE.case_id].order == order
    assert refined.log == state.log


def test_a_failure_is_told_once() -> None:
    state = state_of(
        run_started(),
        started(),
        finished(status=Status.CRASHED, error="signal 11"),
        row_event(failed()),
    )
    assert [entry.text for entry in state.log] == ["mobilenet_v2 int8 · cpu xnnpack 1T: CRASHED: signal 11"]
    assert state.log[0].level == "error"
    assert state.failures == 1


def test_the_end_replaces_the_rows_seen_so_far() -> None:
    state = state_of(run_started(), row_event(row()))
    assert state.final_rows == (row(),)
    rows = (row(), failed(case("other")))
    assert reduce(state, run_finished(rows)).final_rows == rows


def test_the_demo_ends_complete() -> None:
    cases = demo_cases(40)
    state = state_of(*demo_events(cases))
    assert len(state.rows) == len(cases) == 40
    assert all(entry.final for entry in state.rows.values())
    assert {"CRASHED", "TIMEOUT", "UNSUPPORTED", *map(str, Verdict)} == set(state.counts)
    assert state.failures == 2


def test_the_demo_is_in_order_of_time() -> None:
    times = [event.at_s for event in demo_events(start_s=5.0)]
    assert times == sorted(times)
    assert times[0] == 5.0


def test_an_unknown_event_changes_nothing() -> None:
    state = state_of(run_started())
    assert reduce(state, object()) is state  # type: ignore[arg-type]


def test_a_resumed_run_keeps_its_past() -> None:
    state = state_of(replace(run_started(), done_invocations=3))
    assert state.done_before == 3
