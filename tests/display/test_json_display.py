from __future__ import annotations

import io
import json
import math
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given, settings

from harness.display.codec import KINDS, decode, encode
from harness.display.demo import demo_events
from harness.display.json_display import JsonView
from harness.display.output import Output
from harness.display.state import DashboardState
from harness.errors import ParseError
from harness.events import Event
from tests.display.builders import HOSTILE, failed, finished, row, row_event, run_started, state_of
from tests.display.test_state import EVENTS


def test_one_object_a_line() -> None:
    stream = io.StringIO()
    view = JsonView(Output(stream))
    state = state_of(run_started())
    for event in (run_started(), row_event(row()), row_event(failed(reasons="\n".join(HOSTILE[:5])))):
        view.show(event, DashboardState(), state, 0.0)
    view.tick(state, 1e6)
    view.finish(state)
    lines = stream.getvalue().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["run_started", "row", "row"]
    assert stream.getvalue().isascii()


def test_the_documented_fields() -> None:
    start = json.loads(encode(run_started()))
    assert start["schema"] == 1
    assert list(start) == [
        *("event", "schema", "run_id", "name", "cases", "device_ids", "total_invocations", "done_invocations"),
        *("blocks", "at_s", "sustained_s"),
    ]
    told = json.loads(encode(row_event(row())))
    assert list(told) == ["event", "row", "case", "final", "at_s"]
    assert told["row"]["verdict"] == "TRUSTED"
    assert told["row"]["latency_p50_ms"] == 12.3456
    assert told["case"]["model"]["name"] == "mobilenet_v2"


def test_what_is_no_number_is_null() -> None:
    told = json.loads(encode(finished(median_ms=math.nan, clock_ghz=math.inf)))
    assert told["median_ms"] is None
    assert told["clock_ghz"] is None


def test_a_recording_gives_the_events_back() -> None:
    events = list(demo_events(sustained_s=30.0))
    assert [decode(encode(event)) for event in events] == events
    assert {type(event) for event in events} == set(KINDS.values())


@settings(max_examples=100, deadline=None)
@given(EVENTS)
def test_every_event_can_be_written(event: Event) -> None:
    line = encode(event)
    assert "\n" not in line
    json.loads(line)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "not a JSON object"),
        ("[1]", "not an event"),
        ('{"event": "nonsense"}', "not an event"),
        ('{"event": ["row"]}', "not an event"),
        ('{"event": "message", "level": "info"}', "message: Field required"),
        ("[" * 100_000, "not a JSON object"),
    ],
)
def test_other_lines_are_refused(line: str, message: str) -> None:
    with pytest.raises(ParseError, match=message):
        decode(line)


def test_fields_of_a_newer_schema_are_ignored() -> None:
    line = json.loads(encode(run_started())) | {"schema": 2, "new_field": 1}
    assert decode(json.dumps(line)) == run_started()


def test_every_event_and_field_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "dashboard.md").read_text(encoding="utf-8")
    for name, kind in KINDS.items():
        line = next(line for line in text.splitlines() if line.startswith(f"| `{name}`"))
        for field in fields(kind):
            assert f"`{field.name}`" in line, f"{name}.{field.name}"
