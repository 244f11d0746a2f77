"""Temperatures of a phone, from `dumpsys thermalservice` and from the kernel's thermal zones: pure.

Sensors lie in their own ways: units of degrees, tenths and thousandths, 0 and NaN for "none", -40 or -99.9 for "off",
percentages and currents among the temperatures. What cannot be a temperature is None here, never a number.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from harness.units import decidegrees_to_c, millidegrees_to_c

# android.hardware.thermal TemperatureType, as of Android 14; 6 to 8 are battery current limits, no temperatures.
_TYPES = {0: "cpu", 1: "gpu", 2: "battery", 3: "skin", 5: "modem", 9: "npu", 10: "npu", 12: "modem", 13: "cpu"}
_NO_TEMPERATURE_TYPES = (6, 7, 8)
# By name, the first that matches. `soc` alone is Qualcomm's state of charge in percent; thb_hda is a Pixel's counter.
_NAMES = (
    (
        "ignored",
        r"bcl|[iv]bat|vph|^soc$|^socd$|-lvl\d|batt?_soc|^thb_hda$|-charge\b|^virtual-skin-eq|model|vdroop|counter",
    ),
    ("battery", r"batt|^bat\d?$|bms|mtktsbat"),
    ("gpu", r"gpu|g3d|kgsl|mali"),
    ("npu", r"npu|nsp|cdsp|hvx|tpu|apu|vpu|mdla"),
    ("skin", r"skin|quiet|shell_|back_|front_|surface"),
    ("modem", r"modem|mdm|mmw|sub6|wlan|wifi|rf_|mtktspa|pa[-_]?therm|^pa\d*$|amplifier"),
    ("cpu", r"cpu|apc\d|^big|^mid|^little|cluster|gold|silver|prime|^ap$|^soc|tsens_tz"),
)
_HOTTEST_C, _COLDEST_C = 150.0, -30.0
_LEAST_MILLIDEGREES = 2000.0
_ENTRY = re.compile(r"\bTemperature\{mValue=([^,{}]*), mType=(-?\d{1,4}), mName=([^{}]*?), mStatus=(-?\d{1,4})\}")
_COOLING = re.compile(r"\bCoolingDevice\{mValue=(\d{1,9}), mType=-?\d{1,4}, mName=([^{}]*)\}")


@dataclass(frozen=True)
class Temperature:
    """One sensor: `kind` is cpu, gpu, battery, skin, npu, modem or other; `source` ``thermalservice`` or a folder."""

    name: str
    kind: str
    value_c: float
    source: str


@dataclass(frozen=True)
class ThermalService:
    """What `dumpsys thermalservice` says. `status` is Android's level, 0 none to 6 shutdown; None when it says nothing.

    `cooling` names the devices that slow something down now.
    """

    status: int | None = None
    overridden: bool = False
    hal_ready: bool | None = None
    temperatures: tuple[Temperature, ...] = ()
    cooling: tuple[str, ...] = ()


def celsius(raw: float) -> float | None:
    """Degrees from a reading in degrees, tenths or thousandths of one, told apart by magnitude; None for none.

    Above 150 it is tenths, from 2000 on thousandths: no phone works at 150 °C, and one below 2 °C has other troubles.
    """
    if not math.isfinite(raw) or raw == 0:
        return None
    if abs(raw) >= _LEAST_MILLIDEGREES:
        value = millidegrees_to_c(raw)
    else:
        value = decidegrees_to_c(raw) if abs(raw) > _HOTTEST_C else raw
    return value if _COLDEST_C < value <= _HOTTEST_C else None


def kind_of(name: str) -> str | None:
    """The class of a sensor by its name; None for one that is no temperature of the phone."""
    for kind, pattern in _NAMES:
        if re.search(pattern, name, re.IGNORECASE):
            return None if kind == "ignored" else kind
    return "other"


def zone(name: str, raw: str | None, source: str) -> Temperature | None:
    """A thermal zone of the kernel from its ``type`` and ``temp``; None when it shows no temperature."""
    kind, value = kind_of(name), _number(raw)
    value_c = None if value is None else celsius(value)
    return None if kind is None or value_c is None else Temperature(name, kind, value_c, source)


def parse_thermalservice(text: str) -> ThermalService | None:
    """What `dumpsys thermalservice` printed, None when it says nothing of heat (Android 9).

    Of the temperatures only the current ones count, not the cached.
    """
    status = re.search(r"^[ \t]*Thermal Status: (\d{1,2})[ \t]*$", text, re.MULTILINE)
    ready = re.search(r"^[ \t]*HAL Ready: (true|false)[ \t]*$", text, re.MULTILINE)
    _, _, current = text.partition("Current temperatures from HAL:")
    readings = current.partition("Current cooling devices from HAL:")[0].partition("Temperature static thresholds")[0]
    found = (_reading(*match.group(1, 2, 3)) for match in _ENTRY.finditer(readings))
    service = ThermalService(
        status=int(status[1]) if status else None,
        overridden=re.search(r"^[ \t]*IsStatusOverride: true[ \t]*$", text, re.MULTILINE) is not None,
        hal_ready=ready[1] == "true" if ready else None,
        temperatures=tuple(reading for reading in found if reading is not None),
        cooling=tuple(match[2] for match in _COOLING.finditer(current) if int(match[1]) > 0),
    )
    return None if service == ThermalService() else service


def _reading(raw: str, type_number: str, name: str) -> Temperature | None:
    number, by_name = int(type_number), kind_of(name)
    # Samsung's service names TYPE_SKIN and the like, with numbers shifted by one: the name is right.
    kind = by_name if name.startswith("TYPE_") or number not in _TYPES else _TYPES[number]
    value = _number(raw)
    value_c = None if value is None else celsius(value)
    shifted = name.startswith("TYPE_")
    if by_name is None or kind is None or value_c is None or (number in _NO_TEMPERATURE_TYPES and not shifted):
        return None
    return Temperature(name, kind, value_c, "thermalservice")


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
