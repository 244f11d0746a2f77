"""How commands end: the exit codes of the manual."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable

import pytest
import rich_click as click

from harness.cli.outcome import JudgingCommand, JudgingGroup, run_app
from harness.errors import (
    DatasetError,
    HarnessError,
    ModelFileError,
    NoDeviceError,
    StoreError,
    SweepFileError,
    UnknownRunError,
    UsageError,
)

ERRORS = [
    (StoreError("the store is corrupt"), 1, 5),
    (DatasetError("no samples"), 1, 5),
    (ModelFileError("truncated"), 1, 5),
    (HarnessError("whatever"), 1, 5),
    (OSError(errno.ENOSPC, "No space left on device", "x.csv"), 1, 5),
    (OSError(errno.EIO, "Input/output error"), 1, 5),
    (ZeroDivisionError("a defect"), 1, 5),
    (UsageError("wrong"), 2, 2),
    (SweepFileError("wrong"), 2, 2),
    (UnknownRunError("none"), 2, 2),
    (click.UsageError("wrong"), 2, 2),
    (NoDeviceError("none"), 3, 3),
    (KeyboardInterrupt(), 130, 130),
]


def ending(monkeypatch: pytest.MonkeyPatch, make: Callable[[], click.Command], *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["harness", *arguments])
    return run_app(make())


def raising(kind: type[click.RichCommand], error: BaseException) -> click.Command:
    @click.command(cls=kind)
    def work() -> None:
        raise error

    return work


@pytest.mark.parametrize(("error", "plain", "judging"), ERRORS, ids=lambda one: type(one).__name__)
def test_an_error_is_no_regression(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, plain: int, judging: int
) -> None:
    monkeypatch.setenv("HARNESS_DEBUG", "1")  # no file with details
    fresh = type(error)(*error.args)
    assert ending(monkeypatch, lambda: raising(click.RichCommand, error)) == plain
    assert ending(monkeypatch, lambda: raising(JudgingCommand, fresh)) == judging


def test_a_verdict_stays_what_it_is_and_groups_judge_too(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.group(cls=JudgingGroup)
    def group() -> None:
        """Commands."""

    @group.command()
    def worse() -> int:
        return 1

    @group.command()
    def broken() -> int:
        raise StoreError("the store is corrupt")

    assert ending(monkeypatch, lambda: group, "worse") == 1
    assert ending(monkeypatch, lambda: group, "broken") == 5
    assert ending(monkeypatch, lambda: group, "--help") == 0


@pytest.mark.parametrize("name", ["compare", "nightly", "calibrate", "baseline"])
def test_the_commands_that_judge(name: str) -> None:
    from importlib import import_module

    from harness.cli.app import COMMANDS

    module, attribute, _ = COMMANDS[name]
    assert isinstance(getattr(import_module(module), attribute), (JudgingCommand, JudgingGroup))
