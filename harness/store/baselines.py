"""Pinned reference builds. Every version of a name is kept. Functions take an open connection."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from harness.domain import Baseline
from harness.store.codec import from_json, to_json
from harness.store.records import has_table
from harness.store.tables import baseline as baseline_table


def add_baseline(connection: Connection, write_id: str, baseline: Baseline) -> None:
    """Keep a baseline; from now on it is what its name means."""
    values = {"write_id": write_id, "name": baseline.name, "baseline_json": to_json(baseline)}
    connection.execute(insert(baseline_table).values(values))


def baselines_of(connection: Connection, name: str | None) -> tuple[Baseline, ...]:
    """All versions of all baselines, or of one name, in the order in which they were stored."""
    if not has_table(connection, baseline_table):
        return ()
    query = select(baseline_table.c.baseline_json).order_by(baseline_table.c.number)
    if name is not None:
        query = query.where(baseline_table.c.name == name)
    return tuple(from_json(Baseline, text) for text in connection.execute(query).scalars())
