"""Two stored runs on paper."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.domain import ContextDifference
from harness.measure.stored_comparison import StoredRuns, compare_stored
from harness.measure.stored_rows import Matched
from harness.report.comparison import FORMATS
from harness.report.comparison.stored import StoredView, render_stored, stored_json
from harness.report.comparison.stored_tables import ROWS_SHOWN
from harness.report.comparison.stored_view import remedy
from tests.measure.matrices import RUN
from tests.measure.test_stored_rows import Key
from tests.report.hostile import NAMES, SCRIPT

LATENCY = ("latency", "p50")


def name(model: str = "net", **changes: Any) -> dict[str, Any]:
    row = {
        "model": model,
        "variant": "int8",
        "backend": "cpu xnnpack",
        "threads": 1,
        "device": "Lab PC",
        "target": "host",
    }
    return row | {"reasons": ""} | changes


def stored(count: int = 4, slower: int = 1, models: Any = None, **parts: Any) -> StoredView:
    keys = [Key(f"c{place}", place) for place in range(count)]
    pairs = parts.pop("pairs", [(key, key) for key in keys])
    base = np.full(len(pairs), 10.0)
    candidate = np.where(np.arange(len(pairs)) < slower, 11.0, 10.0)
    ends = {("latency", end): (base * by, candidate * by) for end, by in (("ci_low", 0.99), ("ci_high", 1.01))}
    effects = {("latency", "minimum_detectable_effect"): parts.pop("effects")} if "effects" in parts else {}
    alone = {side: tuple(parts.pop(side, ())) for side in ("only_base", "only_candidate")}
    runs = StoredRuns(
        RUN,
        replace(RUN, run_id="run-2"),
        Matched(tuple(pairs), **alone),
        {LATENCY: (base, candidate), **ends, **effects},
        **parts,
    )
    ids = [key.case_id for pair in pairs for key in pair] + [key.case_id for side in alone.values() for key in side]
    names = {
        one: name((models or ["net"])[place % len(models or [1])], reasons="signal 11; x")
        for place, one in enumerate(ids)
    }
    return StoredView(compare_stored(runs), (names, names))


@pytest.mark.parametrize("form", ["terminal", "markdown", "html"])
def test_no_word_but_inconclusive_and_the_command_that_would_tell(form: str) -> None:
    text = render_stored(stored(), form)
    assert "INCONCLUSIVE, not interleaved" in text
    assert "harness compare" in text
    assert "REGRESSION" not in text.split("</style>")[-1]
    assert "IMPROVEMENT" not in text.split("</style>")[-1]
    assert text.index("INCONCLUSIVE") < text.index("1.10")


def test_ten_thousand_rows_show_what_changed_and_fold_the_rest() -> None:
    text = render_stored(stored(10_000, slower=120), "terminal")
    assert len(text.splitlines()) < ROWS_SHOWN + 20
    assert "80 more rows in the CSV" in text
    assert "9,880 other rows" in text
    assert len(render_stored(stored(10_000, 120), "csv").splitlines()) == 10_001


def test_what_differs_between_the_runs_is_told_before_any_ratio() -> None:
    differs = (ContextDifference("runtime version", "2.3.0", "2.4.0"), ContextDifference("OS build", "1", "2"))
    for form in ("terminal", "markdown", "html"):
        text = render_stored(stored(differs=differs), form)
        assert text.index("2.4.0") < text.index("1.10"), form


def test_rows_that_fail_are_missing_or_new_are_told() -> None:
    broken = (Key("a", 1), Key("a", 1, "CRASHED", ""))
    view = stored(pairs=[broken], only_base=[Key("gone", 2)], only_candidate=[Key("new", 3)])
    text = render_stored(view, "terminal")
    assert "Newly failing\n  net int8 · cpu xnnpack 1 thread · Lab PC: DONE → CRASHED (signal 11)" in text
    assert "Missing in the candidate\n  net int8" in text
    assert "New in the candidate\n  net int8" in text
    outcomes = [line["outcome"] for line in csv.DictReader(io.StringIO(render_stored(view, "csv")))]
    assert outcomes == ["newly failing", "missing", "new"]


def test_rows_of_other_devices_are_said_not_to_be_comparable() -> None:
    reasons = dict.fromkeys(range(4), ("the device differs: a and b",))
    view = stored(reasons=reasons)
    text = render_stored(view, "terminal")
    assert "None of the 4 common rows can be compared" in text
    assert "the device differs: a and b: 4 rows" in text
    assert "1.10" not in text
    assert stored_json(view)["verdict"] == "NOT_COMPARABLE"


def test_runs_without_a_common_row() -> None:
    view = stored(0, only_base=[Key("a", 1)])
    assert "no row in common" in render_stored(view, "terminal")


def test_json_is_strict() -> None:
    plain = json.loads(json.dumps(stored_json(stored()), allow_nan=False))
    assert (plain["interleaved"], plain["verdict"], plain["unchanged"]) == (False, "INCONCLUSIVE", 3)
    assert plain["changed"][0]["metrics"]["latency"]["ratio"] == pytest.approx(1.1)
    assert "init" not in plain["changed"][0]["metrics"]
    json.dumps(stored_json(stored(0)), allow_nan=False)


@pytest.mark.parametrize("form", FORMATS)
def test_hostile_names_stay_text(form: str) -> None:
    text = render_stored(stored(len(NAMES), len(NAMES), models=NAMES), form)
    if form in ("html", "markdown"):
        assert SCRIPT not in text
        assert "<img" not in text
    if form == "csv":
        assert not any(cell.startswith(("=", "@")) for line in csv.reader(io.StringIO(text)) for cell in line)
    assert "\x1b" not in text or form == "csv"


def test_the_advice_names_no_file_that_it_cannot_know() -> None:
    view = stored()
    assert remedy(view.found).endswith(
        "the sweep file of vision as it was for the base and as it was for the candidate"
    )
    other = replace(view.found.runs, base=replace(RUN, name="old"))
    assert remedy(replace(view.found, runs=other)) == (
        "harness compare BASE.yaml CANDIDATE.yaml, with the sweep files of old and vision"
    )
    text = render_stored(view, "terminal")
    assert "vision.yaml" not in text
    assert stored_json(view)["command"] == "harness compare BASE.yaml CANDIDATE.yaml"


@pytest.mark.parametrize("form", ["terminal", "markdown", "html"])
def test_every_latency_is_listed_while_they_are_few(form: str) -> None:
    text = render_stored(stored(), form)
    assert "Latencies, none of them a verdict" in text
    assert text.count("1.00") >= 3
    assert "Latencies" not in render_stored(stored(ROWS_SHOWN + 1), form)
    plain = stored_json(stored())["latencies"]
    assert [one["candidate_ms"] for one in plain] == [11.0, 10.0, 10.0, 10.0]


def test_what_could_have_been_seen_is_always_said() -> None:
    known = (np.array([3.0, np.nan, 3.0, 9.0]), np.array([3.0, 2.0, 3.0, 9.0]))
    text = render_stored(stored(effects=known), "terminal", 200)
    assert "Could be seen: 3.0 % typically, 9.0 % at worst." in text
    assert [line.split()[-1] for line in text.splitlines() if " 1.00 " in line] == ["—", "%", "%"]
    line = next(csv.DictReader(io.StringIO(render_stored(stored(effects=known), "csv"))))
    assert float(line["latency_minimum_detectable_effect_pct"]) == pytest.approx(3.0)
    assert "What change could have been seen is not known" in render_stored(stored(), "terminal")
