"""The tables also mean something to PostgreSQL; what it makes of the statements is tested with `-m postgres`."""

from __future__ import annotations

import pytest
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from harness.store.leases import device_lease
from harness.store.tables import metadata

_TABLES = [*metadata.sorted_tables, device_lease]


@pytest.mark.parametrize("table", _TABLES, ids=lambda table: table.name)
def test_tables_compile_for_postgresql(table: Table) -> None:
    sql = str(CreateTable(table).compile(dialect=postgresql.dialect()))
    assert "BLOB" not in sql
    for index in table.indexes:
        assert str(CreateIndex(index).compile(dialect=postgresql.dialect()))


@pytest.mark.parametrize("table", _TABLES, ids=lambda table: table.name)
def test_every_constraint_has_a_name_that_can_be_dropped(table: Table) -> None:
    named = [*table.constraints, *table.indexes]
    sql = str(CreateTable(table).compile(dialect=postgresql.dialect()))
    assert named
    for one in table.constraints:
        assert one.name is not None, one
    assert sql.count("CONSTRAINT") == len(table.constraints)
    for one in named:
        # PostgreSQL cuts longer names off, and then two may collide.
        assert len(str(one.name)) <= 63
