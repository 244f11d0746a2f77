"""`harness history` on the command line."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.domain import Case, DeviceFacts, ModelRef, RunRecord
from harness.store import Store
from tests.cli.command_line import CommandLine
from tests.measure.histories import at, noise, outcome
from tests.report.factory import row, run_record

SETTINGS = {"comparison": {"purpose": "nightly"}, "measure": {"min_s": 2.0, "min_iterations": 50, "blocks": 8}}
STEADY, STEPPED = "digits int8 · cpu xnnpack 1 thread · host", "mobilenet int8 · cpu xnnpack 1 thread · host"


def record(night: int, purpose: str = "nightly") -> RunRecord:
    settings = {**SETTINGS, "comparison": {"purpose": purpose}}
    return run_record(run_id=f"run-{night:03d}", name="farm", started_at=at(night), settings_json=json.dumps(settings))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """45 nights of two series, one of which is 6 % slower in the last eight; a comparison by hand is beside them."""
    path = tmp_path_factory.mktemp("store") / "harness.sqlite"
    rng = np.random.default_rng(2)
    steady, stepped = noise(rng, 45, spread=0.008), noise(rng, 45, spread=0.008)
    cases = [Case(ModelRef("mobilenet"), "int8", arm=arm) for arm in ("base", "candidate")]
    with Store.open(path) as store:
        for night in range(45):
            store.create_run(record(night), [(case, "phone-a") for case in cases])
            build = "BP1A" if night < 2 else "BP2A"
            store.save_facts(f"run-{night:03d}", DeviceFacts("phone-a", "adb", "Phone A", os_build=build))
            for case in cases:
                done = row(
                    run_id=f"run-{night:03d}", case_id=case.case_id, runtime_version="2.20", model_sha256="ab" * 32
                )
                store.save_row(done)
            told = outcome(stepped[night] * (1.06 if night >= 37 else 1.0), series=STEPPED)
            ours = replace(told, base_case_id=cases[0].case_id, candidate_case_id=cases[1].case_id)
            equal = outcome(1.0, series=f"A/A {STEADY}")  # of the noise of the device, and of no build
            store.save_outcomes(f"run-{night:03d}", [equal, outcome(steady[night], series=STEADY), ours])
        store.create_run(record(99, "compare"), [(cases[0], "phone-a")])
        store.save_outcomes("run-099", [outcome(9.0, series=STEPPED)])
    return path


def test_a_table_says_what_changed_and_since_when(harness: CommandLine, filled: Path) -> None:
    done = harness("history", "--store", str(filled))
    assert done.returncode == 0, done.stderr
    assert "1 of 2 series has changed: 1 stepped, 1 steady." in done.stdout
    assert "phone-a (Phone A)" in done.stdout
    assert "stepped +" in done.stdout
    assert "2026-02-0" in done.stdout
    assert "▁" in done.stdout
    assert "+800" not in done.stdout


def test_check_fails_only_for_what_got_slower(harness: CommandLine, filled: Path) -> None:
    assert harness("history", "--store", str(filled), "--check").returncode == 1
    assert harness("history", "--store", str(filled), "--check", "--series", "digits*").returncode == 0


def test_csv_has_a_line_a_night_with_its_provenance(harness: CommandLine, filled: Path) -> None:
    done = harness("history", "--store", str(filled), "--format", "csv", "--series", "mobilenet")
    lines = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(lines) == 45
    assert {line["segment"] for line in lines} == {"0", "1"}
    assert (lines[0]["os_build"], lines[-1]["os_build"]) == ("BP1A", "BP2A")
    assert lines[0]["protocol"] == "windows of 2 s, 50 inferences"
    assert (lines[0]["candidate_runtime"], lines[0]["candidate_file"]) == ("2.20", "ab" * 6)
    assert (lines[0]["sweep"], lines[0]["git_commit"]) == ("farm", "98683e1")


def test_json_tells_everything(harness: CommandLine, filled: Path) -> None:
    told = json.loads(harness("history", "--store", str(filled), "--json", "--since", "2026-01-03").stdout)
    states = {one["series"]: one["state"] for one in told["series"]}
    assert states == {STEADY: "steady", STEPPED: "stepped"}
    assert {len(one["points"]) for one in told["series"]} == {43}


def test_files_are_written_whole(harness: CommandLine, filled: Path) -> None:
    done = harness("history", "--store", str(filled), "--format", "html", "--output", "history.html")
    assert done.stdout == "history.html\n"
    page = (harness.folder / "history.html").read_text(encoding="utf-8")
    assert "mobilenet" in page
    assert page.endswith("</html>")
    done = harness("history", "--store", str(filled), "--format", "otava", "--output", "out.csv")
    assert done.stdout == "out.csv\nout.yaml\n"
    assert "out.csv" in (harness.folder / "out.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--series", "mobilent*"), 'for example: "mobilenet"'),
        (("--device", "phone-z"), "There are: phone-a"),
        (("--since", "2030-01-01"), "The last one: 2026-02-14"),
        (("--since", "yesterday"), "Write it as 2026-05-31"),
        (("--format", "otava", "--output", "missing/out.csv"), "the history cannot be written"),
    ],
)
def test_wrong_input_says_what_there_is(
    harness: CommandLine, filled: Path, options: tuple[str, ...], said: str
) -> None:
    done = harness("history", "--store", str(filled), *options)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_no_store_and_no_nights_are_said(harness: CommandLine) -> None:
    done = harness("history")
    assert (done.returncode, "no results store" in done.stderr) == (2, True)
    with Store.open(harness.folder / "empty.sqlite"):
        pass
    done = harness("history", "--store", "empty.sqlite")
    assert (done.returncode, "the store has no nights" in done.stderr) == (2, True)
