from __future__ import annotations

from dataclasses import replace

import pytest

from harness.domain import Night, NightEvent
from harness.report.nightly.answers import RUN, answers
from tests.report.nightly.factory import (
    FAILS,
    INCONCLUSIVE,
    REGRESSION,
    SLOWER,
    STEADY,
    empty_night,
    event,
    latency,
    night,
    pair,
    quiet_night,
    size,
)


def kinds(found: Night) -> dict[tuple[str, str, str], str]:
    return {(answer.series.split()[0], answer.device_id, answer.metric): answer.kind for answer in answers(found)}


def test_each_figure_gets_the_event_that_covers_it() -> None:
    told = kinds(night())
    assert told["mobilenet_v2", "pixel-1", "latency"] == "REGRESSION"
    assert told["mobilenet_v2", "pixel-1", "model_size"] == "SAME"
    assert told["deeplab", "pixel-1", "latency"] == "AWAITING"
    assert told["deeplab", "pixel-1", "accuracy"] == "SAME"
    assert told["wav2letter", "pixel-1", "latency"] == "INCONCLUSIVE"
    assert told["yolo", "pixel-1", "latency"] == "IMPROVEMENT"
    assert told["digits_cnn", "pixel-2", "latency"] == "SAME"


def test_rows_without_figures_are_answered_as_a_whole() -> None:
    told = kinds(night())
    assert told["mobilebert", "pixel-1", RUN] == "NEWLY_FAILING"
    assert told["gone_model", "pixel-2", RUN] == "MISSING"
    assert told["hrnet", "pixel-1", RUN] == "KNOWN"
    assert told["late", "pixel-2", RUN] == "NOT_REACHED"


def test_nothing_is_answered_twice() -> None:
    places = [(one.series, one.device_id, one.metric) for one in answers(night())]
    assert len(places) == len(set(places))
    assert answers(empty_night()) == ()
    assert {one.kind for one in answers(quiet_night())} == {"SAME"}


def test_a_regression_that_the_night_did_not_keep_is_undecided() -> None:
    found = replace(quiet_night(), outcomes=(pair("m", latency(1.05, REGRESSION)),))
    assert [one.kind for one in answers(found)] == ["INCONCLUSIVE"]


def test_the_gravest_event_wins_whatever_the_order() -> None:
    one = pair("m", latency(1.05, REGRESSION))
    both = (event("AWAITING", "waits", one), event("REGRESSION", "slower", one))
    for events in (both, both[::-1]):
        found = replace(quiet_night(), outcomes=(one,), events=events)
        assert [answer.kind for answer in answers(found)] == ["REGRESSION"]


def test_an_event_of_one_metric_leaves_the_others_alone() -> None:
    one = pair("m", latency(1.05, REGRESSION), size(1.2, REGRESSION))
    found = replace(quiet_night(), outcomes=(one,), events=(event("REGRESSION", "slower", one, metric="latency"),))
    assert [answer.kind for answer in answers(found)] == ["REGRESSION", "INCONCLUSIVE"]
    found = replace(found, events=(event("REGRESSION", "slower", one),))
    assert [answer.kind for answer in answers(found)] == ["REGRESSION", "REGRESSION"]


def test_a_changed_device_takes_its_regressions_over() -> None:
    found = replace(quiet_night(), outcomes=SLOWER, events=(event("DEVICE", "pixel-1 changed", SLOWER[0]),))
    assert next(iter(answers(found))).kind == "DEVICE"


def test_an_event_without_outcomes_finds_its_pairs_by_name() -> None:
    one = pair("m", latency(1.02, INCONCLUSIVE))
    named = NightEvent("INCONCLUSIVE", "undecided", (one.series,), (one.device_id,), metric="latency")
    (answer,) = answers(replace(quiet_night(), outcomes=(one,), events=(named,)))
    assert answer.event == named


@pytest.mark.parametrize("kind", ["NEWLY_FAILING", "MISSING", "NOT_REACHED", "NEW", "BASELINE_GONE"])
def test_what_a_row_is_does_not_hide_its_figures(kind: str) -> None:
    found = replace(quiet_night(), outcomes=STEADY[:1], events=(event(kind, "told", STEADY[0]),))
    assert [one.kind for one in answers(found)] == [kind, "SAME", "SAME"]


def test_a_row_that_fails_in_both_builds_is_no_event() -> None:
    both = replace(FAILS, base_status="CRASHED")
    assert [one.kind for one in answers(replace(quiet_night(), outcomes=(both,)))] == ["SAME"]
