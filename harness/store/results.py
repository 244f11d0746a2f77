"""Result rows, their single figures, and the comparison of two runs. Functions take an open connection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, insert, select

from harness.domain import Case, DeviceFacts, ResultRow
from harness.errors import StoreError
from harness.store.codec import from_json, to_json
from harness.store.metrics import metrics_of, series_key
from harness.store.records import run_number
from harness.store.tables import bench_case, device_facts, metric, result_row

_CHUNK = 500  # SQLite before 3.32 takes 999 bound values in one statement


@dataclass(frozen=True)
class MetricPairs:
    """One figure of two runs, pair by pair; every array has shape (n,), n >= 0.

    `series_key` (str) says what was measured, `case_a` and `case_b` (str) are the case ids, `a` and `b` (float64) the
    values in the unit of the metric.
    """

    series_key: NDArray[np.str_]
    case_a: NDArray[np.str_]
    case_b: NDArray[np.str_]
    a: NDArray[np.float64]
    b: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.a)


@dataclass(frozen=True)
class _Place:
    """Where results of a case belong."""

    number: int
    run_number: int
    case: Case
    facts: DeviceFacts | None


def put_rows(connection: Connection, rows: Sequence[ResultRow]) -> None:
    """Store rows of one run with their metrics and series keys; earlier ones of the same cases are replaced.

    Raises:
        StoreError: no such run, or a row of a case that is not in it.
    """
    for run_id in dict.fromkeys(row.run_id for row in rows):
        ours = {row.case_id: row for row in rows if row.run_id == run_id}
        _put_rows_of_run(connection, run_id, list(ours.values()))


def _put_rows_of_run(connection: Connection, run_id: str, rows: Sequence[ResultRow]) -> None:
    places = _places(connection, run_id, [row.case_id for row in rows])
    row_values, metric_values = [], []
    for row in rows:
        place = places[row.case_id]
        shared = {
            "case_number": place.number,
            "run_number": place.run_number,
            "series_key": series_key(row, place.case, place.facts),
        }
        verdict = None if row.verdict is None else row.verdict.value
        row_values.append({**shared, "status": row.status.value, "verdict": verdict, "row_json": to_json(row)})
        metric_values += [{**shared, **asdict(one)} for one in metrics_of(row)]
    _forget(connection, [place.number for place in places.values()])
    connection.execute(insert(result_row), row_values)
    if metric_values:
        connection.execute(insert(metric), metric_values)


def _forget(connection: Connection, numbers: Sequence[int]) -> None:
    for start in range(0, len(numbers), _CHUNK):
        chunk = numbers[start : start + _CHUNK]
        connection.execute(delete(metric).where(metric.c.case_number.in_(chunk)))
        connection.execute(delete(result_row).where(result_row.c.case_number.in_(chunk)))


def _places(connection: Connection, run_id: str, case_ids: Sequence[str]) -> dict[str, _Place]:
    number = run_number(connection, run_id)
    facts = _facts_by_device(connection, number)
    places: dict[str, _Place] = {}
    for start in range(0, len(case_ids), _CHUNK):
        query = select(bench_case).where(
            bench_case.c.run_number == number, bench_case.c.case_id.in_(case_ids[start : start + _CHUNK])
        )
        for found in connection.execute(query).mappings():
            case = from_json(Case, found["case_json"])
            places[found["case_id"]] = _Place(found["number"], number, case, facts.get(found["device_id"]))
    missing = [case_id for case_id in case_ids if case_id not in places]
    if missing:
        raise StoreError(
            f"the run {run_id!r} has no case {missing[0]!r}",
            remedy="Only cases given to create_run can have results.",
        )
    return places


def _facts_by_device(connection: Connection, number: int) -> dict[str, DeviceFacts]:
    query = select(device_facts.c.device_id, device_facts.c.facts_json).where(device_facts.c.run_number == number)
    return {device_id: from_json(DeviceFacts, text) for device_id, text in connection.execute(query)}


def rows_of(connection: Connection, run_id: str) -> tuple[ResultRow, ...]:
    """The rows of a run in plan order."""
    query = (
        select(result_row.c.row_json)
        .join(bench_case)
        .where(bench_case.c.run_number == run_number(connection, run_id))
        .order_by(bench_case.c.position)
    )
    return tuple(from_json(ResultRow, text) for text in connection.execute(query).scalars())


# ---- comparison ------------------------------------------------------------------------------------------------------


def pairs_of(connection: Connection, run_a: str, run_b: str, name: str, stat: str) -> MetricPairs:
    """The values of one metric in two runs, paired where both measured the same thing.

    Where a run has several cases with the same series key (two phones of one model), equal case ids go together; what
    is then still ambiguous is left out.
    """
    left, right = metric.alias("a"), metric.alias("b")
    query = (
        select(left.c.series_key, left.c.case_number, right.c.case_number, left.c.value, right.c.value)
        .join_from(left, right, left.c.series_key == right.c.series_key)
        .where(left.c.run_number == run_number(connection, run_a), left.c.name == name, left.c.stat == stat)
        .where(right.c.run_number == run_number(connection, run_b), right.c.name == name, right.c.stat == stat)
        .order_by(left.c.series_key, left.c.case_number, right.c.case_number)
    )
    found = [tuple(row) for row in connection.execute(query)]
    keys, cases_a, cases_b, values_a, values_b = zip(*found, strict=True) if found else ((), (), (), (), ())
    ids = _case_ids(connection, run_a) | _case_ids(connection, run_b)
    pairs = MetricPairs(
        np.array(keys, np.str_),
        np.array([ids[number] for number in cases_a], np.str_),
        np.array([ids[number] for number in cases_b], np.str_),
        np.array(values_a, np.float64),
        np.array(values_b, np.float64),
    )
    return _unambiguous(pairs) if len(set(keys)) < len(keys) else pairs


def _case_ids(connection: Connection, run_id: str) -> dict[int, str]:
    query = select(bench_case.c.number, bench_case.c.case_id).where(
        bench_case.c.run_number == run_number(connection, run_id)
    )
    return {row.number: row.case_id for row in connection.execute(query)}


def _unambiguous(pairs: MetricPairs) -> MetricPairs:
    """Keep pairs of equal case ids, and of the others those whose cases occur in no second pair."""
    same = pairs.case_a == pairs.case_b
    settled = set(pairs.case_a[same])
    rest = [
        index
        for index in np.flatnonzero(~same)
        if pairs.case_a[index] not in settled and pairs.case_b[index] not in settled
    ]
    often_a = Counter(pairs.case_a[index] for index in rest)
    often_b = Counter(pairs.case_b[index] for index in rest)
    alone = [index for index in rest if often_a[pairs.case_a[index]] == 1 and often_b[pairs.case_b[index]] == 1]
    kept = np.sort(np.concatenate([np.flatnonzero(same), np.array(alone, np.intp)]))
    return MetricPairs(pairs.series_key[kept], pairs.case_a[kept], pairs.case_b[kept], pairs.a[kept], pairs.b[kept])
