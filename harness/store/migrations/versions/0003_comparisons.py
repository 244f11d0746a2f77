"""Outcomes of pairs, noise of devices, their profiles, and baselines.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """New tables only; nothing that is there changes."""
    _outcomes()
    _devices()
    op.create_table(
        "baseline",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("write_id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("baseline_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_baseline"),
        sa.UniqueConstraint("write_id", name="uq_baseline_write_id"),
    )
    op.create_index("ix_baseline_name", "baseline", ["name"])


def _outcomes() -> None:
    op.create_table(
        "pair_outcome",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("run_number", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.String(64), nullable=False),
        sa.Column("device_id", sa.String(255), nullable=False),
        sa.Column("purpose", sa.String(64), nullable=False),
        sa.Column("outcome_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_pair_outcome"),
        sa.UniqueConstraint("run_number", "position", name="uq_pair_outcome_run_number_position"),
        sa.ForeignKeyConstraint(["run_number"], ["run.number"], name="fk_pair_outcome_run_number_run"),
    )
    for column in ("series_id", "device_id", "purpose"):
        op.create_index(f"ix_pair_outcome_{column}", "pair_outcome", [column])


def _devices() -> None:
    op.create_table(
        "noise_record",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("write_id", sa.String(32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.String(255), nullable=False),
        sa.Column("at", sa.String(40), nullable=False),
        sa.Column("noise_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_noise_record"),
        sa.UniqueConstraint("write_id", "position", name="uq_noise_record_write_id_position"),
    )
    op.create_index("ix_noise_record_device_id_at", "noise_record", ["device_id", "at"])
    op.create_table(
        "device_profile",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("write_id", sa.String(32), nullable=False),
        sa.Column("device_id", sa.String(255), nullable=False),
        sa.Column("profile_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_device_profile"),
        sa.UniqueConstraint("write_id", name="uq_device_profile_write_id"),
    )
    op.create_index("ix_device_profile_device_id", "device_profile", ["device_id"])
