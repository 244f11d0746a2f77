"""The phones that `harness devices` and `harness doctor` look at, and the ones they cannot reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import HarnessError, MissingDependencyError

if TYPE_CHECKING:
    from harness.devices.android.phone import AndroidDevice
    from harness.devices.android.server import Attached

_REMEDIES = {
    "unauthorized": "Unlock the phone and accept the question about USB debugging.",
    "authorizing": "Unlock the phone and accept the question about USB debugging.",
    "no permissions": "Allow this user to open USB devices (udev rules for Android).",
    "offline": "Replug it, or run: adb reconnect offline",
    "device": "It is listed, but does not answer: restart the phone, or replug it.",
}


@dataclass(frozen=True)
class Unreachable:
    """A line of `adb devices` that is no usable phone, with what to do about it."""

    serial: str
    state: str
    remedy: str


@dataclass(frozen=True)
class Phones:
    """What an adb server has. `problem` is why it could not be asked, empty when it was."""

    usable: tuple[AndroidDevice, ...] = ()
    unreachable: tuple[Unreachable, ...] = ()
    problem: str = ""


def look_at_phones(address: str) -> Phones:
    """All phones of the adb server at `address` (empty for the usual one).

    Raises:
        HarnessError: a server that was named cannot be asked; one that was not is a `problem` only.
    """
    try:
        return _look(address)
    except MissingDependencyError as error:
        return Phones(problem=str(error))
    except HarnessError as error:
        if address:
            raise
        return Phones(problem=str(error))


def _look(address: str) -> Phones:
    from harness.devices.android.discover import discover
    from harness.devices.android.find import Found
    from harness.devices.android.open import open_phone, server_at

    server = server_at(address)
    found: Found = discover(server)
    usable, lost = [], []
    for phone in found.phones:
        try:
            usable.append(open_phone(server, phone))
        except HarnessError as error:
            lost.append(Unreachable(phone.serial, "device", error.what))
    silent = [_unreachable(line) for line in (*found.unauthorized, *found.offline)]
    return Phones(tuple(usable), (*lost, *silent))


def _unreachable(line: Attached) -> Unreachable:
    return Unreachable(line.serial, line.state, _REMEDIES.get(line.state, "Start Android on it."))
