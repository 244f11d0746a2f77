"""What the scripts read of an Edge TPU, from trees that look like the kernel's."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from harness.assets import folder
from tests.edgetpu.sticks import MODULE, STICK, put_holder, put_module, put_stick, write

sys.path.insert(0, str(folder("device_scripts")))
import edgetpu_system
from edgetpu_system import Tpu, TpuObserver, find_tpu

USB = {"type": "usb", "path": STICK}
OTHER_USB = {"type": "usb", "path": "/sys/bus/usb/devices/1-1"}
PCI = {"type": "pci", "path": MODULE}


@pytest.mark.parametrize(
    ("request_", "listed", "found"),
    [
        ({}, [PCI, USB], ("pci:0", MODULE)),
        ({"device": "usb"}, [PCI, USB], ("usb:0", STICK)),
        ({"device": "usb:1"}, [PCI, OTHER_USB, USB], ("usb:1", STICK)),
        ({"device": ":1"}, [PCI, USB], ("usb:0", STICK)),
        ({"device": "usb:0", "device_path": STICK}, [OTHER_USB, USB], ("usb:1", STICK)),
        ({"device": "usb:0", "device_path": STICK}, [OTHER_USB], None),
        ({"device": "usb:1"}, [USB], None),
        ({"device": "pci:0"}, [USB], None),
        ({}, [], None),
    ],
)
def test_the_port_counts_more_than_the_number(
    request_: dict[str, str], listed: list[dict[str, str]], found: tuple[str, str] | None
) -> None:
    tpu = find_tpu(request_, listed)
    assert (tpu and (tpu.name, tpu.path)) == found


def test_a_stick_as_the_kernel_shows_it(tmp_path: Path) -> None:
    node = put_stick(tmp_path)
    stick = Tpu("usb", STICK, root=tmp_path)
    assert (stick.present, stick.node, stick.in_boot_mode) == (True, node, False)
    assert (stick.temperature_c(), stick.trip_points_c(), stick.link()) == (None, [], "USB at 5000 Mbit/s")
    put_stick(tmp_path, vendor="1a6e", product="089a", speed="480")
    assert stick.in_boot_mode
    assert "longer for its data" in stick.link()


def test_a_module_as_the_kernel_shows_it(tmp_path: Path) -> None:
    node = put_module(tmp_path)
    module = Tpu("pci", MODULE, root=tmp_path)
    assert (module.present, module.node, module.in_boot_mode) == (True, node, False)
    assert (module.temperature_c(), module.trip_points_c()) == (61.05, [84.8, 89.8, 94.8])
    assert module.link() == "PCIe link at 5.0 GT/s PCIe, x1"
    put_module(tmp_path, temp="-89700")
    assert module.temperature_c() is None


def test_a_machine_that_shows_nothing(tmp_path: Path) -> None:
    for tpu in (Tpu("usb", STICK, root=tmp_path), Tpu("pci", MODULE, root=tmp_path)):
        assert (tpu.present, tpu.in_boot_mode, tpu.temperature_c()) == (False, False, None)
        assert (tpu.trip_points_c(), tpu.link()) == ([], None)
    assert Tpu("usb", STICK, root=tmp_path).node is None
    assert edgetpu_system.runtime_package(tmp_path) is None
    assert edgetpu_system.performance_of_library(tmp_path) is None


def test_who_has_a_device_file_open(tmp_path: Path) -> None:
    node = put_stick(tmp_path)
    assert edgetpu_system.holders(node, tmp_path) == []
    put_holder(tmp_path, node)
    put_holder(tmp_path, node, pid=os.getpid(), name="we ourselves")
    put_holder(tmp_path, tmp_path / "dev/null", pid=77)
    assert edgetpu_system.holders(node, tmp_path) == ["frigate (process 4321)"]


@pytest.mark.parametrize(
    ("text", "package"),
    [
        ("Package: libedgetpu1-std\nStatus: install ok installed\nVersion: 16.0\n", "libedgetpu1-std 16.0"),
        ("Package: libedgetpu1-max\nStatus: deinstall ok config-files\nVersion: 16.0\n", None),
        ("Package: libedgetpu-dev\nStatus: install ok installed\nVersion: 16.0\n", None),
        (
            "Package: zlib1g\nVersion: 1\n\nPackage: libedgetpu1-max\n"
            "Status: install ok installed\nVersion: 16.0TF2.19.1-1\n",
            "libedgetpu1-max 16.0TF2.19.1-1",
        ),
    ],
)
def test_the_package_of_libedgetpu(tmp_path: Path, text: str, package: str | None) -> None:
    write(tmp_path, **{"var/lib/dpkg/status": text})
    assert edgetpu_system.runtime_package(tmp_path) == package


@pytest.mark.parametrize(("folder_name", "said"), [("throttled", "std"), ("direct", "max"), ("lib", None)])
def test_the_build_by_the_folder_of_the_archive(tmp_path: Path, folder_name: str, said: str | None) -> None:
    line = f"7f00-7f10 r-xp 00000000 08:01 42 /opt/edgetpu/{folder_name}/k8/libedgetpu.so.1.0"
    write(tmp_path, **{"proc/self/maps": f"7e00-7e10 r-xp 0 0 0 /usr/lib/libc.so.6\n{line}"})
    assert edgetpu_system.performance_of_library(tmp_path) == (said and f"libedgetpu {said}")


def test_versions_by_the_names_of_their_metadata(tmp_path: Path) -> None:
    for name in ("pycoral-2.0.0.dist-info", "tflite_runtime-2.5.0.post1.egg-info", "pycoraldb-1.0.dist-info"):
        (tmp_path / name).mkdir()
    found = edgetpu_system.installed([str(tmp_path), "/no/such/folder"])
    assert found == {"pycoral": "2.0.0", "tflite_runtime": "2.5.0.post1"}


def observe(root: Path, tpu: Tpu | None) -> dict:
    observer = TpuObserver([0], tpu, root=root)
    observer.before()
    observer.open_window()
    observer.close_window()
    if tpu is not None and tpu.kind == "pci":
        put_module(root, temp="85000")
    observer.after()
    return observer.report()


def test_the_hottest_reading_is_held_against_the_trip_points(tmp_path: Path) -> None:
    put_module(tmp_path, temp="70000")
    write(tmp_path, **{"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave"})
    report = observe(tmp_path, Tpu("pci", MODULE, root=tmp_path))
    assert (report["temp_start_c"], report["temp_end_c"], report["thermal_status"]) == (70.0, 85.0, 1)
    notes = " | ".join(report["notes"])
    assert "governor is powersave" in notes
    assert "lowers the clock to 250 of 500 MHz" in notes
    assert "temperatures are the Edge TPU's own" in notes


def test_without_a_sensor_the_temperature_is_the_hosts_and_says_so(tmp_path: Path) -> None:
    put_stick(tmp_path)
    write(tmp_path, **{"sys/class/thermal/thermal_zone0/type": "cpu", "sys/class/thermal/thermal_zone0/temp": "55000"})
    report = observe(tmp_path, Tpu("usb", STICK, root=tmp_path))
    assert (report["temp_end_c"], report["thermal_status"]) == (55.0, None)
    assert any("any that is given is the host's" in note for note in report["notes"])
    assert not any("governor" in note for note in report["notes"])


def test_below_the_first_trip_point_nothing_was_lowered() -> None:
    assert edgetpu_system.heat_notes(84.7, [84.8, 89.8, 94.8]) == [
        "the Edge TPU stayed below its trip points (84.7 C; 84.8, 89.8, 94.8 C)"
    ]
    assert "62.5 of 500" in edgetpu_system.heat_notes(99.0, [84.8, 89.8, 94.8])[0]
