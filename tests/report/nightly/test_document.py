from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest

from harness.domain import MetricChange, Night, NightEvent, PairOutcome
from harness.report.nightly.document import SCHEMA, SCHEMA_VERSION, nightly_json
from tests.report.nightly import golden
from tests.report.nightly.factory import empty_night, hostile_night, large_night, latency, night, pair, quiet_night


def test_golden() -> None:
    golden.check("nightly.json", nightly_json(night()))


@pytest.mark.parametrize("found", [night(), quiet_night(), empty_night(), hostile_night(), large_night(20)])
def test_everything_is_in_it_under_a_version(found: Night) -> None:
    told = json.loads(nightly_json(found))
    assert (told["schema"], told["schema_version"]) == (SCHEMA, SCHEMA_VERSION)
    assert {field.name for field in fields(Night)} <= set(told)
    assert len(told["events"]) == len(found.events)
    for event in told["events"]:
        assert {field.name for field in fields(NightEvent)} <= set(event)
    for outcome in told["outcomes"]:
        assert {field.name for field in fields(PairOutcome)} <= set(outcome)
        for change in outcome["changes"]:
            assert {field.name for field in fields(MetricChange)} == set(change)
    assert told["outcomes"][: told["measured"]] == told["outcomes"][: len(found.outcomes)]


def test_events_point_at_their_outcomes() -> None:
    told = json.loads(nightly_json(night()))
    for event, given in zip(told["events"], night().events, strict=True):
        assert [told["outcomes"][place]["model"] for place in event["outcomes"]] == [
            one.model for one in given.outcomes
        ]
    assert told["measured"] == 9
    assert len(told["outcomes"]) == 10


def test_what_is_not_a_number_is_null() -> None:
    found = replace(quiet_night(), outcomes=(pair("m", latency(float("nan"), p=float("inf"))),))
    change = json.loads(nightly_json(found))["outcomes"][0]["changes"][0]
    assert (change["ratio"], change["p"]) == (None, None)
