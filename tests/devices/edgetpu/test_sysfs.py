"""What the kernel lists, whole and half."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.devices.edgetpu import sysfs
from harness.devices.edgetpu.sysfs import Attached, is_there, look, temp_c
from tests.devices.edgetpu import trees
from tests.devices.machines import write


def test_an_empty_machine_has_none(tmp_path: Path) -> None:
    assert look(tmp_path) == sysfs.Sighting()
    trees.other_usb(tmp_path)
    assert look(tmp_path) == sysfs.Sighting()


def test_a_stick_that_is_ready(tmp_path: Path) -> None:
    trees.other_usb(tmp_path)
    trees.stick(tmp_path, "2-1.4", device=7)
    assert look(tmp_path).attached == (
        Attached("usb", 0, "2-1.4", node="/dev/bus/usb/002/007", model="Coral USB Accelerator", speed_mbit=5000),
    )
    (found,) = look(tmp_path).attached
    assert (found.name, found.path) == ("usb:0", "/sys/bus/usb/devices/2-1.4")


def test_a_stick_in_dfu_mode_is_attached(tmp_path: Path) -> None:
    trees.stick(tmp_path, "1-2", dfu=True, speed="480", product="Bootloader", serial="")
    (found,) = look(tmp_path).attached
    assert (found.dfu, found.model, found.speed_mbit) == (True, "Coral USB Accelerator", 480)


def test_a_module_with_its_link_and_trip_points(tmp_path: Path) -> None:
    trees.module(tmp_path)
    assert look(tmp_path).attached == (
        Attached(
            "pci",
            0,
            "apex_0",
            node="/dev/apex_0",
            model="Coral PCIe Accelerator",
            address="0000:03:00.0",
            link="5.0 GT/s PCIe x1",
            status="ALIVE",
            temp_c=50.8,
            trip_points_c=(84.8, 89.8, 94.8),
        ),
    )
    assert look(tmp_path).attached[0].path == "/dev/apex_0"


def test_names_count_in_the_natural_order_of_ports(tmp_path: Path) -> None:
    for port in ("10-1", "2-1.10", "2-1.9"):
        trees.stick(tmp_path, port)
    trees.module(tmp_path, 10, "0000:05:00.0")
    trees.module(tmp_path, 2, "0000:03:00.0")
    assert [(tpu.name, tpu.port) for tpu in look(tmp_path).attached] == [
        ("usb:0", "2-1.9"),
        ("usb:1", "2-1.10"),
        ("usb:2", "10-1"),
        ("pci:0", "apex_2"),
        ("pci:1", "apex_10"),
    ]


def test_two_equal_sticks_are_told_apart_by_their_ports(tmp_path: Path) -> None:
    trees.stick(tmp_path, "2-1", serial="0")
    trees.stick(tmp_path, "2-2", serial="0", device=4)
    first, second = look(tmp_path).attached
    assert (first.serial, second.serial) == ("0", "0")
    assert first.path != second.path


def test_what_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    trees.stick(tmp_path, "2-1", speed="unknown")
    (tmp_path / "sys/bus/usb/devices/2-1/devnum").unlink()
    trees.module(tmp_path, temp="n/a", trips=())
    (tmp_path / "sys/class/apex/apex_0/device").unlink()
    (tmp_path / "sys/class/apex/apex_0/device").symlink_to("device")  # a circle
    (tmp_path / "sys/class/apex/apex_0/status").unlink()
    stick, module = look(tmp_path).attached
    assert (stick.speed_mbit, stick.node) == (None, "")
    assert (module.temp_c, module.trip_points_c, module.link, module.address, module.status) == (None, (), "", "", "")


@pytest.mark.parametrize("temp", ["-89700", "0", "999999", ""])
def test_a_temperature_that_no_chip_can_have_is_none(tmp_path: Path, temp: str) -> None:
    trees.module(tmp_path, temp=temp)
    assert look(tmp_path).attached[0].temp_c is None


def test_what_vanishes_between_listing_and_reading_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees.stick(tmp_path, "2-1")
    trees.stick(tmp_path, "2-2", device=4)
    trees.module(tmp_path)
    read = sysfs.read_text

    def vanishing(path: Path) -> str | None:
        return None if "/2-1/" in str(path) else read(path)

    monkeypatch.setattr(sysfs, "read_text", vanishing)
    assert [(tpu.name, tpu.port) for tpu in look(tmp_path).attached] == [("usb:0", "2-2"), ("pci:0", "apex_0")]


def test_odd_names_and_odd_bytes_are_no_devices_and_do_no_harm(tmp_path: Path) -> None:
    trees.stick(tmp_path, "2-1", product="Ev\x1b[31mil\x07" + "x" * 500)
    (tmp_path / "sys/bus/usb/devices/2-1/serial").write_bytes(b"\xff\xfe\x00ab\n")
    folder = os.fsencode(tmp_path / "sys/bus/usb/devices")
    for name in (b"2-\xff", b"2-1\n", b"..-1", b"2-1:1.0", "٢-١".encode()):
        os.makedirs(os.path.join(folder, name), exist_ok=True)  # noqa: PTH103, PTH118 - names that are no text
    write(tmp_path, {"sys/class/apex/apex_x/temp": "1\n", "sys/class/apex/power": ""})
    (found,) = look(tmp_path).attached
    assert found.port == "2-1"
    assert found.model.startswith("Ev[31mil")
    assert len(found.model) <= 80
    assert found.serial == "ab"


def test_folders_that_may_not_be_listed_are_empty(tmp_path: Path) -> None:
    write(tmp_path, {"sys/bus/usb/devices": "a file", "sys/class/apex": "", "sys/bus/pci/devices": ""})
    assert look(tmp_path) == sysfs.Sighting()


def test_a_module_without_driver_is_told_apart(tmp_path: Path) -> None:
    trees.module(tmp_path)
    trees.driverless(tmp_path)
    assert look(tmp_path).driverless == ("0000:04:00.0",)
    (tmp_path / "sys/bus/pci/devices/0000:04:00.0/driver").symlink_to("/sys/bus/pci/drivers/vfio-pci")
    assert look(tmp_path).driverless == ("0000:04:00.0",)


def test_a_port_is_looked_at_again(tmp_path: Path) -> None:
    trees.stick(tmp_path, "2-1", dfu=True)
    trees.module(tmp_path)
    stick, module = look(tmp_path).attached
    trees.stick(tmp_path, "2-1", device=9)
    assert is_there(tmp_path, stick)
    (tmp_path / "sys/bus/usb/devices/2-1/idVendor").write_text("046d\n")
    assert not is_there(tmp_path, stick)
    assert is_there(tmp_path, module)
    assert temp_c(tmp_path, module) == 50.8
    assert temp_c(tmp_path, stick) is None
    trees.module(tmp_path, status="DEAD")
    assert not is_there(tmp_path, module)
