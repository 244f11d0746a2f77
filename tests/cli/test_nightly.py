"""`harness nightly` and `harness baseline`, with a stand-in where devices are measured."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.cli.baseline import baseline
from harness.cli.nightly import nightly
from harness.domain import ModelRef, Status, VariantFile
from harness.errors import DeviceBusyError, HarnessError, UsageError
from harness.store import Store
from tests.cli.command_line import CommandLine
from tests.lab.night_bench import FakeRun, offers, prepared, sweep

SWEEP = """name: farm
models: [{name: alpha, file: alpha.tflite}, {name: beta, file: beta.tflite}, {name: gamma, file: gamma.tflite}]
variants: [float32]
"""


class Farm:
    """The commands in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.run = folder, FakeRun()
        sweep(folder)
        self.write()

    def write(self, extra: str = "") -> None:
        (self.folder / "farm.yaml").write_text(SWEEP + extra, encoding="utf-8")

    def __call__(self, command: Any, *words: str) -> Result:
        places = ["--reports", str(self.folder / "reports")]
        return CliRunner().invoke(command, [*words, *places], standalone_mode=False)

    def pin(self, *words: str) -> Result:
        return self(baseline, "pin", str(self.folder / "farm.yaml"), "--display", "none", *words)

    def night(self, *words: str) -> Result:
        return self(nightly, str(self.folder / "farm.yaml"), "--display", "none", *words)


@pytest.fixture
def farm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Farm:
    made = Farm(tmp_path)

    def prepare(models: Sequence[ModelRef], variants: Sequence[str], **_: Any) -> tuple[VariantFile, ...]:
        return tuple(file for file in prepared(sweep(tmp_path), tmp_path) if file.model in {one.name for one in models})

    monkeypatch.setenv("HARNESS_LEASES", str(tmp_path / "leases.sqlite"))
    monkeypatch.setattr("harness.lab.pairs.run_pairs", made.run)
    monkeypatch.setattr("harness.lab.baseline.prepare", prepare)
    monkeypatch.setattr("harness.lab.baseline.offers_of", offers)
    monkeypatch.setattr("harness.lab.nightly.offers_of", offers)
    monkeypatch.setattr("harness.lab.interpreters.offers_of", offers)
    return made


def error(result: Result) -> HarnessError:
    assert isinstance(result.exception, HarnessError), result.output
    return result.exception


# ---- nightly ---------------------------------------------------------------------------------------------------------


def test_without_a_baseline_it_ends_with_2_and_the_command_that_pins_one(farm: Farm) -> None:
    found = error(farm.night())
    assert found.exit_code == 2
    assert found.remedy.startswith(f"Pin one: harness baseline pin {farm.folder}/farm.yaml --reports")
    assert "--name release" in error(farm.night("--baseline", "release")).remedy


@pytest.mark.parametrize(
    ("ratio", "nights", "code", "verdict"),
    [(1.0, 1, 0, "PASS"), (1.08, 1, 4, "INCONCLUSIVE"), (1.08, 2, 1, "REGRESSION"), (0.9, 2, 0, "PASS")],
)
def test_the_exit_code_is_the_verdict(farm: Farm, ratio: float, nights: int, code: int, verdict: str) -> None:
    farm.pin()
    farm.run.ratios = {"alpha": ratio}
    for _ in range(nights):
        result = farm.night()
    assert result.return_value == code, result.output
    assert result.output.startswith(verdict)


def test_the_files_of_the_night_are_in_the_folder_of_its_run(farm: Farm) -> None:
    farm.pin()
    farm.run.ratios = {"alpha": 1.08}
    result = farm.night()
    folder = farm.folder / "reports" / "night-0"
    assert f"Everything is in {folder}." in result.output
    document = json.loads((folder / "nightly.json").read_text(encoding="utf-8"))
    assert document["verdict"] == "INCONCLUSIVE"
    assert {"summary.md", "junit.xml", "nightly.html", "otava.csv"} <= {path.name for path in folder.iterdir()}
    assert "AWAITING: alpha float32 cpu xnnpack is 8.0 % slower on host-x" in result.output


def test_json_is_the_whole_output(farm: Farm) -> None:
    farm.pin()
    assert json.loads(farm.night("--json").output)["verdict"] == "PASS"


def test_an_interrupted_night_ends_with_130_and_is_continued(farm: Farm) -> None:
    farm.pin()
    farm.run.state = "interrupted"
    assert farm.night().return_value == 130
    farm.run.state = "finished"
    assert farm.night("--resume").return_value == 0
    with Store.open(farm.folder / "reports" / "harness.sqlite", read_only=True) as store:
        assert [run.state for run in store.list_runs()] == ["finished"]
    assert "no unfinished night" in error(farm.night("--resume")).what


def test_a_device_in_use_ends_with_3(farm: Farm) -> None:
    farm.pin()
    farm.run.fails = [DeviceBusyError("host-x is held by sweep other")]
    assert error(farm.night()).exit_code == 3


def test_options_win_over_the_sweep(farm: Farm) -> None:
    farm.write("nightly: {budget: 6h, page_after: 3}\n")
    farm.pin()
    farm.run.ratios = {"alpha": 1.08}
    assert farm.night("--budget", "90min", "--page-after", "1").return_value == 1
    assert farm.run.requests[-1].budget_s == 5400.0
    farm.night()
    assert farm.run.requests[-1].budget_s == 21600.0


@pytest.mark.parametrize("words", [("--budget", "soon"), ("--wait", "5")])
def test_a_span_without_its_unit_is_a_usage_error(farm: Farm, words: tuple[str, str]) -> None:
    found = error(farm.night(*words))
    assert isinstance(found, UsageError)
    assert words[0] in found.what


def test_a_dry_run_says_what_and_how_long_and_measures_nothing(farm: Farm) -> None:
    farm.write("nightly: {budget: 30s, priorities: [{model: gamma}]}\n")
    farm.pin()
    result = farm.night("--dry-run")
    assert result.return_value == 0
    lines = result.output.splitlines()
    assert lines[0].endswith("A/A alpha float32 · cpu xnnpack 1 thread · host")
    assert lines[1].endswith("gamma float32 · cpu xnnpack 1 thread · host  (beyond the budget)")
    assert "farm against the baseline farm of" in lines[-1]
    assert "3 pairs, 6 blocks each" in lines[-1]
    assert "with a budget of 30 s" in lines[-1]
    document = json.loads(farm.night("--dry-run", "--json").output)
    assert [pair["within_budget"] for pair in document["pairs"]] == [True, False, False, False]
    assert document["estimated_s"] > 60
    assert farm.run.requests == []


def test_a_dry_run_also_says_what_keeps_the_night_from_beginning(farm: Farm) -> None:
    farm.pin()
    for path in (farm.folder / "reports" / "baselines").rglob("*.tflite"):
        path.unlink()
    assert "is gone" in error(farm.night("--dry-run")).what


# ---- replay ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--replay", "x"), "--replay and --inject go together"),
        (("--inject", "5%"), "--replay and --inject go together"),
        (("--replay", "x", "--inject", "much"), "is no percentage"),
        (("--replay", "x", "--inject", "5000%"), "is no percentage"),
        ((), "no sweep is named"),
    ],
)
def test_what_a_replay_needs(farm: Farm, words: tuple[str, ...], said: str) -> None:
    assert said in error(farm(nightly, *words)).what
    if words:
        assert "no sweep" in error(farm.night(*words)).what


def test_a_run_that_compared_nothing_cannot_be_replayed(farm: Farm) -> None:
    from harness.domain import RunRecord

    with Store.open(farm.folder / "reports" / "harness.sqlite") as store:
        store.create_run(RunRecord("r1", "plain", "", "0" * 64, "{}", "1", "2026-01-01T00:00:00+00:00"), [])
    found = error(farm(nightly, "--replay", "r1", "--inject", "5%"))
    assert "compared no two builds" in found.what
    assert "no run" in error(farm(nightly, "--replay", "nothing", "--inject", "5%")).what


# ---- baseline --------------------------------------------------------------------------------------------------------


def test_pinning_tells_where_the_build_is_and_its_step(farm: Farm) -> None:
    first = farm.pin("--reason", "release 1")
    assert first.return_value == 0
    assert re.match(r"Pinned farm: 4 files in .*/reports/baselines/farm/[0-9a-f]{16}\.", first.output)
    assert "is this very build already" in farm.pin().output
    (farm.folder / "beta.tflite").write_bytes(b"another")
    farm.run.ratios = {"beta": 1.031}
    second = farm.pin()
    assert "was measured in 3 series" in second.output
    assert "beta float32 · cpu xnnpack 1 thread · host on host-x: 1.031" in second.output


def test_leaving_the_step_out_needs_a_reason(farm: Farm) -> None:
    assert "--reason" in error(farm.pin("--no-link")).remedy
    farm.pin()
    (farm.folder / "beta.tflite").write_bytes(b"another")
    assert "was not measured (no phone)" in farm.pin("--no-link", "--reason", "no phone").output


@pytest.mark.parametrize("name", ["../up", "a b", "", "x" * 65, ".hidden"])
def test_a_name_that_is_no_folder_is_refused(farm: Farm, name: str) -> None:
    result = farm.pin("--name", name)
    if name:
        assert "cannot be the name" in error(result).what
    else:  # an empty name is none
        assert result.return_value == 0


def test_a_variant_that_cannot_be_made_ends_with_1(farm: Farm) -> None:
    (farm.folder / "alpha.tflite").write_bytes(b"")
    result = farm.pin()
    assert result.return_value == 1
    assert "alpha float32 is not in the baseline: it is empty" in result.output


def test_show_finds_what_was_altered(farm: Farm) -> None:
    assert "no baseline is pinned" in error(shown_without_a_store(farm)).what
    farm.pin("--reason", "release 1")
    shown = farm(baseline, "show")
    assert (shown.return_value, "4 files, all as they were" in shown.output) == (0, True)
    assert "reason: release 1" in shown.output
    path = next((farm.folder / "reports" / "baselines").rglob("*.tflite"))
    path.write_bytes(b"altered")
    broken = farm(baseline, "show", "farm", "--json")
    assert broken.return_value == 1
    assert json.loads(broken.output)[0]["problems"] == [f"{path} was altered"]
    assert "there is no baseline 'other'" in error(farm(baseline, "show", "other")).what


def shown_without_a_store(farm: Farm) -> Result:
    with Store.open(farm.folder / "reports" / "harness.sqlite"):
        pass
    return farm(baseline, "show")


def test_list_has_every_version(farm: Farm) -> None:
    with Store.open(farm.folder / "reports" / "harness.sqlite"):
        pass
    assert "No baseline is pinned" in farm(baseline, "list").output
    farm.pin()
    (farm.folder / "beta.tflite").write_bytes(b"another")
    farm.pin("--no-link", "--reason", "why not")
    lines = farm(baseline, "list").output.splitlines()
    assert len(lines) == 2
    assert lines[1].endswith("sweep farm, 4 files  why not")
    assert len(json.loads(farm(baseline, "list", "--json").output)) == 2


# ---- with the real runtime -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_real_night_on_this_host(harness: CommandLine, sweep_file: Any) -> None:
    pytest.importorskip("ai_edge_litert")
    name = sweep_file(extra="nightly: {screen_blocks: 3, threshold_pct: 50}\n")  # a busy machine stays in the screen
    pinned = harness("baseline", "pin", name)
    assert pinned.returncode == 0, pinned.stderr
    night = harness("nightly", name, "--display", "none", "--json")
    assert night.returncode in (0, 4), night.stderr
    document = json.loads(night.stdout)
    assert document["verdict"] in ("PASS", "INCONCLUSIVE")
    silent = harness("nightly", "--replay", "latest", "--inject", "0%", "--replays", "50")
    assert silent.returncode == 0, silent.stdout
    assert "fires in   0.0%" in silent.stdout


def test_statuses_of_a_failing_candidate_page(farm: Farm) -> None:
    farm.pin()
    farm.run.statuses = {"beta": (Status.DONE, Status.CRASHED)}
    result = farm.night()
    assert result.return_value == 1
    assert "NEWLY_FAILING: beta float32" in result.output
