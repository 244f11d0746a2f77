"""Make a phone as a sweep's `settings:` asks, so that everything can be put back.

The order is the safety: originals are read, kept on the host's disk, left on the phone, and only then is anything
written. Whatever happens in between, `put_back` undoes it.
"""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from harness.devices.android.batch import Answer, Command, Root, run_batch
from harness.devices.android.changes import Change, Entry
from harness.devices.android.cpufreq import KEY as CPUFREQ
from harness.devices.android.cpufreq import Policy, dump_command, parse_policies
from harness.devices.android.journal import Journal
from harness.devices.android.knobs import running_clock
from harness.devices.android.look import Look, look_at, read_commands, read_key, value_of
from harness.devices.android.read_back import accepted, holds, judge
from harness.devices.android.restore import PAUSE_S, TRIES, Phone, Restored, marker_command, put_back
from harness.devices.android.shell import Shell
from harness.devices.android.wishes import Abilities, Wish, Wishes, wants_clocks, wishes_of
from harness.domain import DeviceSettings
from harness.errors import DeviceError, HarnessError, ParseError, StorageFullError, TransientError

SETTLE_S = 0.2


@dataclass(frozen=True)
class Applied:
    """What `apply` did. `changed` has ``key: old -> new`` for all that was changed, `not_made` why the rest was not.

    `notes` are remarks, such as on what an earlier session had left changed.
    """

    phone: Phone
    journal: Journal
    changed: tuple[str, ...] = ()
    not_made: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sleep: Callable[[float], None] = time.sleep

    def restore(self, shell: Shell | None = None) -> Restored:
        """Put everything back and read it back, through `shell` if the phone is reached another way since.

        Raises:
            RestoreError: names each setting that is still changed; it stays in the journal.
            DeviceOfflineError, InvocationTimeoutError, UnauthorizedError: as `Shell.shell`; the journal is unchanged.
        """
        phone = self.phone if shell is None else replace(self.phone, shell=shell)
        return put_back(phone, self.journal, sleep=self.sleep).check(phone.device)


def apply(
    shell: Shell,
    settings: DeviceSettings,
    *,
    identity: str,
    journal: Journal,
    root: Root | None,
    sdk: int,
    over_tcp: bool,
    serial: str = "",
    cpus: Iterable[int] | None = None,
    sleep: Callable[[float], None] = time.sleep,
    host: str | None = None,
) -> Applied:
    """Change on a phone what `settings` asks for and nothing else, in about three round trips.

    What an earlier session left changed is put back first. When this raises, what was begun has been undone if the
    phone was there; if not, `put_back` does it later.

    Args:
        identity: the phone's name in the journal, the same however it is connected.
        root: how to become root (`batch.ROOT_WAYS`), None when the phone gives none.
        over_tcp: whether adb reaches the phone through the network.
        serial: its adb serial, for what a person may have to type.
        cpus: the measured cores, whose clock domains get governor and clock; None for the domain with the highest.

    Raises:
        DeviceOfflineError, InvocationTimeoutError, UnauthorizedError: as `Shell.shell`.
        StorageFullError, DeviceError: the marker cannot be left on the phone; nothing was changed.
        StoreError: the journal cannot be written; nothing was changed.
    """
    phone = Phone(shell, identity, serial, root, sdk, over_tcp)
    abilities = Abilities(sdk, root is not None, over_tcp)
    look, left, notes = _look_and_clean(phone, journal, sleep)
    wishes = _wishes(phone, settings, abilities, None if cpus is None else tuple(cpus))
    before = run_batch(shell, read_commands(wish.knob for wish in wishes.wishes), root=root)
    due, not_read = _due(wishes.wishes, before)
    not_made = (*wishes.refused, *not_read)
    if not due:
        return Applied(phone, journal, (), not_made, notes, sleep)
    entry = _entry(phone, look, _changes(due, left, before), host or socket.gethostname())
    try:
        journal.put(entry)
        changed, failed = _make(phone, entry, due, before, left, journal, sleep)
    except TransientError:
        raise  # the phone is away: it keeps its entry in the journal
    except BaseException:
        with suppress(HarnessError):
            put_back(phone, journal, sleep=sleep)
        raise
    return Applied(phone, journal, changed, (*not_made, *failed), notes, sleep)


def _make(
    phone: Phone,
    entry: Entry,
    due: Sequence[Wish],
    before: dict[str, Answer],
    left: tuple[Change, ...],
    journal: Journal,
    sleep: Callable[[float], None],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Write what is due, and keep in the journal what the phone took; sentences on what changed and what did not."""
    answers = _write(phone, entry, due, sleep)
    _check_marker(answers, journal, entry, left)
    changed, failed, unmade = judge(due, before, answers)
    confirmed = [replace(one, made=True) for one in entry.changes if one.key not in unmade]
    journal.put(replace(entry, changes=tuple(confirmed)))
    return changed, failed


def _look_and_clean(
    phone: Phone, journal: Journal, sleep: Callable[[float], None]
) -> tuple[Look, tuple[Change, ...], tuple[str, ...]]:
    """The phone's state; what an earlier session left changed is put back, what of it could not be, and sentences."""
    look = look_at(phone.shell, (), root=None)
    if look.marker is None and journal.get(phone.device) is None:
        return look, (), (look.marker_problem,) if look.marker_problem else ()
    earlier = put_back(phone, journal, sleep=sleep)
    notes = [f"put back from an earlier session: {sentence}" for sentence in earlier.restored]
    notes += [f"still changed by an earlier session: {one.key}: {one.why}" for one in earlier.failed]
    return look, earlier.left, (*earlier.notes, *notes)


def _wishes(phone: Phone, settings: DeviceSettings, abilities: Abilities, cpus: Sequence[int] | None) -> Wishes:
    policies: tuple[Policy, ...] = ()
    if wants_clocks(settings) and phone.root is not None:
        policies = parse_policies(run_batch(phone.shell, [dump_command(root=True)], root=phone.root).get(CPUFREQ))
    return wishes_of(settings, abilities, policies, cpus)


def _due(wishes: Iterable[Wish], before: dict[str, Answer]) -> tuple[tuple[Wish, ...], tuple[str, ...]]:
    """The wishes that are not fulfilled already, and sentences on those whose original cannot be known."""
    due: list[Wish] = []
    unread: list[str] = []
    for wish in wishes:
        if wish.knob.read is None:
            due.append(wish)
            continue
        try:
            seen = value_of(wish.knob, before.get(read_key(wish.knob)))
        except ParseError as error:
            unread.append(f"{wish.knob.key}: left alone, for what it is now cannot be read: {error.what}")
        else:
            due += [] if wish.knob.is_wanted(seen, wish.value) else [wish]
    return tuple(due), tuple(unread)


def _changes(due: Iterable[Wish], left: Iterable[Change], before: dict[str, Answer]) -> tuple[Change, ...]:
    """What must be undone later. An original that an earlier session kept is the true one."""
    changes = {one.key: one for one in left}
    for wish in due:
        for beside in wish.beside:
            changes.setdefault(beside.key, beside)
        key = wish.knob.key
        if wish.knob.read is not None:
            original = value_of(wish.knob, before.get(read_key(wish.knob)))
            known = changes.get(key, Change(key, original, None))
            changes[key] = replace(known, wanted=wish.value, made=False)
        elif wish.value != "0":
            # Without a getter only what is switched on can be undone.
            changes.setdefault(key, Change(key, None, wish.value))
    return tuple(changes.values())


def _entry(phone: Phone, look: Look, changes: tuple[Change, ...], host: str) -> Entry:
    made_at = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return Entry(
        device=phone.device,
        journal_id=secrets.token_hex(16),
        host=host,
        serial=phone.serial,
        boot_id=look.boot_id,
        made_at=made_at,
        sdk=phone.sdk,
        root=phone.root,
        changes=changes,
    )


def _write(phone: Phone, entry: Entry, due: Sequence[Wish], sleep: Callable[[float], None]) -> dict[str, Answer]:
    """Leave the marker, write, read back; what did not take although it was accepted is written again."""
    answers = _write_once(phone, [marker_command(entry)], due, sleep)
    for _ in range(TRIES - 1):
        again = [wish for wish in due if accepted(wish, answers) and not holds(wish, answers)]
        if not again:
            break
        sleep(PAUSE_S)
        answers |= _write_once(phone, [], again, sleep)
    return answers


def _write_once(
    phone: Phone, first: list[Command], wishes: Iterable[Wish], sleep: Callable[[float], None]
) -> dict[str, Answer]:
    """Clocks are read again a little later: power and thermal services of some phones put their own value back."""
    todo = list(wishes)
    answers = run_batch(phone.shell, [*first, *_commands(todo)], root=phone.root)
    clocks = [wish for wish in todo if wish.knob.setting in ("governor", "clock_khz") and accepted(wish, answers)]
    if clocks:
        sleep(SETTLE_S)
        answers |= run_batch(phone.shell, _readings(clocks), root=phone.root)
    return answers


def _commands(wishes: Iterable[Wish]) -> list[Command]:
    commands: list[Command] = []
    for wish in wishes:
        commands.append(Command(f"set:{wish.knob.key}", wish.knob.write(wish.value), root=wish.knob.root))
        commands += _readings([wish])
    return commands


def _readings(wishes: Iterable[Wish]) -> list[Command]:
    commands: list[Command] = []
    for one in (wish.knob for wish in wishes):
        commands += read_commands([one])
        if one.setting == "clock_khz":
            commands.append(Command(f"run:{one.key}", running_clock(one.key.partition(":")[2]), root=True))
    return commands


def _check_marker(answers: dict[str, Answer], journal: Journal, entry: Entry, left: tuple[Change, ...]) -> None:
    """Without the marker nothing was written: take the journal back. Without an answer nobody knows: keep it."""
    answer = answers.get("mark")
    if answer is None:
        raise DeviceError("the phone's shell gave no answer", where=entry.device, remedy="Run harness restore.")
    if answer.ok:
        return
    if left:
        journal.put(replace(entry, changes=left))
    else:
        journal.remove(entry.device)
    kind = StorageFullError if "No space left" in answer.text else DeviceError
    raise kind(
        "nothing is changed, for the note on how to undo it cannot be left on the phone: " + answer.first_line,
        where=entry.device,
        remedy="Make room in /data/local/tmp on the phone; harness devices --clean removes old files.",
    )
