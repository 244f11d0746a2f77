"""The formats of other tools: Google Benchmark, Bencher, Otava, OpenMetrics."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from dataclasses import replace

import pytest
from ruamel.yaml import YAML

from harness.domain import Night
from harness.report.nightly.bencher import bencher_json
from harness.report.nightly.google_benchmark import google_benchmark_json
from harness.report.nightly.openmetrics import openmetrics_text
from harness.report.nightly.otava import otava_csv, otava_yaml
from tests.measure.histories import nights
from tests.report.hostile import NAMES
from tests.report.nightly import golden
from tests.report.nightly.factory import (
    empty_night,
    hostile_night,
    latency,
    night,
    pair,
    quiet_night,
    view,
    viewed_night,
)

NIGHTS = [night(), quiet_night(), empty_night(), hostile_night()]
HISTORY = [*nights([1.0, 1.01, None, 1.05]), *nights([0.99, 1.0], first=2, device_id="phone-b")]


# ---- Google Benchmark ------------------------------------------------------------------------------------------------


def test_golden_google_benchmark() -> None:
    golden.check("google_benchmark.json", google_benchmark_json(viewed_night(), view()))


def test_an_entry_is_one_invocation_and_its_repetition_the_block() -> None:
    told = json.loads(google_benchmark_json(viewed_night(), view()))["benchmarks"]
    base = [one for one in told if one["name"].startswith("base ")]
    candidate = [one for one in told if one["name"].startswith("candidate ")]
    assert [one["repetition_index"] for one in base] == [0, 1, 2]
    assert [one["real_time"] for one in base] == pytest.approx([10.0, 10.5, 10.02])  # the second try of block 1
    assert [one["real_time"] for one in candidate] == pytest.approx([10.8, 10.8108, 10.8216])
    assert {one["run_type"] for one in told} == {"iteration"}
    assert {(one["time_unit"], one["threads"], one["repetitions"]) for one in told} == {("ms", 2, 3)}
    assert [one["iterations"] for one in base] == [5, 7, 5]
    names = {one["name"].removeprefix("base ").removeprefix("candidate ") for one in told}
    assert len(names) == 1


def test_the_context_has_what_readers_of_the_format_demand() -> None:
    context = json.loads(google_benchmark_json(viewed_night(), view()))["context"]
    assert {"date", "host_name", "executable", "num_cpus", "mhz_per_cpu", "cpu_scaling_enabled"} <= set(context)
    assert {"caches", "load_avg", "library_build_type"} <= set(context)
    assert (context["num_cpus"], context["mhz_per_cpu"], context["host_name"]) == (2, 2600, "pixel-1")


@pytest.mark.parametrize("found", NIGHTS)
def test_without_records_there_are_no_entries(found: Night) -> None:
    assert json.loads(google_benchmark_json(found, None))["benchmarks"] == []
    assert json.loads(google_benchmark_json(found, view()))["benchmarks"] == []


# ---- Bencher ---------------------------------------------------------------------------------------------------------


def test_golden_bencher() -> None:
    golden.check("bencher.json", bencher_json(night()))


@pytest.mark.parametrize("found", NIGHTS)
def test_every_measure_has_a_value_and_a_slug(found: Night) -> None:
    for name, measures in json.loads(bencher_json(found)).items():
        assert 0 < len(name) <= 1024
        assert name.isprintable()
        for slug, metric in measures.items():
            assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug), slug
            assert len(slug) <= 64
            assert set(metric) <= {"value", "lower_value", "upper_value"}
            assert isinstance(metric["value"], float)


def test_latency_is_in_nanoseconds_and_the_ratio_has_its_interval() -> None:
    (measures,) = json.loads(bencher_json(replace(quiet_night(), outcomes=(pair("m", latency(1.1)),)))).values()
    assert measures["latency"] == {"value": pytest.approx(11e6)}
    ends = {"value": 1.1, "lower_value": 1.088, "upper_value": 1.112}
    assert measures["latency-ratio"] == pytest.approx(ends)


def test_what_was_not_measured_is_left_out() -> None:
    nothing = latency(float("nan"), candidate=None)
    assert json.loads(bencher_json(replace(quiet_night(), outcomes=(pair("m"), pair("n", nothing))))) == {}


# ---- Otava -----------------------------------------------------------------------------------------------------------


def _table(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_golden_otava() -> None:
    golden.check("otava.csv", otava_csv(HISTORY))
    golden.check("otava.yaml", otava_yaml(HISTORY))


def test_a_line_is_a_night_and_gaps_are_filled_and_counted() -> None:
    head, *lines = _table(otava_csv(HISTORY))
    assert head[:3] == ["time", "run_id", "filled"]
    assert [line[1] for line in lines] == ["run-0", "run-1", "run-2", "run-3"]
    assert [line[3] for line in lines] == ["1.0", "1.01", "1.01", "1.05"]
    assert [line[4] for line in lines] == ["0.99", "0.99", "0.99", "1.0"]
    assert [line[2] for line in lines] == ["1", "1", "1", "0"]


def test_the_configuration_names_the_columns_of_the_table() -> None:
    told = YAML(typ="safe").load(otava_yaml(HISTORY))["tests"]["nightly"]
    head = _table(otava_csv(HISTORY))[0]
    assert list(told["metrics"]) == head[3:]
    assert told["attributes"] == ["run_id", "filled"]
    assert (told["type"], told["file"], told["time_column"]) == ("csv", "otava.csv", "time")
    assert {one["direction"] for one in told["metrics"].values()} == {-1}


def test_several_metrics_are_columns_of_their_own() -> None:
    both = [*HISTORY, *nights([2.0], metric="init")]
    assert [name.split()[-1] for name in _table(otava_csv(both, ("latency", "init")))[0][3:]] == [
        *("latency", "init", "latency"),
    ]


def test_hostile_names_stay_columns_that_otava_can_name() -> None:
    found = [one for name in NAMES for one in nights([1.0, 1.1], series=name)]
    head, *lines = _table(otava_csv(found))
    assert all(len(line) == len(head) for line in lines)
    assert all(name.isprintable() and "," not in name and name[0] not in "=+-@'\t" for name in head)
    assert list(YAML(typ="safe").load(otava_yaml(found))["tests"]["nightly"]["metrics"]) == head[3:]
    assert all(math.isfinite(float(cell)) for line in lines for cell in line[3:])


def test_no_nights_make_an_empty_table() -> None:
    assert _table(otava_csv([])) == [["time", "run_id", "filled"]]
    assert YAML(typ="safe").load(otava_yaml([]))["tests"]["nightly"]["metrics"] == {}


# ---- OpenMetrics -----------------------------------------------------------------------------------------------------

_SAMPLE = re.compile(
    r'[a-z_]+(\{[a-z_]+="(?:[^"\\\n]|\\[\\"n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\[\\"n])*")*\}) -?[0-9.e+-]+(?:inf|nan)?'
)


def test_golden_openmetrics() -> None:
    golden.check("metrics.prom", openmetrics_text(night()))


@pytest.mark.parametrize("found", NIGHTS)
def test_every_line_is_a_sample_or_its_description(found: Night) -> None:
    lines = openmetrics_text(found).split("\n")
    assert lines[-2:] == ["# EOF", ""]
    samples = [line for line in lines[:-2] if not re.match(r"# (TYPE|UNIT|HELP) harness_", line)]
    assert all(_SAMPLE.fullmatch(line) for line in samples)
    assert len({line.rpartition(" ")[0] for line in samples}) == len(samples)
    described = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(described) == len(set(described))
    assert {re.split(r"[{ ]", line)[0] for line in samples} == set(described)


@pytest.mark.parametrize("found", NIGHTS)
def test_the_reader_of_prometheus_takes_it(found: Night) -> None:
    parser = pytest.importorskip("prometheus_client.openmetrics.parser")
    families = {one.name: one for one in parser.text_string_to_metric_families(openmetrics_text(found))}
    verdict = {sample.labels["verdict"]: sample.value for sample in families["harness_night_verdict"].samples}
    assert verdict[found.verdict] == 1.0
    assert sum(verdict.values()) == 1.0


def test_figures_that_are_not_numbers_are_left_out() -> None:
    found = replace(quiet_night(), outcomes=(pair("m", latency(float("nan"), mde=None)),), at="yesterday", took_s=None)
    text = openmetrics_text(found)
    assert "nan" not in text
    assert "harness_night_timestamp_seconds" not in text
    assert "harness_night_minimum_detectable_effect" not in text
