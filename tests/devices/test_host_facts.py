from __future__ import annotations

from pathlib import Path

import pytest

from harness.devices.host import HostDevice
from harness.devices.host_facts import cgroup_cpus, is_container, is_virtual_machine, memory_mib
from harness.domain import DeviceFacts
from tests.devices.machines import desktop, phone_like, write


def facts(root: Path) -> DeviceFacts:
    return HostDevice(root, range(8), vulkan=lambda: ()).facts()


def test_a_phone_like_board(tmp_path: Path) -> None:
    found = facts(phone_like(tmp_path))
    assert (found.kind, found.model, found.soc) == ("host", "Example Board Rev 2", "Example SoC 8")
    assert found.os_build == "Debian GNU/Linux 12 (bookworm), Linux 5.15.0-example"
    assert found.memory_mib == pytest.approx(7812.5)
    assert found.governor == "performance, schedutil"
    assert found.clock_source == "time_in_state"
    assert not found.virtual_machine
    assert [core.index for core in found.cores if not core.online] == [5]
    assert any("cores 5 are offline" in note for note in found.notes)
    assert found.device_id == found.device_id.lower()
    assert found.device_id.startswith("host-")


def test_a_desktop_without_cpufreq_times_the_clock_itself(tmp_path: Path) -> None:
    found = facts(desktop(tmp_path))
    assert (found.model, found.soc) == ("Example Inc. Desk 1", "Example CPU @ 3.00GHz")
    assert found.governor is None
    assert found.clock_source == "add_chain"


def test_current_frequency_is_the_second_choice(tmp_path: Path) -> None:
    root = desktop(tmp_path)
    write(root, {f"sys/devices/system/cpu/cpu{i}/cpufreq/scaling_cur_freq": "3000000" for i in range(4)})
    assert facts(root).clock_source == "scaling_cur_freq"


@pytest.mark.parametrize(
    "files",
    [
        {"proc/cpuinfo": "flags\t\t: fpu hypervisor sse\n"},
        {"sys/hypervisor/type": "xen\n"},
        {"sys/class/dmi/id/sys_vendor": "QEMU\n"},
    ],
)
def test_virtual_machines_are_known(tmp_path: Path, files: dict[str, str]) -> None:
    assert not is_virtual_machine(desktop(tmp_path / "plain"))
    assert is_virtual_machine(write(tmp_path, files))


@pytest.mark.parametrize("files", [{".dockerenv": ""}, {"proc/1/cgroup": "0::/docker/abc\n"}])
def test_containers_are_known(tmp_path: Path, files: dict[str, str]) -> None:
    assert not is_container(desktop(tmp_path / "plain"))
    assert is_container(write(tmp_path, files))


@pytest.mark.parametrize(
    ("files", "cpus"),
    [
        ({"sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5),
        ({"sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"}, 0.5),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"}, None),
        ({}, None),
    ],
)
def test_cpu_limits_of_a_control_group(tmp_path: Path, files: dict[str, str], cpus: float | None) -> None:
    assert cgroup_cpus(write(tmp_path, files)) == cpus


def test_a_cpu_limit_is_told_to_the_reader(tmp_path: Path) -> None:
    root = write(desktop(tmp_path), {"sys/fs/cgroup/cpu.max": "150000 100000\n"})
    assert any("1.5 cores" in note for note in facts(root).notes)


def test_memory_is_the_lower_of_machine_and_control_group(tmp_path: Path) -> None:
    root = write(tmp_path, {"proc/meminfo": "MemTotal: 2097152 kB\n", "sys/fs/cgroup/memory.max": str(512 << 20)})
    assert memory_mib(root) == 512.0
    write(root, {"sys/fs/cgroup/memory.max": "max\n"})
    assert memory_mib(root) == 2048.0


def test_the_real_machine_answers() -> None:
    found = HostDevice(vulkan=lambda: ()).facts()
    assert found.cores
    assert found.memory_mib > 100
    assert HostDevice().choose_cpus("big", 1)
