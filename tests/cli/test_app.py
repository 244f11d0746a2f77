import pytest

from harness.cli.app import COMMANDS
from tests.cli.command_line import CommandLine


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself(harness: CommandLine, name: str) -> None:
    done = harness.fresh(name, "--help")
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout
    assert done.stderr == ""


def test_a_misspelt_command_gets_a_suggestion_and_exit_code_2(harness: CommandLine) -> None:
    done = harness.fresh("pln")
    assert done.returncode == 2
    assert "Did you mean 'plan'?" in done.stderr


def test_the_version(harness: CommandLine) -> None:
    assert harness.fresh("--version").stdout.startswith("harness, version 0.")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_command(harness: CommandLine, shell: str) -> None:
    done = harness.fresh("completion", shell)
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


@pytest.mark.parametrize(
    ("redirection", "code"), [(">/dev/full", 1), (">&-", 0), (">&- 2>&-", 0)], ids=["full", "closed", "both closed"]
)
def test_output_that_leads_nowhere_is_said_or_left_out(harness: CommandLine, redirection: str, code: int) -> None:
    done = harness.shell(f"schema {redirection}")
    assert done.returncode == code, done.stderr
    assert "internal error" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert ("the output: cannot be written" in done.stderr) == (code == 1)


def test_a_name_that_the_terminal_cannot_show_is_no_defect(harness: CommandLine) -> None:
    done = harness.shell("inspect $'caf\\xe9\\u00b1.tflite'", PYTHONIOENCODING="ascii")
    assert done.returncode in (1, 2)
    assert "internal error" not in done.stderr
    assert ".tflite" in done.stderr


def test_ctrl_c_during_the_imports_shows_no_traceback(harness: CommandLine) -> None:
    import subprocess
    import sys

    code = (
        "import sys\n"
        "class Pressed:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'rich_click': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Pressed())\n"
        "from harness.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=harness.environment, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (130, "Interrupted.\n")
