"""When a module is cool enough, and when it was not."""

from __future__ import annotations

import pytest

from harness.devices.edgetpu.gate import MARGIN_C, Heat, throttled_reason, wait_reason
from harness.domain import Gate

TRIPS = (84.8, 89.8, 94.8)


def heat(temp_c: float | None, trips: tuple[float, ...] = TRIPS) -> Heat:
    return Heat(temp_c, trips)


@pytest.mark.parametrize(
    ("start_c", "now_c", "gate", "reason"),
    [
        (50.0, 52.9, Gate(), ""),
        (50.0, 53.1, Gate(), "cooling: 53.1 C, gate 53.0 C (Edge TPU)"),
        (50.0, 53.1, Gate(rise_c=10.0), ""),
        (50.0, 52.9, Gate(max_temp_c=45.0), "cooling: 52.9 C, gate 45.0 C (Edge TPU)"),
        (79.0, 79.9, Gate(), "cooling: 79.9 C, gate 79.8 C (Edge TPU)"),
        (None, 79.9, Gate(), "cooling: 79.9 C, gate 79.8 C (Edge TPU)"),
        (None, 79.0, Gate(), ""),
    ],
)
def test_a_block_begins_as_cool_as_the_first_and_below_the_trip_point(
    start_c: float | None, now_c: float, gate: Gate, reason: str
) -> None:
    assert wait_reason(gate, start_c, heat(now_c)) == reason


def test_the_margin_is_below_the_lowest_trip_point() -> None:
    assert (
        wait_reason(Gate(), None, heat(61.0, (70.0, 65.0))) == f"cooling: 61.0 C, gate {65 - MARGIN_C:.1f} C (Edge TPU)"
    )


def test_a_gate_that_closed_opens_a_little_lower() -> None:
    assert wait_reason(Gate(), 50.0, heat(52.5)) == ""
    assert wait_reason(Gate(), 50.0, heat(52.5), waiting=True) == "cooling: 52.5 C, gate 52.0 C (Edge TPU)"
    assert wait_reason(Gate(rise_c=0.5), 50.0, heat(50.2), waiting=True) == ""


def test_what_is_not_known_holds_nothing_up() -> None:
    assert wait_reason(Gate(max_temp_c=10.0), 50.0, heat(None)) == ""
    assert wait_reason(Gate(), None, heat(200.0, ())) == ""
    assert throttled_reason(heat(None)) == ""
    assert throttled_reason(heat(140.0, ())) == ""


def test_an_end_at_a_trip_point_was_throttled() -> None:
    assert throttled_reason(heat(84.7)) == ""
    assert throttled_reason(heat(84.8)) == "the Edge TPU was at 84.8 C, and lowers its clock at 84.8 C"
