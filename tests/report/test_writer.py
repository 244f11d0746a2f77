from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.domain import InvocationResult, Status
from harness.errors import StableError
from harness.report import write_reports
from harness.report.logs import log_files
from harness.report.writer import write_atomically
from tests.report.factory import empty_view, failed_view, run_view
from tests.report.hostile import hostile_view

FILES = ["summary.csv", "metrics.csv", "summary.md", "junit.xml", "report.html"]


def test_every_file_is_written_and_named(tmp_path: Path) -> None:
    view = run_view(blocks=2)
    written = write_reports(view, tmp_path / "deep" / "run")
    assert [path.name for path in written[:5]] == FILES
    assert all(path.read_bytes() for path in written)
    assert {path.parent.name for path in written[5:]} == {"logs"}
    left = [path for path in (tmp_path / "deep" / "run").rglob("*") if path.is_file() and path not in written]
    assert left == []


@pytest.mark.parametrize("view", [empty_view(), failed_view(), hostile_view()])
def test_unusual_runs_are_written_too(view: object, tmp_path: Path) -> None:
    written = write_reports(view, tmp_path)  # type: ignore[arg-type]
    for path in written:
        path.read_text(encoding="utf-8")  # valid UTF-8, even where a name was not


def test_writing_again_gives_the_same_files(tmp_path: Path) -> None:
    view = run_view(blocks=2)
    first = {path: path.read_bytes() for path in write_reports(view, tmp_path)}
    assert {path: path.read_bytes() for path in write_reports(view, tmp_path)} == first


def test_logs_hold_what_the_process_said(tmp_path: Path) -> None:
    view = failed_view()
    write_reports(view, tmp_path)
    texts = [path.read_text(encoding="utf-8") for path in sorted((tmp_path / "logs").iterdir())]
    assert len(texts) == len(view.invocations)
    assert "# status: CRASHED" in texts[0]
    assert texts[0].endswith("\nSegmentation fault\n")


def test_a_quiet_success_has_no_log() -> None:
    view = run_view(blocks=2)
    quiet = tuple(replace(one, result=InvocationResult(Status.DONE)) for one in view.invocations)
    assert list(log_files(replace(view, invocations=quiet))) == []


def test_log_names_are_safe_whatever_the_case_is_called() -> None:
    view = run_view(blocks=2)
    records = tuple(replace(one, case_id="../../etc/\x00passwd " + "y" * 300, attempt=2) for one in view.invocations)
    names = [name for name, _ in log_files(replace(view, invocations=records))]
    assert len(names) == len(set(names)) > 0
    for name in names:
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")
        assert ".." not in name
        assert len(name) < 120


def test_a_directory_that_cannot_be_made_says_where_the_results_are(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a directory", encoding="utf-8")
    with pytest.raises(StableError) as caught:
        write_reports(run_view(blocks=1), blocked / "run")
    assert "cannot be written" in caught.value.what
    assert str(blocked) in caught.value.where
    assert "safe in the store" in caught.value.remedy
    assert "harness report 20260314-201500-vision" in caught.value.remedy


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A directory that this process may not write into, also when root runs the tests."""
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield directory
    finally:
        os.seteuid(user)
        directory.rmdir()


def test_a_read_only_directory(read_only: Path) -> None:
    with pytest.raises(StableError, match="Permission denied") as caught:
        write_reports(empty_view(), read_only)
    assert caught.value.where == str(read_only / "summary.csv")


def test_a_full_disk_leaves_the_old_file_and_no_rubbish(tmp_path: Path) -> None:
    """The kernel refuses to let a file of the child grow past 20 kB, as a full disk would refuse any more."""
    old = tmp_path / "metrics.csv"
    old.write_text("old", encoding="utf-8")
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from harness.errors import StableError\nfrom harness.report import write_reports\n"
        "from tests.report.factory import run_view\n"
        "try:\n    write_reports(run_view(blocks=2), Path(sys.argv[1]))\n"
        "except StableError as error:\n    print(error)\n    sys.exit(7)\n"
    )

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = subprocess.run(
        [sys.executable, "-B", "-c", code, str(tmp_path)],
        preexec_fn=small_files,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 7, done.stderr
    assert "metrics.csv" in done.stdout
    assert "File too large" in done.stdout
    assert "safe in the store" in done.stdout
    assert old.read_text(encoding="utf-8") == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["metrics.csv", "summary.csv"]


def test_a_failed_write_removes_its_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "name").mkdir()
    (tmp_path / "name" / "inside").write_text("x", encoding="utf-8")
    with pytest.raises(OSError):
        write_atomically(tmp_path / "name", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["name"]
