"""Put back what a session changed on a phone, from the host's journal and from the marker on the phone."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from harness.devices.android.batch import Answer, Command, Root, as_root, run_batch
from harness.devices.android.changes import MARKER, PHONE_FOLDER, UNDONE, Change, Entry
from harness.devices.android.journal import Journal, encode
from harness.devices.android.knobs import Knob, knob
from harness.devices.android.look import Look, look_at, read_commands, read_key, value_of
from harness.devices.android.shell import Shell
from harness.errors import ParseError, RestoreError

TRIES = 3
PAUSE_S = 0.1
_KEPT_IDS = 100


@dataclass(frozen=True)
class Failure:
    """A change that could not be undone: why, and the command line that undoes it by hand."""

    key: str
    why: str
    by_hand: str


@dataclass(frozen=True)
class Restored:
    """What was put back (``key: now -> original``), what a reboot had undone, what failed, and `notes` to the reader.

    `left` are the changes that are still to be undone; their originals stay in the journal.
    """

    restored: tuple[str, ...] = ()
    rebooted: tuple[str, ...] = ()
    failed: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    left: tuple[Change, ...] = ()

    def check(self, where: str) -> Restored:
        """This, if nothing failed.

        Raises:
            RestoreError: names each setting that is still changed, and the command that undoes it.
        """
        if not self.failed:
            return self
        what = "; ".join(f"{failure.key}: {failure.why}" for failure in self.failed)
        by_hand = "\n  ".join(failure.by_hand for failure in self.failed)
        raise RestoreError(
            f"settings could not be put back: {what}",
            where=where,
            remedy=f"Try again with harness restore, or by hand:\n  {by_hand}",
        )


@dataclass(frozen=True)
class Phone:
    """How to reach and name one phone: `device` is its identity in the journal, `serial` its adb serial."""

    shell: Shell
    device: str
    serial: str = ""
    root: Root | None = None
    sdk: int = 0
    over_tcp: bool = False


def put_back(phone: Phone, journal: Journal, *, sleep: Callable[[float], None] = time.sleep) -> Restored:
    """Undo everything that is known to be changed on `phone`, read it back, and forget what is undone.

    It can be repeated, and interrupted at any point. Failures are in the result; see `Restored.check`.

    Raises:
        DeviceOfflineError, InvocationTimeoutError, UnauthorizedError: as `Shell.shell`; the journal is unchanged.
        StoreError: the journal cannot be read or written.
    """
    entry = journal.get(phone.device)
    look = look_at(phone.shell, (), root=None)
    found = [source for source in (look.marker, entry) if source is not None]
    if not found:
        return Restored(notes=_notes(look))
    root, sdk = phone.root, phone.sdk
    for source in found:
        root, sdk = root if root is not None else source.root, sdk or source.sdk
    phone = replace(phone, root=root, sdk=sdk)
    due, rebooted = outstanding(entry, look)
    restored, failed = _undo_all(phone, due, sleep)
    left = tuple(change for change in due if any(change.key == failure.key for failure in failed))
    _forget(phone, journal, look, found, left)
    return Restored(restored, rebooted, failed, _notes(look), left)


def outstanding(entry: Entry | None, look: Look) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """What is still changed according to the journal and the marker, and the keys that a reboot has undone.

    Where both know a knob the journal wins: a session first undoes the marker it finds, so this host's entry is older.
    """
    due: dict[str, Change] = {}
    rebooted: list[str] = []
    # Of the same session the host knows more: what the phone refused.
    marker = None if entry is not None and look.marker and look.marker.journal_id == entry.journal_id else look.marker
    for source in (marker, entry):
        if source is None or source.journal_id in look.undone:
            continue
        for change in source.changes:
            if _undone_by_reboot(change, source, look):
                rebooted.append(change.key)
            else:
                due[change.key] = change
    return tuple(due.values()), tuple(dict.fromkeys(rebooted))


def marker_command(entry: Entry) -> Command:
    """Leave `entry` on the phone, at once whole or not at all; nothing more is run if that fails."""
    draft = f"{MARKER}.{entry.journal_id}"
    text = f"mkdir -p {PHONE_FOLDER} && printf '%s\\n' {shlex.quote(encode(entry))} > {draft} && mv -f {draft} {MARKER}"
    return Command("mark", text, needed=True)


def show(value: str | None) -> str:
    """A value for a sentence."""
    return "not set" if value is None else value


def _notes(look: Look) -> tuple[str, ...]:
    return (look.marker_problem,) if look.marker_problem else ()


def _undone_by_reboot(change: Change, source: Entry, look: Look) -> bool:
    if not look.boot_id or not source.boot_id or look.boot_id == source.boot_id:
        return False
    try:
        return knob(change.key, source.sdk).gone_after_reboot
    except ParseError:
        return False


def _undo_all(
    phone: Phone, due: Iterable[Change], sleep: Callable[[float], None]
) -> tuple[tuple[str, ...], tuple[Failure, ...]]:
    """Undo in the reverse of the order in which it was done."""
    failed: list[Failure] = []
    todo: list[tuple[Change, Knob]] = []
    for change in reversed(tuple(due)):
        refusal = _refusal(change, phone)
        if isinstance(refusal, Failure):
            failed.append(refusal)
        else:
            todo.append((change, refusal))
    before = run_batch(phone.shell, read_commands(one for _, one in todo), root=phone.root)
    todo = [(change, one) for change, one in todo if not _is_back(change, one, before, None)]
    restored: list[str] = []
    reasons: dict[str, str] = {}
    for attempt in range(TRIES if todo else 0):
        if attempt:
            sleep(PAUSE_S)
        answers = run_batch(phone.shell, _undo_commands(todo), root=phone.root)
        back = [change.key for change, one in todo if _is_back(change, one, answers, answers.get(f"undo:{change.key}"))]
        restored += [_sentence(change, one, before) for change, one in todo if change.key in back]
        todo = [(change, one) for change, one in todo if change.key not in back]
        reasons = {change.key: _why(change, one, answers) for change, one in todo}
        if not todo:
            break
    failed += [Failure(change.key, reasons[change.key], _by_hand(change, one, phone)) for change, one in todo]
    return tuple(restored), tuple(failed)


def _refusal(change: Change, phone: Phone) -> Knob | Failure:
    """The knob of a change, or why it must not or cannot be turned."""
    try:
        one = knob(change.key, phone.sdk)
    except ParseError as error:
        return Failure(change.key, error.what, "The harness that made the change knows it: run its restore.")
    if not one.accepts(change.original):
        return Failure(change.key, f"{change.original!r} is no value of it", "Set it in the phone's own settings.")
    by_hand = _by_hand(change, one, phone)
    if one.root and phone.root is None:
        return Failure(change.key, "it needs root, which the phone does not give now", by_hand)
    if phone.over_tcp and one.cuts_tcp is not None and change.original == one.cuts_tcp:
        return Failure(change.key, "it would cut the network connection to this phone", by_hand)
    return one


def _undo_commands(todo: Iterable[tuple[Change, Knob]]) -> list[Command]:
    commands: list[Command] = []
    for change, one in todo:
        commands += [Command(f"undo:{change.key}", one.undo(change.original), root=one.root), *read_commands([one])]
    return commands


def _is_back(change: Change, one: Knob, answers: dict[str, Answer], undo: Answer | None) -> bool:
    """Whether the phone says that the knob is as it was.

    Without a getter the exit code of the undoing must do. If the change was never confirmed, a phone that refuses to
    undo it has refused to make it.
    """
    if one.read is None:
        return undo is not None and (undo.ok or not change.made)
    try:
        return one.same(value_of(one, answers.get(read_key(one))), change.original)
    except ParseError:
        return False


def _sentence(change: Change, one: Knob, before: dict[str, Answer]) -> str:
    if one.read is None:
        return f"{change.key}: off"
    try:
        seen = show(value_of(one, before.get(read_key(one))))
    except ParseError:
        seen = "unreadable"
    return f"{change.key}: {seen} -> {show(change.original)}"


def _why(change: Change, one: Knob, answers: dict[str, Answer]) -> str:
    undo = answers.get(f"undo:{change.key}")
    if undo is None:
        return "the phone gave no answer" + (" as root" if one.root else "")
    if not undo.ok:
        return undo.first_line
    try:
        seen = value_of(one, answers.get(read_key(one)))
    except ParseError as error:
        return f"it cannot be read back: {error.what}"
    return f"it stays {show(seen)}, it was {show(change.original)}"


def _by_hand(change: Change, one: Knob, phone: Phone) -> str:
    script = one.undo(change.original)
    script = as_root(phone.root or ("su", "-c"), script) if one.root else script
    return shlex.join(["adb", *(["-s", phone.serial] if phone.serial else []), "shell", script])


def _forget(phone: Phone, journal: Journal, look: Look, found: list[Entry], left: tuple[Change, ...]) -> None:
    """First the phone, then the host: an interruption in between costs nothing, for the phone keeps the ids."""
    if left:
        rest = replace(found[-1], changes=left, device=phone.device, boot_id=look.boot_id)
        done = [source.journal_id for source in found if source.journal_id != rest.journal_id]
        run_batch(phone.shell, [marker_command(rest), Command("undone", _keep_ids(done))])
        journal.put(rest)
        return
    ids = [source.journal_id for source in found]
    text = f"{{ {_keep_ids(ids)}; }} 2>/dev/null; rm -f {MARKER} && [ ! -e {MARKER} ]"
    answer = run_batch(phone.shell, [Command("forget", text)]).get("forget")
    if answer is None or not answer.ok:
        raise RestoreError(
            f"the marker {MARKER} cannot be removed: {answer.first_line if answer else 'no answer'}",
            where=phone.device,
            remedy="All settings are back. Remove the file, then run harness restore again.",
        )
    journal.remove(phone.device)


def _keep_ids(ids: list[str]) -> str:
    """Sh text that adds to the ids that some host has put back."""
    lines = shlex.quote("".join(f"{one}\n" for one in ids))
    draft = f"{UNDONE}.draft"
    return f"{{ tail -n {_KEPT_IDS} {UNDONE} 2>/dev/null; printf %s {lines}; }} > {draft} && mv -f {draft} {UNDONE}"
