"""Whether a phone became as it was told: what its answers after the write say of each wish. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from harness.devices.android.batch import Answer
from harness.devices.android.knobs import CLOCK_TOLERANCE
from harness.devices.android.look import read_key, value_of
from harness.devices.android.restore import show
from harness.devices.android.wishes import Wish
from harness.errors import ParseError


def judge(
    due: Iterable[Wish], before: dict[str, Answer], answers: dict[str, Answer]
) -> tuple[tuple[str, ...], tuple[str, ...], frozenset[str]]:
    """Sentences on what changed and on what did not become as wanted, and the keys that need no undoing."""
    changed: list[str] = []
    failed: list[str] = []
    unmade: set[str] = set()
    for wish in due:
        key = wish.knob.key
        old, new = _value(wish, before), _value(wish, answers)
        if wish.knob.read is None and holds(wish, answers):
            changed.append(f"{key}: {'on' if wish.value == '1' else 'off'}")
        elif wish.knob.read is not None and old != new:
            changed.append(f"{key}: {old} -> {new}{f' ({wish.note})' if wish.note else ''}")
        if not holds(wish, answers):
            failed.append(f"{key}: {_why(wish, new, answers)}")
            unmade |= {key} if wish.knob.read is None and f"set:{key}" in answers else set()
    return tuple(changed), tuple(failed), frozenset(unmade)


def accepted(wish: Wish, answers: dict[str, Answer]) -> bool:
    """Whether the write was taken without complaint, which proves nothing."""
    answer = answers.get(f"set:{wish.knob.key}")
    return answer is not None and answer.ok


def holds(wish: Wish, answers: dict[str, Answer]) -> bool:
    """Whether the phone says that it is as wanted; without a getter, whether it accepted it."""
    if wish.knob.read is None:
        return accepted(wish, answers)
    try:
        seen = value_of(wish.knob, answers.get(read_key(wish.knob)))
    except ParseError:
        return False
    return wish.knob.is_wanted(seen, wish.value) and _runs_at(wish, answers) is None


def _runs_at(wish: Wish, answers: dict[str, Answer]) -> int | None:
    """The running clock in kHz where it is not the one that was set; None when it is, or nothing shows it."""
    running = answers.get(f"run:{wish.knob.key}")
    if running is None or not running.ok or not running.text.isdecimal():
        return None
    khz, wanted_khz = int(running.text), int(wish.value.split()[0])
    return khz if abs(khz - wanted_khz) > CLOCK_TOLERANCE * wanted_khz else None


def _value(wish: Wish, answers: dict[str, Answer]) -> str:
    try:
        return show(value_of(wish.knob, answers.get(read_key(wish.knob))))
    except ParseError:
        return "unreadable"


def _why(wish: Wish, seen: str, answers: dict[str, Answer]) -> str:
    """Why it is not as wanted, with advice where the phone's words have a known cause."""
    answer = answers.get(f"set:{wish.knob.key}")
    if answer is None:
        return "the phone gave no answer" + (" as root" if wish.knob.root else "")
    if not answer.ok or "SecurityException" in answer.text:
        denied = "WRITE_SECURE_SETTINGS" in answer.text or "SecurityException" in answer.text
        advice = "; some phones want 'USB debugging (Security settings)' switched on" if denied else ""
        return f"the phone refuses it: {answer.first_line}{advice}"
    running_khz = _runs_at(wish, answers)
    if running_khz is not None:
        return f"set to {wish.value.split()[0]}, the core runs at {running_khz}"
    again = ", for something on the phone puts it back" if wish.knob.root else ""
    return f"written as {wish.value}, it is {seen}{again}"
