from __future__ import annotations

from dataclasses import fields, replace

import pytest

from harness import figures
from harness.domain import Case, ResultRow, ScoredChunk, Status, Verdict
from harness.figures import metrics_of, series_key
from harness.store import Store
from tests.store import build

INT8, FLOAT = build.case("int8"), build.case("float32")


def _run(store: Store, run_id: str, placed: list[tuple[Case, str]], **facts: object) -> None:
    store.create_run(build.run(run_id), placed)
    for device_id in {device_id for _, device_id in placed}:
        store.save_facts(run_id, build.facts(device_id, **facts))


def test_rows_come_back_in_plan_order_and_are_replaced(store: Store) -> None:
    _run(store, "run-1", [(INT8, build.DEVICE), (FLOAT, build.DEVICE)])
    store.save_row(build.row(FLOAT, clock_ghz=None))
    store.save_row(build.row(INT8, latency_p50_ms=99.0))
    final = build.row(INT8, status=Status.FAILED, verdict=None, latency_p50_ms=None, clock_ghz=None)
    store.save_row(final)
    assert store.rows("run-1") == (final, build.row(FLOAT, clock_ghz=None))
    assert len(store.metric_pairs("run-1", "run-1", "latency", "p50")) == 1


def test_many_rows_of_two_runs_at_once(store: Store) -> None:
    cases = [build.case(threads=threads) for threads in range(1, 1200)]
    _run(store, "run-1", [(case, build.DEVICE) for case in cases])
    _run(store, "run-2", [(case, build.DEVICE) for case in reversed(cases)])
    rows = [build.row(case, run_id, clock_ghz=None) for run_id in ("run-1", "run-2") for case in cases]
    store.save_rows(rows)
    assert store.rows("run-1") == tuple(rows[: len(cases)])
    assert store.rows("run-2") == tuple(reversed(rows[len(cases) :]))
    pairs = store.metric_pairs("run-1", "run-2", "latency", "p50")
    assert set(pairs.case_a) == {case.case_id for case in cases}
    assert pairs.case_a == pairs.case_b


def test_the_figures_of_a_row() -> None:
    found = {(one.name, one.stat): one for one in metrics_of(build.row(INT8))}
    assert found["latency", "p50"] == figures.Metric("latency", "p50", 12.5, "ms", "lower", 8)
    assert found["model_size", "value"] == figures.Metric("model_size", "value", 3.5, "MB", "lower", 1)
    assert found["accuracy", "value"].direction == "higher"
    assert ("clock", "value") not in found, "NaN is no figure"
    assert ("peak_rss", "value") not in found, "an empty cell is no figure"


def test_every_numeric_column_is_a_figure() -> None:
    """A column that is added to ResultRow must not be forgotten in comparisons."""
    counts = {"threads", "invocations", "samples", "accuracy_samples"}
    numeric = {field.name for field in fields(ResultRow) if "float" in str(field.type) or "int" in str(field.type)}
    assert numeric - counts == set(figures.FIGURES)
    pairs = [(figure.name, figure.stat) for figure in figures.FIGURES.values()]
    assert len(set(pairs)) == len(pairs)


def test_two_runs_are_paired_by_what_was_measured(store: Store) -> None:
    _run(store, "a", [(INT8, build.DEVICE), (FLOAT, build.DEVICE)])
    _run(store, "b", [(FLOAT, build.DEVICE), (INT8, build.DEVICE), (build.case("float16"), build.DEVICE)])
    store.save_rows([build.row(INT8, "a", latency_p50_ms=1.0), build.row(FLOAT, "a", latency_p50_ms=2.0)])
    store.save_rows([build.row(INT8, "b", latency_p50_ms=1.5), build.row(FLOAT, "b", latency_p50_ms=3.0)])
    pairs = store.metric_pairs("a", "b", "latency", "p50")
    found = {case: (a, b) for case, a, b in zip(pairs.case_a, pairs.a, pairs.b, strict=True)}
    assert found == {INT8.case_id: (1.0, 1.5), FLOAT.case_id: (2.0, 3.0)}
    assert pairs.case_a == pairs.case_b
    assert len(store.metric_pairs("a", "b", "latency", "p99")) == 0


def test_the_same_device_model_pairs_across_serials_but_another_build_does_not(store: Store) -> None:
    here, there = build.case(serial="1"), build.case(serial="2")
    _run(store, "a", [(here, "adb-1")])
    _run(store, "b", [(there, "adb-2")])
    _run(store, "c", [(there, "adb-2")], os_build="later")
    for run_id, case in (("a", here), ("b", there), ("c", there)):
        store.save_row(build.row(case, run_id))
    pairs = store.metric_pairs("a", "b", "latency", "p50")
    assert (pairs.case_a, pairs.case_b) == ((here.case_id,), (there.case_id,))
    assert len(store.metric_pairs("a", "c", "latency", "p50")) == 0


def test_two_phones_of_one_model_are_not_crossed(store: Store) -> None:
    one, two, three, four = (build.case(serial=str(serial)) for serial in range(4))
    _run(store, "a", [(one, "adb-0"), (two, "adb-1")])
    _run(store, "b", [(two, "adb-1"), (one, "adb-0")])
    _run(store, "c", [(two, "adb-1"), (three, "adb-2")])
    _run(store, "d", [(three, "adb-2"), (four, "adb-3")])
    members = {"a": (one, two), "b": (one, two), "c": (two, three), "d": (three, four)}
    for run_id, cases in members.items():
        store.save_rows([build.row(case, run_id) for case in cases])

    def paired(run_a: str, run_b: str) -> set[tuple[str, str]]:
        pairs = store.metric_pairs(run_a, run_b, "latency", "p50")
        return set(zip(pairs.case_a, pairs.case_b, strict=True))

    assert paired("a", "b") == {(one.case_id, one.case_id), (two.case_id, two.case_id)}
    assert paired("a", "c") == {(two.case_id, two.case_id), (one.case_id, three.case_id)}
    assert paired("a", "d") == set(), "which phone goes with which cannot be known"


@pytest.mark.parametrize(
    ("row", "facts", "backend"),
    [
        ({"model_sha256": "ef" * 32}, {}, {}),
        ({"variant": "float32"}, {}, {}),
        ({"runtime_version": "2.4.0"}, {}, {}),
        ({}, {"model": "Pixel 9"}, {}),
        ({}, {"soc": "Tensor G4"}, {}),
        ({}, {"os_build": "later"}, {}),
        ({}, {}, {"kind": "gpu"}),
        ({}, {}, {"threads": 2}),
        ({}, {}, {"cores": "little"}),
        ({}, {}, {"xnnpack": True}),
        ({}, {}, {"options": ()}),
    ],
)
def test_each_part_of_the_context_changes_the_series(row: dict, facts: dict, backend: dict) -> None:
    other = replace(INT8, backend=replace(INT8.backend, **backend))
    base = series_key(build.row(INT8), INT8, build.facts())
    assert series_key(build.row(other, **row), other, build.facts(**facts)) != base


def test_what_a_series_does_not_depend_on() -> None:
    base = series_key(build.row(INT8), INT8, build.facts())
    moved = build.row(INT8, "run-9", latency_p50_ms=1.0, verdict=Verdict.NOISY, model="renamed", temp_end_c=50.0)
    elsewhere = replace(INT8, target=replace(INT8.target, selector=()))
    assert series_key(moved, elsewhere, build.facts("adb-9", notes=())) == base
    assert series_key(build.row(INT8), INT8, None) != series_key(build.row(INT8, device="Pixel 9"), INT8, None)


def _scored(store: Store, run_id: str, dataset_id: str, **row: object) -> None:
    _run(store, run_id, [(INT8, build.DEVICE)])
    store.save_scores(run_id, INT8.case_id, ScoredChunk(0, dataset_id, ("a",), ({"top1": 1.0},)), token=1)
    store.save_row(build.row(INT8, run_id, top1=0.975, accuracy_loss=0.01, **row))


@pytest.mark.parametrize(
    ("dataset_id", "row", "paired"),
    [
        ("d1", {}, 1),
        ("d2", {}, 0),
        ("d1", {"accuracy_samples": 100}, 0),
        ("d1", {"accuracy_metric": "f1"}, 0),
    ],
)
def test_accuracies_are_paired_on_the_same_samples_only(store: Store, dataset_id: str, row: dict, paired: int) -> None:
    _scored(store, "a", "d1", accuracy_samples=500)
    _scored(store, "b", dataset_id, **{"accuracy_samples": 500, **row})
    for metric, stat in (("accuracy", "value"), ("top1", "value"), ("accuracy_loss", "value")):
        assert len(store.metric_pairs("a", "b", metric, stat)) == paired, metric
    assert len(store.metric_pairs("a", "b", "latency", "p50")) == 1
    assert len(store.metric_pairs("a", "b", "model_size", "value")) == 1


def test_the_figures_of_an_accuracy_are_known() -> None:
    assert {"accuracy", "accuracy_loss", "samples_changed", "top1", "top5"} == figures.OF_ACCURACY
