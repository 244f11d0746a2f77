"""Runs, cases and invocations as table rows, and back. Functions take an open connection; `Store` owns transactions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sqlalchemy import Connection, RowMapping, Select, Table, and_, insert, select, update
from sqlalchemy.exc import IntegrityError

from harness.domain import (
    Case,
    DeviceFacts,
    InvocationRecord,
    InvocationResult,
    OutputsCheck,
    Purpose,
    RunRecord,
    Status,
    VariantFile,
)
from harness.errors import StoreError
from harness.store import samples
from harness.store.codec import decode, from_json, to_json
from harness.store.tables import bench_case, device_facts, device_token, invocation, outputs_check, run, series
from harness.store.tables import variant_file as file_table

REPEATED = (Status.INTERRUPTED, Status.OFFLINE)
"""How an invocation ends that says nothing about its case, so that it is made again."""

NAMING_A_RUN = "Name a run by its id, a unique beginning of it, its name (the newest of that name), or latest."
_RUN_COLUMNS = [run.c[name] for name in RunRecord.__dataclass_fields__]


# ---- runs ------------------------------------------------------------------------------------------------------------


def add_run(connection: Connection, record: RunRecord, cases: Sequence[tuple[Case, str]]) -> None:
    """A new run with its cases in plan order."""
    if connection.execute(select(run.c.number).where(run.c.run_id == record.run_id)).first():
        raise StoreError(f"the run {record.run_id!r} exists already", remedy="Continue it with --resume.")
    values = {column.name: getattr(record, column.name) for column in _RUN_COLUMNS}
    number = connection.execute(insert(run).values(values).returning(run.c.number)).scalar_one()
    rows = [
        {
            "run_number": number,
            "case_id": case.case_id,
            "position": position,
            "device_id": device_id,
            "case_json": to_json(case),
        }
        for position, (case, device_id) in enumerate(cases)
    ]
    if rows:
        connection.execute(insert(bench_case), rows)


def all_runs(connection: Connection) -> list[RunRecord]:
    """Every run, newest first."""
    found = connection.execute(select(*_RUN_COLUMNS).order_by(run.c.number.desc()))
    return [RunRecord(**row) for row in found.mappings()]


def run_number(connection: Connection, run_id: str) -> int:
    """The key of a run inside this database.

    Raises:
        StoreError: there is no such run.
    """
    number = connection.execute(select(run.c.number).where(run.c.run_id == run_id)).scalar()
    if number is None:
        raise StoreError(f"there is no run {run_id!r} in this store", remedy=NAMING_A_RUN)
    return int(number)


def change_run(connection: Connection, run_id: str, values: Mapping[str, Any]) -> None:
    """Set columns of one run."""
    number = run_number(connection, run_id)
    connection.execute(update(run).where(run.c.number == number).values(**values))


# ---- what belongs to a run -------------------------------------------------------------------------------------------


def put(connection: Connection, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Update the row with `key`, or insert it."""
    matches = and_(*(table.c[name] == value for name, value in key.items()))
    if connection.execute(update(table).where(matches).values(**values)).rowcount == 0:
        connection.execute(insert(table).values(**key, **values))


def put_file(connection: Connection, run_id: str, file: VariantFile) -> None:
    """One variant file of a run; a later one of the same model and variant replaces it."""
    key = {"run_number": run_number(connection, run_id), "model": file.model, "variant": file.variant}
    put(connection, file_table, key, {"file_json": to_json(file)})


def files_of(connection: Connection, run_id: str) -> tuple[VariantFile, ...]:
    """The variant files of a run, in the order in which they were first stored."""
    query = select(file_table.c.file_json).where(file_table.c.run_number == run_number(connection, run_id))
    found = connection.execute(query.order_by(file_table.c.number))
    return tuple(from_json(VariantFile, text) for text in found.scalars())


def put_facts(connection: Connection, run_id: str, facts: DeviceFacts) -> None:
    """What a device said in a run; a later word replaces it."""
    key = {"run_number": run_number(connection, run_id), "device_id": facts.device_id}
    put(connection, device_facts, key, {"facts_json": to_json(facts)})


def facts_of(connection: Connection, run_id: str) -> tuple[DeviceFacts, ...]:
    """The facts of every device of a run, by device id."""
    query = select(device_facts.c.facts_json).where(device_facts.c.run_number == run_number(connection, run_id))
    found = connection.execute(query.order_by(device_facts.c.device_id))
    return tuple(from_json(DeviceFacts, text) for text in found.scalars())


# ---- cases -----------------------------------------------------------------------------------------------------------


def cases_of(connection: Connection, run_id: str) -> tuple[Case, ...]:
    """The cases of a run in plan order."""
    query = select(bench_case.c.case_json).where(bench_case.c.run_number == run_number(connection, run_id))
    found = connection.execute(query.order_by(bench_case.c.position))
    return tuple(from_json(Case, text) for text in found.scalars())


def devices_of(connection: Connection, run_id: str) -> dict[str, str]:
    """The device of each case, by case id; cases without one are absent."""
    query = select(bench_case.c.case_id, bench_case.c.device_id)
    found = connection.execute(query.where(bench_case.c.run_number == run_number(connection, run_id)))
    return {row.case_id: row.device_id for row in found if row.device_id}


def case_row(connection: Connection, run_id: str, case_id: str) -> RowMapping:
    """Number, run_number, device_id and case_json of one case.

    Raises:
        StoreError: no such run, or no such case in it.
    """
    query = select(bench_case).join(run).where(run.c.run_id == run_id, bench_case.c.case_id == case_id)
    found = connection.execute(query).mappings().first()
    if found is None:
        run_number(connection, run_id)
        raise StoreError(
            f"the run {run_id!r} has no case {case_id!r}", remedy="Only cases given to create_run can have results."
        )
    return found


def put_device(connection: Connection, run_id: str, case_id: str, device_id: str) -> None:
    """Say on which device a case runs, when that was not known at the start."""
    number = case_row(connection, run_id, case_id)["number"]
    connection.execute(update(bench_case).where(bench_case.c.number == number).values(device_id=device_id))


def put_check(connection: Connection, run_id: str, case_id: str, check: OutputsCheck) -> None:
    """What the outputs pass of a case showed; a later one replaces it."""
    key = {"case_number": case_row(connection, run_id, case_id)["number"]}
    put(connection, outputs_check, key, {"check_json": to_json(check)})


def checks_of(connection: Connection, run_id: str) -> dict[str, OutputsCheck]:
    """The outputs checks of a run by case id, in plan order."""
    query = (
        select(bench_case.c.case_id, outputs_check.c.check_json)
        .join(outputs_check)
        .where(bench_case.c.run_number == run_number(connection, run_id))
        .order_by(bench_case.c.position)
    )
    return {case_id: from_json(OutputsCheck, text) for case_id, text in connection.execute(query)}


# ---- invocations -----------------------------------------------------------------------------------------------------


def add_invocation(connection: Connection, run_id: str, record: InvocationRecord, token: int) -> None:
    """One finished invocation with its samples.

    Raises:
        StoreError: unknown case, stored before, or `token` is older than one that has written for this device.
    """
    case = case_row(connection, run_id, record.case_id)
    fence(connection, case["device_id"], token)
    bare = replace(record.result, samples_ns=None, warmup_ns=None)
    values = {
        "case_number": case["number"],
        "purpose": record.purpose.value,
        "block": record.block,
        "attempt": record.attempt,
        "position": record.order,
        "status": record.result.status.value,
        "started_at": record.started_at,
        "token": token,
        "result_json": to_json(bare),
    }
    try:
        number = connection.execute(insert(invocation).values(values).returning(invocation.c.number)).scalar_one()
    except IntegrityError as error:
        raise StoreError(
            f"{record.purpose} block {record.block} attempt {record.attempt} of {record.case_id} is stored already",
            remedy="Nothing is lost; a repeated invocation needs the next attempt number.",
        ) from error
    rows = _series_rows(number, record.result)
    if rows:
        connection.execute(insert(series), rows)


def fence(connection: Connection, device_id: str, token: int) -> None:
    """Remember the highest token that wrote for a device, and refuse a lower one: its holder has lost the lease."""
    matches = device_token.c.device_id == device_id
    newer = update(device_token).where(matches, device_token.c.token <= token).values(token=token)
    if not device_id or connection.execute(newer).rowcount:
        return
    highest = connection.execute(select(device_token.c.token).where(matches)).scalar()
    if highest is None:
        connection.execute(insert(device_token).values(device_id=device_id, token=token))
        return
    raise StoreError(
        f"stale lease: token {token} of {device_id} is older than {highest}, another sweep has taken the device over",
        remedy="This result was not stored. Continue with --resume when the other sweep has ended.",
    )


def _series_rows(number: int, result: InvocationResult) -> list[dict[str, Any]]:
    arrays = {"samples": result.samples_ns, "warmup": result.warmup_ns}
    return [
        {
            "invocation_number": number,
            "name": name,
            "unit": "ns",
            "n": len(values),
            "encoding": samples.ENCODING,
            "data": samples.pack(np.asarray(values)),
        }
        for name, values in arrays.items()
        if values is not None
    ]


def invocations_of(connection: Connection, run_id: str, case_id: str | None) -> tuple[InvocationRecord, ...]:
    """The invocations of a run, or of one case, in the order in which they were stored."""
    chosen = _invocations_in(connection, run_id, case_id)
    arrays = _arrays(connection, chosen)
    query = chosen.add_columns(bench_case.c.case_id, *(column for column in invocation.c if column.name != "number"))
    found = connection.execute(query.order_by(invocation.c.number)).mappings()
    return tuple(_record(row, arrays.get(row["number"], {})) for row in found)


def _invocations_in(connection: Connection, run_id: str, case_id: str | None) -> Select[Any]:
    query = select(invocation.c.number).join(bench_case)
    if case_id is not None:
        return query.where(bench_case.c.number == case_row(connection, run_id, case_id)["number"])
    return query.where(bench_case.c.run_number == run_number(connection, run_id))


def _arrays(connection: Connection, chosen: Select[Any]) -> dict[int, dict[str, Any]]:
    """The unpacked series of the chosen invocations: number -> name -> int64 array."""
    query = select(series).where(series.c.invocation_number.in_(chosen))
    arrays: dict[int, dict[str, Any]] = {}
    for row in connection.execute(query).mappings():
        unpacked = samples.unpack(row["data"], row["n"], row["encoding"])
        arrays.setdefault(row["invocation_number"], {})[row["name"]] = unpacked
    return arrays


def _record(row: RowMapping, arrays: Mapping[str, Any]) -> InvocationRecord:
    bare = from_json(InvocationResult, row["result_json"])
    return InvocationRecord(
        case_id=row["case_id"],
        purpose=decode(Purpose, row["purpose"]),
        block=row["block"],
        order=row["position"],
        attempt=row["attempt"],
        started_at=row["started_at"],
        result=replace(bare, samples_ns=arrays.get("samples"), warmup_ns=arrays.get("warmup")),
    )


def done_keys_of(connection: Connection, run_id: str) -> Iterable[tuple[str, Purpose, int]]:
    """Case, purpose and block of every invocation that need not be made again."""
    query = (
        select(bench_case.c.case_id, invocation.c.purpose, invocation.c.block)
        .join(invocation)
        .where(bench_case.c.run_number == run_number(connection, run_id))
        .where(invocation.c.status.not_in([status.value for status in REPEATED]))
        .distinct()
    )
    return [(case_id, decode(Purpose, purpose), block) for case_id, purpose, block in connection.execute(query)]
