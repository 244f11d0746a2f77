"""Result rows, their single figures, and the comparison of two runs. Functions take an open connection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
)

from harness.domain import Case, DeviceFacts, ResultRow
from harness.errors import StoreError
from harness.figures import OF_ACCURACY, accuracy_key, metrics_of, series_key
from harness.store.codec import from_json, parse, to_json
from harness.store.records import run_number
from harness.store.tables import bench_case, device_facts, metric, outputs_check, result_row, scored_chunk

_CHUNK = 500  # SQLite before 3.32 takes 999 bound values in one statement
_PATHS = 100  # and a function takes 127 arguments


@dataclass(frozen=True)
class MetricPairs:
    """One figure of two runs, pair by pair: `case_a` and `case_b` are the case ids, `a` and `b` the values (float64,
    shape (n,), n >= 0) in the unit of the metric."""

    case_a: tuple[str, ...]
    case_b: tuple[str, ...]
    a: NDArray[np.float64]
    b: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.a)


class RowKey(NamedTuple):
    """What a large comparison needs of every row; `status` and `verdict` are words, the verdict empty without one."""

    case_id: str
    device_id: str
    series_key: int
    status: str
    verdict: str


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
    datasets = _datasets(connection, [places[row.case_id].number for row in rows if row.accuracy is not None])
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
        of_accuracy = {"series_key": accuracy_key(shared["series_key"], row, datasets.get(place.number, ""))}
        metric_values += [
            {**shared, **(of_accuracy if one.name in OF_ACCURACY else {}), "case_id": row.case_id, **vars(one)}
            for one in metrics_of(row)
        ]
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


def _datasets(connection: Connection, numbers: Sequence[int]) -> dict[int, str]:
    """The data set that each case was scored on, by the number of the case."""
    found: dict[int, str] = {}
    columns = (scored_chunk.c.case_number, scored_chunk.c.dataset_id)
    for start in range(0, len(numbers), _CHUNK):
        query = select(*columns).where(scored_chunk.c.case_number.in_(numbers[start : start + _CHUNK])).distinct()
        found.update((number, dataset_id) for number, dataset_id in connection.execute(query))
    return found


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


def table_of(
    connection: Connection, run_id: str, names: Sequence[str] = ()
) -> tuple[tuple[RowKey, ...], list[list[Any]]]:
    """The rows of a run in plan order, and of each the values of some columns of summary.csv, as stored.

    The cases of a run lie together: their rows are read in the order of the file, in half the time.
    """
    number = run_number(connection, run_id)
    bounds = select(func.min(bench_case.c.number), func.max(bench_case.c.number))
    first, last = connection.execute(bounds.where(bench_case.c.run_number == number)).one()
    columns = (bench_case.c.case_id, bench_case.c.device_id, result_row.c.series_key, result_row.c.status)
    query = (
        select(*columns, func.coalesce(result_row.c.verdict, ""), bench_case.c.position, _holding(connection, names))
        .join_from(result_row, bench_case)
        .where(result_row.c.case_number.between(first, last), result_row.c.run_number == number)
    )
    found = sorted(connection.execute(query).all(), key=lambda row: row[5])
    keys = tuple(RowKey._make(row[:5]) for row in found)
    return keys, _taken(connection, names, [row[6] for row in found])


def fields_of(
    connection: Connection, run_id: str, names: Sequence[str], case_ids: Sequence[str] | None = None
) -> dict[str, dict[str, Any]]:
    """Some columns of summary.csv by case id, as stored; all rows, or those of `case_ids`."""
    if case_ids is None:
        keys, rows = table_of(connection, run_id, names)
        return {key.case_id: dict(zip(names, row, strict=True)) for key, row in zip(keys, rows, strict=True)}
    query = select(bench_case.c.case_id, _holding(connection, names)).join_from(result_row, bench_case)
    query = query.where(bench_case.c.run_number == run_number(connection, run_id))
    parts = (case_ids[start : start + _CHUNK] for start in range(0, len(case_ids), _CHUNK))
    found = [row for part in parts for row in connection.execute(query.where(bench_case.c.case_id.in_(part)))]
    rows = _taken(connection, names, [text for _, text in found])
    return {case_id: dict(zip(names, row, strict=True)) for (case_id, _), row in zip(found, rows, strict=True)}


def _holding(connection: Connection, names: Sequence[str]) -> ColumnElement[Any]:
    """What the database gives of a row so that `_taken` finds `names` in it.

    SQLite takes them out itself: to parse rows of a hundred columns for ten of them takes three times as long.
    """
    if not names:
        return literal("")
    if not _takes_out(connection, names):
        return result_row.c.row_json
    return func.json_extract(result_row.c.row_json, *(f"$.{name}" for name in names))


def _taken(connection: Connection, names: Sequence[str], texts: Sequence[str]) -> list[list[Any]]:
    if not names:
        return [[] for _ in texts]
    rows = parse(f"[{','.join(texts)}]")  # one call for all: half the time
    return list(rows) if _takes_out(connection, names) else [[row.get(name) for name in names] for row in rows]


def _takes_out(connection: Connection, names: Sequence[str]) -> bool:
    """Of one name json_extract gives the bare value."""
    return connection.dialect.name == "sqlite" and 1 < len(names) <= _PATHS


def accuracy_data_of(connection: Connection, run_id: str, case_ids: Sequence[str]) -> dict[str, str]:
    """The content id of the data set that each case was scored on, by case id; unknown ones are absent."""
    number, found = run_number(connection, run_id), {}
    for start in range(0, len(case_ids), _CHUNK):
        query = select(bench_case.c.case_id, outputs_check.c.check_json).join_from(outputs_check, bench_case)
        wanted = bench_case.c.case_id.in_(case_ids[start : start + _CHUNK])
        for case_id, text in connection.execute(query.where(bench_case.c.run_number == number, wanted)):
            data = (parse(text).get("accuracy") or {}).get("dataset_id")
            if isinstance(data, str) and data:
                found[case_id] = data
    return found


# ---- comparison ------------------------------------------------------------------------------------------------------


def pairs_of(connection: Connection, run_a: str, run_b: str, name: str, stat: str) -> MetricPairs:
    """The values of one metric in two runs, paired where both measured the same thing, in the order of the series key.

    Equal case ids of one series go together. Other cases of one series (a phone that was replaced by its twin) are
    paired at the end when they are the only ones left of it on both sides; which belongs to which is otherwise unknown.
    """
    left, right = metric.alias("a"), metric.alias("b")
    in_left = _of_run(left, run_number(connection, run_a), name, stat)
    in_right = _of_run(right, run_number(connection, run_b), name, stat)
    same = and_(left.c.series_key == right.c.series_key, left.c.case_id == right.c.case_id)
    query = select(left.c.case_id, left.c.value, right.c.value).join_from(left, right, same).where(in_left, in_right)
    cases, values_a, values_b = _columns(connection, query.order_by(left.c.series_key, left.c.case_id))
    lonely_a = _lonely(connection, left, in_left, ~exists().where(in_right, same), len(cases))
    lonely_b = _lonely(connection, right, in_right, ~exists().where(in_left, same), len(cases))
    keys = [key for key in lonely_a if key in lonely_b]
    return MetricPairs(
        (*cases, *(lonely_a[key][0] for key in keys)),
        (*cases, *(lonely_b[key][0] for key in keys)),
        np.array((*values_a, *(lonely_a[key][1] for key in keys)), np.float64),
        np.array((*values_b, *(lonely_b[key][1] for key in keys)), np.float64),
    )


def _columns(connection: Connection, query: Select[Any]) -> tuple[list[str], list[float], list[float]]:
    """The columns case id, a, b of a query, fetched in parts: 100,000 rows at once keep the garbage collector busy."""
    cases: list[str] = []
    values_a: list[float] = []
    values_b: list[float] = []
    parts: Any = connection.execute(query).partitions(1000)
    for part in parts:
        for case_id, value_a, value_b in part:
            cases.append(case_id)
            values_a.append(value_a)
            values_b.append(value_b)
    return cases, values_a, values_b


def _of_run(table: FromClause, number: int, name: str, stat: str) -> ColumnElement[bool]:
    return and_(table.c.run_number == number, table.c.name == name, table.c.stat == stat)


def _lonely(
    connection: Connection,
    table: FromClause,
    in_run: ColumnElement[bool],
    unpaired: ColumnElement[bool],
    paired: int,
) -> dict[int, tuple[str, float]]:
    """Case id and value by series key, of the series that have exactly one unpaired case in a run."""
    if connection.execute(select(func.count()).select_from(table).where(in_run)).scalar() == paired:
        return {}
    query = select(table.c.series_key, table.c.case_id, table.c.value).where(in_run, unpaired)
    found = connection.execute(query.order_by(table.c.series_key)).all()
    often = Counter(key for key, _, _ in found)
    return {key: (case_id, value) for key, case_id, value in found if often[key] == 1}
