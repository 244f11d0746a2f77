"""Rows of models that were compiled for the Edge TPU."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.domain import (
    Coverage,
    EdgeTpuMapping,
    MappedOperator,
    ResultRow,
    Status,
    Target,
    VariantFile,
    Verdict,
)
from harness.domain.edgetpu import MAPPED
from harness.measure import summarise_case
from harness.measure.edgetpu_rules import heat_findings, left_on_cpu, mapping_notes, of_the_model
from harness.measure.quality import judge
from tests.measure.build import GOOD_CHECK, case, evidence_of, record, result, timings

OPERATORS = (
    MappedOperator("CONV_2D", 260, MAPPED),
    MappedOperator("ADD", 4, MAPPED),
    MappedOperator("ADD", 1, "More than one subgraph is not supported"),
    MappedOperator("SOFTMAX", 2, "Operation version not supported"),
)
MAPPING = EdgeTpuMapping("16.0.384591198", "14", 264, 3, 1, 4_414_505, 3_449_815, 0, OPERATORS)
ON_TPU = Coverage("EDGETPU", 1, 4, 1)
CASE = replace(case("edgetpu", kind="edgetpu"), target=Target("edgetpu"))


def row(mapping: EdgeTpuMapping = MAPPING, coverage: Coverage = ON_TPU, require: str = "partial") -> ResultRow:
    records = [record(CASE, block, result(2.5, seed=block, coverage=coverage)) for block in range(8)]
    file = VariantFile("mobilenet_v2", "edgetpu", Status.DONE, path="m.tflite", check_path="check.npz", edgetpu=mapping)
    return summarise_case(
        run_id="r", case=CASE, file=file, facts=None, records=records, check=GOOD_CHECK, require_coverage=require
    )


def test_a_row_counts_operators_of_the_model_and_not_nodes_of_the_compiled_file() -> None:
    found = row()
    assert (found.delegated_nodes, found.total_nodes, found.partitions) == (264, 267, 1)
    assert found.coverage == "partial"
    assert found.verdict is Verdict.TRUSTED
    assert "the Edge TPU took 264 of 267 nodes" in found.reasons


def test_a_row_that_must_be_wholly_on_the_edge_tpu_names_what_is_not() -> None:
    found = row(require="full")
    assert found.verdict is Verdict.FELL_BACK
    assert "2 SOFTMAX (Operation version not supported)" in found.remedy


def test_a_run_that_took_nothing_is_not_believed_from_the_log() -> None:
    found = row(coverage=Coverage("EDGETPU", 0, 4, 0))
    assert found.verdict is Verdict.FELL_BACK
    assert found.delegated_nodes == 0


def test_a_mapping_without_counts_leaves_what_the_runtime_saw() -> None:
    assert of_the_model(ON_TPU, replace(MAPPING, mapped=None)) is ON_TPU
    assert of_the_model(None, MAPPING) is None


def test_the_run_has_the_last_word_on_what_was_delegated() -> None:
    """The log says that all was mapped, or not how much stayed; the run shows a node beside the compiled part."""
    for on_cpu in (0, None):
        assert of_the_model(ON_TPU, replace(MAPPING, on_cpu=on_cpu)) is ON_TPU
    whole = Coverage("EDGETPU", 1, 1, 1)
    assert of_the_model(whole, MAPPING) is whole
    assert row(replace(MAPPING, on_cpu=0), require="full").verdict is Verdict.FELL_BACK


def test_notes_tell_what_makes_the_latency() -> None:
    streamed = replace(MAPPING, off_chip_bytes=1_572_864, together=("posenet",))
    notes = "; ".join(mapping_notes(streamed))
    assert "1.50 MiB of parameters do not fit on the chip" in notes
    assert "compiled together with posenet" in notes
    assert "2 SOFTMAX" in row().notes
    assert mapping_notes(None) == ()


def test_a_long_list_of_operators_is_cut() -> None:
    many = tuple(MappedOperator(f"OP_{number}", 2, "unsupported") for number in range(8))
    assert left_on_cpu(replace(MAPPING, operators=many)).endswith("2 OP_4 (unsupported), 6 more")


@pytest.mark.parametrize(
    ("reached", "words"),
    [
        ([0] * 8, ""),
        ([None] * 8, ""),
        ([1, *[0] * 7], ""),
        ([1, 2, 1, 0, 0, 0, 0, 0], "in 3 of 8 invocations: its driver lowered the clock to 125 of 500 MHz"),
    ],
)
def test_a_module_over_its_trip_points_is_throttled(reached: list[int | None], words: str) -> None:
    runs = tuple(
        replace(run, result=replace(run.result, evidence=replace(run.result.evidence, thermal_status=level)))
        for run, level in zip(timings(8), reached, strict=True)
    )
    found = heat_findings(evidence_of(CASE, runs))
    assert [finding.verdict for finding in found] == ([Verdict.THROTTLED] if words else [])
    assert words in "".join(finding.reason for finding in found)
    assert not heat_findings(evidence_of(case("int8"), runs))
    assert (judge(evidence_of(CASE, runs)).verdict is Verdict.THROTTLED) == bool(words)
