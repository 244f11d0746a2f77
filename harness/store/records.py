"""Runs, their cases and what belongs to them as table rows, and back.

Functions take an open connection; `Store` owns transactions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timezone
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, and_, insert, inspect, select, update

from harness.domain import (
    Case,
    DeviceFacts,
    OutputsCheck,
    RunRecord,
    VariantFile,
)
from harness.errors import StoreError
from harness.store.codec import CodecError, from_json, parse, to_json
from harness.store.tables import bench_case, device_facts, outputs_check, run
from harness.store.tables import variant_file as file_table
from harness.units import parse_moment

NAMING_A_RUN = "Name a run by its id, a unique beginning of it, its name (the newest of that name), or latest."
_RUN_COLUMNS = [run.c[name] for name in RunRecord.__dataclass_fields__]


# ---- runs ------------------------------------------------------------------------------------------------------------


def add_run(connection: Connection, record: RunRecord, cases: Sequence[tuple[Case, str]]) -> None:
    """A new run with its cases in plan order."""
    if connection.execute(select(run.c.number).where(run.c.run_id == record.run_id)).first():
        raise StoreError(f"the run {record.run_id!r} exists already", remedy="Continue it with --resume.")
    values = {column.name: getattr(record, column.name) for column in _RUN_COLUMNS}
    number = connection.execute(insert(run).values(values).returning(run.c.number)).scalar_one()
    rows = [{"run_number": number, **values} for values in _case_values(cases)]
    if rows:
        connection.execute(insert(bench_case), rows)


def _case_values(cases: Sequence[tuple[Case, str]]) -> list[dict[str, Any]]:
    return [
        {"case_id": case.case_id, "position": position, "device_id": device_id, "case_json": to_json(case)}
        for position, (case, device_id) in enumerate(cases)
    ]


def has_run(connection: Connection, record: RunRecord, cases: Sequence[tuple[Case, str]]) -> bool:
    """Whether this very run is stored, with these very cases."""
    found = connection.execute(select(*_RUN_COLUMNS).where(run.c.run_id == record.run_id)).mappings().first()
    if found is None or RunRecord(**found) != record:
        return False
    columns = [bench_case.c[name] for name in ("case_id", "position", "device_id", "case_json")]
    stored = connection.execute(select(*columns).join(run).where(run.c.run_id == record.run_id)).mappings()
    return sorted(map(dict, stored), key=_position) == _case_values(cases)


def _position(values: Mapping[str, Any]) -> int:
    return int(values["position"])


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


def settings_of(connection: Connection, run_id: str) -> dict[str, Any]:
    """The settings that a run was made with, parsed.

    Raises:
        StoreError: there is no such run.
        CodecError: they are not a JSON object.
    """
    query = select(run.c.settings_json).where(run.c.number == run_number(connection, run_id))
    settings = parse(connection.execute(query).scalar_one() or "{}")
    if not isinstance(settings, dict):
        raise CodecError(f"the settings of {run_id} are not an object")
    return settings


# ---- what belongs to a run -------------------------------------------------------------------------------------------


def put(connection: Connection, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Update the row with `key`, or insert it."""
    matches = and_(*(table.c[name] == value for name, value in key.items()))
    if connection.execute(update(table).where(matches).values(**values)).rowcount == 0:
        connection.execute(insert(table).values(**key, **values))


def has_table(connection: Connection, table: Table) -> bool:
    """Whether a table is there; a store of an older version that is only read may lack it."""
    return inspect(connection).has_table(table.name)


def is_written(connection: Connection, table: Table, write_id: str) -> bool:
    """Whether the call that `write_id` belongs to has written to a table that only grows."""
    return connection.execute(select(table.c.number).where(table.c.write_id == write_id)).first() is not None


def utc_text(time: str) -> str:
    """A point in time as the store writes it, so that texts sort as times do. Without a zone it is UTC.

    Raises:
        StoreError: not ISO 8601.
    """
    moment = parse_moment(time)
    if moment is None:
        raise StoreError(
            f"{time!r} is not a point in time", remedy="Write it as 2026-05-31 or 2026-05-31T02:00:00+00:00."
        )
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds")


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
