"""Fixtures that tests of several rooms share."""

from tests.cli.command_line import harness, sweep_file

__all__ = ["harness", "sweep_file"]
