"""Fixtures that tests of several rooms share."""

from hypothesis import HealthCheck, settings

from tests.cli.command_line import command_server, harness, sweep_file
from tests.phone.fixtures import adb_server, make_phone, phone

__all__ = ["adb_server", "command_server", "harness", "make_phone", "phone", "sweep_file"]

# A busy machine is slow and not wrong: what a test demands of time it says itself, and pytest's own limit ends a hang.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")
