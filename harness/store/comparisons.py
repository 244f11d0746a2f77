"""Outcomes of pairs, per run and as the history of a series. Functions take an open connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from harness.domain import DatedOutcome, PairOutcome
from harness.domain.comparisons import series_id_of
from harness.store.codec import from_json, to_json
from harness.store.records import has_table, run_number, settings_of, utc_text
from harness.store.tables import pair_outcome, run


def put_outcomes(connection: Connection, run_id: str, outcomes: Sequence[PairOutcome]) -> None:
    """The outcomes of a run, in their order, in place of those that are there."""
    number, purpose = run_number(connection, run_id), _purpose_of(connection, run_id)
    connection.execute(delete(pair_outcome).where(pair_outcome.c.run_number == number))
    rows = [
        {
            "run_number": number,
            "position": position,
            "series_id": outcome.series_id,
            "device_id": outcome.device_id,
            "purpose": purpose,
            "outcome_json": to_json(outcome),
        }
        for position, outcome in enumerate(outcomes)
    ]
    if rows:
        connection.execute(insert(pair_outcome), rows)


def _purpose_of(connection: Connection, run_id: str) -> str:
    """What the run compared for, as its settings say; empty where they do not."""
    comparison = settings_of(connection, run_id).get("comparison")
    purpose = comparison.get("purpose") if isinstance(comparison, dict) else None
    return purpose if isinstance(purpose, str) else ""


def outcomes_of(connection: Connection, run_id: str) -> tuple[PairOutcome, ...]:
    """The outcomes of a run in the order in which they were given."""
    number = run_number(connection, run_id)
    if not has_table(connection, pair_outcome):
        return ()
    query = select(pair_outcome.c.outcome_json).where(pair_outcome.c.run_number == number)
    found = connection.execute(query.order_by(pair_outcome.c.position))
    return tuple(from_json(PairOutcome, text) for text in found.scalars())


def history_of(
    connection: Connection, series: str | None, device_id: str | None, since: str | None, purpose: str | None
) -> tuple[DatedOutcome, ...]:
    """All outcomes that fit what is not None, oldest run first; runs that began together in the order of storing."""
    if not has_table(connection, pair_outcome):
        return ()
    query = select(run.c.run_id, run.c.started_at, pair_outcome.c.outcome_json).join_from(pair_outcome, run)
    query = query.where(*_wanted(series, device_id, since, purpose))
    found: Any = connection.execute(query.order_by(run.c.started_at, run.c.number, pair_outcome.c.position))
    parts = found.partitions(1000)  # 10,000s of rows at once keep the garbage collector busy
    return tuple(DatedOutcome(run_id, at, from_json(PairOutcome, text)) for part in parts for run_id, at, text in part)


def _wanted(
    series: str | None, device_id: str | None, since: str | None, purpose: str | None
) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if series is not None:
        wanted.append(pair_outcome.c.series_id.in_((series, series_id_of(series))))
    if device_id is not None:
        wanted.append(pair_outcome.c.device_id == device_id)
    if since is not None:
        wanted.append(run.c.started_at >= utc_text(since))
    if purpose is not None:
        wanted.append(pair_outcome.c.purpose == purpose)
    return wanted
