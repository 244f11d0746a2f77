import json
from collections.abc import Callable
from pathlib import Path

from tests.cli.command_line import CommandLine

SweepFile = Callable[..., str]


def test_a_plan_shows_cases_skips_and_time_and_touches_nothing(
    harness: CommandLine, sweep_file: SweepFile, tmp_path: Path
) -> None:
    done = harness("plan", sweep_file(backends="[cpu, hexagon]"))
    assert done.returncode == 0, done.stderr
    assert "model float32 · cpu xnnpack 1 thread · host" in done.stdout
    assert "Hexagon" in done.stdout
    assert "1 cases, 3 interleaved blocks, 6 invocations" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.tflite", "sweep.yaml"]


def test_the_plan_as_json(harness: CommandLine, sweep_file: SweepFile) -> None:
    plan = json.loads(harness("plan", sweep_file(), "--set", "measure.blocks=5", "--json").stdout)
    assert plan["invocations"] == 8
    assert plan["estimated_s"] > 0
    assert plan["cases"][0]["case_id"]


def test_every_error_of_a_file_at_once_with_its_place(harness: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("name: a\nmodels: [mobilenet_v9]\nvarants: [int8]\nmeasure: {blocks: many}\n")
    done = harness("plan", "bad.yaml")
    assert done.returncode == 2
    assert "bad.yaml:2:10" in done.stderr
    assert "did you mean" in done.stderr.lower()
    assert "bad.yaml:3:1" in done.stderr
    assert "bad.yaml:4:19" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_sweep_file(harness: CommandLine) -> None:
    done = harness("plan", "none.yaml")
    assert done.returncode == 2
    assert "none.yaml" in done.stderr
