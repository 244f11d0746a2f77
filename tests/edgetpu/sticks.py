"""An Edge TPU of this host for runtimes, and what the kernel would show of one, below a root."""

from __future__ import annotations

from pathlib import Path

from harness.devices.host import HostDevice

STICK = "/sys/bus/usb/devices/2-1"
MODULE = "/dev/apex_0"


class HostWithTpu(HostDevice):
    """This host, said to have an Edge TPU."""

    def __init__(self, tpu_name: str = "usb:0", tpu_path: str = STICK) -> None:
        super().__init__(vulkan=lambda: ())
        self.tpu_name, self.tpu_path = tpu_name, tpu_path


def write(root: Path, **files: str) -> None:
    """Files by their path below `root`."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n", encoding="utf-8")


def put_stick(root: Path, *, vendor: str = "18d1", product: str = "9302", speed: str = "5000") -> Path:
    """STICK and its device file, which is returned."""
    folder = STICK.lstrip("/")
    values = {"idVendor": vendor, "idProduct": product, "speed": speed, "busnum": "2", "devnum": "7"}
    write(root, **{f"{folder}/{name}": value for name, value in values.items()})
    write(root, **{"dev/bus/usb/002/007": ""})
    return root / "dev/bus/usb/002/007"


def put_module(root: Path, temp: str = "61050", trips: tuple[str, ...] = ("84800", "89800", "94800")) -> Path:
    """MODULE and its device file, which is returned."""
    folder = "sys/class/apex/apex_0"
    values = {f"trip_point{number}_temp": trip for number, trip in enumerate(trips)}
    values.update({"temp": temp, "device/current_link_speed": "5.0 GT/s PCIe", "device/current_link_width": "1"})
    write(root, **{f"{folder}/{name}": value for name, value in values.items()})
    write(root, **{"dev/apex_0": ""})
    return root / "dev/apex_0"


def put_holder(root: Path, node: Path, pid: int = 4321, name: str = "frigate") -> None:
    """Another process that has `node` open."""
    write(root, **{f"proc/{pid}/comm": name})
    folder = root / f"proc/{pid}/fd"
    folder.mkdir()
    (folder / "5").symlink_to(node)
