"""The Edge TPUs that the kernel lists, read below a root: USB sticks, and PCIe modules with or without their driver.

What cannot be read is None, and what goes away between listing and reading is not there: sticks re-enumerate whenever a
process opens them for the first time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from harness.devices.cpus import read_int, read_text
from harness.units import millidegrees_to_c

USB_MODEL, PCIE_MODEL = "Coral USB Accelerator", "Coral PCIe Accelerator"
USB_DEVICES, APEX_CLASS, PCI_DEVICES = "sys/bus/usb/devices", "sys/class/apex", "sys/bus/pci/devices"
TRIP_POINTS = 3
HOTTEST_C = 150.0

_READY, _DFU = ("18d1", "9302"), ("1a6e", "089a")
_PCI = ("0x1ac1", "0x089a")
_USB_PORT = re.compile(r"\d{1,3}-\d{1,3}(?:\.\d{1,3}){0,7}", re.ASCII)
_APEX = re.compile(r"apex_\d{1,3}", re.ASCII)
_PCI_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", re.ASCII)
_LONGEST_TEXT = 80


@dataclass(frozen=True)
class Attached:
    """An Edge TPU that is plugged in.

    Attributes:
        kind: ``usb`` or ``pci``.
        index: its place among those of its kind, in the order of ports.
        port: where it is plugged in: ``2-1.4`` (bus and ports), ``apex_0``.
        node: the device file that a process must be able to open; empty when it is not known.
        dfu: a stick that waits for its firmware; libedgetpu loads it at the first use.
        speed_mbit: of the USB connection: 480 or 5000.
        address: of a PCIe module on its bus.
        link: of a PCIe module, as the kernel says it: ``5.0 GT/s PCIe x1``.
        status: of a PCIe module: ``ALIVE``, ``LAMED``, ``DEAD``.
        trip_points_c: where a PCIe module halves its clock, and halves it again.
    """

    kind: str
    index: int
    port: str
    node: str = ""
    model: str = ""
    serial: str = ""
    dfu: bool = False
    speed_mbit: int | None = None
    address: str = ""
    link: str = ""
    status: str = ""
    temp_c: float | None = None
    trip_points_c: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """``usb:0``, ``pci:0``."""
        return f"{self.kind}:{self.index}"

    @property
    def path(self) -> str:
        """As ``list_edge_tpus()`` says it."""
        return f"/{USB_DEVICES}/{self.port}" if self.kind == "usb" else f"/dev/{self.port}"


@dataclass(frozen=True)
class Sighting:
    """What the kernel lists: `driverless` are the PCI addresses of modules without their driver."""

    attached: tuple[Attached, ...] = ()
    driverless: tuple[str, ...] = ()


def look(root: Path) -> Sighting:
    """What is attached now, USB before PCIe, each in the natural order of ports."""
    sticks = _numbered(_stick(root, port) for port in _names(root / USB_DEVICES, _USB_PORT))
    modules = _numbered(_module(root, name) for name in _names(root / APEX_CLASS, _APEX))
    return Sighting((*sticks, *modules), _driverless(root, {module.address for module in modules}))


def is_there(root: Path, tpu: Attached) -> bool:
    """Whether an Edge TPU is in the port of `tpu` now."""
    found = _stick(root, tpu.port) if tpu.kind == "usb" else _module(root, tpu.port)
    return found is not None and found.status != "DEAD"


def temp_c(root: Path, tpu: Attached) -> float | None:
    """The temperature of a PCIe module now; sticks tell none."""
    return _celsius(root / APEX_CLASS / tpu.port / "temp") if tpu.kind == "pci" else None


def _numbered(found: Iterable[Attached | None]) -> tuple[Attached, ...]:
    """Without gaps: one that went away meanwhile is not counted."""
    there = [one for one in found if one is not None]
    return tuple(replace(one, index=index) for index, one in enumerate(there))


def _names(folder: Path, pattern: re.Pattern[str]) -> list[str]:
    """The entries whose whole name fits, in natural order; none when the folder cannot be read."""
    try:
        names = [entry.name for entry in folder.iterdir()]
    except OSError:
        return []
    return sorted(filter(pattern.fullmatch, names), key=_natural)


def _natural(name: str) -> tuple[tuple[int, ...], str]:
    return tuple(int(number) for number in re.findall(r"\d+", name)), name


def _stick(root: Path, port: str) -> Attached | None:
    folder = root / USB_DEVICES / port
    identity = (_text(folder / "idVendor").lower(), _text(folder / "idProduct").lower())
    if identity not in (_READY, _DFU):
        return None
    bus, device = read_int(folder / "busnum"), read_int(folder / "devnum")
    return Attached(
        "usb",
        0,
        port,
        node="" if bus is None or device is None else f"/dev/bus/usb/{bus:03d}/{device:03d}",
        model=(_text(folder / "product") if identity == _READY else "") or USB_MODEL,
        serial=_text(folder / "serial"),
        dfu=identity == _DFU,
        speed_mbit=read_int(folder / "speed"),
    )


def _module(root: Path, name: str) -> Attached | None:
    folder = root / APEX_CLASS / name
    if not folder.is_dir():
        return None
    device = folder / "device"
    speed, width = _text(device / "current_link_speed"), _text(device / "current_link_width")
    trips = (_celsius(folder / f"trip_point{point}_temp") for point in range(TRIP_POINTS))
    return Attached(
        "pci",
        0,
        name,
        node=f"/dev/{name}",
        model=PCIE_MODEL,
        address=_address(device),
        link=" ".join(filter(None, (speed, f"x{width}" if width else ""))),
        status=_text(folder / "status").upper(),
        temp_c=_celsius(folder / "temp"),
        trip_points_c=tuple(value for value in trips if value is not None),
    )


def _address(device: Path) -> str:
    try:
        name = device.resolve().name
    except (OSError, RuntimeError):  # RuntimeError: links in a circle
        return ""
    return name if _PCI_ADDRESS.fullmatch(name) else ""


def _driverless(root: Path, driven: set[str]) -> tuple[str, ...]:
    listed = _names(root / PCI_DEVICES, _PCI_ADDRESS)
    return tuple(one for one in listed if one not in driven and _waits_for_driver(root / PCI_DEVICES / one))


def _waits_for_driver(device: Path) -> bool:
    if (_text(device / "vendor"), _text(device / "device")) != _PCI:
        return False
    try:
        return (device / "driver").resolve().name != "apex"
    except (OSError, RuntimeError):
        return True


def _text(path: Path) -> str:
    """A line for people from a file that a device filled: short, and with nothing that a terminal would obey."""
    kept = "".join(letter for letter in read_text(path) or "" if letter.isprintable() and letter != "�")
    return kept[:_LONGEST_TEXT].strip()


def _celsius(path: Path) -> float | None:
    """None also for what no chip can have: in reset the driver reports far below zero."""
    value = read_int(path)
    celsius = 0.0 if value is None else millidegrees_to_c(value)
    return celsius if 0.0 < celsius < HOTTEST_C else None
