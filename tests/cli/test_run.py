"""`harness run` and `harness report` with the real runtime on a tiny real model."""

import csv
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command_line import CommandLine, write_sweep
from tests.cli.command_server import CommandServer

pytest.importorskip("ai_edge_litert")
SweepFile = Callable[..., str]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, command_server: CommandServer) -> CommandLine:
    """A folder with one run, and what it printed."""
    harness = CommandLine(tmp_path_factory.mktemp("finished"), command_server)
    done = harness("run", write_sweep(harness.folder, blocks=1), "--display", "plain")
    assert done.returncode == 0, done.stderr
    (harness.folder / "output").write_text(done.stdout, encoding="utf-8")
    return harness


def run_folder(tmp_path: Path) -> Path:
    (folder,) = (path for path in (tmp_path / "reports").iterdir() if path.is_dir())
    return folder


def summary(tmp_path: Path) -> list[dict[str, str]]:
    with (run_folder(tmp_path) / "summary.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_writes_its_reports_and_they_can_be_written_again(
    harness: CommandLine, sweep_file: SweepFile, tmp_path: Path
) -> None:
    done = harness("run", sweep_file(backends="[{cpu: {xnnpack: true}}, {cpu: {xnnpack: false}}]"))
    assert done.returncode == 0, done.stdout + done.stderr
    rows = summary(tmp_path)
    assert [row["backend"] for row in rows] == ["cpu xnnpack", "cpu builtin"]
    assert all(row["status"] == "DONE" and float(row["latency_p50_ms"]) > 0 for row in rows)
    assert all(float(row["peak_rss_mib"]) > 1 for row in rows)
    assert rows[0]["coverage"] == "full"
    folder = run_folder(tmp_path)
    before = (folder / "summary.csv").read_bytes()
    for path in folder.iterdir():
        if path.is_file():
            path.unlink()
    again = harness("report", "small")
    assert again.returncode == 0, again.stderr
    assert (folder / "summary.csv").read_bytes() == before
    assert {path.name for path in folder.iterdir()} >= {"summary.csv", "metrics.csv", "summary.md", "report.html"}


def test_a_crash_of_the_controller_loses_nothing_and_can_be_reported_and_resumed(
    harness: CommandLine, sweep_file: SweepFile, tmp_path: Path
) -> None:
    name = sweep_file(blocks=6)
    process = harness.start("run", name, "--display", "json")
    finished = 0
    assert process.stdout is not None
    for line in process.stdout:
        finished += json.loads(line)["event"] == "invocation_finished"
        if finished == 3:
            break
    process.kill()
    process.communicate()
    assert harness("report").returncode == 0
    (row,) = summary(tmp_path)
    assert int(row["invocations"]) >= 2
    resumed = harness("run", name, "--resume", "--display", "json")
    assert resumed.returncode == 0, resumed.stderr
    events = [json.loads(line) for line in resumed.stdout.splitlines()]
    started = next(event for event in events if event["event"] == "run_started")
    assert started["done_invocations"] >= 3
    assert started["done_invocations"] + started["total_invocations"] == 9
    (row,) = summary(tmp_path)
    assert row["invocations"] == "6"


def test_ctrl_c_finishes_the_invocation_in_flight_and_leaves_with_130(
    harness: CommandLine, sweep_file: SweepFile, tmp_path: Path
) -> None:
    process = harness.start("run", sweep_file(blocks=30), "--display", "json")
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["event"] == "invocation_finished":
            break
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    events = [json.loads(line) for line in output.splitlines()]
    assert events[-1]["event"] == "run_finished"
    assert events[-1]["state"] == "interrupted"
    assert (run_folder(tmp_path) / "report.html").exists()


def test_a_second_sweep_on_this_host_is_refused_while_the_first_runs(
    harness: CommandLine, sweep_file: SweepFile
) -> None:
    name = sweep_file(blocks=30)
    first = harness.start("run", name, "--display", "json")
    try:
        assert first.stdout is not None
        for line in first.stdout:
            if json.loads(line)["event"] == "invocation_started":
                break
        second = harness("run", name, "--reports", "elsewhere")
        assert second.returncode == 3
        assert str(first.pid) in second.stderr
    finally:
        first.kill()
        first.communicate()


def test_an_interrupted_run_names_the_command_that_resumes_it(
    harness: CommandLine, sweep_file: SweepFile, tmp_path: Path
) -> None:
    begun = harness.start("run", sweep_file(blocks=200), "--reports", "other folder")
    assert begun.stdout is not None
    for line in begun.stdout:
        if "prepared 1/1" in line:
            break
    begun.send_signal(signal.SIGINT)
    output, _ = begun.communicate(timeout=60)
    assert begun.returncode == 130
    command = output.split("go on with")[1]
    assert " ".join(command.split()).startswith("harness run sweep.yaml --reports 'other folder' --resume")


def test_a_report_is_readable_in_an_encoding_without_its_signs(finished: CommandLine) -> None:
    done = finished.shell("report latest", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "p50 ms" in done.stdout


def test_ctrl_c_twice_does_not_wait_for_an_interpreter_that_hangs(
    harness: CommandLine, sweep_file: SweepFile, tmp_path: Path
) -> None:
    silent = tmp_path / "silent"
    silent.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\nexec sleep 100\n")
    silent.chmod(0o755)
    begun = harness.start("run", sweep_file(extra=f"runtime: {{litert: {{python: {silent}}}}}\n"))
    while not (tmp_path / "asked").exists():
        assert begun.poll() is None
        time.sleep(0.05)
    for _ in range(2):
        begun.send_signal(signal.SIGINT)
        time.sleep(0.3)
    _, errors = begun.communicate(timeout=20)
    assert begun.returncode == 130
    assert "Interrupted." in errors


def test_nothing_to_resume_is_said(harness: CommandLine, sweep_file: SweepFile) -> None:
    done = harness("run", sweep_file(), "--resume")
    assert done.returncode == 2
    assert "no unfinished run" in done.stderr


def test_a_failed_case_is_a_row_and_exit_code_1(harness: CommandLine, sweep_file: SweepFile, tmp_path: Path) -> None:
    name = sweep_file()
    (tmp_path / "model.tflite").write_bytes((tmp_path / "model.tflite").read_bytes()[:700])
    done = harness("run", name)
    assert done.returncode == 1, done.stderr
    (row,) = summary(tmp_path)
    assert row["status"] not in ("DONE", "")
    assert row["reasons"]
    assert row["latency_p50_ms"] == ""


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_reports_folder_is_said_before_anything_runs(
    harness: CommandLine, sweep_file: SweepFile, tmp_path: Path
) -> None:
    (tmp_path / "reports").mkdir(mode=0o500)
    done = harness("run", sweep_file())
    assert done.returncode == 1
    assert "--reports" in done.stderr


def test_a_reports_path_that_is_a_file_is_said(harness: CommandLine, sweep_file: SweepFile, tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("")
    done = harness("run", sweep_file())
    assert done.returncode in (1, 2)
    assert "reports" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_report_without_a_store_is_said(harness: CommandLine) -> None:
    done = harness("report")
    assert done.returncode == 2
    assert "no results store" in done.stderr


def test_a_run_that_is_not_there_is_a_usage_error(finished: CommandLine) -> None:
    for command in (["report", "nonsense"], ["run", "sweep.yaml", "--resume", "nonsense"]):
        done = finished(*command)
        assert done.returncode == 2
        assert "no run 'nonsense'" in done.stderr


def test_piped_output_is_plain_lines(finished: CommandLine) -> None:
    output = (finished.folder / "output").read_text(encoding="utf-8")
    assert "\x1b" not in output
    assert "report.html" in output
