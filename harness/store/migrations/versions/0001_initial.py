"""The first tables.

Revision ID: 0001
Revises: nothing
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create everything."""
    _runs()
    _cases()
    _results()
    op.create_table(
        "device_token",
        sa.Column("device_id", sa.String(255), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", name="pk_device_token"),
    )


def _runs() -> None:
    op.create_table(
        "run",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(255), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("started_at", sa.String(40), nullable=False),
        sa.Column("finished_at", sa.String(40)),
        sa.Column("harness_version", sa.String(64), nullable=False),
        sa.Column("git_commit", sa.String(64), nullable=False),
        sa.Column("sweep_sha256", sa.String(64), nullable=False),
        sa.Column("sweep_text", sa.Text(), nullable=False),
        sa.Column("settings_json", sa.Text(), nullable=False),
        sa.Column("estimated_s", sa.Double()),
        sa.PrimaryKeyConstraint("number", name="pk_run"),
        sa.UniqueConstraint("run_id", name="uq_run_run_id"),
    )
    op.create_index("ix_run_sweep_sha256", "run", ["sweep_sha256"])
    op.create_table(
        "device_facts",
        sa.Column("run_number", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.String(255), nullable=False),
        sa.Column("facts_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_number", "device_id", name="pk_device_facts"),
        sa.ForeignKeyConstraint(["run_number"], ["run.number"], name="fk_device_facts_run_number_run"),
    )
    op.create_table(
        "variant_file",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("run_number", sa.Integer(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("variant", sa.String(64), nullable=False),
        sa.Column("file_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_variant_file"),
        sa.UniqueConstraint("run_number", "model", "variant", name="uq_variant_file_run_number_model_variant"),
        sa.ForeignKeyConstraint(["run_number"], ["run.number"], name="fk_variant_file_run_number_run"),
    )


def _cases() -> None:
    op.create_table(
        "bench_case",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("run_number", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.String(255), nullable=False),
        sa.Column("case_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_bench_case"),
        sa.UniqueConstraint("run_number", "case_id", name="uq_bench_case_run_number_case_id"),
        sa.ForeignKeyConstraint(["run_number"], ["run.number"], name="fk_bench_case_run_number_run"),
    )
    op.create_table(
        "invocation",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("case_number", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("started_at", sa.String(40), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("result_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_invocation"),
        sa.UniqueConstraint(
            "case_number", "purpose", "block", "attempt", name="uq_invocation_case_number_purpose_block_attempt"
        ),
        sa.ForeignKeyConstraint(["case_number"], ["bench_case.number"], name="fk_invocation_case_number_bench_case"),
    )
    op.create_table(
        "series",
        sa.Column("invocation_number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("unit", sa.String(16), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("encoding", sa.String(16), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("invocation_number", "name", name="pk_series"),
        sa.ForeignKeyConstraint(
            ["invocation_number"], ["invocation.number"], name="fk_series_invocation_number_invocation"
        ),
    )


def _results() -> None:
    op.create_table(
        "outputs_check",
        sa.Column("case_number", sa.Integer(), nullable=False),
        sa.Column("check_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("case_number", name="pk_outputs_check"),
        sa.ForeignKeyConstraint(["case_number"], ["bench_case.number"], name="fk_outputs_check_case_number_bench_case"),
    )
    op.create_table(
        "result_row",
        sa.Column("case_number", sa.Integer(), nullable=False),
        sa.Column("run_number", sa.Integer(), nullable=False),
        sa.Column("series_key", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("verdict", sa.String(16)),
        sa.Column("row_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("case_number", name="pk_result_row"),
        sa.ForeignKeyConstraint(["case_number"], ["bench_case.number"], name="fk_result_row_case_number_bench_case"),
        sa.ForeignKeyConstraint(["run_number"], ["run.number"], name="fk_result_row_run_number_run"),
    )
    op.create_index("ix_result_row_series_key_run_number", "result_row", ["series_key", "run_number"])
    op.create_table(
        "metric",
        sa.Column("case_number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("stat", sa.String(64), nullable=False),
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("run_number", sa.Integer(), nullable=False),
        sa.Column("series_key", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("unit", sa.String(16), nullable=False),
        sa.Column("direction", sa.String(8), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("case_number", "name", "stat", name="pk_metric"),
        sa.ForeignKeyConstraint(["case_number"], ["bench_case.number"], name="fk_metric_case_number_bench_case"),
        sa.ForeignKeyConstraint(["run_number"], ["run.number"], name="fk_metric_run_number_run"),
    )
    op.create_index("ix_metric_comparison", "metric", ["run_number", "name", "stat", "series_key", "case_id", "value"])
    op.create_index("ix_metric_series_key_run_number", "metric", ["series_key", "run_number"])
