"""From a target of the sweep, or from nothing, to phones that can be driven."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from harness.devices.android.connection import Connection
from harness.devices.android.discover import connection_to, discover
from harness.devices.android.facts_text import read_facts
from harness.devices.android.find import Found, Phone, matching, select
from harness.devices.android.journal import Journal
from harness.devices.android.phone import AndroidDevice
from harness.devices.android.server import AdbServer

_AT_ONCE = 32


def server_at(address: str) -> AdbServer:
    """The adb server of `address`; for an empty one that of adb's own environment variables, or this host's usual one.

    Raises:
        UsageError: it is no address.
    """
    if address:
        return AdbServer.parse(address)
    host = os.environ.get("ANDROID_ADB_SERVER_ADDRESS") or os.environ.get("ANDROID_ADB_SERVER_HOST") or "127.0.0.1"
    named = AdbServer.parse(f"{host}:{os.environ.get('ANDROID_ADB_SERVER_PORT') or 5037}")
    return replace(named, may_start=True)  # where adb itself would start one


@dataclass(frozen=True)
class Attachment:
    """An adb server and what was found attached to it."""

    server: AdbServer
    found: Found

    def open(self, selector: Mapping[str, str]) -> tuple[AndroidDevice, ...]:
        """The one phone that `selector` (``serial``, ``model``) means, or with ``count`` up to so many equal ones.

        Raises:
            NoDeviceError: none fits, or several where one is meant.
            UnauthorizedError: it has not allowed this computer.
            DeviceOfflineError: the phone does not answer.
        """
        wanted = {name: value for name, value in selector.items() if name != "count"}
        fitting = matching(self.found, wanted)
        if "count" not in selector or not fitting:
            return (open_phone(self.server, select(self.found, wanted)),)  # the choice raises, with its reason
        return open_all(self.server, Found(fitting[: int(selector["count"])]))


def attachment_at(address: str) -> Attachment:
    """What is attached to the adb server at `address` (empty for the usual one) now.

    Raises:
        DeviceOfflineError: the server does not answer.
    """
    server = server_at(address)
    return Attachment(server, discover(server))


def open_all(server: AdbServer, found: Found) -> tuple[AndroidDevice, ...]:
    """All phones that answer, asked side by side."""
    if not found.phones:
        return ()
    with ThreadPoolExecutor(min(len(found.phones), _AT_ONCE)) as pool:
        return tuple(pool.map(lambda phone: open_phone(server, phone), found.phones))


def open_phone(server: AdbServer, phone: Phone) -> AndroidDevice:
    """One phone, with its facts.

    Raises:
        DeviceOfflineError, InvocationTimeoutError: it does not answer.
        ParseError: what it says of itself is not whole.
    """
    connection = connection_of(server, phone)
    return AndroidDevice(connection, read_facts(connection), phone.device_id, Journal.open())


def connection_of(server: AdbServer, phone: Phone) -> Connection:
    """The wire to a phone, by the best of the lines that list it."""
    return connection_to(server, phone.address, phone.listed)
