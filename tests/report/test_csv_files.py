from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from harness.domain import AccuracyResult, OutputsCheck, Purpose
from harness.figures import series_key
from harness.report.csv_files import METRICS_COLUMNS, SUMMARY_COLUMNS, metrics_csv, summary_csv
from tests.report.factory import empty_view, row, run_view
from tests.report.hostile import hostile_view

# Read by other people's scripts: never reorder or rename, append only.
SUMMARY = (
    "run_id,case_id,status,verdict,reasons,target,device,model,variant,backend,threads,cores,latency_p50_ms,"
    "latency_p90_ms,latency_ci_low_ms,latency_ci_high_ms,invocations,samples,init_ms,first_inference_ms,peak_rss_mib,"
    "model_size_mb,model_size_gzip_mb,coverage,delegated_nodes,total_nodes,partitions,accuracy_metric,accuracy,"
    "reference_error,clock_ghz,clock_share,temp_start_c,temp_end_c,"
    "remedy,weights,runtime,runtime_version,accelerator,converter,timed,pss_mib,top1,top5,reference_max_abs,"
    "reference_cosine,latency_min_ms,foreign_load,clock_source,minimum_detectable_effect_pct,model_sha256,"
    "accuracy_samples,device_id,thermal_status,battery_pct,telemetry_load,notes,gpu_memory_mib"
)
METRICS = (
    "run_id,case_id,series_key,device,model,variant,runtime,backend,threads,metric,stat,value,unit,direction,n,block"
)


def _read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_columns_are_fixed_and_only_appended_to() -> None:
    assert SUMMARY_COLUMNS[: len(SUMMARY.split(","))] == tuple(SUMMARY.split(","))
    assert METRICS_COLUMNS[: len(METRICS.split(","))] == tuple(METRICS.split(","))


def test_no_rows_give_the_header_alone() -> None:
    assert summary_csv(()) == ",".join(SUMMARY_COLUMNS) + "\n"
    assert metrics_csv(empty_view()) == ",".join(METRICS_COLUMNS) + "\n"


def test_numbers_keep_full_precision_and_missing_is_empty() -> None:
    value = 0.1 + 0.2
    made = row(latency_p50_ms=np.float64(value), latency_p90_ms=None, clock_ghz=float("nan"), verdict=None)
    cells = _read(summary_csv([made]))[0]
    assert float(cells["latency_p50_ms"]) == value
    assert (cells["latency_p90_ms"], cells["clock_ghz"], cells["verdict"], cells["status"]) == ("", "", "", "DONE")


@pytest.mark.parametrize("name", ["=1+1", "+cmd", "-cmd", "@SUM(A1)", "\t=1", "\n=1"])
def test_a_formula_gets_an_apostrophe(name: str) -> None:
    assert _read(summary_csv([row(model=name)]))[0]["model"] == f"'{name}"


@pytest.mark.parametrize("name", ["-5", "+1.5", "-1e-3", "mobilenet", "a=b", "1-2"])
def test_numbers_and_plain_names_stay_as_they_are(name: str) -> None:
    assert _read(summary_csv([row(model=name)]))[0]["model"] == name


def test_a_carriage_return_does_not_begin_a_line() -> None:
    assert _read(summary_csv([row(model="a\r\nb\r=1")]))[0]["model"] == "a\nb\n=1"


def test_hostile_names_stay_in_their_cells() -> None:
    view = hostile_view()
    assert len(_read(summary_csv(view.rows))) == len(view.rows)
    for cells in _read(summary_csv(view.rows)):
        assert None not in cells
        assert not any(value.startswith(("=", "+", "-", "@", "\t")) for value in cells.values())


def test_metrics_have_one_line_a_figure() -> None:
    view = run_view(blocks=3)
    lines = _read(metrics_csv(view))
    first = view.rows[0]
    own = {(line["metric"], line["stat"]): line for line in lines if line["case_id"] == first.case_id}
    assert float(own["latency", "p50"]["value"]) == first.latency_p50_ms
    assert (own["latency", "p50"]["unit"], own["latency", "p50"]["direction"]) == ("ms", "lower")
    assert own["latency", "p50"]["n"] == "3"
    assert float(own["top1", "value"]["value"]) == first.top1
    assert own["top1", "value"]["direction"] == "higher"
    assert ("temperature", "start") not in own  # not measured: no line, and never a zero


def test_metrics_hold_the_median_of_each_timing_invocation() -> None:
    view = run_view(blocks=3, samples=11)
    extra = replace(view.invocations[0], purpose=Purpose.MEMORY)
    case_id = view.rows[0].case_id
    lines = _read(metrics_csv(replace(view, invocations=(*view.invocations, extra))))
    found = {line["block"]: float(line["value"]) for line in lines if _is_median(line, case_id)}
    expected = {
        str(one.block): float(np.median(one.result.samples_ns)) / 1e6
        for one in view.invocations
        if one.case_id == case_id and one.result.samples_ns is not None
    }
    assert found == pytest.approx(expected)
    assert len(found) == 3


def _is_median(line: dict[str, str], case_id: str) -> bool:
    return line["stat"] == "invocation_median" and line["case_id"] == case_id


def test_the_series_key_is_the_one_of_the_store_and_the_same_in_every_run() -> None:
    view = run_view()
    one = view.rows[0]
    case = next(case for case in view.cases if case.case_id == one.case_id)
    facts = next((facts for facts in view.facts if facts.device_id == one.device_id), None)
    later = replace(view, rows=tuple(replace(row, run_id="another") for row in view.rows))
    for told in (view, later):
        line = next(line for line in _read(metrics_csv(told)) if line["case_id"] == one.case_id)
        assert int(line["series_key"], 16) == series_key(one, case, facts)


def test_an_accuracy_has_the_key_of_what_it_was_measured_on() -> None:
    """As in the store: a latency of two runs may be compared where an accuracy may not."""

    def keys(dataset_id: str) -> dict[str, str]:
        view = run_view()
        scored = replace(view.rows[0], accuracy_metric="top1", accuracy=0.7, top1=0.7, accuracy_samples=500)
        result = AccuracyResult("top1", 0.7, 500, {"top1": 0.7, "nan_samples": 0.0}, dataset_id=dataset_id)
        checks = {scored.case_id: OutputsCheck(accuracy=result)}
        lines = _read(metrics_csv(replace(view, rows=(scored,), checks=checks)))
        return {line["metric"]: line["series_key"] for line in lines}

    one, other = keys("d1"), keys("d2")
    changed = {name for name in one if one[name] != other[name]}
    assert changed == {"accuracy", "top1", "nan_samples"}
    assert one["accuracy"] == one["top1"] == one["nan_samples"]
