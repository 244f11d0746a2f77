from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.devices.android.find import (
    Found,
    Identity,
    device_id,
    distinct,
    matching,
    parse_identity,
    select,
)
from harness.devices.android.server import Attached
from harness.errors import NoDeviceError, UnauthorizedError

USB = Attached("0123ABC", "device", "Pixel 8", 1, "usb:1-2")
NETWORK = Attached("192.168.1.5:5555", "device", "Pixel 8", 2)
OTHER = Attached("R5CT", "device", "SM-S911B", 3, "usb:1-1")


def found(*pairs: tuple[Attached, Identity | None]) -> Found:
    return distinct([line for line, _ in pairs], {line: identity for line, identity in pairs if identity})


def test_one_phone_by_cable_and_by_network_is_one() -> None:
    identity = Identity("0123ABC", "Pixel 8", "boot-1")
    result = found((NETWORK, identity), (USB, identity))
    (phone,) = result.phones
    assert (phone.device_id, phone.serial, phone.address) == ("adb-0123abc", "0123ABC", USB)
    assert phone.listed == (USB, NETWORK)


def test_an_emulator_listed_twice_is_one() -> None:
    identity = Identity("EMULATOR1", "sdk_gphone64", "boot-1")
    first, second = Attached("emulator-5554", "device"), Attached("127.0.0.1:5555", "device")
    (phone,) = found((second, identity), (first, identity)).phones
    assert phone.address == first


def test_two_phones_with_one_serial_number_are_two() -> None:
    twin = Attached("0123ABC", "device", "Pixel 8", 9, "usb:1-7")
    result = found((USB, Identity("0123ABC", "Pixel 8", "boot-1")), (twin, Identity("0123ABC", "Pixel 8", "boot-2")))
    assert [phone.device_id for phone in result.phones] == ["adb-0123abc-usb-1-2", "adb-0123abc-usb-1-7"]
    assert {phone.address.transport_id for phone in result.phones} == {1, 9}
    with pytest.raises(NoDeviceError, match="2 phones fit serial '0123ABC'"):
        select(result, {"serial": "0123ABC"})
    assert select(result, {"serial": "adb-0123abc-usb-1-7"}).address == twin


def test_twins_over_the_network_are_told_apart_by_address() -> None:
    one, two = Attached("10.0.0.1:5555", "device"), Attached("10.0.0.2:5555", "device")
    result = found((one, Identity("SAME", "X", "b1")), (two, Identity("SAME", "X", "b2")))
    assert [phone.device_id for phone in result.phones] == ["adb-same-10.0.0.1-5555", "adb-same-10.0.0.2-5555"]


def test_phones_that_say_nothing_of_themselves_stay_apart() -> None:
    result = found((USB, Identity()), (NETWORK, Identity("", "", "boot-1")), (OTHER, Identity("", "", "boot-1")))
    assert {phone.serial for phone in result.phones} == {"0123ABC", "192.168.1.5:5555", "R5CT"}


def test_those_that_cannot_be_used_are_kept_apart() -> None:
    asked, gone = Attached("A", "unauthorized"), Attached("B", "offline")
    result = found((asked, None), (gone, None), (USB, None), (OTHER, Identity("R5CT", "SM-S911B", "b")))
    assert result.unauthorized == (asked,)
    assert result.offline == (gone, USB)  # listed as `device` and silent
    assert [phone.serial for phone in result.phones] == ["R5CT"]


BOTH = found((USB, Identity("0123ABC", "Pixel 8", "b1")), (OTHER, Identity("R5CT", "SM-S911B", "b2")))


@pytest.mark.parametrize(
    ("selector", "serial"),
    [
        ({"serial": "R5CT"}, "R5CT"),
        ({"serial": "adb-r5ct"}, "R5CT"),
        ({"model": "pixel_8"}, "0123ABC"),
        ({"model": "Pixel 8", "serial": "0123ABC"}, "0123ABC"),
    ],
)
def test_selection(selector: dict[str, str], serial: str) -> None:
    assert select(BOTH, selector).serial == serial
    assert len(matching(BOTH, selector)) == 1


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        ({}, ["2 phones fit the target adb", "Pixel 8 0123ABC", "SM-S911B R5CT", "serial: '0123ABC'"]),
        ({"model": "Pixel 9"}, ["no phone fits model 'Pixel 9'", "SM-S911B R5CT"]),
        ({"serial": "R5CT", "model": "Pixel 8"}, ["no phone fits serial 'R5CT' model 'Pixel 8'"]),
    ],
)
def test_what_is_said_when_it_is_not_one(selector: dict[str, str], words: list[str]) -> None:
    with pytest.raises(NoDeviceError) as caught:
        select(BOTH, selector)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_what_is_said_when_there_is_none() -> None:
    with pytest.raises(NoDeviceError, match="no phone is attached"):
        select(Found(), {})
    with pytest.raises(UnauthorizedError, match="A has not allowed"):
        select(found((Attached("A", "unauthorized"), None)), {})
    with pytest.raises(UnauthorizedError):
        select(Found(BOTH.phones, (Attached("A", "unauthorized"),)), {"serial": "A"})
    with pytest.raises(NoDeviceError, match=r"does not answer: B \(offline\)"):
        select(found((Attached("B", "offline"), None)), {"serial": "B"})


@given(st.text(max_size=40))
def test_an_identifier_needs_no_quoting(serial: str) -> None:
    text = device_id(serial)
    assert text.startswith("adb-")
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-")


def test_what_a_phone_says_of_itself() -> None:
    text = "serial=0123\r\nmodel=Pixel = 8\nboot=b-1\nnoise\nother=1\n"
    assert parse_identity(text) == Identity("0123", "Pixel = 8", "b-1")
    assert parse_identity("") == Identity()
