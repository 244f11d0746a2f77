from __future__ import annotations

import io

from harness.display.output import Output
from harness.display.quiet import QuietView
from harness.display.state import DashboardState, reduce
from harness.domain import Status, Verdict
from harness.events import Message
from tests.display.builders import case, failed, row, row_event, run_finished, run_started


def test_only_errors() -> None:
    stream = io.StringIO()
    view, state = QuietView(Output(stream)), DashboardState()
    view.start()
    for event in (
        run_started(),
        Message("info", "a note", 1.0),
        Message("error", "disk\x1b[31m full", 2.0, "host-a"),
        row_event(row()),
        row_event(row(case("noisy"), verdict=Verdict.NOISY), case("noisy")),
        row_event(failed(case("gpu"), Status.UNSUPPORTED, "no device"), case("gpu")),
        row_event(failed(case("x")), case("x")),
        row_event(failed(case("x")), case("x")),
        run_finished(()),
    ):
        before, state = state, reduce(state, event)
        view.show(event, before, state, 0.0)
        view.tick(state, 0.0)
    view.stop(state, 0.0)
    view.finish(state)
    assert stream.getvalue().splitlines() == [
        "error: host-a: disk full",
        "error: x int8 · cpu xnnpack 1 thread · host: CRASHED: signal 11",
    ]
