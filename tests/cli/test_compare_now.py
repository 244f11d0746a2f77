"""Two builds measured now, through the command; LiteRT itself is a stand-in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli.compare import can_be_measured
from harness.cli.compare_now import Measurement, differing, require_one_protocol
from harness.cli.compare_outcomes import measured
from harness.domain import ComparisonVerdict, MeasureSettings, ModelRef
from harness.domain.comparisons import MetricChange, PairOutcome
from harness.errors import UsageError
from harness.lab.pairs import PairsResult
from harness.sweep import Sweep
from tests.lab.fake_interpreter import make_interpreter
from tests.lab.test_session import MODEL, WINDOWS, outputs

__all__ = ["outputs"]


@pytest.fixture
def builds(tmp_path: Path, outputs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `old.yaml`, `new.yaml` (equal), `slow.yaml` (5 % slower) and `broken.yaml` (crashes)."""
    monkeypatch.setenv("HARNESS_LEASES", str(tmp_path / "leases.sqlite"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name, action in (("old", "ok"), ("new", "ok"), ("slow", "slower 1.05"), ("broken", "crash")):
        (tmp_path / name).mkdir()
        fake = make_interpreter(tmp_path / name, outputs, xnnpack__timing=action)
        text = (
            f"name: {name}\nmodels: [{{file: {MODEL}}}]\nvariants: [float32]\n"
            f"runtime: {{litert: {{python: {fake.path}}}}}\nmeasure: {{{WINDOWS}, memory: false, profile: false}}\n"
        )
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def harness(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_equal_builds_are_the_same_and_a_slower_one_fails(builds: Path) -> None:
    same = harness(builds, "compare", "old.yaml", "new.yaml", "--json", "--display", "none")
    assert same.returncode == 0, same.stderr
    plain = json.loads(same.stdout)
    assert '"SAME"' in json.dumps(plain)
    assert (plain["base"], plain["candidate"]) == ("old.yaml", "new.yaml")
    worse = harness(builds, "compare", "old.yaml", "slow.yaml", "--display", "none")
    assert worse.returncode == 1, worse.stderr
    assert "REGRESSION" in worse.stdout


def test_a_candidate_that_only_crashes_is_a_failure(builds: Path) -> None:
    done = harness(builds, "compare", "old.yaml", "broken.yaml", "--display", "none")
    assert done.returncode == 1, done.stderr
    assert "The candidate fails where the base does not" in done.stdout


def test_a_model_file_against_another(builds: Path) -> None:
    other = builds / "other model.tflite"
    other.write_bytes(MODEL.read_bytes())
    runtime = f"runtime={{litert: {{python: {builds / 'old' / 'python-fake'}}}}}"
    windows = [word for one in WINDOWS.split(", ") for word in ("--set", "measure." + one.replace(": ", "="))]
    done = harness(
        builds, "compare", str(MODEL), str(other), "--set", runtime, *windows, "--blocks", "8", "--display", "none"
    )
    assert done.returncode == 0, done.stderr
    assert "SAME" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("old.yaml", "none.tflite"), "no such model file"),
        (("old.yaml", "none.yaml"), "no such file"),
        (("old.yaml", "new.yaml", "--set-candidate", "measure.min_s=0.02"), "min_s 0.01 and 0.02"),
        (("old.yaml", "new.yaml", "--resume"), "no unfinished run to resume"),
    ],
)
def test_what_cannot_be_compared_is_said(builds: Path, words: tuple[str, ...], said: str) -> None:
    done = harness(builds, "compare", *words, "--display", "none")
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_model_file_is_no_regression(builds: Path) -> None:
    (builds / "damaged.tflite").write_bytes(MODEL.read_bytes()[:3000])
    (builds / "empty.tflite").touch()
    for name in ("damaged.tflite", "empty.tflite"):
        done = harness(builds, "compare", name, str(MODEL), "--display", "none")
        assert done.returncode == 2, done.stderr  # 1 would be a regression
        assert name in done.stderr


def test_what_can_be_measured() -> None:
    assert can_be_measured("a.yaml")
    assert can_be_measured("dir.with.dots/b.tflite")
    assert not can_be_measured("20260101-000000-vision-1a2b")
    assert not can_be_measured("latest")


def test_a_command_to_go_on_is_quoted() -> None:
    asked = Measurement("a b.yaml", "c.yaml", shared=("measure.blocks=4",), for_candidate=("name='x'",), blocks=9)
    assert asked.command == (
        "harness compare 'a b.yaml' c.yaml --set measure.blocks=4 --set-candidate 'name='\"'\"'x'\"'\"'' --blocks 9 "
        "--resume"
    )


def test_cases_of_one_build_alone_are_told(builds: Path) -> None:
    text = (builds / "old.yaml").read_text(encoding="utf-8")
    both = text.replace("runtime:", "backends: [cpu, {cpu: {xnnpack: false}}]\nruntime:")
    (builds / "both.yaml").write_text(both, encoding="utf-8")
    done = harness(builds, "compare", "both.yaml", "new.yaml", "--json", "--display", "none")
    assert done.returncode == 0, done.stderr
    (note,) = [note for note in json.loads(done.stdout)["notes"] if "Only" in note]
    assert note.startswith("Only both.yaml has, and so it was not measured: ")
    assert "cpu" in note


@pytest.mark.parametrize(("state", "code"), [("finished", 0), ("interrupted", 130)])
def test_an_interrupted_comparison_ends_with_130(monkeypatch: pytest.MonkeyPatch, state: str, code: int) -> None:
    same = (MetricChange("latency", ComparisonVerdict.SAME),)
    outcome = PairOutcome("1", "m · cpu", "m", "int8", "cpu", "host", "host", "a", "b", same)
    result = PairsResult("r1", state, (outcome,), (), Path("reports"))
    monkeypatch.setattr("harness.cli.compare_now.measure_now", lambda asked: (result, ()))
    assert measured(Measurement("a.yaml", "b.yaml"))[2] == code


def test_one_protocol_is_required() -> None:
    sweep = Sweep("s", (ModelRef("m"),))
    require_one_protocol(sweep, sweep)
    with pytest.raises(UsageError, match="`adb_server`: '' and 'host:1'"):
        require_one_protocol(sweep, Sweep("s", (ModelRef("m"),), adb_server="host:1"))
    with pytest.raises(UsageError, match="blocks 8 and 9"):
        require_one_protocol(sweep, Sweep("s", (ModelRef("m"),), measure=MeasureSettings(blocks=9)))


def test_a_rule_that_only_judges_rows_is_told_when_it_differs() -> None:
    sweep = Sweep("s", (ModelRef("m"),))
    assert differing(sweep, sweep) == ()
    (told,) = differing(sweep, Sweep("s", (ModelRef("m"),), require_coverage="full"))
    assert told.startswith("The sweeps differ in `require: coverage`: partial for the base and full for the candidate")
