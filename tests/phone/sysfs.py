"""What the kernel of the phone shows: the files below /sys and /proc for a chip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.phone.files import put, ranges
from tests.phone.soc import Cluster, Soc

CPU = "sys/devices/system/cpu"
THERMAL = "sys/class/thermal"
BATTERY = "sys/class/power_supply/battery"
GPU = "sys/class/kgsl/kgsl-3d0"
_FEATURES = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"
_GPU_CLOCKS_HZ = (315000000, 443000000, 608000000, 840000000)


def create(folder: Path, soc: Soc, memory_kib: int) -> None:
    """Write every file of a phone that just started and rests."""
    for path, text in _everything(soc, memory_kib):
        put(folder / path, f"{text}\n")
    for cluster in soc.clusters:
        for core in cluster.cores:
            link = folder / CPU / f"cpu{core}" / "cpufreq"
            if not link.is_symlink():
                link.symlink_to(f"../cpufreq/{cluster.policy}")


def _everything(soc: Soc, memory_kib: int) -> Iterator[tuple[str, str]]:
    for name in ("possible", "present", "online"):
        yield f"{CPU}/{name}", ranges(soc.cores)
    yield from clocks(soc)
    for number, cluster in enumerate(soc.clusters):
        for core in cluster.cores:
            yield from _under(f"{CPU}/cpu{core}", _core(core, number, cluster))
    for number, zone in enumerate(soc.zones):
        temp = str(round(zone.celsius * 1000))
        yield from _under(f"{THERMAL}/thermal_zone{number}", {"type": zone.name, "temp": temp, "mode": "enabled"})
    yield from _under(f"{THERMAL}/cooling_device0", {"type": "thermal-cpufreq-0", "cur_state": "0", "max_state": "4"})
    yield from _under(BATTERY, _battery())
    yield from _under("sys/class/power_supply/usb", {"type": "USB", "online": "1"})
    yield from _under(GPU, _gpu(soc))
    yield from _under("sys/devices/soc0", {"machine": soc.name, "family": "Snapdragon", "soc_id": "415"})
    yield "proc/cpuinfo", _cpuinfo(soc)
    yield "proc/meminfo", _meminfo(memory_kib)
    yield "proc/stat", stat(soc, 0)


def clocks(soc: Soc) -> Iterator[tuple[str, str]]:
    """The files of the clusters' clocks, as after boot."""
    for cluster in soc.clusters:
        yield from _under(f"{CPU}/cpufreq/{cluster.policy}", _policy(cluster))


def _under(folder: str, files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, text in files.items():
        yield f"{folder}/{name}", text


def _policy(cluster: Cluster) -> dict[str, str]:
    lowest, highest = str(cluster.clocks_khz[0]), str(cluster.clocks_khz[-1])
    cores = " ".join(map(str, cluster.cores))
    return {
        "scaling_cur_freq": highest,
        "scaling_min_freq": lowest,
        "scaling_max_freq": highest,
        "cpuinfo_min_freq": lowest,
        "cpuinfo_max_freq": highest,
        "scaling_governor": "schedutil",
        "scaling_available_governors": "conservative powersave performance schedutil",
        "scaling_available_frequencies": " ".join(map(str, cluster.clocks_khz)),
        "scaling_driver": "qcom-cpufreq-hw",
        "affected_cpus": cores,
        "related_cpus": cores,
        "stats/time_in_state": time_in_state(dict.fromkeys(cluster.clocks_khz, 1000)),
    }


def _core(core: int, number: int, cluster: Cluster) -> dict[str, str]:
    return {
        "cpu_capacity": str(cluster.capacity),
        "online": "1",
        "topology/physical_package_id": "0",
        "topology/core_id": str(core),
        "topology/cluster_id": str(number),
        "topology/core_siblings_list": ranges(cluster.cores),
        "topology/cluster_cpus_list": ranges(cluster.cores),
        "regs/identification/midr_el1": f"0x{0x41000000 | cluster.part << 4:016x}",
    }


def time_in_state(ticks: Mapping[int, int]) -> str:
    """The ticks of 10 ms spent at each clock in kHz."""
    return "\n".join(f"{clock} {count}" for clock, count in ticks.items())


def _battery() -> dict[str, str]:
    return {
        "type": "Battery",
        "present": "1",
        "status": "Charging",
        "health": "Good",
        "capacity": "95",
        "temp": "285",
        "current_now": "-250000",
        "voltage_now": "4321000",
    }


def _gpu(soc: Soc) -> dict[str, str]:
    highest, lowest = str(_GPU_CLOCKS_HZ[-1]), str(_GPU_CLOCKS_HZ[0])
    return {
        "gpu_model": soc.gpu,
        "gpuclk": lowest,
        "max_gpuclk": highest,
        "gpu_busy_percentage": "0 %",
        "gpubusy": "      0       0",
        "temp": "35000",
        "gpu_available_frequencies": " ".join(map(str, reversed(_GPU_CLOCKS_HZ))),
        "devfreq/cur_freq": lowest,
        "devfreq/max_freq": highest,
        "devfreq/min_freq": lowest,
        "devfreq/governor": "msm-adreno-tz",
    }


def _cpuinfo(soc: Soc) -> str:
    parts = {core: cluster.part for cluster in soc.clusters for core in cluster.cores}
    blocks = (
        f"processor\t: {core}\nBogoMIPS\t: 38.40\nFeatures\t: {_FEATURES}\nCPU implementer\t: 0x41\n"
        f"CPU architecture: 8\nCPU variant\t: 0x1\nCPU part\t: 0x{parts[core]:x}\nCPU revision\t: 0\n"
        for core in soc.cores
    )
    return "\n".join(blocks) + f"\nHardware\t: Qualcomm Technologies, Inc {soc.name}"


def _meminfo(total_kib: int) -> str:
    sizes = {"MemTotal": total_kib, "MemFree": total_kib // 8, "MemAvailable": total_kib // 2, "Buffers": 4096}
    sizes |= {"Cached": total_kib // 4, "SwapCached": 0, "SwapTotal": total_kib // 2, "SwapFree": total_kib // 2}
    return "\n".join(f"{name + ':':<16}{size:>8} kB" for name, size in sizes.items())


def stat(soc: Soc, ticks: int) -> str:
    """/proc/stat of cores that were nearly idle for some ticks of 10 ms since the start."""
    busy, idle = 100 + ticks // 50, 9000 + ticks - ticks // 50
    count = len(soc.cores)
    lines = [f"cpu  {busy * count} 0 0 {idle * count} 0 0 0 0 0 0"]
    lines += [f"cpu{core} {busy} 0 0 {idle} 0 0 0 0 0 0" for core in soc.cores]
    return "\n".join([*lines, "intr 0", "ctxt 0", "btime 1700000000", "processes 1", "procs_running 1"])
