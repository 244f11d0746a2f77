"""Waiting with a clock that only sleeping moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event as Flag
from typing import cast

import pytest

from harness.devices.base import Device
from harness.domain import DeviceSettings, Gate
from harness.events import Event, Waiting
from harness.lab.interrupt import Interrupt
from harness.lab.waiting import Waiter


@dataclass
class Phone:
    """Says what a test tells it to say, once each; the last for ever."""

    reasons: list[str] = field(default_factory=lambda: [""])
    back: list[bool] = field(default_factory=lambda: [True])
    device_id: str = "adb-1"
    tries: int = 0

    def wait_reason(self) -> str:
        return self.reasons.pop(0) if len(self.reasons) > 1 else self.reasons[0]

    def recover(self, cancel: Flag) -> bool:
        self.tries += 1
        return self.back.pop(0) if len(self.back) > 1 else self.back[0]


@dataclass
class World:
    phone: Phone
    now_s: float = 0.0
    events: list[Event] = field(default_factory=list)
    interrupt: Interrupt = field(default_factory=Interrupt)

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def waiter(self, settings: DeviceSettings | None = None) -> Waiter:
        device = cast(Device, self.phone)
        settings = settings or DeviceSettings()
        return Waiter(device, settings, self.interrupt, self.events.append, lambda: self.now_s, self.sleep)

    def shown(self) -> list[str]:
        return [event.reason for event in self.events if isinstance(event, Waiting)]


def test_an_open_gate_is_not_shown() -> None:
    world = World(Phone())
    assert world.waiter().for_gate() == ""
    assert (world.shown(), world.now_s) == ([], 0.0)


def test_each_reason_is_shown_once_and_its_end_too() -> None:
    world = World(Phone(["hot", "hot", "warm", ""]))
    assert world.waiter().for_gate() == ""
    assert world.shown() == ["hot", "warm", ""]
    assert world.now_s == pytest.approx(3.0)


def test_a_gate_that_never_opens_lets_the_block_begin_and_says_so() -> None:
    world = World(Phone(["cooling: 41.0 C, gate 38.0 C"]))
    told = world.waiter(DeviceSettings(gate=Gate(timeout_s=30))).for_gate()
    assert told == "begun although the gate did not open within 30 s (cooling: 41.0 C, gate 38.0 C)"
    assert 30 <= world.now_s < 32
    assert world.shown()[-1] == ""


def test_an_interrupt_ends_the_wait_at_the_gate() -> None:
    world = World(Phone(["hot"]))
    world.interrupt.press()
    assert world.waiter().for_gate() == ""
    assert world.now_s == 0.0


def test_a_lost_phone_is_tried_ever_less_often() -> None:
    world = World(Phone(back=[False, False, False, True]))
    assert world.waiter().for_device()
    assert world.phone.tries == 4
    assert world.now_s == pytest.approx(1 + 2 + 4)
    assert world.shown() == ["offline: waiting up to 5 min 00 s for the device to come back", ""]


def test_a_phone_that_stays_away_is_given_up_in_time() -> None:
    world = World(Phone(back=[False]))
    assert not world.waiter(DeviceSettings(offline_timeout_s=60)).for_device()
    assert world.now_s <= 60
    assert world.phone.tries >= 4


def test_an_interrupt_ends_the_wait_for_a_phone() -> None:
    world = World(Phone(back=[False]))
    world.interrupt.press()
    assert not world.waiter().for_device()
