"""Everything that a session may change on a phone, as data: how each is read, written, put back and compared."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from harness.devices.android.cpufreq import FOLDER
from harness.errors import ParseError

_INTEGER = re.compile(r"\d{1,9}")
_NUMBER = re.compile(r"\d{1,6}(\.\d{1,6})?")
_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_CLOCKS = re.compile(r"\d{1,9} \d{1,9}")
_TUNABLE = re.compile(r"[^\x00-\x1f\x7f]{0,400}")
# A read-back of the running clock may be off by rounding in the firmware.
CLOCK_TOLERANCE = 0.02
ANIMATIONS = ("window_animation_scale", "transition_animation_scale", "animator_duration_scale")
_STAY_AWAKE_ON_ANY_CHARGER = 7
_AIRPLANE_COMMAND_SDK = 30
_FIXED_PERFORMANCE_SDK = 30


def same_text(left: str | None, right: str | None) -> bool:
    """Equal, or both never set."""
    return left == right


def same_number(left: str | None, right: str | None) -> bool:
    """Equal as numbers: ``0`` and ``0.0``."""
    return left == right or (left is not None and right is not None and float(left) == float(right))


@dataclass(frozen=True)
class Knob:
    """One thing on a phone that can be turned.

    `setting` is the field of DeviceSettings that asks for it. `read` is sh text that prints the value, None when there
    is no getter; `write` makes the sh text that sets a value; `forget` is sh text that undoes "never set".
    `valid` is what a value looks like: anything else that a phone or a file says is not one. `same` compares what was
    read with what it was before, `satisfies` with what is wanted, None meaning "as `same`". `gone_after_reboot`: a
    restart undoes it.
    """

    key: str
    setting: str
    read: str | None
    write: Callable[[str], str]
    valid: re.Pattern[str]
    forget: str | None = None
    same: Callable[[str | None, str | None], bool] = same_text
    satisfies: Callable[[str, str], bool] | None = None
    root: bool = False
    min_sdk: int = 0
    gone_after_reboot: bool = False
    cuts_tcp: str | None = None

    def undo(self, original: str | None) -> str:
        """Sh text that puts `original` back."""
        if original is None and self.forget is not None:
            return self.forget
        return self.write(original or "")

    def parse(self, text: str) -> str | None:
        """The value in what `read` printed; None for a setting that was never set.

        Raises:
            ParseError: it is no value, such as the text of a denial.
        """
        if self.forget is not None and text == "null":
            return None
        if not self.valid.fullmatch(text):
            raise ParseError(f"{text[:120]!r} is no value of {self.key}")
        return text

    def is_wanted(self, seen: str | None, wanted: str) -> bool:
        """Whether the value that was read does what is wanted."""
        if self.satisfies is not None:
            return seen is not None and self.satisfies(seen, wanted)
        return self.same(seen, wanted)

    def accepts(self, value: str | None) -> bool:
        """Whether a value from a file may be written."""
        return self.forget is not None or self.read is None if value is None else bool(self.valid.fullmatch(value))


def knob(key: str, sdk: int) -> Knob:
    """The knob of that key on a phone of that API level.

    Raises:
        ParseError: there is no such knob (a journal or a marker can hold anything).
    """
    if key in _PLAIN:
        return _PLAIN[key]
    if key == "airplane_mode":
        return _airplane(sdk)
    family, _, place = key.partition(":")
    if family in _FAMILIES and _FAMILIES[family][0].fullmatch(place):
        return _FAMILIES[family][1](key, place)
    raise ParseError(f"{key[:120]!r} is no setting that this version can change")


def _from_settings(
    setting: str, table: str, name: str, *, key: str = "", satisfies: Callable[[str, str], bool] | None = None
) -> Knob:
    """A value of Android's settings provider; `settings get` prints ``null`` for one that was never set."""
    return Knob(
        key=key or setting,
        setting=setting,
        read=f"settings get {table} {name}",
        write=lambda value: f"settings put {table} {name} {shlex.quote(value)}",
        forget=f"settings delete {table} {name} >/dev/null",
        valid=_NUMBER,
        same=same_number,
        satisfies=satisfies,
    )


def _stays_awake(seen: str, wanted: str) -> bool:
    """The value is a bit mask of chargers: more of them than asked for do as well."""
    bits = int(float(wanted))
    return int(float(seen)) & bits == bits if bits else float(seen) == 0


def _awake(state: str | None) -> bool:
    return state == "Awake"


def _airplane(sdk: int) -> Knob:
    """From Android 11 a command turns it; before, the setting and a broadcast that only root may send."""
    has_command = sdk >= _AIRPLANE_COMMAND_SDK

    def write(value: str) -> str:
        on = value not in ("", "0")
        if has_command:
            return f"cmd connectivity airplane-mode {'enable' if on else 'disable'}"
        broadcast = f"am broadcast -a android.intent.action.AIRPLANE_MODE --ez state {str(on).lower()} >/dev/null"
        return f"settings put global airplane_mode_on {int(on)} && {broadcast}"

    return Knob(
        key="airplane_mode",
        setting="airplane_mode",
        read="settings get global airplane_mode_on",
        write=write,
        forget=write("0"),
        valid=re.compile(r"[01]"),
        same=lambda left, right: (left or "0") == (right or "0"),
        root=not has_command,
        cuts_tcp="1",
    )


def _governor(key: str, policy: str) -> Knob:
    return _cpufreq_file(key, f"{policy}/scaling_governor", _WORD)


def _tunable(key: str, place: str) -> Knob:
    return _cpufreq_file(key, place, _TUNABLE)


def _cpufreq_file(key: str, place: str, valid: re.Pattern[str]) -> Knob:
    """A file below cpufreq that holds one value, which a reboot puts back."""
    path = f"{FOLDER}/{place}"
    return Knob(
        key=key,
        setting="governor",
        read=f"cat {path}",
        write=lambda value: f"printf %s {shlex.quote(value)} > {path}",
        valid=valid,
        root=True,
        gone_after_reboot=True,
    )


def _clock(key: str, policy: str) -> Knob:
    """Both bounds, as ``low high`` in kHz; a read also prints the running clock.

    The kernel refuses a lower bound above the upper one, so the order of the two writes follows the present bound.
    """
    folder = f"{FOLDER}/{policy}"

    def write(value: str) -> str:
        low, _, high = value.partition(" ")
        set_low = f"printf %s {shlex.quote(low)} > {folder}/scaling_min_freq"
        set_high = f"printf %s {shlex.quote(high)} > {folder}/scaling_max_freq"
        raising = f'[ {shlex.quote(high)} -ge "$(cat {folder}/scaling_max_freq)" ]'
        return f"if {raising}; then {set_high} && {set_low}; else {set_low} && {set_high}; fi"

    bounds = f"low=$(cat {folder}/scaling_min_freq) && high=$(cat {folder}/scaling_max_freq)"
    return Knob(
        key=key,
        setting="clock_khz",
        read=f'{bounds} && printf "%s %s" "$low" "$high"',
        write=write,
        valid=_CLOCKS,
        root=True,
        gone_after_reboot=True,
    )


def running_clock(policy: str) -> str:
    """Sh text that prints the clock a policy runs at, kHz."""
    return f"cat {FOLDER}/{policy}/scaling_cur_freq"


def _animation(key: str, name: str) -> Knob:
    return _from_settings("animations", "global", name, key=key)


_PLAIN = {
    one.key: one
    for one in (
        _from_settings("stay_awake", "global", "stay_on_while_plugged_in", satisfies=_stays_awake),
        _from_settings("battery_saver", "global", "low_power"),
        _from_settings("brightness", "system", "screen_brightness"),
        _from_settings("brightness", "system", "screen_brightness_mode", key="brightness_mode"),
        Knob(
            key="screen",
            setting="stay_awake",
            read="dumpsys power | sed -n 's/^ *mWakefulness=//p' | head -n 1",
            write=lambda value: f"input keyevent {224 if _awake(value) else 223}",
            valid=re.compile(r"[A-Za-z]{1,20}"),
            same=lambda left, right: _awake(left) == _awake(right),
            gone_after_reboot=True,
        ),
        Knob(
            key="fixed_performance_mode",
            setting="fixed_performance_mode",
            read=None,
            write=lambda value: f"cmd power set-fixed-performance-mode-enabled {'true' if value == '1' else 'false'}",
            valid=re.compile(r"[01]"),
            min_sdk=_FIXED_PERFORMANCE_SDK,
            gone_after_reboot=True,
        ),
    )
}

_FAMILIES: dict[str, tuple[re.Pattern[str], Callable[[str, str], Knob]]] = {
    "animations": (re.compile("|".join(ANIMATIONS)), _animation),
    "governor": (re.compile(r"policy\d{1,4}"), _governor),
    "clock": (re.compile(r"policy\d{1,4}"), _clock),
    "tunable": (re.compile(r"policy\d{1,4}/\w[\w.-]{0,63}/\w[\w.-]{0,63}"), _tunable),
}

STAY_AWAKE = str(_STAY_AWAKE_ON_ANY_CHARGER)
