"""The live plot of a sustained pass, and what the other displays say of it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.display import eta
from harness.display.codec import decode, encode
from harness.display.demo import demo_events
from harness.display.layout import render
from harness.display.plain import heartbeat, line_of
from harness.display.state import Activity, DashboardState, reduce
from harness.display.sustained import PLOT_LINES, progress_text, sustained_lines
from harness.display.text import width_of
from harness.domain import Case, Purpose, Status
from harness.events import Event, SustainedProgress
from tests.display.builders import CASE, case, finished, row, row_event, run_finished, run_started, started, state_of

WANTED_S = 600.0
VALUES = st.one_of(st.none(), st.floats(0.001, 500.0), st.sampled_from((0.0, -1.0, math.nan, math.inf)))
POINTS = st.builds(
    SustainedProgress,
    st.just("host-a"),
    st.just(CASE),
    st.one_of(st.floats(0.0, 700.0), st.just(math.nan)),
    st.sampled_from((WANTED_S, 0.0, math.inf)),
    *[VALUES] * 4,
    st.none(),
    st.just(110.0),
)


def point(elapsed_s: float, median_ms: float | None = 10.0, **values: object) -> SustainedProgress:
    base = SustainedProgress("host-a", CASE, elapsed_s, WANTED_S, median_ms, None, None, None, None, 101.0 + elapsed_s)
    return replace(base, **values)  # type: ignore[arg-type]


def begun(of: Case = CASE, at_s: float = 101.0) -> Event:
    return started(of, purpose=Purpose.SUSTAINED, expected_s=WANTED_S, at_s=at_s)


def ended(of: Case = CASE, at_s: float = 701.0) -> Event:
    return finished(of, purpose=Purpose.SUSTAINED, at_s=at_s)


def running(*points: SustainedProgress, cases: tuple[Case, ...] = (CASE,)) -> DashboardState:
    start = run_started(cases, sustained_s=WANTED_S, total_invocations=6 * len(cases))
    return state_of(start, begun(), *points)


def plot(state: DashboardState, width: int = 98) -> list[str]:
    lines = sustained_lines(state.lanes["host-a"], width, PLOT_LINES, with_device=False)
    return ["".join(part.text for part in line) for line in lines]


HEATING = [point(10.0 * (index + 1), 10.0 if index < 10 else 13.0, temp_c=30.0 + index) for index in range(30)]


def test_latency_and_temperature_stand_side_by_side_over_the_time_the_pass_will_take() -> None:
    title, heads, *bars = plot(running(*HEATING))
    assert title.startswith("Sustained mobilenet_v2 int8 · cpu xnnpack 1T · 5 min 00 s of 10 min 00 s")
    assert "latency, ms: 10.00 → 13.00 (1.30 times)" in heads
    assert "temperature, °C: 30.0 → 59.0" in heads
    assert len(bars) == PLOT_LINES - 2
    latency = [line[8:56] for line in bars]
    top, bottom = latency[0], latency[-1]
    filled = [index for index, char in enumerate(bottom) if char not in " ·"]
    assert len(filled) == pytest.approx(len(bottom) / 2, abs=2), "half of the time is over"
    assert set(bottom[len(bottom) // 2 + 2 :]) == {"·"}
    high = [index for index, char in enumerate(top) if char != " "]
    assert high[0] == pytest.approx(len(top) / 6, abs=2), "it rises after 100 of 600 s"


def test_without_temperature_the_clock_stands_there_and_without_both_nothing() -> None:
    clocks = [replace(one, temp_c=None, clock_ghz=2.4) for one in HEATING]
    assert "clock, GHz: 2.40 → 2.40" in plot(running(*clocks))[1]
    bare = plot(running(*(replace(one, temp_c=None) for one in HEATING)))
    assert len(bare[1].rstrip()) < 50
    assert width_of(bare[2]) == 98, "the latency takes the whole width"


def test_a_narrow_terminal_shows_the_latency_alone() -> None:
    text = "\n".join(plot(running(*HEATING), 60))
    assert "latency" in text
    assert "temperature" not in text


def test_nothing_is_drawn_before_the_first_slice() -> None:
    assert "The first point comes with the first slice." in plot(running())[1]


def test_a_flat_pass_is_not_drawn_as_noise() -> None:
    values = [point(10.0 * (index + 1), 10.0 + 0.001 * (index % 2)) for index in range(20)]
    rows = plot(running(*values))[2:]
    assert len({line[8:30] for line in rows}) > 1
    assert len(set(rows[1][9:35])) == 1, "a difference of a hundredth of a per cent is no step"


@pytest.mark.parametrize(("width", "height"), [(100, 30), (120, 40), (80, 24), (60, 20), (40, 14), (20, 5)])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.75, 0.9])
def test_the_demo_with_passes_fits_every_size(width: int, height: int, share: float) -> None:
    events = list(demo_events(sustained_s=60.0))
    now_s = share * events[-1].at_s
    state = state_of(*(event for event in events if event.at_s <= now_s))
    lines = list(render(state, width, height, now_s).texts())
    assert len(lines) == height
    assert {width_of(line) for line in lines} == {width}


@settings(max_examples=100, deadline=None)
@given(st.lists(POINTS, max_size=40), st.integers(1, 200), st.integers(1, 60))
def test_any_values_fit_any_size(points: list[SustainedProgress], width: int, height: int) -> None:
    lines = list(render(running(*points), width, height, 300.0).texts())
    assert {width_of(line) for line in lines} == {width}
    assert heartbeat(running(*points), 300.0)


def test_the_dashboard_has_the_plot_while_the_pass_runs_and_until_the_next_task() -> None:
    state = running(*HEATING)
    assert "Sustained mobilenet_v2" in "\n".join(render(state, 100, 30, 401.0).texts())
    assert "sustained 50 %" in "\n".join(render(state, 100, 30, 401.0).texts())
    over = reduce(reduce(state, ended()), started(purpose=Purpose.ACCURACY, at_s=702.0))
    assert "Sustained" not in "\n".join(render(over, 100, 30, 703.0).texts())
    assert over.lanes["host-a"].sustained == ()
    end = reduce(state, run_finished(()))
    assert "Sustained" not in "\n".join(render(end, 100, 30, 703.0).texts())


# ---- time left -------------------------------------------------------------------------------------------------------


def test_passes_count_with_their_time_whatever_the_lane_took_so_far() -> None:
    cases = (CASE, case("other"))
    slow: list[Event] = [started(at_s=101.0), finished(at_s=121.0)]  # ten times what was expected
    plain = eta.eta_s(state_of(run_started(cases, total_invocations=10), *slow), 121.0)
    start = run_started(cases, total_invocations=12, sustained_s=WANTED_S)
    passes = eta.eta_s(state_of(start, *slow), 121.0)
    assert plain is not None
    assert passes == pytest.approx(plain + 2 * WANTED_S)


def test_time_left_shrinks_with_the_pass_and_a_finished_pass_leaves_it() -> None:
    start = run_started(blocks=0, total_invocations=1, sustained_s=WANTED_S)
    state = state_of(start, begun())
    state = replace(state, work={**state.work, CASE.case_id: replace(state.work[CASE.case_id], side_expected_s=1.0)})
    assert eta.eta_s(state, 101.0) == pytest.approx(WANTED_S)
    assert eta.eta_s(state, 301.0) == pytest.approx(WANTED_S - 200.0)
    assert eta.remaining(reduce(state, ended())).sustained_s == {}


def test_the_bar_is_a_share_of_the_time() -> None:
    events: list[Event] = [run_started(total_invocations=5, sustained_s=WANTED_S), *_timing()]
    before = eta.progress(state_of(*events))
    assert before < 0.05, "four of five invocations are done, and hardly any of the time"
    half = eta.progress(state_of(*events, begun(at_s=110.0), *HEATING))
    assert half == pytest.approx(0.5, abs=0.05)


def _timing() -> list[Event]:
    made: list[Event] = []
    for block in range(4):
        made += [started(block=block, at_s=101.0 + 2 * block), finished(block=block, at_s=103.0 + 2 * block)]
    return made


# ---- plain and JSON --------------------------------------------------------------------------------------------------


def test_the_heartbeat_says_how_far_the_pass_is() -> None:
    assert "mobilenet_v2 int8 sustained 50 % (13.00 ms, 59.0 °C)" in heartbeat(running(*HEATING), 401.0)
    assert progress_text(running().lanes["host-a"]) == ""


def test_the_end_of_a_pass_is_a_line_once() -> None:
    told = row(
        sustained_first_ms=12.31, sustained_settled_ms=14.82, sustained_ratio=1.204, sustained_settled_after_s=370
    )
    before = state_of(run_started(), row_event(row()))
    event = row_event(told)
    after = reduce(before, event)
    text = "sustained: 12.31 ms in the first minute, settled at 14.82 ms (1.20 times) after 6 min 10 s"
    assert text in line_of(event, before, after)
    assert text in after.log[-1].text
    assert line_of(event, after, reduce(after, event)) == ""
    assert len(reduce(after, event).log) == len(after.log)
    unsettled = row_event(row(sustained_first_ms=12.31))
    assert line_of(unsettled, before, after).endswith("12.31 ms in the first minute, not settled")


def test_progress_goes_through_json_and_back() -> None:
    event = point(10.0, temp_c=41.5, thermal_status=1, clock_share=0.75, clock_ghz=2.0)
    assert decode(encode(event)) == event
    assert '"event":"sustained_progress"' in encode(event)


def test_a_pass_that_fails_is_told_and_counts_no_side_pass() -> None:
    state = running(*HEATING[:3])
    state = reduce(state, finished(purpose=Purpose.SUSTAINED, status=Status.CRASHED, error="SIGSEGV", at_s=140.0))
    assert "sustained pass CRASHED: SIGSEGV" in state.log[-1].text
    assert state.work[CASE.case_id].sustained_done
    assert state.work[CASE.case_id].side_done == 0
    assert state.lanes["host-a"].activity is Activity.IDLE
