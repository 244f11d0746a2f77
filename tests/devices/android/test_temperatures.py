from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.devices.android.temperatures import celsius, kind_of, parse_thermalservice, zone


@pytest.mark.parametrize(
    ("raw", "value_c"),
    [
        (38500, 38.5),
        (385, 38.5),
        (38.5, 38.5),
        (38, 38.0),
        (2500, 2.5),
        (-5000, -5.0),
        (0, None),
        (math.nan, None),
        (math.inf, None),
        (-40000, None),
        (-273000, None),
        (-99.9, None),
        (200000, None),
    ],
)
def test_units_by_magnitude(raw: float, value_c: float | None) -> None:
    assert celsius(raw) == (None if value_c is None else pytest.approx(value_c))


@given(st.floats(16.0, 110.0))
def test_all_units_of_a_warm_phone_agree(value_c: float) -> None:
    for scale in (1, 10, 1000):
        assert celsius(value_c * scale) == pytest.approx(value_c)


@given(st.floats())
def test_a_temperature_is_one_that_a_phone_can_have(raw: float) -> None:
    value = celsius(raw)
    assert value is None or (-30 < value <= 150 and value != 0)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("cpu-1-3-usr", "cpu"),
        ("cpuss-0-usr", "cpu"),
        ("apc1-cpu0-usr", "cpu"),
        ("BIG", "cpu"),
        ("LITTLE", "cpu"),
        ("mtktscpu", "cpu"),
        ("soc_max", "cpu"),
        ("gpuss-0-usr", "gpu"),
        ("G3D", "gpu"),
        ("battery", "battery"),
        ("batt_therm", "battery"),
        ("VIRTUAL-SKIN", "skin"),
        ("quiet-therm-adc", "skin"),
        ("nspss-0-usr", "npu"),
        ("TPU", "npu"),
        ("modem-lte-sub6-pa1", "modem"),
        ("mdmss-0-usr", "modem"),
        ("pa-therm1-adc", "modem"),
        ("camera-0-usr", "other"),
        ("soc", None),
        ("pmic-bcl-lvl0", None),
        ("vbat", None),
        ("ibat-high", None),
        ("thb_hda", None),
        ("VIRTUAL-SKIN-CHARGE", None),
    ],
)
def test_kinds_by_name(name: str, kind: str | None) -> None:
    assert kind_of(name) == kind


def test_a_zone_without_a_temperature_is_none() -> None:
    assert zone("cpu0", None, "x") is None
    assert zone("cpu0", "Permission denied", "x") is None
    assert zone("cpu0", "0", "x") is None
    assert zone("soc", "88", "x") is None


SAMSUNG = """Thermal Status: 1
Cached temperatures:
	Temperature{mValue=90.0, mType=4, mName=TYPE_SKIN, mStatus=0}
HAL Ready: true
HAL connection:
	Sdhms connected: yes
Current temperatures from HAL:
	Temperature{mValue=24.0, mType=1, mName=TYPE_CPU, mStatus=0}
	Temperature{mValue=24.4, mType=3, mName=TYPE_BATTERY, mStatus=0}
	Temperature{mValue=25.3, mType=4, mName=TYPE_SKIN, mStatus=0}
	Temperature{mValue=-99.9, mType=6, mName=TYPE_POWER_AMPLIFIER, mStatus=0}
Current cooling devices from HAL:
	CoolingDevice{mValue=1, mType=4, mName=TYPE_MODEM}
"""


def test_names_win_where_a_maker_shifted_the_numbers() -> None:
    service = parse_thermalservice(SAMSUNG)
    assert service is not None
    assert {sensor.kind: sensor.value_c for sensor in service.temperatures} == {
        "cpu": 24.0,
        "battery": 24.4,
        "skin": 25.3,
    }
    assert (service.status, service.cooling) == (1, ("TYPE_MODEM",))


def test_cached_values_alone_are_no_temperatures() -> None:
    service = parse_thermalservice(SAMSUNG.partition("HAL Ready")[0] + "HAL Ready: false\n")
    assert service is not None
    assert (service.temperatures, service.hal_ready) == ((), False)


def test_android_9_has_nothing_to_say() -> None:
    assert parse_thermalservice("ThermalEventListeners dumped.\n") is None


@given(st.text(alphabet="Temperature{mValue=,Type0Nas}: \n1.9-"))
def test_any_text(text: str) -> None:
    parse_thermalservice(SAMSUNG + text)
    parse_thermalservice("Current temperatures from HAL:" + text)
