"""What a large comparison reads of stored rows."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from harness.domain import OutputsCheck, Status
from harness.domain.invocations import AccuracyResult
from harness.errors import StoreError
from harness.store import Store
from tests.store import build

CASES = (build.case("int8"), build.case("float32"), build.case("float16"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    where = tmp_path / "s.sqlite"
    with Store.open(where) as store:
        store.create_run(build.run(), [(one, build.DEVICE) for one in CASES])
        failed = build.row(CASES[1], status=Status.CRASHED, verdict=None, latency_p50_ms=None, reasons="a; b")
        store.save_rows([build.row(CASES[0]), failed])
        result = AccuracyResult("top1", 0.9, 10, dataset_id="data-1")
        store.save_check("run-1", CASES[0].case_id, OutputsCheck(accuracy=result))
        store.save_check("run-1", CASES[1].case_id, OutputsCheck())
    return where


def test_keys_are_in_plan_order_and_leave_out_what_has_no_row(path: Path) -> None:
    with Store.open(path, read_only=True) as store:
        keys = store.row_keys("run-1")
    assert [(key.case_id, key.status, key.verdict, key.device_id) for key in keys] == [
        (CASES[0].case_id, "DONE", "TRUSTED", build.DEVICE),
        (CASES[1].case_id, "CRASHED", "", build.DEVICE),
    ]
    assert keys[0].series_key != keys[1].series_key


def test_fields_are_plain_and_none_where_a_row_lacks_them(path: Path) -> None:
    names = ("latency_p50_ms", "reasons", "a_column_of_tomorrow")
    with Store.open(path, read_only=True) as store:
        found = store.row_fields("run-1", names)
        few = store.row_fields("run-1", names, [CASES[1].case_id])
        none = store.row_fields("run-1", names, [])
    assert found[CASES[0].case_id] == {"latency_p50_ms": 12.5, "reasons": "", "a_column_of_tomorrow": None}
    assert few == {CASES[1].case_id: {"latency_p50_ms": None, "reasons": "a; b", "a_column_of_tomorrow": None}}
    assert none == {}


def test_the_data_of_an_accuracy_where_it_is_known(path: Path) -> None:
    with Store.open(path, read_only=True) as store:
        assert store.accuracy_data("run-1", [one.case_id for one in CASES]) == {CASES[0].case_id: "data-1"}


def test_a_run_that_is_not_there(path: Path) -> None:
    with Store.open(path, read_only=True) as store:
        for read in (
            store.row_keys,
            lambda run: store.row_fields(run, ("model",)),
            lambda run: store.accuracy_data(run, ["x"]),
        ):
            with pytest.raises(StoreError, match="no run"):
                read("other")


def test_keys_and_columns_in_one_go_are_those_that_one_gets_one_by_one(path: Path) -> None:
    names = ("latency_p50_ms", "reasons", "a_column_of_tomorrow")
    with Store.open(path, read_only=True) as store:
        keys, rows = store.row_table("run-1", names)
        assert keys == store.row_keys("run-1")
        fields = store.row_fields("run-1", names)
        assert rows == [list(fields[key.case_id].values()) for key in keys]
        assert store.row_fields("run-1", names[:1]) == {one: {names[0]: fields[one][names[0]]} for one in fields}


def test_rows_of_other_runs_in_between_are_left_out(path: Path) -> None:
    with Store.open(path) as store:
        store.create_run(build.run("run-2"), [(one, build.DEVICE) for one in CASES])
        store.save_rows([build.row(CASES[2], run_id="run-2")])
        assert [key.case_id for key in store.row_keys("run-2")] == [CASES[2].case_id]
        with closing(sqlite3.connect(path)) as raw, raw:  # a late case, so that run-2 lies inside run-1
            columns = "run_number, 'late', 9, device_id, case_json"
            raw.execute(
                "INSERT INTO bench_case (run_number, case_id, position, device_id, case_json) "
                f"SELECT {columns} FROM bench_case WHERE number = 1"
            )
        assert len(store.row_keys("run-1")) == 2
        store.create_run(build.run("run-3"), [])
        assert store.row_table("run-3", ("model", "variant")) == ((), [])
