"""The verdicts of an interleaved comparison on paper."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from harness.domain import ComparisonVerdict, ContextDifference, MetricChange, PairOutcome
from harness.report.comparison import FORMATS
from harness.report.comparison.outcomes import outcomes_json, overall, render_outcomes
from tests.report.hostile import NAMES, SCRIPT

V = ComparisonVerdict


def outcome(verdict: ComparisonVerdict, series: str = "net int8 · cpu", **parts: Any) -> PairOutcome:
    latency = MetricChange("latency", verdict, 10.0, 10.8, "ms", 1.08, 1.06, 1.1, 1e-5, 0.012, 0.02, 12)
    memory = MetricChange("peak_rss", V.SAME, 30.0, 30.0, "MiB", 1.0)
    given = {"changes": (latency, memory), **parts}
    return PairOutcome("id", series, "net", "int8", "cpu", "host-a", "Lab PC", "a", "b", **given)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([V.SAME, V.REGRESSION, V.INCONCLUSIVE], V.REGRESSION),
        ([V.SAME, V.INCONCLUSIVE], V.INCONCLUSIVE),
        ([V.SAME, V.NOT_COMPARABLE], V.INCONCLUSIVE),
        ([V.SAME, V.IMPROVEMENT], V.IMPROVEMENT),
        ([V.SAME], V.SAME),
        ([], V.INCONCLUSIVE),
    ],
)
def test_the_worst_verdict_stands_for_all(verdicts: list[ComparisonVerdict], expected: ComparisonVerdict) -> None:
    assert overall([outcome(verdict) for verdict in verdicts]) is expected


def test_a_verdict_has_ratio_interval_p_and_what_could_be_seen() -> None:
    cause = ContextDifference("runtime", "2.3.0", "2.4.0", 0.8, "the runtime changed from 2.3.0 to 2.4.0")
    text = render_outcomes([outcome(V.REGRESSION, differs=(cause,))], ["Run x."], "terminal", 200)
    for part in ("REGRESSION", "1.08", "1.06 to 1.10", "1e-5", "1.2 %", "12", "10 → 10.8 ms"):
        assert part in text, part
    assert "the runtime changed from 2.3.0 to 2.4.0" in text
    assert "peak_rss" not in text


def test_an_interval_of_another_confidence_than_its_column_says_so() -> None:
    score = MetricChange("accuracy", V.REGRESSION, 0.9, 0.8, "", None, -0.12, -0.08)
    found = outcome(V.SAME)
    text = render_outcomes([replace(found, changes=(*found.changes, score))], [], "csv")
    latency, accuracy = text.splitlines()[1:]
    assert "95 %" in accuracy
    assert "95 %" not in latency


def test_json_has_every_metric() -> None:
    plain = json.loads(json.dumps(outcomes_json([outcome(V.SAME)], ["note"]), allow_nan=False))
    assert plain["verdict"] == "SAME"
    assert [one["metric"] for one in plain["pairs"][0]["changes"]] == [
        "latency",
        "peak_rss",
    ]


@pytest.mark.parametrize("form", FORMATS)
def test_hostile_names_stay_text(form: str) -> None:
    text = render_outcomes([outcome(V.REGRESSION, series) for series in NAMES], NAMES, form)
    assert form in ("terminal", "csv") or (SCRIPT not in text and "<img" not in text)
