"""Scores of the chunks of a data set.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One new table; nothing that is there changes."""
    op.create_table(
        "scored_chunk",
        sa.Column("case_number", sa.Integer(), nullable=False),
        sa.Column("chunk", sa.Integer(), nullable=False),
        sa.Column("dataset_id", sa.String(64), nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["case_number"], ["bench_case.number"], name="fk_scored_chunk_case_number_bench_case"),
        sa.PrimaryKeyConstraint("case_number", "chunk", name="pk_scored_chunk"),
    )
