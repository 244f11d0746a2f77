"""Runs migrations on the connection that `harness.store.schema` hands over, inside its transaction."""

from __future__ import annotations

from alembic import context

from harness.store import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
