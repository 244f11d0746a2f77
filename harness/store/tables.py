"""The tables of the results store, as SQLAlchemy metadata.

A change here needs a new file in `migrations/versions` and a new `schema.HEAD`; a test compares the two. Only
portable types: the same tables are made on SQLite and PostgreSQL. Times are ISO 8601 UTC text. What has no column of
its own lies in a `*_json` column (see `codec`), so that a new field of a record needs no migration.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

metadata = MetaData(naming_convention=NAMING)

run = Table(
    "run",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("run_id", String(255), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("state", String(32), nullable=False),
    Column("started_at", String(40), nullable=False),
    Column("finished_at", String(40)),
    Column("harness_version", String(64), nullable=False),
    Column("git_commit", String(64), nullable=False),
    Column("sweep_sha256", String(64), nullable=False, index=True),
    Column("sweep_text", Text, nullable=False),
    Column("settings_json", Text, nullable=False),
    Column("estimated_s", Double),
)

device_facts = Table(
    "device_facts",
    metadata,
    Column("run_number", ForeignKey("run.number"), primary_key=True),
    Column("device_id", String(255), primary_key=True),
    Column("facts_json", Text, nullable=False),
)

variant_file = Table(
    "variant_file",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("run_number", ForeignKey("run.number"), nullable=False),
    Column("model", Text, nullable=False),
    Column("variant", String(64), nullable=False),
    Column("file_json", Text, nullable=False),
    UniqueConstraint("run_number", "model", "variant"),
)

bench_case = Table(
    "bench_case",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("run_number", ForeignKey("run.number"), nullable=False),
    Column("case_id", String(64), nullable=False),
    Column("position", Integer, nullable=False),
    Column("device_id", String(255), nullable=False),
    Column("case_json", Text, nullable=False),
    UniqueConstraint("run_number", "case_id"),
)

invocation = Table(
    "invocation",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("case_number", ForeignKey("bench_case.number"), nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("block", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("started_at", String(40), nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("result_json", Text, nullable=False),
    UniqueConstraint("case_number", "purpose", "block", "attempt"),
)

series = Table(
    "series",
    metadata,
    Column("invocation_number", ForeignKey("invocation.number"), primary_key=True),
    Column("name", String(32), primary_key=True),
    Column("unit", String(16), nullable=False),
    Column("n", Integer, nullable=False),
    Column("encoding", String(16), nullable=False),
    Column("data", LargeBinary, nullable=False),
)

outputs_check = Table(
    "outputs_check",
    metadata,
    Column("case_number", ForeignKey("bench_case.number"), primary_key=True),
    Column("check_json", Text, nullable=False),
)

scored_chunk = Table(
    "scored_chunk",
    metadata,
    Column("case_number", ForeignKey("bench_case.number"), primary_key=True),
    Column("chunk", Integer, primary_key=True),
    Column("dataset_id", String(64), nullable=False),
    Column("samples", Integer, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

result_row = Table(
    "result_row",
    metadata,
    Column("case_number", ForeignKey("bench_case.number"), primary_key=True),
    Column("run_number", ForeignKey("run.number"), nullable=False),
    Column("series_key", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),
    Column("verdict", String(16)),
    Column("row_json", Text, nullable=False),
    Index(None, "series_key", "run_number"),
)

metric = Table(
    "metric",
    metadata,
    Column("case_number", ForeignKey("bench_case.number"), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("stat", String(64), primary_key=True),
    Column("case_id", String(64), nullable=False),
    Column("run_number", ForeignKey("run.number"), nullable=False),
    Column("series_key", BigInteger, nullable=False),
    Column("value", Double, nullable=False),
    Column("unit", String(16), nullable=False),
    Column("direction", String(8), nullable=False),
    Column("n", Integer, nullable=False),
    # Wide enough to answer a comparison from the index alone.
    Index("ix_metric_comparison", "run_number", "name", "stat", "series_key", "case_id", "value"),
    Index(None, "series_key", "run_number"),
)

device_token = Table(
    "device_token",
    metadata,
    Column("device_id", String(255), primary_key=True),
    Column("token", BigInteger, nullable=False),
)

pair_outcome = Table(
    "pair_outcome",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("run_number", ForeignKey("run.number"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("series_id", String(64), nullable=False, index=True),
    Column("device_id", String(255), nullable=False, index=True),
    # Of the run, so that a history need not read the settings of all runs.
    Column("purpose", String(64), nullable=False, index=True),
    Column("outcome_json", Text, nullable=False),
    UniqueConstraint("run_number", "position"),
)

# The rest only grow. `write_id` belongs to one call: made again after a lost connection, it finds what it has written.

noise_record = Table(
    "noise_record",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("write_id", String(32), nullable=False),
    Column("position", Integer, nullable=False),
    Column("device_id", String(255), nullable=False),
    Column("at", String(40), nullable=False),
    Column("noise_json", Text, nullable=False),
    UniqueConstraint("write_id", "position"),
    Index(None, "device_id", "at"),
)

device_profile = Table(
    "device_profile",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("write_id", String(32), nullable=False, unique=True),
    Column("device_id", String(255), nullable=False, index=True),
    Column("profile_json", Text, nullable=False),
)

baseline = Table(
    "baseline",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("write_id", String(32), nullable=False, unique=True),
    Column("name", String(255), nullable=False, index=True),
    Column("baseline_json", Text, nullable=False),
)
