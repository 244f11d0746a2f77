"""From what a sweep writes to the Edge TPUs that are opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.devices.edgetpu.find import all_edge_tpus, open_edge_tpus, root_of
from harness.devices.host import HostDevice
from harness.devices.registry import Registry
from harness.domain import Target
from harness.errors import NoDeviceError
from tests.devices.edgetpu import trees


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """Two sticks and a module."""
    trees.host(tmp_path)
    trees.stick(tmp_path, "2-1")
    trees.stick(tmp_path, "2-2", device=4, dfu=True)
    trees.module(tmp_path)
    return tmp_path


def opened(root: Path, **selector: str) -> list[str]:
    host = HostDevice(root, affinity=range(4), vulkan=lambda: ())
    return [device.tpu_name for device in open_edge_tpus(selector, root, host)]


@pytest.mark.parametrize(
    ("device", "count", "names"),
    [
        ("", "1", ["usb:0"]),
        ("", "9", ["usb:0", "usb:1", "pci:0"]),
        ("usb", "1", ["usb:0"]),
        ("usb", "2", ["usb:0", "usb:1"]),
        ("usb", "3", ["usb:0", "usb:1"]),
        ("pci", "1", ["pci:0"]),
        ("usb:1", "1", ["usb:1"]),
        (":0", "1", ["usb:0"]),
        (":2", "1", ["pci:0"]),
        ("", "nonsense", ["usb:0"]),
    ],
)
def test_a_selector_means_the_edge_tpus_that_it_names(lab: Path, device: str, count: str, names: list[str]) -> None:
    assert opened(lab, device=device, count=count) == names


def test_without_a_selector_it_is_any_one(lab: Path) -> None:
    assert opened(lab) == ["usb:0"]


@pytest.mark.parametrize("device", ["usb:2", "pci:1", ":3", ":99999999999999999999", "USB:0", "usb:0 ", ":²"])
def test_what_is_not_there_says_what_is(lab: Path, device: str) -> None:
    with pytest.raises(NoDeviceError) as caught:
        opened(lab, device=device)
    assert repr(device) in caught.value.what
    assert "usb:0 (Coral USB Accelerator at 2-1)" in caught.value.what
    assert "pci:0 (Coral PCIe Accelerator at 0000:03:00.0)" in caught.value.what
    assert "{edgetpu: {device: 'usb:0'}}" in caught.value.remedy
    assert caught.value.exit_code == 3


def test_with_none_attached_the_remedy_says_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(NoDeviceError, match="no Edge TPU is attached") as caught:
        opened(trees.host(tmp_path))
    assert "lsusb" in caught.value.remedy
    assert "1a6e:089a" in caught.value.remedy
    assert all_edge_tpus(tmp_path) == ()


def test_a_module_without_its_driver_is_named_with_the_remedy(tmp_path: Path) -> None:
    trees.driverless(tmp_path)
    with pytest.raises(NoDeviceError, match=r"0000:04:00\.0") as caught:
        opened(tmp_path, device="pci:0")
    assert "modprobe apex" in caught.value.remedy
    assert "gasket-dkms" in caught.value.remedy
    trees.stick(tmp_path, "2-1")
    with pytest.raises(NoDeviceError, match="usb:0") as caught:
        opened(tmp_path, device="pci:0")
    assert "gasket-dkms" in caught.value.remedy
    with pytest.raises(NoDeviceError) as caught:
        opened(tmp_path, device="usb:1")
    assert "gasket-dkms" not in caught.value.remedy


def test_the_registry_opens_them(lab: Path) -> None:
    (device,) = Registry(edge_tpu_root=lab).open(Target("edgetpu", (("device", "pci:0"),)))
    assert device.device_id.startswith("edgetpu-")
    assert device.device_id.endswith("-pci0")
    ids = [device.device_id for device in Registry(edge_tpu_root=lab).open(Target("edgetpu", (("count", "3"),)))]
    assert len(set(ids)) == 3


def test_the_registry_takes_the_root_of_the_environment(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_EDGETPU_ROOT", str(lab))
    assert len(Registry().open(Target("edgetpu", (("device", "usb:1"),)))) == 1
    assert root_of({}) == root_of({"HARNESS_EDGETPU_ROOT": ""}) == Path("/")


def test_all_are_opened_each_once(lab: Path) -> None:
    assert [device.tpu_name for device in all_edge_tpus(lab)] == ["usb:0", "usb:1", "pci:0"]
