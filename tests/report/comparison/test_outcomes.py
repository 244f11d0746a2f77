"""The verdicts of an interleaved comparison on paper."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import Any

import pytest

from harness.domain import ComparisonVerdict, ContextDifference, MetricChange, PairOutcome
from harness.report.comparison import FORMATS
from harness.report.comparison.outcome_csv import COLUMNS
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
    text = render_outcomes([replace(found, changes=(*found.changes, score))], [], "markdown")
    latency, accuracy = (line for line in text.splitlines() if line.startswith("| net"))
    assert "95 %" in accuracy
    assert "95 %" not in latency


def test_csv_has_every_metric_of_every_pair_and_numbers_where_numbers_belong() -> None:
    score = MetricChange("accuracy", V.REGRESSION, 0.9, 0.8, "", None, -0.12, -0.08, 0.01, 0.02, 0.009, 500, "why")
    first = outcome(V.SAME)
    text = render_outcomes([replace(first, changes=(*first.changes, score)), outcome(V.REGRESSION)], ["note"], "csv")
    lines = list(csv.DictReader(io.StringIO(text)))
    assert tuple(lines[0]) == COLUMNS
    assert [line["metric"] for line in lines] == ["latency", "peak_rss", "accuracy", "latency", "peak_rss"]
    latency, memory, accuracy = lines[:3]
    figures = ("base", "candidate", "ratio", "ratio_low", "ratio_high", "p_value", "blocks", "confidence_pct")
    assert [float(latency[name]) for name in figures] == [10.0, 10.8, 1.08, 1.06, 1.1, 1e-5, 12, 99]
    assert float(latency["minimum_detectable_effect_pct"]) == pytest.approx(1.2)
    assert float(latency["counts_from_pct"]) == pytest.approx(2.0)
    assert (memory["unit"], memory["verdict"], memory["ratio_low"], memory["confidence_pct"]) == ("MiB", "SAME", "", "")
    assert float(accuracy["difference"]) == pytest.approx(-0.1)
    assert (accuracy["ratio"], accuracy["ratio_low"], accuracy["difference_low"]) == ("", "", "-0.12")
    assert (accuracy["minimum_detectable_difference"], accuracy["minimum_detectable_effect_pct"]) == ("0.02", "")
    assert accuracy["confidence_pct"] == "95.0"


def test_the_heading_names_both_builds() -> None:
    for form in ("terminal", "markdown", "html"):
        text = render_outcomes([outcome(V.SAME)], [], form, builds=("old.tflite", "new.tflite"))
        assert "old.tflite → new.tflite. SAME: 1 pair" in text, form
    plain = outcomes_json([outcome(V.SAME)], [], builds=("old.tflite", "new.tflite"))
    assert (plain["base"], plain["candidate"]) == ("old.tflite", "new.tflite")


def test_too_few_blocks_are_said_in_place_of_an_interval() -> None:
    few = MetricChange("latency", V.INCONCLUSIVE, 10.0, 10.8, "ms", 1.08, None, None, 0.4, None, 0.02, 2)
    assert "too few blocks" in render_outcomes([replace(outcome(V.SAME), changes=(few,))], [], "terminal", 200)


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
