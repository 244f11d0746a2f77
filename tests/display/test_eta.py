from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.display import eta
from harness.display.demo import demo_cases, demo_events
from harness.display.state import DashboardState, reduce
from harness.domain import Purpose, Status
from harness.events import Event, InvocationFinished, InvocationStarted
from tests.display.builders import (
    CASE,
    case,
    failed,
    finished,
    row_event,
    run_finished,
    run_started,
    started,
    state_of,
)
from tests.display.test_state import EVENTS


def test_nothing_is_claimed_before_the_first_invocation() -> None:
    assert eta.eta_s(state_of(run_started()), 100.0) is None
    assert eta.progress(state_of(run_started())) == 0.0
    assert eta.eta_s(DashboardState(), 0.0) is None


def test_the_first_invocation_gives_the_expected_time() -> None:
    state = state_of(run_started(total_invocations=4), started(at_s=100.0))
    assert eta.eta_s(state, 100.0) == pytest.approx(8.0)
    assert eta.eta_s(state, 101.0) == pytest.approx(7.0)


def test_a_slow_device_corrects_the_estimate() -> None:
    state = state_of(run_started(total_invocations=4), started(at_s=100.0), finished(at_s=104.0))
    assert eta.ratio(state.lanes["host-a"]) == pytest.approx(2.0)
    assert eta.eta_s(state, 104.0) == pytest.approx(3 * 2.0 * 2.0)


def test_what_a_failed_case_leaves_out_is_no_longer_waited_for() -> None:
    other = case("other")
    state = state_of(
        run_started((CASE, other), total_invocations=8),
        started(at_s=100.0),
        finished(at_s=102.0, status=Status.CRASHED),
        row_event(failed()),
    )
    assert eta.remaining(state).invocations == 4
    assert eta.planned_invocations(state) == 5
    assert eta.eta_s(state, 102.0) == pytest.approx(8.0)


def test_a_resumed_run_counts_only_what_is_left() -> None:
    cases = (CASE, case("other"))
    state = state_of(run_started(cases, total_invocations=2, done_invocations=6), started(block=3, at_s=100.0))
    assert eta.remaining(state).invocations == 2
    assert eta.progress(state) == pytest.approx(6 / 8)
    assert eta.eta_s(state, 100.0) == pytest.approx(4.0)


def test_lanes_work_at_the_same_time() -> None:
    cases = (CASE, case("other"))
    state = state_of(
        run_started(cases, device_ids=("host-a", "host-b"), total_invocations=8),
        started(CASE, at_s=100.0),
        started(cases[1], at_s=100.0, device_id="host-b"),
    )
    assert eta.eta_s(state, 100.0) == pytest.approx(8.0)


def test_the_end_is_the_end() -> None:
    state = state_of(run_started(), started(), run_finished(()))
    assert eta.eta_s(state, 300.0) == 0.0
    assert eta.progress(state) == 1.0


@settings(max_examples=100, deadline=None)
@given(st.lists(EVENTS, max_size=30), st.floats(0, 1e4))
def test_estimates_are_never_negative(events: list[Event], now_s: float) -> None:
    state = state_of(*events)
    left_s = eta.eta_s(state, now_s)
    assert left_s is None or not left_s < 0
    assert 0.0 <= eta.progress(state) <= 1.0
    assert eta.planned_invocations(state) >= eta.done_invocations(state)


def test_the_estimate_is_close_from_a_third_of_the_run_on() -> None:
    events = list(demo_events(demo_cases(20), blocks=6))
    end_s, state = events[-1].at_s, DashboardState()
    for event in events[:-1]:
        state = reduce(state, event)
        if event.at_s > 0.34 * end_s and isinstance(event, InvocationStarted):
            left_s = eta.eta_s(state, event.at_s)
            assert left_s is not None
            assert left_s == pytest.approx(end_s - event.at_s, abs=0.12 * end_s)


def test_progress_does_not_run_backwards_in_the_demo() -> None:
    state, shares = DashboardState(), []
    for event in demo_events():
        state = reduce(state, event)
        if isinstance(event, InvocationFinished) and event.purpose is Purpose.TIMING:
            shares.append(eta.progress(state))
    assert shares == sorted(shares)
