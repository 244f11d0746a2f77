"""What a phone says before something is changed or put back: its boot, its marker, and the values of knobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.devices.android.batch import Answer, Command, Root, run_batch
from harness.devices.android.changes import MARKER, UNDONE, Entry
from harness.devices.android.journal import decode
from harness.devices.android.knobs import Knob
from harness.devices.android.shell import Shell
from harness.errors import DeviceError, ParseError

_BOOT, _MARKER, _UNDONE = "boot", "marker", "undone"
_MARKER_MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class Look:
    """`boot_id` is empty where the phone hides it. `marker` is None without one; `marker_problem` says why one that is
    there cannot be used. `undone` are ids of changes that some host has put back. `answers` are all by key."""

    boot_id: str
    marker: Entry | None
    marker_problem: str
    undone: frozenset[str]
    answers: Mapping[str, Answer]

    def value(self, knob: Knob) -> str | None:
        """What a knob holds; None for never set.

        Raises:
            ParseError: it cannot be read; the message says why.
        """
        return value_of(knob, self.answers.get(read_key(knob)))


def look_at(shell: Shell, knobs: Iterable[Knob], *, root: Root | None, extra: Iterable[Command] = ()) -> Look:
    """Ask a phone, in one round trip, for its state and for the values of `knobs`.

    Raises:
        DeviceOfflineError, InvocationTimeoutError, UnauthorizedError: as `Shell.shell`.
        DeviceError: the phone answered with nothing.
    """
    state = [
        Command(_BOOT, "cat /proc/sys/kernel/random/boot_id"),
        Command(_MARKER, f"[ ! -e {MARKER} ] || head -c {_MARKER_MAX_BYTES} {MARKER}"),
        Command(_UNDONE, f"[ ! -e {UNDONE} ] || tail -n 100 {UNDONE}"),
    ]
    answers = run_batch(shell, [*state, *read_commands(knobs), *extra], root=root)
    if _BOOT not in answers:
        raise DeviceError("the phone's shell gave no answer", remedy="Run harness doctor.")
    marker, problem = _marker(answers[_MARKER]) if _MARKER in answers else (None, "")
    undone = answers.get(_UNDONE, Answer(1, ""))
    boot = answers[_BOOT]
    return Look(
        boot.text if boot.ok else "", marker, problem, frozenset(undone.text.split() if undone.ok else ()), answers
    )


def read_commands(knobs: Iterable[Knob]) -> list[Command]:
    """A command for each knob that has a getter."""
    return [Command(read_key(knob), knob.read, root=knob.root) for knob in knobs if knob.read is not None]


def read_key(knob: Knob) -> str:
    """The key of a knob's reading among answers."""
    return f"read:{knob.key}"


def value_of(knob: Knob, answer: Answer | None) -> str | None:
    """The value in an answer; None for never set.

    Raises:
        ParseError: there is none; the message says why.
    """
    if answer is None:
        raise ParseError("the phone gave no answer" + (" as root" if knob.root else ""))
    if not answer.ok:
        raise ParseError(answer.first_line)
    return knob.parse(answer.text)


def _marker(answer: Answer) -> tuple[Entry | None, str]:
    if not answer.ok:
        return None, f"the marker on the phone cannot be read: {answer.first_line}"
    if not answer.text:
        return None, ""
    try:
        return decode(answer.text), ""
    except ValueError as error:
        return None, f"the marker on the phone is damaged: {error}"
