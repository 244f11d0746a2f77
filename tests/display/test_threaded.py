from __future__ import annotations

import io
import os
import threading
import time

import pytest

from harness.display import open_display
from harness.display.state import DashboardState
from harness.display.threaded import ThreadedDisplay, allowed_cpus, move_to
from harness.events import Event, Message
from tests.display.builders import row, row_event, run_finished, run_started


class Recorder:
    """A view that remembers what it was told."""

    interval_s = 0.02

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.threads: set[int] = set()
        self.times: list[float] = []
        self.cpus: frozenset[int] = frozenset()

    def start(self) -> None:
        self.calls.append("start")

    def show(self, event: Event, before: DashboardState, after: DashboardState, now_s: float) -> None:
        self.calls.append(type(event).__name__)
        self.times.append(now_s)
        self.threads.add(threading.get_ident())

    def tick(self, state: DashboardState, now_s: float) -> None:
        self.cpus = allowed_cpus()
        self.calls.append("tick")

    def stop(self, state: DashboardState, now_s: float) -> None:
        self.calls.append("stop")

    def finish(self, state: DashboardState) -> None:
        self.calls.append("finish")


def test_everything_posted_is_shown_in_order_before_the_end() -> None:
    view = Recorder()
    with ThreadedDisplay(view) as display:
        display.post(run_started())
        for index in range(3000):
            display.post(Message("info", str(index), 100.0))
        display.post(run_finished((row(),)))
    calls = [call for call in view.calls if call != "tick"]
    assert calls == ["start", "RunStarted", *["Message"] * 3000, "RunFinished", "stop", "finish"]
    assert display.state.log[-1].text == "2999"
    assert view.threads == {display.thread.ident}
    assert not display.thread.is_alive()


def test_time_is_aligned_with_the_events() -> None:
    view = Recorder()
    with ThreadedDisplay(view, clock=lambda: 5.0) as display:
        display.post(Message("info", "x", 1000.0))
    assert view.times == [1000.0]


def test_ticks_come_without_events() -> None:
    view = Recorder()
    with ThreadedDisplay(view):
        time.sleep(0.2)
    assert view.calls.count("tick") >= 3


def test_a_broken_view_is_told_once_and_stops_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(Recorder):
        def show(self, event: Event, before: DashboardState, after: DashboardState, now_s: float) -> None:
            raise ZeroDivisionError("oops")

        def finish(self, state: DashboardState) -> None:
            raise ValueError("again")

    with ThreadedDisplay(Broken()) as display:
        display.post(run_started())
        display.post(row_event(row()))
    assert capsys.readouterr().err == "error: the display failed: ZeroDivisionError: oops\n"
    assert len(display.state.rows) == 1


def test_an_error_of_the_run_passes_through() -> None:
    view = Recorder()
    with pytest.raises(RuntimeError, match="boom"), ThreadedDisplay(view):
        raise RuntimeError("boom")
    assert view.calls[-2:] == ["stop", "finish"]


def test_posting_never_waits_for_a_terminal_that_hangs() -> None:
    gate = threading.Event()

    class Hanging(Recorder):
        def show(self, event: Event, before: DashboardState, after: DashboardState, now_s: float) -> None:
            gate.wait(10)

    with ThreadedDisplay(Hanging()) as display:
        begin_s = time.monotonic()
        for index in range(1000):
            display.post(Message("info", str(index), 0.0))
        assert time.monotonic() - begin_s < 1.0
        gate.set()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity") or len(allowed_cpus()) < 2, reason="needs two CPUs")
def test_the_thread_keeps_off_the_measured_cpus() -> None:
    own = allowed_cpus()
    measured = max(own)
    view = Recorder()
    with ThreadedDisplay(view, avoid_cpus=(measured,)) as display:
        time.sleep(0.1)
        assert view.cpus == own - {measured}
        display.avoid_cpus(())
        time.sleep(0.1)
        assert view.cpus == own
        display.avoid_cpus(tuple(own))
        time.sleep(0.1)
        assert view.cpus == own
    assert allowed_cpus() == own


def test_moving_nowhere_is_no_error() -> None:
    before = allowed_cpus()
    move_to(frozenset())
    move_to(frozenset({100_000}))
    assert allowed_cpus() == before


@pytest.mark.parametrize("kind", ["plain", "json", "none"])
def test_a_real_display_from_several_threads(kind: str) -> None:
    stream, errors = io.StringIO(), io.StringIO()
    with open_display(kind, stream=stream, errors=errors, environ={}) as display:
        display.post(run_started())
        threads = [
            threading.Thread(target=lambda: [display.post(Message("error", "x", 101.0)) for _ in range(50)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    shown = stream.getvalue() + errors.getvalue()
    assert sum("error" in line for line in shown.splitlines()) == 200
