from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import inspect

from harness.errors import StoreError
from harness.store import Store, schema, tables
from harness.store.engine import describe, open_engine, parse_location
from tests.store import build

_ROOT = Path(__file__).parents[2]

_LATER = '''
"""A later version: a new required column, by rebuilding the table."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    with op.batch_alter_table("run", recreate="always") as batch:
        batch.add_column(sa.Column("trigger", sa.String(16), nullable=False, server_default="manual"))
'''

_FAILING = _LATER + "    op.execute(sa.insert(sa.table('no_such_table')).values())\n"
_BREAKING = _LATER + '    op.execute(sa.text("DELETE FROM run"))\n'


def _definitions(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")
        return {" ".join(sql.split()).replace("( ", "(").replace(" )", ")") for (sql,) in found}


def _described(path: Path) -> dict[str, object]:
    """Tables, columns, keys and indexes as SQLAlchemy sees them, whatever the wording of the SQL."""
    engine = open_engine(parse_location(path), read_only=True)
    inspector = inspect(engine)
    described = {
        name: (
            [{**column, "type": str(column["type"])} for column in inspector.get_columns(name)],
            inspector.get_pk_constraint(name),
            sorted(inspector.get_foreign_keys(name), key=str),
            sorted(inspector.get_unique_constraints(name), key=str),
            sorted(inspector.get_indexes(name), key=str),
        )
        for name in inspector.get_table_names()
    }
    engine.dispose()
    return described


def _migrate_from_nothing(path: Path) -> None:
    engine = open_engine(parse_location(path))
    with engine.begin() as connection:
        schema._run_alembic(connection, schema.REVISIONS)
    engine.dispose()


def test_the_migrated_and_the_created_tables_are_equal(tmp_path: Path) -> None:
    created, migrated = tmp_path / "created.sqlite", tmp_path / "migrated.sqlite"
    Store.open(created).close()
    _migrate_from_nothing(migrated)
    assert set(_described(created)) == {*tables.metadata.tables, "alembic_version"}
    assert _described(migrated) == _described(created)
    with Store.open(migrated) as store:
        store.create_run(build.run(), [(build.case(), build.DEVICE)])
        store.append_invocation("run-1", build.record(build.case()), token=1)


def test_alembic_sees_no_difference_either(tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    path = tmp_path / "migrated.sqlite"
    _migrate_from_nothing(path)
    engine = open_engine(parse_location(path))
    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, tables.metadata) == []
    engine.dispose()


def test_the_known_revisions_are_the_files() -> None:
    files = sorted(path.name[:4] for path in (schema.MIGRATIONS / "versions").glob("[0-9]*.py"))
    assert files == list(schema.REVISIONS.known)


def test_opening_does_not_import_alembic(tmp_path: Path) -> None:
    code = (
        "import sys; from harness.store import Store; from pathlib import Path\n"
        "for _ in range(2): Store.open(Path(sys.argv[1])).close()\n"
        "assert 'sqlalchemy' in sys.modules and 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.sqlite")], check=True, timeout=60, cwd=_ROOT)


def test_naming_the_room_imports_nothing_heavy() -> None:
    code = "import sys, harness.store; assert not {'sqlalchemy', 'alembic', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=_ROOT)


@pytest.fixture
def old_store(tmp_path: Path) -> Path:
    path = tmp_path / "results.sqlite"
    with Store.open(path) as store:
        store.create_run(build.run(), [(build.case(), build.DEVICE)])
        store.append_invocation("run-1", build.record(build.case()), token=1)
    return path


def _later(tmp_path: Path, text: str = _LATER) -> schema.Revisions:
    """What a later version of this package would ship."""
    scripts = tmp_path / "100% later"
    shutil.copytree(schema.MIGRATIONS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / "0004_later.py").write_text(text)
    return schema.Revisions((*schema.REVISIONS.known, "0004"), scripts)


def _version(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def _backups(path: Path) -> list[Path]:
    return list(path.parent.glob(f"{path.name}.*.bak"))


def test_an_old_store_is_backed_up_and_upgraded(old_store: Path, tmp_path: Path) -> None:
    url = parse_location(old_store)
    engine = open_engine(url)
    schema.make_ready(url, engine, _later(tmp_path))
    engine.dispose()
    assert _version(old_store) == "0004"
    with closing(sqlite3.connect(old_store)) as connection:
        assert connection.execute("SELECT run_id, trigger FROM run").fetchall() == [("run-1", "manual")]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    (backup,) = _backups(old_store)
    assert _version(backup) == "0003"
    with Store.open(backup, read_only=True) as store:
        assert len(store.invocations("run-1")) == 1


def test_a_store_is_upgraded_once(old_store: Path, tmp_path: Path) -> None:
    revisions = _later(tmp_path)
    assert schema.upgrade(parse_location(old_store), revisions) is not None
    assert schema.upgrade(parse_location(old_store), revisions) is None
    assert len(_backups(old_store)) == 1


@pytest.mark.parametrize("text", [_FAILING, _BREAKING], ids=["fails", "breaks references"])
def test_an_upgrade_that_fails_changes_nothing(old_store: Path, tmp_path: Path, text: str) -> None:
    before = _definitions(old_store)
    with pytest.raises(Exception, match=r"no_such_table|would break 1 references"):
        schema.upgrade(parse_location(old_store), _later(tmp_path, text))
    assert _version(old_store) == "0003"
    assert _definitions(old_store) == before
    with Store.open(old_store) as store:
        assert len(store.invocations("run-1")) == 1


def test_a_newer_store_can_be_read_but_not_written(old_store: Path, tmp_path: Path) -> None:
    schema.upgrade(parse_location(old_store), _later(tmp_path))
    before = old_store.read_bytes()
    with pytest.raises(StoreError, match="version 0004, newer than 0003") as caught:
        Store.open(old_store)
    assert "Upgrade the harness" in caught.value.remedy
    assert old_store.read_bytes() == before
    with Store.open(old_store, read_only=True) as store:
        assert len(store.view("run-1").invocations) == 1


def test_an_older_store_is_not_upgraded_by_reading(old_store: Path, tmp_path: Path) -> None:
    engine = open_engine(parse_location(old_store), read_only=True)
    with engine.connect() as connection:
        age = schema.age_of(connection, _later(tmp_path))
    engine.dispose()
    assert age == (schema.Age.OLDER, "0003")
    with pytest.raises(StoreError, match="must be brought to"):
        schema.check_readable(*age, "here")


_NEW_IN = {
    "0002": ("scored_chunk",),
    "0003": ("pair_outcome", "noise_record", "device_profile", "baseline"),
}


def _make_older(path: Path, version: str) -> None:
    """Turn a store into one that `version` has made."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for table in [table for later, new in _NEW_IN.items() if later > version for table in new]:
            connection.execute(f"DROP TABLE {table}")
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))


@pytest.mark.parametrize("version", ["0001", "0002"])
def test_an_older_store_is_read_without_an_upgrade_and_what_it_lacks_is_empty(old_store: Path, version: str) -> None:
    _make_older(old_store, version)
    before = old_store.read_bytes()
    with Store.open(old_store, read_only=True) as store:
        assert len(store.view("run-1").invocations) == 1
        assert store.run_settings("run-1") == {"blocks": 3, "min_s": 0.5}
        assert store.scores("run-1", build.case().case_id) == ()
        assert store.outcomes("run-1") == store.outcome_history(purpose="nightly") == ()
        assert store.noise(build.DEVICE) == store.profiles() == store.baselines() == ()
        assert store.profile(build.DEVICE) is None
        assert store.baseline("main") is None
        with pytest.raises(StoreError, match="there is no run 'gone'"):
            store.outcomes("gone")
    assert old_store.read_bytes() == before


@pytest.mark.parametrize("version", ["0001", "0002"])
def test_an_older_store_is_upgraded_after_a_backup(old_store: Path, version: str) -> None:
    _make_older(old_store, version)
    with Store.open(old_store) as store:
        assert store.scores("run-1", build.case().case_id) == ()
        store.save_outcomes("run-1", (build.outcome(),))
        assert store.outcomes("run-1") == (build.outcome(),)
        assert len(store.invocations("run-1")) == 1
    assert _version(old_store) == "0003"
    (backup,) = _backups(old_store)
    assert _version(backup) == version


@pytest.mark.parametrize("version", ["ae1027a6acf", "1", "", "00002"])
def test_a_version_of_another_program_is_foreign(old_store: Path, version: str) -> None:
    with closing(sqlite3.connect(old_store)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
    for read_only in (False, True):
        with pytest.raises(StoreError, match="another program"):
            Store.open(old_store, read_only=read_only)


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "addresses.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE address (name TEXT)")
    before = path.read_bytes()
    for read_only in (False, True):
        with pytest.raises(StoreError, match="tables of another program") as caught:
            Store.open(path, read_only=read_only)
        assert str(path) in str(caught.value)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_an_empty_file_becomes_a_store_but_has_nothing_to_read(tmp_path: Path) -> None:
    path = tmp_path / "empty.sqlite"
    path.touch()
    with pytest.raises(StoreError, match="no results in this database yet"):
        Store.open(path, read_only=True)
    with Store.open(path) as store:
        assert store.list_runs() == ()


def test_the_durability_settings_hold(tmp_path: Path) -> None:
    engine = open_engine(parse_location(tmp_path / "a.sqlite"))
    with engine.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    engine.dispose()
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("postgresql://bench:secret@db:5432/results", "postgresql+psycopg://bench:***@db:5432/results"),
        ("postgresql+pg8000://bench@db/results", "postgresql+pg8000://bench@db/results"),
        ("/tmp/odd ?%#name.sqlite", "/tmp/odd ?%#name.sqlite"),
        ("sqlite:////tmp/x.sqlite", "/tmp/x.sqlite"),
    ],
)
def test_locations(given: str, shown: str) -> None:
    assert describe(parse_location(given)) == shown


def test_an_odd_file_name_is_a_file_name(tmp_path: Path) -> None:
    path = tmp_path / "odd ?mode=memory&%41#name.sqlite"
    with Store.open(path) as store:
        store.create_run(build.run(), [])
    assert path.exists()
    with Store.open(path, read_only=True) as store:
        assert len(store.list_runs()) == 1


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?uri=true", "://", "no such://x"])
def test_urls_that_cannot_be_used(url: str) -> None:
    with pytest.raises(StoreError) as caught:
        Store.open(url)
    assert caught.value.remedy


def test_an_unknown_kind_of_database() -> None:
    with pytest.raises(StoreError, match="not a known kind"):
        Store.open("oracel://user:secret@host/x")
