"""docs/commands.md names every command and every option there is, and no other."""

import re
from importlib import import_module
from pathlib import Path

import pytest
import rich_click as click

from harness.cli.app import COMMANDS

PAGE = (Path(__file__).parent.parent / "docs" / "commands.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## harness ([\w-]+)\n(.*?)(?=^## |\Z)", PAGE, flags=re.DOTALL | re.MULTILINE))


def test_every_command_has_a_section() -> None:
    assert list(SECTIONS) == list(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_is_in_the_section_of_its_command(name: str) -> None:
    module, attribute, _ = COMMANDS[name]
    command: click.Command = getattr(import_module(module), attribute)
    if isinstance(command, click.Group):  # what its commands share stands in a sentence
        options = {flag for one in command.commands.values() for flag in options_of(one)}
        assert set(re.findall(r"`(--[\w-]+)`", SECTIONS[name])) == options
    else:
        assert set(re.findall(r"^\| `(--[\w-]+)`", SECTIONS[name], flags=re.MULTILINE)) == options_of(command)


def options_of(command: click.Command) -> set[str]:
    return {flag for one in command.params if isinstance(one, click.Option) for flag in one.opts}
