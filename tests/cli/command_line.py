"""The command line as a person uses it: a process, its output, its exit code."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from tests.cli.command_server import CommandServer

MODELS = Path(__file__).parent.parent / "data" / "models"
WINDOWS = "min_s: 0.02, max_s: 0.2, min_iterations: 2, warmup_min_s: 0.01, warmup_max_s: 0.1, warmup_min_iterations: 1"


@dataclass(frozen=True)
class CommandLine:
    """Runs `harness` in a folder of its own, with leases and cache of its own.

    A call is a process that `server` forks, which saves the imports; `fresh`, `shell` and `start` are processes from
    nothing.
    """

    folder: Path
    server: CommandServer = field(repr=False)

    @property
    def environment(self) -> dict[str, str]:
        private = {
            "HARNESS_LEASES": str(self.folder / "leases.sqlite"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "COLUMNS": "120",
            # A server that refuses: a test neither talks to this machine's phones nor starts a server for them.
            "ANDROID_ADB_SERVER_ADDRESS": "127.0.0.2",
            "ANDROID_ADB_SERVER_PORT": "1",
        }
        hidden = ("NO_COLOR", "CI", "HARNESS_DEBUG", "FORCE_COLOR")
        root = str(Path(__file__).parent.parent.parent)
        kept = {name: value for name, value in os.environ.items() if name not in hidden}
        return kept | private | {"PYTHONPATH": root}

    def __call__(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self.server.run(arguments, folder=self.folder, environment=self.environment, timeout_s=100)

    def fresh(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "harness", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def shell(self, line: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """`harness` and `line` as bash reads it, with redirections and pipes."""
        return subprocess.run(
            ["bash", "-c", f"{shlex.quote(sys.executable)} -m harness {line}"],
            cwd=self.folder,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "harness", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture(scope="session")
def command_server() -> Iterator[CommandServer]:
    server = CommandServer()
    yield server
    server.close()


@pytest.fixture
def harness(tmp_path: Path, command_server: CommandServer) -> CommandLine:
    return CommandLine(tmp_path, command_server)


@pytest.fixture
def sweep_file(tmp_path: Path) -> Callable[..., str]:
    return partial(write_sweep, tmp_path)


def write_sweep(
    folder: Path, *, blocks: int = 3, backends: str = "[cpu]", model: str = "float32", extra: str = ""
) -> str:
    """`sweep.yaml` beside a copy of the model; its name."""
    shutil.copy(MODELS / f"{model}.tflite", folder / "model.tflite")
    text = f"name: small\nmodels: [{{file: model.tflite}}]\nvariants: [float32]\nbackends: {backends}\n"
    (folder / "sweep.yaml").write_text(f"{text}measure: {{blocks: {blocks}, {WINDOWS}}}\n{extra}")
    return "sweep.yaml"
