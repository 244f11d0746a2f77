"""An Edge TPU as a device: over made-up trees, with real processes of this machine."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from threading import Event

import pytest

from harness.devices.edgetpu.base import EdgeTpuDevice
from harness.devices.edgetpu.find import open_edge_tpus
from harness.devices.edgetpu.tpu import SETTLE_S, EdgeTpu
from harness.devices.host import HostDevice
from harness.domain import DeviceSettings, Evidence, Gate
from harness.errors import UsageError
from tests.devices.edgetpu import trees
from tests.devices.machines import phone_like, write


def no_pause(cancel: Event, seconds: float) -> bool:
    return cancel.is_set()


def opened(root: Path, device: str = "", cores: int = 4) -> EdgeTpu:
    host = HostDevice(root, affinity=range(cores), vulkan=lambda: ())
    (found,) = open_edge_tpus({"device": device}, root, host)
    found._pause = no_pause
    return found


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    trees.host(tmp_path)
    trees.stick(tmp_path, "2-1")
    trees.module(tmp_path)
    trees.library(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def no_search_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)


def run(device: EdgeTpu, code: str, timeout_s: float = 30.0, cancel: Event | None = None):  # type: ignore[no-untyped-def]
    argv = (sys.executable, "-I", "-S", "-c", code)
    return device.run(argv, stdin=b"", env={}, timeout_s=timeout_s, cancel=cancel or Event())


# ---- what it says of itself ------------------------------------------------------------------------------------------


def test_it_is_a_device_with_a_name_for_libedgetpu(lab: Path) -> None:
    stick: EdgeTpuDevice = opened(lab, "usb:0")
    host = HostDevice(lab)
    assert stick.device_id == host.device_id.replace("host-", "edgetpu-", 1) + "-usb0"
    assert (stick.tpu_name, stick.tpu_path) == ("usb:0", "/sys/bus/usb/devices/2-1")
    module = opened(lab, "pci")
    assert (module.tpu_name, module.tpu_path) == ("pci:0", "/dev/apex_0")
    assert module.device_id.endswith("-pci0")


def test_the_facts_of_a_stick(lab: Path) -> None:
    facts = opened(lab, "usb").facts()
    assert (facts.kind, facts.model, facts.soc) == ("edgetpu", "Coral USB Accelerator", "Edge TPU at 2-1")
    assert len(facts.cores) == 4
    assert facts.gpus == ()
    assert facts.notes[0].startswith("homogeneous cores")
    assert dict(facts.details) == {
        "edge tpu": "usb:0 at 2-1",
        "usb speed": "5000 Mbit/s",
        "libedgetpu": "16.0, libedgetpu1-std (standard clock)",
        "host": "Example Inc. Desk 1",
        "host cpu": "Example CPU @ 3.00GHz",
    }


def test_the_facts_of_a_module(lab: Path) -> None:
    facts = opened(lab, "pci").facts()
    assert facts.model == "Coral PCIe Accelerator"
    details = dict(facts.details)
    assert details["edge tpu"] == "pci:0 at 0000:03:00.0"
    assert details["pcie link"] == "5.0 GT/s PCIe x1"
    assert details["temperature"] == "50.8 °C"
    assert details["trip points"] == "84.8, 89.8, 94.8 °C"
    assert "usb speed" not in details


def test_the_system_and_governor_are_the_hosts(tmp_path: Path) -> None:
    phone_like(tmp_path)
    trees.stick(tmp_path, "2-1")
    facts = opened(tmp_path, cores=8).facts()
    assert facts.os_build == "Debian GNU/Linux 12 (bookworm), Linux 5.15.0-example"
    assert facts.governor == "performance, schedutil"
    assert facts.clock_source == "time_in_state"


def test_a_usb_3_stick_at_480_is_noted_and_one_in_dfu_mode_says_so(lab: Path) -> None:
    device = opened(lab, "usb")
    trees.stick(lab, "2-1", speed="480")
    assert "slower connection (480 Mbit/s)" in device.facts().notes[0]
    trees.stick(lab, "2-1", speed="480", dfu=True)
    assert device.facts().notes[0].startswith("in DFU mode until its first use")
    assert not any("480" in note for note in device.facts().notes)
    trees.stick(lab, "2-1", speed="5000")
    assert device.facts().notes[0].startswith("homogeneous")


def test_facts_of_one_that_is_gone_are_those_that_were_known(lab: Path) -> None:
    device = opened(lab, "pci")
    shutil.rmtree(lab / "sys/class/apex")
    assert dict(device.facts().details)["trip points"] == "84.8, 89.8, 94.8 °C"


def test_a_lamed_module_is_noted(lab: Path) -> None:
    trees.module(lab, status="LAMED")
    assert opened(lab, "pci").facts().notes[0] == "the driver says that it is LAMED"


# ---- cores -----------------------------------------------------------------------------------------------------------


def test_several_edge_tpus_prefer_different_cores(tmp_path: Path) -> None:
    trees.host(tmp_path, 4)
    for number in range(5):
        trees.stick(tmp_path, f"2-{number + 1}", device=number)
    host = HostDevice(tmp_path, affinity=range(4), vulkan=lambda: ())
    devices = open_edge_tpus({"count": "5"}, tmp_path, host)
    assert [device.choose_cpus("big", 1) for device in devices] == [(3,), (2,), (1,), (0,), (3,)]
    assert [device.choose_cpus("big", 2) for device in devices] == [(2, 3), (0, 1), (2, 3), (0, 1), (2, 3)]
    assert devices[0].choose_cpus("big", 1) == host.choose_cpus("big", 1)
    assert {device.choose_cpus((1,), 1) for device in devices} == {(1,)}
    assert {device.choose_cpus("all", 1) for device in devices} == {(0, 1, 2, 3)}
    with pytest.raises(UsageError):
        devices[1].choose_cpus((9,), 1)


def test_no_edge_tpu_is_given_a_small_core_in_place_of_a_big_one(tmp_path: Path) -> None:
    phone_like(tmp_path)
    trees.stick(tmp_path, "2-1")
    trees.stick(tmp_path, "2-2", device=4)
    host = HostDevice(tmp_path, affinity=range(8), vulkan=lambda: ())
    first, second = open_edge_tpus({"count": "2"}, tmp_path, host)
    assert first.choose_cpus("big", 1) == second.choose_cpus("big", 1) == (7,)


def test_one_core_is_shared(tmp_path: Path) -> None:
    trees.host(tmp_path, 2)
    trees.stick(tmp_path, "2-1")
    trees.stick(tmp_path, "2-2", device=4)
    host = HostDevice(tmp_path, affinity=(1,), vulkan=lambda: ())
    devices = open_edge_tpus({"count": "2"}, tmp_path, host)
    assert [device.choose_cpus("big", 4) for device in devices] == [(1,), (1,)]


# ---- running ---------------------------------------------------------------------------------------------------------


def test_processes_run_on_the_host(lab: Path) -> None:
    result = run(opened(lab, "usb"), "print('hello')")
    assert (result.returncode, result.stdout, result.offline, result.evidence) == (0, b"hello\n", False, None)


def test_a_modules_temperature_before_and_after_is_the_evidence(lab: Path) -> None:
    device, path = opened(lab, "pci"), lab / "sys/class/apex/apex_0/temp"
    result = run(device, f"open({str(path)!r}, 'w').write('61200\\n')")
    assert result.evidence == Evidence(temp_start_c=50.8, temp_end_c=61.2)
    assert device.redo_reason(Evidence()) == ""


def test_what_failed_while_the_stick_went_away_was_lost_with_it(lab: Path) -> None:
    device, path = opened(lab, "usb"), lab / "sys/bus/usb/devices/2-1"
    gone = f"import os, shutil; shutil.rmtree({str(path)!r}); "
    assert run(device, gone + "os.kill(os.getpid(), 11)").offline
    trees.stick(lab, "2-1")
    assert not run(device, gone).offline  # it had what it needed
    trees.stick(lab, "2-1")
    assert not run(device, "raise SystemExit(1)").offline  # an ordinary failure


def test_a_hang_on_a_lost_stick_is_lost_and_a_cancelled_one_is_not(lab: Path) -> None:
    device, path = opened(lab, "usb"), lab / "sys/bus/usb/devices/2-1"
    gone = f"import shutil, time; shutil.rmtree({str(path)!r}); time.sleep(60)"
    result = run(device, gone, timeout_s=1.0)
    assert (result.timed_out, result.offline) == (True, True)
    cancel = Event()
    cancel.set()
    assert not run(device, "import time; time.sleep(60)", cancel=cancel).offline


def test_an_invocation_that_ended_at_a_trip_point_is_made_again(lab: Path) -> None:
    device, path = opened(lab, "pci"), lab / "sys/class/apex/apex_0/temp"
    run(device, f"open({str(path)!r}, 'w').write('85000')")
    assert device.redo_reason(Evidence()) == "the Edge TPU was at 85.0 C, and lowers its clock at 84.8 C"


def test_files_are_the_hosts(lab: Path, tmp_path: Path) -> None:
    device = opened(lab, "usb")
    write(tmp_path, {"a/model.tflite": "m"})
    assert device.put(tmp_path / "a/model.tflite") == str(tmp_path / "a/model.tflite")
    assert device.put_folder({"model.tflite": tmp_path / "a/model.tflite"}) == str(tmp_path / "a")
    with device.workspace() as folder:
        device.place(tmp_path / "a/model.tflite", f"{folder}/there")
        device.fetch(f"{folder}/there", tmp_path / "back")
    assert (tmp_path / "back").read_text() == "m"


# ---- a session -------------------------------------------------------------------------------------------------------


def warm(root: Path, millidegrees: int) -> None:
    trees.module(root, temp=str(millidegrees))


def test_a_block_waits_until_the_module_is_as_cool_as_at_the_start_of_the_session(lab: Path) -> None:
    device = opened(lab, "pci")
    warm(lab, 60000)
    with device.session(DeviceSettings(gate=Gate(rise_c=2.0)), (1,), lambda level, text: None):
        assert device.wait_reason() == ""
        warm(lab, 62500)
        assert device.wait_reason() == "cooling: 62.5 C, gate 62.0 C (Edge TPU)"
        warm(lab, 61500)
        assert device.wait_reason() == "cooling: 61.5 C, gate 61.0 C (Edge TPU)"
        warm(lab, 61000)
        assert device.wait_reason() == ""
        warm(lab, 61500)
        assert device.wait_reason() == ""


def test_a_temperature_that_is_gone_holds_nothing_up(lab: Path) -> None:
    device = opened(lab, "pci")
    with device.session(DeviceSettings(), (1,), lambda level, text: None):
        (lab / "sys/class/apex/apex_0/temp").unlink()
        assert device.wait_reason() == ""
        assert run(device, "pass").evidence is None


def test_a_stick_has_no_gate(lab: Path) -> None:
    device = opened(lab, "usb")
    with device.session(DeviceSettings(gate=Gate(max_temp_c=1.0)), (1,), lambda level, text: None):
        assert device.wait_reason() == ""
    run(device, "pass")
    assert device.redo_reason(Evidence(temp_end_c=99.0)) == ""


# ---- a lost one ------------------------------------------------------------------------------------------------------


def test_it_is_back_when_its_port_has_an_edge_tpu_again(lab: Path) -> None:
    device = opened(lab, "usb")
    shutil.rmtree(lab / "sys/bus/usb/devices/2-1")
    assert not device.recover(Event())
    trees.stick(lab, "2-2")
    assert not device.recover(Event())  # another port is another lane's
    trees.stick(lab, "2-1", device=9, dfu=True)
    assert device.recover(Event())


def test_one_that_comes_and_goes_is_not_back(lab: Path) -> None:
    device = opened(lab, "usb")
    pauses = []

    def pause(cancel: Event, seconds: float) -> bool:
        pauses.append(seconds)
        shutil.rmtree(lab / "sys/bus/usb/devices/2-1")
        return False

    device._pause = pause
    assert not device.recover(Event())
    assert pauses == [SETTLE_S]


def test_an_interrupt_ends_the_look(lab: Path) -> None:
    cancel = Event()
    cancel.set()
    assert not opened(lab, "usb").recover(cancel)
