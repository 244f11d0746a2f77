from __future__ import annotations

import io
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from harness.display.demo import demo_events
from harness.display.grid import Frame
from harness.display.layout import render
from harness.display.marks import mark_of
from harness.display.state import DashboardState, Lane
from harness.display.text import width_of
from harness.domain import Status, VariantFile, Verdict
from harness.events import Event, Message, PrepareStarted, VariantPrepared, Waiting
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
from tests.display.test_state import EVENTS

GOLDEN = Path(__file__).parent / "golden"
SIZES = [(20, 5), (20, 24), (40, 12), (60, 14), (80, 24), (100, 30), (120, 40), (200, 60), (300, 100), (1, 1), (5, 2)]


def demo_state(share: float) -> tuple[DashboardState, float]:
    events = list(demo_events())
    now_s = share * events[-1].at_s
    return state_of(*(event for event in events if event.at_s <= now_s)), now_s


def text_of(frame: Frame) -> str:
    return "\n".join(line.rstrip() for line in frame.texts())


def assert_exact(frame: Frame, width: int, height: int) -> None:
    lines = list(frame.texts())
    assert len(lines) == height
    assert {width_of(line) for line in lines} == {width}
    assert "\n" not in "".join(lines)


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("share", [0.0, 0.04, 0.5, 0.97, 1.0])
def test_the_demo_fits_every_size(width: int, height: int, share: float) -> None:
    state, now_s = demo_state(share)
    assert_exact(render(state, width, height, now_s), width, height)


@settings(max_examples=150, deadline=None)
@given(st.lists(EVENTS, max_size=30), st.integers(1, 300), st.integers(1, 100), st.floats(0, 1e5))
def test_anything_fits_any_size(events: list[Event], width: int, height: int, now_s: float) -> None:
    assert_exact(render(state_of(*events), width, height, now_s), width, height)


@pytest.mark.parametrize(("width", "height", "share"), [(120, 32, 0.72), (80, 24, 0.72), (40, 14, 0.72), (20, 8, 0.95)])
def test_the_picture_is_the_reviewed_one(width: int, height: int, share: float) -> None:
    """After a wanted change look at the new picture, then replace the file in golden/ by it."""
    state, now_s = demo_state(share)
    expected = (GOLDEN / f"frame_{width}x{height}.txt").read_text(encoding="utf-8")
    assert text_of(render(state, width, height, now_s)) + "\n" == expected


@pytest.mark.parametrize("width", [20, 40, 80, 120, 200])
def test_hostile_names_stay_text(width: int) -> None:
    events: list[Event] = []
    cases = tuple(case(name, name) for name in HOSTILE)
    events.append(run_started(cases, name=HOSTILE[0] + HOSTILE[1], run_id=HOSTILE[3], device_ids=HOSTILE))
    for of, name in zip(cases, HOSTILE, strict=True):
        events += [
            started(of, device_id=name),
            finished(of, device_id=name, status=Status.CRASHED, error=name),
            row_event(failed(of, reasons=name, device=name), of),
            Waiting(name, name or "x", 105.0),
            Message("error", name, 105.0, name),
            VariantPrepared(VariantFile(name, name, Status.FAILED, name), 105.0),
        ]
    frame = render(state_of(*events), width, 60, 110.0)
    assert_exact(frame, width, 60)
    stream = io.StringIO()
    Console(file=stream, width=width, height=60, force_terminal=True, color_system=None).print(frame)
    out = stream.getvalue()
    assert "[bold red]"[: width // 4] in out
    out.encode()
    assert not [
        char
        for char in out.replace("\x1b[1m", "").replace("\x1b[2m", "").replace("\x1b[0m", "").replace("\x1b[1;31m", "")
        if ord(char) < 32 and char != "\n"
    ]


def test_nothing_yet() -> None:
    assert "starting" in text_of(render(DashboardState(), 80, 24, 0.0))
    assert "starting" in text_of(render(DashboardState(), 20, 5, 0.0))
    assert "The first row comes" in text_of(render(state_of(run_started()), 80, 24, 101.0))


def test_many_rows_say_how_many_are_hidden() -> None:
    cases = tuple(case(f"model_{index}") for index in range(500))
    state = state_of(run_started(cases), *(row_event(row(of), of) for of in cases))
    text = text_of(render(state, 120, 40, 110.0))
    shown = text.count("✓ TRUSTED")
    assert f"+{500 - shown} more rows" in text
    assert "500 TRUSTED" in text
    assert "model_499" in text
    assert "model_0 " not in text


def test_every_outcome_is_said_in_words() -> None:
    for status in Status:
        value = row() if status is Status.DONE else failed(status=status)
        word = "TRUSTED" if status is Status.DONE else str(status)
        assert word in text_of(render(state_of(run_started(), row_event(value)), 80, 24, 101.0))
    for verdict in Verdict:
        state = state_of(run_started(), row_event(row(verdict=verdict)))
        assert f"{mark_of(row(verdict=verdict)).glyph} {verdict}" in text_of(render(state, 80, 24, 101.0))


def test_the_worst_comes_first_then_the_newest() -> None:
    names = ("old", "noisy", "new", "crashed", "skipped")
    cases = {name: case(name) for name in names}
    state = state_of(
        run_started(tuple(cases.values())),
        row_event(row(cases["old"]), cases["old"]),
        row_event(row(cases["noisy"], verdict=Verdict.NOISY), cases["noisy"]),
        row_event(failed(cases["skipped"], Status.SKIPPED), cases["skipped"]),
        row_event(row(cases["new"]), cases["new"]),
        row_event(failed(cases["crashed"]), cases["crashed"]),
    )
    table = text_of(render(state, 120, 40, 110.0)).partition("Results")[2].partition("Log")[0]
    order = sorted(names, key=table.index)
    assert order == ["crashed", "noisy", "new", "old", "skipped"]


def test_a_provisional_verdict_is_not_claimed_unless_it_cannot_mend() -> None:
    noisy = state_of(run_started(), row_event(row(verdict=Verdict.NOISY), final=False))
    assert "· measuring" in text_of(render(noisy, 80, 24, 101.0))
    assert "NOISY" not in text_of(render(noisy, 80, 24, 101.0))
    wrong = state_of(run_started(), row_event(row(verdict=Verdict.WRONG_OUTPUT), final=False))
    assert "✗ WRONG_OUTPUT" in text_of(render(wrong, 80, 24, 101.0))


def test_a_trusted_row_needs_no_reason_column() -> None:
    proof = "8 invocations within ±0.4%, XNNPACK took 64 of 64 nodes"
    assert "Reason" not in text_of(render(state_of(run_started(), row_event(row(reasons=proof))), 200, 40, 101.0))
    doubt = row(verdict=Verdict.NOISY, reasons="the interval is wide")
    assert "the interval is wide" in text_of(render(state_of(run_started(), row_event(doubt)), 200, 40, 101.0))


def test_a_lane_shows_what_it_does() -> None:
    state = state_of(run_started(), started(), finished(), started(block=1, at_s=104.0))
    line = next(line for line in render(state, 120, 40, 105.0).texts() if "host-a" in line)
    for part in ("●", "timing 2/4", "mobilenet_v2 int8 · cpu xnnpack 1T", "━━━━━─────", "3.00 GHz", "41 °C", " s"):
        assert part in line
    narrow = text_of(render(state, 80, 24, 105.0))
    assert "3.00 GHz · 41 °C · 7 s left" in narrow


def test_a_lane_does_not_flicker_between_two_invocations() -> None:
    state = state_of(run_started(), started(), finished(at_s=103.0))
    assert "timing 1/4" in text_of(render(state, 120, 40, 104.0))
    assert "idle" in text_of(render(state, 120, 40, 107.0))


def test_devices_that_do_not_fit_are_counted_and_stuck_ones_come_first() -> None:
    names = tuple(f"phone-{index:02d}" for index in range(30))
    state = state_of(run_started(device_ids=names))
    stuck = replace(state, lanes={**state.lanes, "phone-29": Lane("phone-29", reason="")})
    text = text_of(render(stuck, 80, 24, 101.0))
    shown = text.count("phone-")
    assert f"+{30 - shown} more devices" in text
    offline = state_of(
        run_started(device_ids=names), finished(device_id="phone-29", status=Status.OFFLINE, error="no answer")
    )
    assert "✗ phone-29" in text_of(render(offline, 80, 24, 120.0))


def test_preparation_has_its_line_while_it_lasts() -> None:
    done = VariantPrepared(VariantFile("m", "int8", Status.DONE, cached=True), 102.0)
    state = state_of(run_started(), PrepareStarted(2, 101.0), done)
    assert "Preparing" in text_of(render(state, 80, 24, 103.0))
    assert "1/2 · 1 cached" in text_of(render(state, 80, 24, 103.0))
    over = state_of(run_started(), PrepareStarted(2, 101.0), done, done)
    assert "Preparing" not in text_of(render(over, 80, 24, 103.0))


def test_the_header_tells_how_it_ended() -> None:
    text = text_of(render(state_of(run_started(), run_finished((), "interrupted")), 80, 24, 300.0))
    assert "interrupted" in text
    assert "1 min 40 s" in text


def test_columns_that_tell_rows_apart_are_shown() -> None:
    other = case("other")
    one = state_of(run_started(), row_event(row(runtime="litert")))
    assert "Runtime" not in text_of(render(one, 200, 40, 101.0))
    two = state_of(
        run_started((CASE, other)),
        row_event(row(runtime="litert")),
        row_event(row(other, runtime="litert (/opt/old/bin/python)", device="phone"), other),
    )
    text = text_of(render(two, 200, 40, 101.0))
    assert "Runtime" in text
    assert "Device " in text


def test_a_cached_frame_costs_little() -> None:
    state, now_s = demo_state(0.9)
    render(state, 120, 50, now_s)
    begin_s = time.process_time()
    for step in range(20):
        render(state, 120, 50, now_s + step)
    assert (time.process_time() - begin_s) / 20 < 0.02
