from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from harness.errors import StoreError
from harness.store import Store, engine
from tests.store import build

CASE = build.case()
_ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "results.sqlite"
    with Store.open(path) as store:
        store.create_run(build.run(), [(CASE, build.DEVICE)])
        store.append_invocation("run-1", build.record(CASE), token=1)
    return path


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_S", 0.1)


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Every database opened from here on cannot grow by a page."""

    def limit(connection: sqlite3.Connection, record: object) -> None:
        with closing(connection.cursor()) as cursor:
            pages = cursor.execute("PRAGMA page_count").fetchone()[0]
            cursor.execute(f"PRAGMA max_page_count={pages}")

    event.listen(Engine, "connect", limit)
    yield
    event.remove(Engine, "connect", limit)


def _fill(store: Store) -> int:
    """Append until it fails; how many went in."""
    for block in range(1, 1000):
        try:
            store.append_invocation("run-1", build.record(CASE, block), token=1)
        except StoreError:
            return block
    raise AssertionError("the disk is not full")


def test_disk_full_says_so_and_loses_nothing(path: Path, full_disk: None) -> None:
    with Store.open(path) as store:
        stored = _fill(store)
        with pytest.raises(StoreError, match="disk full") as caught:
            store.append_invocation("run-1", build.record(CASE, stored), token=1)
        assert str(path) in str(caught.value)
        assert "--resume" in caught.value.remedy
        assert len(store.invocations("run-1")) == stored
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_after_the_disk_has_room_again_the_same_store_goes_on(path: Path, full_disk: None) -> None:
    with Store.open(path) as store:
        stored = _fill(store)
        with store._database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count=1000000")
        store.append_invocation("run-1", build.record(CASE, stored), token=1)
        assert len(store.invocations("run-1")) == stored + 1


_UNTIL_FULL = """
import sys
from tests.store import build
from harness.store import Store
from harness.errors import StoreError
import resource
case = build.case()
with Store.open(sys.argv[1]) as store:
    if len(sys.argv) > 2:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
    for block in range(1, 5000):
        try:
            store.append_invocation("run-1", build.record(case, block), token=1)
        except StoreError as error:
            print(block, error)
            break
    assert len(store.invocations("run-1")) == block
"""


def _child(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=90, check=False, cwd=_ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_file_size_limit_is_an_error_with_a_remedy(path: Path) -> None:
    shown = _child(sys.executable, "-c", _UNTIL_FULL, str(path), "400000")
    assert "the disk refused a read or write" in shown
    assert "--resume" in shown
    with Store.open(path) as store:
        assert len(store.invocations("run-1")) == int(shown.split()[0])


@pytest.mark.slow
def test_a_really_full_file_system(path: Path, tmp_path: Path) -> None:
    """On a file system of 1 MiB of its own, where mounting one in a namespace is allowed."""
    script = 'mount -t tmpfs -o size=1m none "$1" && cp "$2" "$1/r.sqlite" && exec "$3" -c "$4" "$1/r.sqlite"'
    small = tmp_path / "small"
    small.mkdir()
    argv = ["unshare", "-rm", "sh", "-c", script, "sh", str(small), str(path), sys.executable, _UNTIL_FULL]
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
        pytest.skip("no user namespaces here")
    assert "disk full" in _child(*argv)


def test_a_locked_database_says_so(path: Path, no_patience: None) -> None:
    with Store.open(path) as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked: another process") as caught:
            store.append_invocation("run-1", build.record(CASE, 1), token=1)
        assert caught.value.remedy
        assert len(store.invocations("run-1")) == 1, "readers are not held up"
        other.execute("ROLLBACK")
        store.append_invocation("run-1", build.record(CASE, 1), token=1)


@pytest.mark.parametrize("content", [b"name: vision\n" * 100, b"\x00" * 5000, b"SQLite format 3\x00" + b"\xff" * 4080])
@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_that_is_no_database(tmp_path: Path, content: bytes, read_only: bool) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="not a database") as caught:
        Store.open(path, read_only=read_only)
    assert str(path) in str(caught.value)
    assert caught.value.remedy
    assert path.read_bytes() == content


def test_a_corrupt_database_says_so(path: Path) -> None:
    with Store.open(path) as store:
        for block in range(1, 60):
            store.append_invocation("run-1", build.record(CASE, block), token=1)
    data = bytearray(path.read_bytes())
    data[8192:] = b"\xa5" * (len(data) - 8192)
    path.write_bytes(data)
    with pytest.raises(StoreError, match="corrupt") as caught, Store.open(path, read_only=True) as store:
        store.invocations("run-1")
    assert ".recover" in caught.value.remedy


def test_a_truncated_database_says_so(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20_000])
    with (
        pytest.raises(StoreError, match=r"corrupt|refused a read") as caught,
        Store.open(path, read_only=True) as store,
    ):
        store.invocations("run-1")
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("result_json", '{"status": "DONE"', "not JSON"),
        ("result_json", '{"status": "LATER_STATUS"}', "not a Status"),
        ("purpose", "later", "not a Purpose"),
    ],
)
def test_a_damaged_record_is_named(path: Path, column: str, value: str, message: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE invocation SET {column} = ?", (value,))
    with Store.open(path) as store, pytest.raises(StoreError, match=f"cannot be read: .*{message}") as caught:
        store.invocations("run-1")
    assert str(path) in str(caught.value)


def test_damaged_samples_are_named(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE series SET data = substr(data, 1, 30)")
    with Store.open(path) as store, pytest.raises(StoreError, match="samples"):
        store.invocations("run-1")


def test_a_directory_is_not_a_store(tmp_path: Path) -> None:
    for read_only in (False, True):
        with pytest.raises(StoreError, match="this is a directory"):
            Store.open(tmp_path, read_only=read_only)


def test_reading_needs_a_file_and_makes_none(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no results store here"):
        Store.open(tmp_path / "none" / "results.sqlite", read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_directory_is_made(tmp_path: Path) -> None:
    Store.open(tmp_path / "new" / "deep" / "results.sqlite").close()


def test_a_file_in_place_of_the_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="directory cannot be made"):
        Store.open(tmp_path / "file" / "results.sqlite")


_AS_NOBODY = """
import os, sqlite3, sys
import sqlalchemy.dialects.sqlite  # before the privileges go: an interpreter below /root cannot be read without them
from harness.store import Store
from harness.errors import StoreError
if os.getuid() == 0:
    os.setgid(65534); os.setuid(65534)
with Store.open(sys.argv[1], read_only=True) as store:
    print(len(store.invocations("run-1")))
for other in (sys.argv[1], sys.argv[2]):
    try:
        Store.open(other)
    except StoreError as error:
        print(error)
"""


@pytest.fixture
def read_only_directory(path: Path) -> Iterator[Path]:
    """A directory that an unprivileged process can enter and read, but not write; pytest's own cannot be entered."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        shutil.copy(path, directory / "results.sqlite")
        (directory / "results.sqlite").chmod(0o444)
        directory.chmod(0o555)
        yield directory
        directory.chmod(0o755)


def test_a_read_only_directory_can_be_read_and_says_so_when_written(read_only_directory: Path) -> None:
    there, new = read_only_directory / "results.sqlite", read_only_directory / "new.sqlite"
    shown = _child(sys.executable, "-c", _AS_NOBODY, str(there), str(new)).splitlines()
    assert shown[0] == "1"
    assert f"{there}: read-only: the directory" in shown[1]
    assert f"{new}: read-only: the directory" in shown[3]


def test_a_store_opened_to_read_refuses_to_write(path: Path) -> None:
    before = path.read_bytes()
    with Store.open(path, read_only=True) as store, pytest.raises(StoreError, match="opened to read only"):
        store.finish_run("run-1", "finished", None)
    assert path.read_bytes() == before


def test_errors_never_show_a_password() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(StoreError, match="server does not answer") as caught:
        Store.open("postgresql://bench:secret@127.0.0.1:1/results")
    assert "secret" not in str(caught.value)


@pytest.mark.skipif(bool(os.environ.get("HARNESS_TEST_POSTGRES")), reason="the driver is installed")
def test_a_missing_driver_names_the_command() -> None:
    from harness.errors import MissingDependencyError

    with pytest.raises(MissingDependencyError, match=r"\[postgres\]") as caught:
        Store.open("postgresql+psycopg2://bench:secret@127.0.0.1:1/results")
    assert "secret" not in str(caught.value)
