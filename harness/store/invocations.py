"""Invocations with their samples as table rows, and back. Functions take an open connection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sqlalchemy import Connection, RowMapping, Select, and_, insert, select, update
from sqlalchemy.exc import IntegrityError

from harness.domain import InvocationRecord, InvocationResult, Purpose, Status
from harness.errors import StoreError
from harness.store import samples
from harness.store.codec import decode, from_json, to_json
from harness.store.records import case_row, run_number
from harness.store.tables import bench_case, device_token, invocation, series

REPEATED = (Status.INTERRUPTED, Status.OFFLINE)
"""How an invocation ends that says nothing about its case, so that it is made again."""


def add_invocation(connection: Connection, run_id: str, record: InvocationRecord, token: int) -> None:
    """One finished invocation with its samples.

    Raises:
        StoreError: unknown case, stored before, or `token` is older than one that has written for this device.
    """
    case = case_row(connection, run_id, record.case_id)
    fence(connection, case["device_id"], token)
    values = _invocation_values(case["number"], record, token)
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


def has_invocation(connection: Connection, run_id: str, record: InvocationRecord, token: int) -> bool:
    """Whether this very invocation is stored: same key, same token, same content and samples."""
    values = _invocation_values(case_row(connection, run_id, record.case_id)["number"], record, token)
    same = and_(*(invocation.c[name] == value for name, value in values.items()))
    number = connection.execute(select(invocation.c.number).where(same)).scalar()
    if number is None:
        return False
    rows = _series_rows(number, record.result)
    columns = [series.c[name] for name in ("name", "n", "encoding", "data")]
    stored = connection.execute(select(*columns).where(series.c.invocation_number == number)).all()
    return {tuple(row) for row in stored} == {tuple(row[column.name] for column in columns) for row in rows}


def _invocation_values(case_number: int, record: InvocationRecord, token: int) -> dict[str, Any]:
    bare = replace(record.result, samples_ns=None, warmup_ns=None)
    return {
        "case_number": case_number,
        "purpose": record.purpose.value,
        "block": record.block,
        "attempt": record.attempt,
        "position": record.order,
        "status": record.result.status.value,
        "started_at": record.started_at,
        "token": token,
        "result_json": to_json(bare),
    }


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
    if connection.execute(newer).rowcount:  # on a server another's first word may come between two statements
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
