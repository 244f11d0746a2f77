"""The README is true: its sweep files can be planned, its commands exist, its links lead somewhere."""

import re
import shlex
from pathlib import Path

import pytest

from harness.cli.app import COMMANDS
from harness.prepare import recipe_names
from harness.sweep import expand, parse_sweep
from tests.cli.command_line import CommandLine

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, flags=re.DOTALL)


def sweep_block() -> str:
    return next(text for kind, text in BLOCKS if kind == "yaml" and "models:" in text)


def harness_commands() -> list[list[str]]:
    lines = [line for kind, text in BLOCKS if kind == "" for line in text.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("harness ")]


def test_the_sweep_of_the_readme_is_valid_and_expands() -> None:
    plan = expand(parse_sweep(sweep_block(), "README.md", known_models=recipe_names()))
    assert len(plan.cases) == 3 * 6 * 2


def test_the_readme_names_only_commands_and_options_that_exist(harness: CommandLine) -> None:
    commands = harness_commands()
    assert len(commands) >= 4
    for words in commands:
        assert words[0] in COMMANDS, words
        shown = harness(words[0], "--help").stdout
        for option in (word for word in words if word.startswith("--")):
            assert option in shown, words


def test_the_plan_of_the_readme_runs(harness: CommandLine) -> None:
    (harness.folder / "sweep.yaml").write_text(sweep_block(), encoding="utf-8")
    done = harness("plan", "sweep.yaml")
    assert done.returncode == 0, done.stderr
    assert "36 cases" in done.stdout


@pytest.mark.slow
@pytest.mark.prepare
def test_every_command_of_the_first_job_runs(harness: CommandLine) -> None:
    """The README's own commands in its own order, with short windows and one model of its list."""
    pytest.importorskip("tensorflow")
    (harness.folder / "sweep.yaml").write_text(sweep_block(), encoding="utf-8")
    short = [
        "models=[digits_cnn]",
        "measure={blocks: 2, min_s: 0.05, min_iterations: 2, max_s: 1, warmup_min_s: 0.01, warmup_max_s: 1}",
    ]
    overrides = [word for value in short for word in ("--set", value)]
    for words in harness_commands():
        done = harness(*words, *(overrides if words[0] in ("plan", "run") and "--resume" not in words else []))
        expected = 2 if "--resume" in words else None  # nothing is left to resume
        assert done.returncode in ((0, 1) if expected is None else (expected,)), (words, done.stdout, done.stderr)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
