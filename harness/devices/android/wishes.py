"""From a sweep's `settings:` to single knobs and values, and to sentences on what a phone cannot do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.devices.android.changes import Change
from harness.devices.android.cpufreq import Policy, chosen
from harness.devices.android.knobs import ANIMATIONS, STAY_AWAKE, Knob, knob
from harness.domain import DeviceSettings

_ANDROID_OF_SDK = {30: "Android 11"}


@dataclass(frozen=True)
class Abilities:
    """What decides which knobs a phone has. `over_tcp` is true when adb reaches it through the network."""

    sdk: int
    root: bool
    over_tcp: bool


@dataclass(frozen=True)
class Wish:
    """A knob and the value it shall have. `note` follows the sentence on it; `beside` is kept, for this resets it."""

    knob: Knob
    value: str
    note: str = ""
    beside: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Wishes:
    """In the order in which they are to be made; undoing goes backwards. `refused` are sentences, ``name: why``."""

    wishes: tuple[Wish, ...]
    refused: tuple[str, ...]


def wants_clocks(settings: DeviceSettings) -> bool:
    """Whether the clock domains of the phone must be known for `wishes_of`."""
    return settings.governor is not None or settings.clock_khz is not None


def wishes_of(
    settings: DeviceSettings, abilities: Abilities, policies: Sequence[Policy] = (), cpus: Sequence[int] | None = None
) -> Wishes:
    """What `settings` means on this phone.

    Args:
        policies: the clock domains, needed when `wants_clocks`.
        cpus: the measured cores; None for the domain with the highest clock.
    """
    asked = [*_plain(settings, abilities.sdk), *_clocks(settings, abilities, policies, cpus)]
    wishes: list[Wish] = []
    refused: list[str] = []
    for one in asked:
        why = one if isinstance(one, str) else _refusal(one.knob, abilities)
        if isinstance(one, Wish) and not why:
            wishes.append(one)
        else:
            refused.append(why)
    return Wishes(tuple(wishes), tuple(dict.fromkeys(refused)))


def _plain(settings: DeviceSettings, sdk: int) -> Iterator[Wish]:
    """What does not depend on the phone's clock domains. A woken screen belongs to staying awake."""
    if settings.stay_awake is not None:
        yield Wish(knob("stay_awake", sdk), STAY_AWAKE if settings.stay_awake else "0")
    if settings.stay_awake:
        yield Wish(knob("screen", sdk), "Awake")
    if settings.battery_saver is not None:
        yield Wish(knob("battery_saver", sdk), _bit(settings.battery_saver))
    if settings.airplane_mode is not None:
        yield Wish(knob("airplane_mode", sdk), _bit(settings.airplane_mode))
    if settings.animations is not None:
        for name in ANIMATIONS:
            yield Wish(knob(f"animations:{name}", sdk), _bit(settings.animations))
    if settings.brightness is not None:
        yield Wish(knob("brightness_mode", sdk), "0", note="automatic brightness off")
        yield Wish(knob("brightness", sdk), str(settings.brightness))
    if settings.fixed_performance_mode is not None:
        yield Wish(knob("fixed_performance_mode", sdk), _bit(settings.fixed_performance_mode))


def _clocks(
    settings: DeviceSettings, abilities: Abilities, policies: Sequence[Policy], cpus: Sequence[int] | None
) -> Iterator[Wish | str]:
    if not wants_clocks(settings):
        return
    if not abilities.root:
        yield from (f"{name}: it needs root, which this phone does not give" for name in _clock_names(settings))
        return
    measured = chosen(policies, cpus)
    if not measured:
        yield from (f"{name}: the phone shows no clock domain of these cores" for name in _clock_names(settings))
    for policy in measured:
        if settings.governor is not None:
            yield _governor(settings.governor, policy, abilities.sdk)
        if settings.clock_khz is not None:
            yield _clock(settings.clock_khz, policy, abilities.sdk)


def _clock_names(settings: DeviceSettings) -> list[str]:
    return [name for name in ("governor", "clock_khz") if getattr(settings, name) is not None]


def _governor(asked: str, policy: Policy, sdk: int) -> Wish | str:
    if policy.governors and asked not in policy.governors:
        return f"governor: {policy.name} has no {asked!r}; it offers {', '.join(policy.governors)}"
    one = knob(f"governor:{policy.name}", sdk)
    if not one.accepts(asked):
        return f"governor: {asked!r} is no name of a governor"
    beside = [Change(f"tunable:{policy.name}/{file}", value, None) for file, value in policy.tunables]
    return Wish(one, asked, beside=tuple(beside))


def _clock(asked: int | str, policy: Policy, sdk: int) -> Wish | str:
    khz = policy.nearest_khz(asked)
    if khz is None:
        return f"clock_khz: {policy.name} does not tell its highest clock"
    note = "" if asked in ("max", khz) else f"the nearest it offers to {asked}"
    return Wish(knob(f"clock:{policy.name}", sdk), f"{khz} {khz}", note)


def _refusal(one: Knob, abilities: Abilities) -> str:
    """Why this phone cannot or must not do it; empty when it can."""
    if abilities.over_tcp and one.cuts_tcp is not None:
        return f"{one.setting}: it would cut the network connection to this phone; connect it by USB"
    if abilities.sdk < one.min_sdk:
        needed = _ANDROID_OF_SDK.get(one.min_sdk, f"API level {one.min_sdk}")
        return f"{one.setting}: it needs {needed} or later, this phone has API level {abilities.sdk}"
    if one.root and not abilities.root:
        return f"{one.setting}: it needs root, which this phone does not give"
    return ""


def _bit(value: bool) -> str:
    return "1" if value else "0"
