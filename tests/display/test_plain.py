from __future__ import annotations

import io
from dataclasses import replace

from harness.display.demo import demo_events
from harness.display.plain import PlainView
from harness.display.state import DashboardState, reduce
from harness.domain import Status, VariantFile
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
)


class Plain:
    """A plain view with its state and its output."""

    def __init__(self, heartbeat_s: float = 30.0, environ: dict[str, str] | None = None) -> None:
        self.stream = io.StringIO()
        self.view = PlainView(
            self.stream, environ=environ or {}, resume_command="harness run v.yaml --resume", heartbeat_s=heartbeat_s
        )
        self.state = DashboardState()

    def post(self, *events: Event) -> None:
        for event in events:
            before, self.state = self.state, reduce(self.state, event)
            self.view.show(event, before, self.state, event.at_s)

    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()


def test_one_line_for_start_and_finished_case() -> None:
    plain = Plain()
    plain.post(run_started(), started(), finished(), row_event(row(), final=False), row_event(row()))
    assert plain.lines() == [
        "[  0:00] run 20260101-000000-vision-ab12 (vision): 1 cases on host-a, 5 invocations in 4 blocks",
        "[  0:04] [1/1] mobilenet_v2 int8 · cpu xnnpack 1 thread · host: 12.35 ms ±0.05, TRUSTED",
    ]


def test_a_row_refined_later_is_not_told_again() -> None:
    plain = Plain()
    plain.post(run_started(), row_event(row()), row_event(row(peak_rss_mib=99.0)))
    assert len(plain.lines()) == 2


def test_failures_carry_their_reason() -> None:
    plain = Plain()
    plain.post(run_started(), row_event(failed(reasons="signal 11 (SIGSEGV)")))
    assert plain.lines()[-1].endswith("CRASHED: signal 11 (SIGSEGV)")


def test_preparation_waits_and_messages_have_lines() -> None:
    plain = Plain()
    bad = VariantFile("m", "int16x8", Status.FAILED, "no such kernel")
    plain.post(
        run_started(done_invocations=7),
        PrepareStarted(2, 100.0),
        VariantPrepared(VariantFile("m", "int8", Status.DONE, size_bytes=3_620_000, conversion_s=12.0), 112.0),
        VariantPrepared(bad, 113.0),
        Waiting("host-a", "cooling: 41.0 C", 114.0),
        Waiting("host-a", "", 115.0),
        Message("info", "a note", 116.0),
        Message("warning", "odd", 117.0, "host-a"),
        run_finished(()),
    )
    assert [line[9:] for line in plain.lines()] == [
        "run 20260101-000000-vision-ab12 (vision): 1 cases on host-a, 5 invocations in 4 blocks, 7 done before",
        "preparing 2 model files",
        "prepared 1/2 m int8: 3.62 MB, converted in 12 s",
        "prepared 2/2 m int16x8: FAILED: no such kernel",
        "host-a: waiting: cooling: 41.0 C",
        "a note",
        "warning: host-a: odd",
        "run 20260101-000000-vision-ab12 finished",
    ]


def test_a_heartbeat_every_thirty_seconds_and_no_more() -> None:
    plain = Plain()
    plain.post(run_started(), started(block=1, at_s=100.0))
    for now_s in (100.5, 129.9, 130.1, 130.6, 159.9, 160.2):
        plain.view.tick(plain.state, now_s)
    beats = plain.lines()[1:]
    assert len(beats) == 2
    assert beats[0] == ("[  0:30] 0 % (0/5 invocations), 8 s left; host-a: mobilenet_v2 int8 timing 2/4")


def test_the_heartbeat_tells_of_preparation_and_waiting_lanes() -> None:
    plain = Plain(heartbeat_s=5.0)
    plain.post(run_started(), PrepareStarted(4, 100.0), Waiting("host-a", "cooling", 101.0))
    plain.view.tick(plain.state, 106.0)
    assert "(preparing 0/4), no estimate yet; host-a: waiting (cooling)" in plain.lines()[-1]


def test_no_heartbeat_before_the_start_and_after_the_end() -> None:
    plain = Plain()
    plain.view.tick(plain.state, 1000.0)
    plain.post(run_started(), run_finished(()))
    plain.view.tick(plain.state, 1e6)
    assert len(plain.lines()) == 2


def test_the_ending_follows() -> None:
    plain = Plain()
    plain.post(run_started((CASE, case("x"))), run_finished((row(), failed(case("x"))), "interrupted"))
    plain.view.finish(plain.state)
    text = plain.stream.getvalue()
    for part in ("Verdict", "What to look at", "✗ CRASHED  signal 11", "harness run v.yaml --resume"):
        assert part in text
    assert "\x1b" not in text


def test_a_log_without_width_is_wide_enough() -> None:
    plain = Plain()
    plain.post(*demo_events())
    plain.view.finish(plain.state)
    assert "Accuracy" in plain.stream.getvalue()
    narrow = Plain(environ={"COLUMNS": "50"})
    narrow.post(*demo_events())
    before = len(narrow.lines())
    narrow.view.finish(narrow.state)
    assert max(len(line) for line in narrow.lines()[before:]) <= 50


def test_hostile_names_stay_on_their_line() -> None:
    plain = Plain()
    for name in HOSTILE:
        of = case(name, name)
        plain.post(
            replace(run_started((of,)), name=name, run_id=name, device_ids=(name,)),
            row_event(failed(of, reasons=name, device=name), of),
            Message("error", name, 105.0, name),
            Waiting(name, name, 105.0),
        )
        plain.view.tick(plain.state, 1e5)
    assert all(line.startswith("[") for line in plain.lines())
    assert "\x1b" not in plain.stream.getvalue()
    plain.stream.getvalue().encode()
