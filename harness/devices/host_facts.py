"""What a Linux machine says about itself, read below a given root so that tests can show it other machines."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

from harness.devices.cpus import is_homogeneous, read_cores, read_int, read_text
from harness.domain import Core, DeviceFacts
from harness.units import bytes_to_mib, kib_to_mib

_VIRTUAL_PRODUCTS = re.compile(
    r"kvm|qemu|vmware|virtualbox|bochs|hyper-v|virtual machine|amazon ec2|google compute|xen|parallels|firecracker",
    re.IGNORECASE,
)
_CONTAINERS = re.compile(r"docker|lxc|kubepods|containerd|podman|machine\.slice", re.I)
_ADD_CHAIN_MACHINES = ("x86_64", "aarch64", "arm64")


def read_facts(root: Path, device_id: str, allowed: frozenset[int], gpus: tuple[str, ...]) -> DeviceFacts:
    """The facts of the machine whose /proc and /sys lie below `root`; `allowed` is our affinity mask."""
    cores = read_cores(root)
    usable = tuple(core for core in cores if core.online and core.index in allowed)
    virtual = is_virtual_machine(root)
    model = cpu_model(root)
    return DeviceFacts(
        device_id=device_id,
        kind="host",
        model=machine_model(root) or model,
        soc=model,
        os_build=os_build(root),
        cores=cores,
        memory_mib=memory_mib(root),
        virtual_machine=virtual,
        governor=governor(root, usable),
        clock_source=clock_source(root, usable),
        gpus=gpus,
        notes=_notes(root, cores, usable, virtual),
    )


def _notes(root: Path, cores: tuple[Core, ...], usable: tuple[Core, ...], virtual: bool) -> tuple[str, ...]:
    notes = []
    if is_homogeneous(usable) and usable:
        biggest = max(core.index for core in usable)
        notes.append(f"homogeneous cores: core {biggest} is the big one by index")
    outside = [str(core.index) for core in cores if core not in usable]
    if outside:
        notes.append(f"cores {', '.join(outside)} are offline or outside the affinity mask")
    limit = cgroup_cpus(root)
    if limit is not None and limit < len(usable):
        notes.append(f"the container is limited to the time of {limit:g} cores")
    if is_container(root):
        notes.append("runs in a container: other containers' load shows only as time taken")
    if virtual:
        notes.append("virtual machine: the hypervisor's clock and neighbours are not visible")
    return tuple(notes)


def cpu_model(root: Path) -> str:
    """The processor's name from /proc/cpuinfo, else the SoC's, else the architecture."""
    text = read_text(root / "proc/cpuinfo") or ""
    fields = dict(re.findall(r"^(model name|Hardware|Processor|cpu model)\s*:\s*(.+?)\s*$", text, re.M))
    soc = " ".join(filter(None, (read_text(root / "sys/devices/soc0" / name) for name in ("machine", "soc_id"))))
    ordered = (fields.get("model name"), fields.get("Hardware"), soc, fields.get("Processor"), fields.get("cpu model"))
    return next(filter(None, ordered), platform.machine())


def machine_model(root: Path) -> str:
    """The board or product name, empty when the firmware gives none."""
    tree = (read_text(root / "proc/device-tree/model") or "").rstrip("\0")
    vendor, product = (read_text(root / "sys/class/dmi/id" / name) or "" for name in ("sys_vendor", "product_name"))
    return tree or " ".join(filter(None, (vendor, product)))


def os_build(root: Path) -> str:
    """The distribution and the kernel release: ``Debian GNU/Linux 12 (bookworm), Linux 6.1.0``."""
    text = read_text(root / "etc/os-release") or ""
    name = re.search(r'^PRETTY_NAME="?(.*?)"?$', text, re.M)
    release = read_text(root / "proc/sys/kernel/osrelease") or ""
    return ", ".join(filter(None, (name[1] if name else "", f"Linux {release}".strip())))


def memory_mib(root: Path) -> float:
    """Memory that may be used: the machine's, or the container's limit when that is lower."""
    match = re.search(r"^MemTotal:\s*(\d+)", read_text(root / "proc/meminfo") or "", re.M)
    total = kib_to_mib(int(match[1])) if match else 0.0
    limit = read_int(root / "sys/fs/cgroup/memory.max") or read_int(root / "sys/fs/cgroup/memory/memory.limit_in_bytes")
    return total if limit is None else min(total or float("inf"), bytes_to_mib(limit))


def cgroup_cpus(root: Path) -> float | None:
    """How many cores' time the control group may use, or None without a limit."""
    quota, _, period = (read_text(root / "sys/fs/cgroup/cpu.max") or "").partition(" ")
    if not quota:
        folder = root / "sys/fs/cgroup/cpu"
        quota, period = str(read_int(folder / "cpu.cfs_quota_us")), str(read_int(folder / "cpu.cfs_period_us"))
    try:
        share = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):  # ``max``, -1 or no such file
        return None
    return share if share > 0 else None


def is_virtual_machine(root: Path) -> bool:
    """By the CPU's hypervisor flag, the firmware's names, or Xen's own file."""
    if re.search(r"^flags\s*:.*\bhypervisor\b", read_text(root / "proc/cpuinfo") or "", re.M):
        return True
    if read_text(root / "sys/hypervisor/type"):
        return True
    return bool(_VIRTUAL_PRODUCTS.search(machine_model(root)))


def is_container(root: Path) -> bool:
    """By the marks that Docker, Podman and systemd leave, or the first process's control group."""
    marks = (root / name for name in (".dockerenv", "run/.containerenv", "run/systemd/container"))
    return any(mark.exists() for mark in marks) or bool(_CONTAINERS.search(read_text(root / "proc/1/cgroup") or ""))


def governor(root: Path, cores: tuple[Core, ...]) -> str | None:
    """The frequency governor, several joined by a comma when the cores differ, None without cpufreq."""
    folders = (root / f"sys/devices/system/cpu/cpu{core.index}/cpufreq/scaling_governor" for core in cores)
    return ", ".join(sorted({text for path in folders if (text := read_text(path))})) or None


def clock_source(root: Path, cores: tuple[Core, ...]) -> str | None:
    """Where an invocation's clock evidence will come from, best first."""
    for name, source in (("stats/time_in_state", "time_in_state"), ("scaling_cur_freq", "scaling_cur_freq")):
        paths = [root / f"sys/devices/system/cpu/cpu{core.index}/cpufreq" / name for core in cores]
        if paths and all(os.access(path, os.R_OK) for path in paths):
            return source
    return "add_chain" if platform.machine() in _ADD_CHAIN_MACHINES else None
