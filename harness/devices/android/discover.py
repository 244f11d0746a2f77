"""Asks an adb server and each of its phones who they are."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from harness.devices.android.connection import Connection
from harness.devices.android.find import IDENTITY_SCRIPT, Found, Identity, distinct, parse_identity
from harness.devices.android.server import AdbServer, Attached
from harness.errors import HarnessError

_AT_ONCE = 32


def discover(server: AdbServer, timeout_s: float = 10.0) -> Found:
    """The phones of `server`; all are asked at the same time, so a frozen one costs `timeout_s` once.

    Raises:
        DeviceOfflineError: the server cannot be reached.
    """
    server.ensure(timeout_s)
    lines = server.attached(timeout_s)
    ready = [line for line in lines if line.state == "device"]
    if not ready:
        return distinct(lines, {})
    with ThreadPoolExecutor(min(len(ready), _AT_ONCE)) as pool:
        answers = pool.map(lambda line: _identity(connection_to(server, line, lines), timeout_s), ready)
    return distinct(lines, {line: answer for line, answer in zip(ready, answers, strict=True) if answer is not None})


def connection_to(server: AdbServer, line: Attached, lines: tuple[Attached, ...]) -> Connection:
    """By serial, which outlives a reconnection, unless two lines have the same."""
    shared = Counter(other.serial for other in lines)[line.serial] > 1
    return Connection(server, line.serial, line.transport_id if shared else None)


def _identity(connection: Connection, timeout_s: float) -> Identity | None:
    try:
        output = connection.shell(IDENTITY_SCRIPT, timeout_s=timeout_s).stdout
    except HarnessError:
        return None
    return parse_identity(output.decode("utf-8", "replace"))
