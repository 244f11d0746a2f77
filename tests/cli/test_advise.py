"""`harness advise` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.domain import Case, ModelRef
from harness.store import Store
from harness.sweep import load_sweep
from tests.cli.command_line import CommandLine
from tests.report.factory import row, run_record


@pytest.fixture
def store(tmp_path: Path) -> str:
    case = Case(ModelRef("digits_cnn"), "int8")
    with Store.open(tmp_path / "harness.sqlite") as opened:
        opened.create_run(run_record(), [(case, "")])
        opened.save_row(row(run_id=run_record().run_id, case_id=case.case_id, variant="int8", accuracy_loss=0.002))
    return "harness.sqlite"


def test_measured_rows_of_the_store_are_used(harness: CommandLine, store: str) -> None:
    done = harness("advise", "digits_cnn", "--store", store, "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 0
    assert (told["options"][0]["variant"], told["options"][0]["standing"]) == ("int8", "meets it")
    assert told["wish"]["target"] == "any"


def test_without_a_store_rules_are_told_with_the_command(harness: CommandLine) -> None:
    done = harness("advise", "digits_cnn", "--write-sweep", "open.yaml", "--max-loss", "0.01")
    assert done.returncode == 0
    assert "[rule]" in done.stdout
    assert "harness run open.yaml" in done.stdout
    assert "int8" in load_sweep(harness.folder / "open.yaml", known_models=["digits_cnn"]).variants


def test_an_unknown_model_is_named(harness: CommandLine) -> None:
    done = harness("advise", "digits_cn")
    assert done.returncode == 2
    assert "Did you mean 'digits_cnn'?" in done.stderr
