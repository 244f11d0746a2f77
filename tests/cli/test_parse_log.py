import json
import shutil
from pathlib import Path

import pytest

from tests.cli.command_line import CommandLine

RECORDED = Path(__file__).parent.parent / "data" / "benchmark_model"
KEYS = [
    *("ok", "exit_code", "init_us", "first_inference_us", "warmup", "inference", "memory", "delegates", "coverage"),
    *("unconsumed_flags", "errors", "cause"),
]


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    for path in RECORDED.iterdir():
        shutil.copy(path, tmp_path)
    return tmp_path


def test_the_log_as_json(harness: CommandLine, logs: Path) -> None:
    done = harness("parse-log", "benchmark_model", "amd64_mbv2_f32_t1_xnnpack.log", "--json")
    assert done.returncode == 0, done.stderr
    value = json.loads(done.stdout)
    assert list(value) == KEYS
    assert value["ok"] is True
    assert value["inference"]["avg_us"] == 8877.58
    assert value["delegates"][0]["name"] == "XNNPACK"


def test_standard_input_and_a_failed_run(harness: CommandLine, logs: Path) -> None:
    done = harness.shell("parse-log benchmark_model - --json < amd64_missing_file.log")
    assert done.returncode == 0, done.stderr
    value = json.loads(done.stdout)
    assert value["cause"] == "model missing: Could not open 'models/does_not_exist.tflite'."
    assert value["inference"]["count"] is None


def test_the_log_for_people(harness: CommandLine, logs: Path) -> None:
    done = harness("parse-log", "benchmark_model", "amd64_mbv2_int8_opprof_xnnpack.log")
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if not line.startswith(" ")}
    assert lines["result"] == ["not", "ok"]
    assert lines["inference"] == ["10", "49384", "—", "—", "51258.9", "—", "52124", "818"]
    assert lines["delegate"] == ["XNNPACK:", "none"]
    assert "fell back to CPU silently" in done.stdout
    assert "DEPTHWISE_CONV_2D" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 120


def test_nothing_from_the_log_reaches_the_terminal_raw(harness: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "evil.log").write_bytes(b"ERROR: \x1b[31mred\x1b[0m \xff [bold]x[/bold]\nERROR: Benchmarking failed.\n")
    done = harness("parse-log", "benchmark_model", "evil.log")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "[bold]x[/bold]" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("no_such_runtime", "some.log"), "no parser for 'no_such_runtime'"),
        (("benchmark_model", "missing.log"), "missing.log: the log cannot be read: No such file"),
        (("benchmark_model", "."), "Is a directory"),
        (("benchmark_model",), "Missing argument"),
    ],
)
def test_wrong_arguments(harness: CommandLine, arguments: tuple[str, ...], message: str) -> None:
    done = harness("parse-log", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
