"""`harness restore`: undo on every phone that is attached what a crash left changed, and say which are not there."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from harness.devices.android.changes import Entry
from harness.devices.android.discover import discover
from harness.devices.android.find import Found, over_network
from harness.devices.android.find import Phone as FoundPhone
from harness.devices.android.journal import Journal
from harness.devices.android.look import look_at
from harness.devices.android.open import connection_of, server_at
from harness.devices.android.phone_lease import PhoneLease
from harness.devices.android.restore import Failure, Phone, put_back
from harness.devices.android.server import AdbServer
from harness.errors import DeviceBusyError, HarnessError, NoDeviceError, TransientError

# What became of a phone: nothing was changed; all is back; something is still changed; or it could not be tried.
CLEAN, RESTORED, FAILED, BUSY, ABSENT = "clean", "restored", "failed", "busy", "absent"
_AT_ONCE = 32


@dataclass(frozen=True)
class PhoneReport:
    """What `restore_all` did with one phone. `changed` are the settings that were, or are, to be put back."""

    device: str
    state: str
    changed: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    rebooted: tuple[str, ...] = ()
    failed: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()


def restore_known(journal: Journal, device: str = "", address: str = "") -> tuple[PhoneReport, ...]:
    """Put back everything on the phones of an adb server and of the journal, or on `device` alone (its id or serial).

    Args:
        address: ``host:port`` of the adb server, empty for the usual one.

    Raises:
        NoDeviceError: `device` is neither attached nor in the journal.
        DeviceOfflineError, MissingDependencyError: no adb server can be asked, and the journal has nothing to tell.
        UsageError: `address` is none.
        StoreError: the journal cannot be used.
    """
    entries = [entry for entry in journal.contents().entries if device in ("", entry.device, entry.serial)]
    server = server_at(address)
    try:
        found = discover(server)
    except HarnessError as error:
        if not entries:
            raise
        return tuple(_absent(entry, str(error)) for entry in entries)
    phones = [one for one in found.phones if not device or device in one.names or _is_entry(one, entries)]
    if device and not phones and not entries:
        raise NoDeviceError(
            f"no phone {device!r} is attached, and none is in the journal of changed settings",
            remedy="harness restore without a name lists and restores all there are.",
        )
    absent = [entry for entry in entries if entry.device not in {one.device_id for one in phones}]
    with ThreadPoolExecutor(min(len(phones), _AT_ONCE) or 1) as pool:
        attached = tuple(pool.map(lambda one: _restore(server, one, journal), phones))
    return (*attached, *(_absent(entry, _why_absent(entry, found)) for entry in absent))


def _is_entry(phone: FoundPhone, entries: Iterable[Entry]) -> bool:
    return any(entry.device == phone.device_id for entry in entries)


def _restore(server: AdbServer, found: FoundPhone, journal: Journal) -> PhoneReport:
    connection = connection_of(server, found)
    phone = Phone(connection, found.device_id, connection.serial, over_tcp=over_network(connection.serial))
    try:
        entry = journal.get(found.device_id)
        look = look_at(connection, (), root=None)
        sources = [source for source in (look.marker, entry) if source is not None]
        if not sources:
            notes = (look.marker_problem,) if look.marker_problem else ()
            return PhoneReport(found.device_id, FAILED if notes else CLEAN, notes=notes)
        changed = tuple(dict.fromkeys(change.key for source in sources for change in source.changes))
        return _restore_alone(phone, journal, changed)
    except DeviceBusyError as error:
        return PhoneReport(found.device_id, BUSY, notes=(error.what,))
    except TransientError as error:
        return PhoneReport(found.device_id, ABSENT, notes=(error.what,))
    except HarnessError as error:
        return PhoneReport(found.device_id, FAILED, notes=(str(error),))


def _restore_alone(phone: Phone, journal: Journal, changed: tuple[str, ...]) -> PhoneReport:
    """Under the phone's lease, for a sweep that runs on it needs its settings."""
    lease = PhoneLease(phone.shell, phone.device, holder="harness restore")
    lease.acquire()
    try:
        done = put_back(phone, journal)
    finally:
        lease.release()
    state = FAILED if done.failed else RESTORED
    return PhoneReport(phone.device, state, changed, done.restored, done.rebooted, done.failed, done.notes)


def _absent(entry: Entry, why: str) -> PhoneReport:
    changed = tuple(change.key for change in entry.changes)
    return PhoneReport(entry.device, ABSENT, changed, notes=(why, f"changed at {entry.made_at} by {entry.host}"))


def _why_absent(entry: Entry, found: Found) -> str:
    if entry.serial in {line.serial for line in found.unauthorized}:
        return "it has not allowed this computer: unlock it and accept the question about USB debugging"
    return "it is not attached to this adb server, or does not answer"
