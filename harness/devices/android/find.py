"""From what adb servers list to the phones there are, and to the one that a sweep means. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.devices.android.server import Attached
from harness.errors import HarnessError, NoDeviceError, UnauthorizedError

IDENTITY_SCRIPT = """
echo "serial=$(getprop ro.serialno)"
echo "model=$(getprop ro.product.model)"
echo "boot=$(cat /proc/sys/kernel/random/boot_id)"
"""
"""Prints what `parse_identity` reads, in one round trip."""

_NETWORK = re.compile(r".+:\d{1,5}|adb-.+\._adb-tls-connect\._tcp\.?")
_ASKED = "Unlock the phone and accept the question about USB debugging; if there is none, replug it."


@dataclass(frozen=True)
class Identity:
    """What a phone says of itself; empty where it does not."""

    serial: str = ""
    model: str = ""
    boot_id: str = ""


@dataclass(frozen=True)
class Phone:
    """One phone that answers. `listed` are all lines by which it can be reached, the best first."""

    device_id: str
    serial: str
    model: str
    boot_id: str
    listed: tuple[Attached, ...]

    @property
    def address(self) -> Attached:
        """The line by which to reach it."""
        return self.listed[0]

    @property
    def names(self) -> frozenset[str]:
        """Everything that a person may write as its serial."""
        return frozenset({self.serial, self.device_id, *(line.serial for line in self.listed)})


@dataclass(frozen=True)
class Found:
    """The phones that answer, and the lines of those that do not (`silent`: listed as `device`, no answer)."""

    phones: tuple[Phone, ...] = ()
    unauthorized: tuple[Attached, ...] = ()
    offline: tuple[Attached, ...] = ()


def parse_identity(output: str) -> Identity:
    """What `IDENTITY_SCRIPT` printed."""
    lines = (line.strip().partition("=") for line in output.splitlines())
    values = {key: value for key, sign, value in lines if sign}
    return Identity(values.get("serial", ""), values.get("model", ""), values.get("boot", ""))


def distinct(attached: Iterable[Attached], identities: Mapping[Attached, Identity]) -> Found:
    """Which phones `attached` means, given what each that answered said of itself.

    Two lines are one phone when serial number and boot agree; with one serial number and different boots they are two.
    A phone that says nothing of itself is known by its line alone.
    """
    lines = tuple(attached)
    groups: dict[tuple[str, ...], list[Attached]] = {}
    for line in lines:
        if line in identities:
            groups.setdefault(_key(line, identities[line]), []).append(line)
    phones = [_phone(sorted(group, key=_preference), identities) for group in groups.values()]
    refused = tuple(line for line in lines if line.state in ("unauthorized", "authorizing", "no permissions"))
    silent = tuple(line for line in lines if line not in identities and line not in refused)
    return Found(_told_apart(phones), refused, silent)


def over_network(serial: str) -> bool:
    """Whether adb reaches the phone that it lists so through the network: ``host:port``, or wireless debugging."""
    return _NETWORK.fullmatch(serial) is not None


def _key(line: Attached, identity: Identity) -> tuple[str, ...]:
    if identity.boot_id and (identity.serial or not over_network(line.serial)):
        return (identity.serial or line.serial, identity.boot_id)
    return (line.serial, str(line.transport_id))


def _preference(line: Attached) -> tuple[bool, bool, str, int]:
    """USB before an emulator's own line before the network."""
    return (over_network(line.serial), line.serial.startswith("emulator-"), line.serial, line.transport_id or 0)


def _phone(listed: list[Attached], identities: Mapping[Attached, Identity]) -> Phone:
    identity = identities[listed[0]]
    serial = identity.serial or listed[0].serial
    return Phone(device_id(serial), serial, identity.model or listed[0].model, identity.boot_id, tuple(listed))


def device_id(serial: str, more: str = "") -> str:
    """``adb-<serial>`` in lower case with only letters, digits, dot, underscore and hyphen."""
    text = "-".join(filter(None, (serial, more)))
    return "adb-" + (re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-") or "unnamed")


def _told_apart(phones: list[Phone]) -> tuple[Phone, ...]:
    """`phones` with an identifier each, also those of a maker who gave all the same serial number."""
    ids = [phone.device_id for phone in phones]
    return tuple(
        phone if ids.count(phone.device_id) == 1 else _renamed(phone)
        for phone in sorted(phones, key=lambda phone: (phone.device_id, _preference(phone.address)))
    )


def _renamed(phone: Phone) -> Phone:
    """Told apart by where it is plugged in or reached, which outlives a restart; else by its boot."""
    line = phone.address
    place = line.port or (line.serial if line.serial != phone.serial else phone.boot_id[:8])
    return Phone(device_id(phone.serial, place), phone.serial, phone.model, phone.boot_id, phone.listed)


def matching(found: Found, selector: Mapping[str, str]) -> tuple[Phone, ...]:
    """The phones that `selector` (``serial``, ``model``; none means all) fits, in a fixed order."""
    return tuple(phone for phone in found.phones if _fits(phone, selector))


def _fits(phone: Phone, selector: Mapping[str, str]) -> bool:
    serial, model = selector.get("serial"), selector.get("model")
    return (serial is None or serial in phone.names) and (model is None or _same_model(model, phone.model))


def _same_model(asked: str, model: str) -> bool:
    return asked.replace("_", " ").casefold() == model.replace("_", " ").casefold()


def select(found: Found, selector: Mapping[str, str]) -> Phone:
    """The one phone that `selector` means.

    Raises:
        NoDeviceError: none, or several; UnauthorizedError when the one that is meant has not allowed this computer.
    """
    phones = matching(found, selector)
    if len(phones) == 1:
        return phones[0]
    if phones:
        which = ", ".join(f"{phone.model or 'unknown model'} {_reach(phone)}" for phone in phones)
        raise NoDeviceError(
            f"{len(phones)} phones fit {_asked_for(selector)}: {which}",
            remedy=f"Name one: {{adb: {{serial: {_reach(phones[0])!r}}}}}",
        )
    raise _none(found, selector)


def _reach(phone: Phone) -> str:
    """A name that only this phone has."""
    return phone.serial if phone.device_id == device_id(phone.serial) else phone.device_id


def _asked_for(selector: Mapping[str, str]) -> str:
    return " ".join(f"{key} {value!r}" for key, value in selector.items()) or "the target adb"


def _none(found: Found, selector: Mapping[str, str]) -> HarnessError:
    serial = selector.get("serial")
    refused = [line for line in found.unauthorized if serial in (None, line.serial)]
    silent = [line for line in found.offline if serial in (None, line.serial)]
    if refused and (serial or not found.phones):
        names = ", ".join(line.serial for line in refused)
        return UnauthorizedError(f"the phone {names} has not allowed this computer", remedy=_ASKED)
    if silent and (serial or not found.phones):
        names = ", ".join(f"{line.serial} ({line.state})" for line in silent)
        return NoDeviceError(f"the phone does not answer: {names}", remedy="Replug it, or run: adb reconnect offline")
    if not found.phones:
        return NoDeviceError("no phone is attached", remedy="Plug one in, or run: adb connect HOST:PORT")
    there = ", ".join(f"{phone.model or 'unknown model'} {_reach(phone)}" for phone in found.phones)
    return NoDeviceError(f"no phone fits {_asked_for(selector)}; attached: {there}")
