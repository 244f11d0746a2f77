"""Fixtures that tests of several rooms share."""

from tests.cli.command_line import harness, sweep_file
from tests.phone.fixtures import adb_server, make_phone, phone

__all__ = ["adb_server", "harness", "make_phone", "phone", "sweep_file"]
