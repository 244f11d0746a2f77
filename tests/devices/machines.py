"""Trees of /proc and /sys as other machines show them."""

from __future__ import annotations

from pathlib import Path


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def cpu(index: int, **files: str) -> dict[str, str]:
    """Files of one core; keys are names below its folder, with ``__`` for a slash."""
    folder = f"sys/devices/system/cpu/cpu{index}"
    return {f"{folder}/{name.replace('__', '/')}": text for name, text in files.items()}


def phone_like(root: Path) -> Path:
    """Four little, three middle cores, one prime, as on a 2023 SoC; core 5 is offline."""
    files = {
        "sys/devices/system/cpu/present": "0-7\n",
        "sys/devices/system/cpu/online": "0-4,6-7\n",
        "proc/cpuinfo": "processor\t: 0\nBogoMIPS\t: 38.40\nFeatures\t: fp asimd\n\nHardware\t: Example SoC 8\n",
        "proc/device-tree/model": "Example Board Rev 2\0",
        "proc/meminfo": "MemTotal:        8000000 kB\nMemFree: 1 kB\n",
        "proc/sys/kernel/osrelease": "5.15.0-example\n",
        "etc/os-release": 'NAME="Debian GNU/Linux"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
    }
    for index in range(8):
        capacity, khz = ("300", "2000000") if index < 4 else ("800", "2800000") if index < 7 else ("1024", "3300000")
        files |= cpu(
            index,
            cpu_capacity=capacity,
            cpufreq__cpuinfo_max_freq=khz,
            cpufreq__scaling_governor="schedutil\n" if index < 4 else "performance\n",
            cpufreq__scaling_cur_freq=khz,
            cpufreq__stats__time_in_state=f"1000000 100\n{khz} 900\n",
        )
    return write(root, files)


def desktop(root: Path, cores: int = 4) -> Path:
    """Alike cores with two hardware threads each: cores 0 and 2 are one, 1 and 3 the other."""
    files = {
        "sys/devices/system/cpu/present": f"0-{cores - 1}\n",
        "sys/devices/system/cpu/online": f"0-{cores - 1}\n",
        "proc/cpuinfo": "processor\t: 0\nmodel name\t: Example CPU @ 3.00GHz\nflags\t\t: fpu sse2\n",
        "sys/class/dmi/id/sys_vendor": "Example Inc.\n",
        "sys/class/dmi/id/product_name": "Desk 1\n",
    }
    half = cores // 2
    for index in range(cores):
        files |= cpu(index, topology__thread_siblings_list=f"{index % half},{index % half + half}\n")
    return write(root, files)
