"""The samples of docs/nightly/ do what they say: units that systemd takes, shell lines that run, options that exist."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from harness.cli.nightly import nightly
from harness.domain import EVENT_KINDS
from harness.report.nightly import write_night
from harness.report.nightly.writer import write_night as writer
from tests.report.nightly.factory import night

SAMPLES = Path(__file__).parent.parent / "docs" / "nightly"
PAGE = (SAMPLES.parent / "nightly.md").read_text(encoding="utf-8")
CODES = {"PASS": 0, "REGRESSION": 1, "usage": 2, "no device": 3, "INCONCLUSIVE": 4, "interrupted": 130}
STUB = """#!/bin/sh
# Stands for harness: notes its words, leaves a night behind when it got that far, ends as it is told to.
printf '%s\\n' "$*" >> "$STUB_HOME/calls"
sleep 0.05
case "$STUB_CODE" in 0|1|4) mkdir -p "$STUB_REPORTS/new" && cp "$STUB_HOME"/night/* "$STUB_REPORTS/new/" ;; esac
echo "some progress"
exit "$STUB_CODE"
"""


def sample(name: str) -> str:
    return (SAMPLES / name).read_text(encoding="utf-8")


def yaml(name: str) -> Any:
    return YAML(typ="safe").load(sample(name))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with the stub, a night that it leaves, and the reports of an older night."""
    (tmp_path / "bin").mkdir()
    stub = tmp_path / "bin" / "harness"
    stub.write_text(STUB, encoding="utf-8")
    stub.chmod(stub.stat().st_mode | stat.S_IXUSR)
    write_night(night(), tmp_path / "night")
    old = tmp_path / "reports" / "old"
    write_night(night(), old)
    (old / "summary.md").write_text("an old night\n", encoding="utf-8")
    for path in old.iterdir():
        os.utime(path, (1e9, 1e9))
    (tmp_path / "work").mkdir()
    return tmp_path


def run(
    script: str, home: Path, code: int, shell: tuple[str, ...] = ("bash", "-e")
) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": f"{home / 'bin'}:/usr/bin:/bin",
        "HOME": str(home),
        "STUB_HOME": str(home),
        "STUB_CODE": str(code),
        "STUB_REPORTS": str(home / "reports"),
        "FARM": str(home / "reports"),
        "GITHUB_ENV": str(home / "github_env"),
        "GITHUB_STEP_SUMMARY": str(home / "step_summary"),
        "code": str(code),
    }
    command = [*shell, "-c", script]
    return subprocess.run(
        command, cwd=home / "work", env=environment, capture_output=True, text=True, timeout=60, check=False
    )


# ---- every line that calls harness -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.iterdir() if path.suffix != ".timer"))
def test_harness_takes_the_words_of_the_sample(name: str) -> None:
    lines = re.findall(r"(?:^|[\s/{=])harness nightly ([^\n|>;]*)", re.sub(r"(?m)^\s*#.*$", "", sample(name)))
    assert lines
    for line in lines:
        words = shlex.split(line)
        context = nightly.make_context("nightly", words)
        assert str(context.params["sweep_path"]) == "farm.yaml"


def test_every_sample_is_on_the_page() -> None:
    for path in SAMPLES.iterdir():
        assert f"nightly/{path.name}" in PAGE, path.name


def test_every_file_and_kind_of_event_is_on_the_page(tmp_path: Path) -> None:
    for path in writer(night(), tmp_path):
        assert f"`{path.name}`" in PAGE, path.name
    for kind in EVENT_KINDS:
        assert f"`{kind}`" in PAGE, kind


# ---- GitHub Actions --------------------------------------------------------------------------------------------------


def github_steps() -> dict[str, str]:
    steps = yaml("github-actions.yml")["jobs"]["nightly"]["steps"]
    return {step["name"]: step["run"] for step in steps if "run" in step}


def test_the_workflow_has_the_keys_of_one() -> None:
    told = yaml("github-actions.yml")
    assert {"name", "on", "concurrency", "env", "jobs"} == set(told)
    assert told["on"]["schedule"] == [{"cron": "30 22 * * *"}]
    job = told["jobs"]["nightly"]
    assert {"runs-on", "timeout-minutes", "steps"} == set(job)
    upload = next(step for step in job["steps"] if "upload-artifact" in step.get("uses", ""))
    assert (upload["if"], upload["with"]["path"]) == ("always()", "night/")


@pytest.mark.parametrize("code", [0, 1, 4])
def test_the_step_summary_is_that_of_tonight(home: Path, code: int) -> None:
    done = run(github_steps()["Compare with the pinned reference"], home, code)
    assert done.returncode == 0, done.stderr
    assert (home / "step_summary").read_text(encoding="utf-8").startswith("# REGRESSION")
    assert (home / "github_env").read_text(encoding="utf-8") == f"code={code}\n"
    assert (home / "work" / "night" / "junit.xml").exists()


@pytest.mark.parametrize("code", [2, 3])
def test_a_night_that_could_not_begin_shows_no_older_one(home: Path, code: int) -> None:
    done = run(github_steps()["Compare with the pinned reference"], home, code)
    assert done.returncode == 0, done.stderr
    assert not (home / "step_summary").exists()
    assert (home / "github_env").read_text(encoding="utf-8") == f"code={code}\n"


@pytest.mark.parametrize(("verdict", "code"), CODES.items())
def test_the_verdict_step_fails_for_all_but_pass_and_inconclusive(home: Path, verdict: str, code: int) -> None:
    done = run(github_steps()["Verdict"], home, code)
    assert done.returncode == (0 if verdict in ("PASS", "INCONCLUSIVE") else code)
    assert ("::warning" in done.stdout) == (verdict == "INCONCLUSIVE")


# ---- GitLab CI -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", CODES.values())
@pytest.mark.parametrize("shell", [("bash", "-e"), ("sh", "-e")])
def test_the_gitlab_job_ends_with_the_exit_code(home: Path, code: int, shell: tuple[str, ...]) -> None:
    done = run("\n".join(yaml("gitlab-ci.yml")["nightly"]["script"]), home, code, shell)
    assert done.returncode == code, done.stderr
    assert ("# REGRESSION" in done.stdout) == (code in (0, 1, 4))
    assert "an old night" not in done.stdout


def test_the_gitlab_job_treats_inconclusive_apart_and_keeps_the_reports(home: Path) -> None:
    job = yaml("gitlab-ci.yml")["nightly"]
    assert job["allow_failure"] == {"exit_codes": [CODES["INCONCLUSIVE"]]}
    run("\n".join(job["script"]), home, 1)
    for path in job["artifacts"]["reports"].values():
        assert (home / "work" / path).exists()
    assert job["artifacts"]["when"] == "always"


# ---- cron ------------------------------------------------------------------------------------------------------------


def cron_line() -> tuple[str, str]:
    """The schedule and the command, as cron divides them."""
    (line,) = [line for line in sample("nightly.cron").splitlines() if line and not re.match(r"#|\w+=", line)]
    *schedule, command = line.split(maxsplit=5)
    return " ".join(schedule), command


def test_the_line_is_one_that_cron_understands() -> None:
    schedule, command = cron_line()
    limits = (59, 23, 31, 12, 7)
    for field, limit in zip(schedule.split(), limits, strict=True):
        assert field == "*" or int(field) <= limit
    assert "%" not in command  # a line break to cron


@pytest.mark.parametrize(("verdict", "code"), CODES.items())
def test_cron_mails_what_is_neither_pass_nor_inconclusive(home: Path, verdict: str, code: int) -> None:
    done = run(cron_line()[1].replace("/path/to/farm", str(home / "work")), home, code, ("sh",))
    assert done.returncode == 0
    assert bool(done.stdout + done.stderr) == (verdict not in ("PASS", "INCONCLUSIVE"))
    assert "some progress" in (home / "work" / "nightly.log").read_text(encoding="utf-8")


# ---- systemd ---------------------------------------------------------------------------------------------------------

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")


def unit(name: str) -> dict[str, str]:
    lines = (line.partition("=") for line in sample(name).splitlines() if "=" in line and not line.startswith("#"))
    return {key: value for key, _, value in lines}


@needs_systemd
def test_systemd_takes_both_units(home: Path) -> None:
    for name in ("harness-nightly.service", "harness-nightly.timer"):
        text = sample(name).replace("/opt/harness/bin", str(home / "bin")).replace("/path/to/farm", str(home))
        (home / name).write_text(text.replace("User=harness", f"User={os.getuid()}"), encoding="utf-8")
    command = ["systemd-analyze", "verify", "--man=no", "harness-nightly.service", "harness-nightly.timer"]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=60, check=False)
    ours = [line for line in done.stderr.splitlines() if "harness-nightly" in line]
    assert ours == []


@needs_systemd
def test_the_timer_elapses_every_night() -> None:
    command = ["systemd-analyze", "calendar", "--iterations=2", unit("harness-nightly.timer")["OnCalendar"]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"22:30:00", done.stdout)) >= 3


def test_the_unit_ends_well_for_inconclusive_and_stops_as_ctrl_c_does() -> None:
    told = unit("harness-nightly.service")
    assert told["SuccessExitStatus"] == str(CODES["INCONCLUSIVE"])
    assert (told["Type"], told["KillSignal"]) == ("oneshot", "SIGINT")
