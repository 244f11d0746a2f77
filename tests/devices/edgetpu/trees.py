"""Trees of /sys, /dev and /var as hosts with Edge TPUs show them.

No such hardware was at hand: file names and forms are those of the kernel's usb and gasket drivers, and of published
listings.
"""

from __future__ import annotations

from pathlib import Path

from tests.devices.machines import desktop, write

READY, DFU = ("18d1", "9302"), ("1a6e", "089a")


def stick(
    root: Path, port: str, *, dfu: bool = False, speed: str = "5000", device: int = 3, node: bool = True, **more: str
) -> None:
    """A USB Accelerator in `port`; replaces what was there."""
    vendor, product = DFU if dfu else READY
    bus = int(port.split("-")[0])
    folder = f"sys/bus/usb/devices/{port}"
    texts = {
        "idVendor": vendor,
        "idProduct": product,
        "speed": speed,
        "busnum": str(bus),
        "devnum": str(device),
        **more,
    }
    write(root, {f"{folder}/{name}": f"{text}\n" for name, text in texts.items()})
    if node:
        write(root, {f"dev/bus/usb/{bus:03d}/{device:03d}": ""})


def other_usb(root: Path) -> None:
    """What else hangs on a bus: a hub, its interface, a mouse."""
    for name, ids in (("usb1", ("1d6b", "0002")), ("1-1", ("046d", "c077"))):
        folder = f"sys/bus/usb/devices/{name}"
        write(root, {f"{folder}/idVendor": f"{ids[0]}\n", f"{folder}/idProduct": f"{ids[1]}\n"})
    write(root, {"sys/bus/usb/devices/1-1:1.0/bInterfaceClass": "03\n"})


def module(
    root: Path,
    number: int = 0,
    address: str = "0000:03:00.0",
    temp: str = "50800",
    trips: tuple[int, ...] = (84800, 89800, 94800),
    **more: str,
) -> None:
    """A PCIe module with its driver."""
    pci = f"sys/devices/pci0000:00/0000:00:1c.0/{address}"
    texts = {"vendor": "0x1ac1", "device": "0x089a", "current_link_speed": "5.0 GT/s PCIe", "current_link_width": "1"}
    write(root, {f"{pci}/{name}": f"{text}\n" for name, text in texts.items()})
    own = {
        "temp": temp,
        "status": "ALIVE",
        **{f"trip_point{at}_temp": str(trip) for at, trip in enumerate(trips)},
        **more,
    }
    write(root, {f"sys/class/apex/apex_{number}/{name}": f"{text}\n" for name, text in own.items()})
    write(root, {f"dev/apex_{number}": "", "sys/bus/pci/drivers/apex/module": ""})
    _link(root / f"sys/class/apex/apex_{number}/device", root / pci)
    _link(root / f"sys/bus/pci/devices/{address}", root / pci)
    _link(root / pci / "driver", root / "sys/bus/pci/drivers/apex")


def driverless(root: Path, address: str = "0000:04:00.0") -> None:
    """A module that no driver has taken."""
    folder = f"sys/bus/pci/devices/{address}"
    write(root, {f"{folder}/vendor": "0x1ac1\n", f"{folder}/device": "0x089a\n", f"{folder}/class": "0x088000\n"})


def library(
    root: Path, package: str = "libedgetpu1-std", version: str = "16.0", folder: str = "x86_64-linux-gnu"
) -> None:
    """libedgetpu, installed as a Debian package when `package` is one."""
    write(root, {f"usr/lib/{folder}/libedgetpu.so.1": "ELF"})
    if package:
        status = f"Package: {package}\nStatus: install ok installed\nPriority: optional\nVersion: {version}\n\n"
        write(
            root, {"var/lib/dpkg/status": f"Package: adduser\nStatus: install ok installed\nVersion: 3.134\n\n{status}"}
        )


def rule(root: Path) -> None:
    """The udev rule of libedgetpu's package."""
    lines = (
        f'SUBSYSTEM=="usb",ATTRS{{idVendor}}=="{v}",ATTRS{{idProduct}}=="{p}",GROUP="plugdev"' for v, p in (DFU, READY)
    )
    write(root, {"lib/udev/rules.d/60-libedgetpu1-std.rules": "\n".join(lines)})


def host(root: Path, cores: int = 4) -> Path:
    """A machine to plug them into."""
    return desktop(root, cores)


def _link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_symlink():
        path.symlink_to(target)
