import pytest

from harness.cli.app import COMMANDS
from tests.cli.command_line import CommandLine


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself(harness: CommandLine, name: str) -> None:
    done = harness(name, "--help")
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout
    assert done.stderr == ""


def test_a_misspelt_command_gets_a_suggestion_and_exit_code_2(harness: CommandLine) -> None:
    done = harness("pln")
    assert done.returncode == 2
    assert "Did you mean 'plan'?" in done.stderr


def test_the_version(harness: CommandLine) -> None:
    assert harness("--version").stdout.startswith("harness, version 0.")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_command(harness: CommandLine, shell: str) -> None:
    done = harness("completion", shell)
    assert done.returncode == 0
    assert "_HARNESS_COMPLETE" in done.stdout


def test_output_into_a_closed_pipe_is_no_error(harness: CommandLine) -> None:
    import subprocess
    import sys

    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m harness schema | head -1"],
        capture_output=True,
        text=True,
        env=harness.environment,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
