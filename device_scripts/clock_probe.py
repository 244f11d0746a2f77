"""What the kernel and the core itself say about the conditions of a measurement. Standard library, Python 3.7.

All readings are taken outside the timed window. Every function takes the root of the file system, so that tests can
show it the /proc and /sys of other machines, and answers None where the machine says nothing.
"""

import ctypes
import mmap
import os
import platform
import re
import struct
import time
from pathlib import Path

ADDS_PER_LOOP = 64
CHAIN_NS = 200000
CHAINS = 6
ROOT = Path("/")

_CPU_SENSORS = re.compile(r"cpu|soc|core|pkg|package|k10temp|zenpower|tctl", re.IGNORECASE)


# ---- the dependent-add chain: the effective clock without any help of the kernel -------------------------------------


def machine_code(machine):
    """Code of ``uint64 chain(uint64 loops)``: ADDS_PER_LOOP dependent register adds a loop, returns their number.

    The addend is in a register: cores since 2021 fold chains of immediate adds at renaming. None for other machines.
    """
    if machine in ("x86_64", "AMD64"):
        adds = b"\x48\x01\xd0" * ADDS_PER_LOOP  # add rax, rdx
        back = struct.pack("<i", -(len(adds) + 3 + 6))
        return b"\x48\x89\xf9\x31\xc0\xba\x01\x00\x00\x00" + adds + b"\x48\xff\xc9\x0f\x85" + back + b"\xc3"
    if machine in ("aarch64", "arm64"):
        branch = 0x54000001 | ((-(ADDS_PER_LOOP + 1) & 0x7FFFF) << 5)  # b.ne to the first add
        words = [0xD2800021, 0xD2800002] + [0x8B010042] * ADDS_PER_LOOP  # mov x1, 1; mov x2, 0; add x2, x2, x1
        words += [0xF1000400, branch, 0xAA0203E0, 0xD65F03C0]  # subs x0, x0, 1; b.ne; mov x0, x2; ret
        return struct.pack(f"<{len(words)}I", *words)
    return None


class AddChain:
    """The chain in an executable page; ``AddChain.create()`` is None where the machine or its policy has none."""

    def __init__(self, page, function):
        self._page = page
        self._function = function

    @classmethod
    def create(cls, machine=None):
        """Map the page writable, fill it, then make it executable (never both at once)."""
        code = machine_code(machine or platform.machine())
        if code is None or struct.calcsize("P") != 8:
            return None
        try:
            page = mmap.mmap(-1, mmap.PAGESIZE)
            page.write(code)
            address = ctypes.addressof(ctypes.c_char.from_buffer(page))
            libc = ctypes.CDLL(None, use_errno=True)
            libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
            if libc.mprotect(address, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_EXEC) != 0:
                return None
        except (OSError, ValueError, AttributeError):
            return None
        function = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_uint64)(address)
        return cls(page, function) if function(3) == 3 * ADDS_PER_LOOP else None

    def _time_ns(self, loops):
        begin = time.perf_counter_ns()
        self._function(loops)
        return max(time.perf_counter_ns() - begin, 1)

    def ghz(self, clock_ghz=3.0):
        """The effective clock in GHz (adds a ns, one add a cycle): best of several chains, call cost subtracted."""
        loops = max(int(CHAIN_NS * clock_ghz) // ADDS_PER_LOOP, 1)
        call_ns = min(self._time_ns(1) for _ in range(20))
        best_ns = min(self._time_ns(loops) for _ in range(CHAINS))
        return (loops - 1) * ADDS_PER_LOOP / float(max(best_ns - call_ns, 1))


# ---- files -----------------------------------------------------------------------------------------------------------


def read_text(path):
    """A small kernel file as text, or None."""
    try:
        return path.read_bytes().decode("utf-8", "replace").strip()
    except OSError:
        return None


def read_int(path):
    """A kernel file with one integer, or None."""
    try:
        return int(read_text(path) or "")
    except ValueError:
        return None


def _cpufreq(root, cpu, name):
    return root / f"sys/devices/system/cpu/cpu{cpu}/cpufreq" / name


def time_in_state(cpu, root=ROOT):
    """{kHz: ticks} of one core, or None."""
    text = read_text(_cpufreq(root, cpu, "stats/time_in_state"))
    if text is None:
        return None
    pairs = [line.split() for line in text.splitlines()]
    try:
        return {int(khz): int(ticks) for khz, ticks in pairs} or None
    except ValueError:
        return None


def mean_khz(before, after):
    """The mean clock between two ``time_in_state`` readings, or None when no tick passed."""
    if not before or not after:
        return None
    ticks = {khz: after[khz] - before.get(khz, 0) for khz in after}
    total = sum(ticks.values())
    return sum(khz * count for khz, count in ticks.items()) / float(total) if total > 0 else None


def cpu_ticks(cpus, root=ROOT):
    """(busy, stolen) ticks of the cores together since boot, busy including stolen; None without /proc/stat."""
    text = read_text(root / "proc/stat")
    wanted = {f"cpu{cpu}" for cpu in cpus} if cpus else {"cpu"}
    rows = [line.split() for line in (text or "").splitlines()]
    rows = [[int(field) for field in row[1:9]] for row in rows if row and row[0] in wanted and len(row) >= 9]
    if len(rows) != len(wanted):
        return None
    # user nice system idle iowait irq softirq steal
    return sum(sum(row) - row[3] - row[4] for row in rows), sum(row[7] for row in rows)


def run_delay_ns(root=ROOT):
    """Nanoseconds this thread was runnable and not running, or None."""
    fields = (read_text(root / "proc/thread-self/schedstat") or "").split()
    return int(fields[1]) if len(fields) >= 2 else None


def temperature_c(root=ROOT):
    """The hottest CPU or SoC sensor in degrees Celsius, or None."""
    values = []
    for zone in (root / "sys/class/thermal").glob("thermal_zone*"):
        if _CPU_SENSORS.search(read_text(zone / "type") or ""):
            values.append(read_int(zone / "temp"))
    for monitor in (root / "sys/class/hwmon").glob("hwmon*"):
        if _CPU_SENSORS.search(read_text(monitor / "name") or ""):
            values += [read_int(path) for path in monitor.glob("temp*_input")]
    # Some firmware leaves dead sensors at 0 or at an absurd value.
    plausible = [value / 1000.0 for value in values if value is not None and 0 < value < 150000]
    return max(plausible) if plausible else None


# ---- before, window, after -------------------------------------------------------------------------------------------


class Observer:
    """Takes the readings around one timed window: ``before``, ``open_window``, ``close_window``, then ``report``."""

    def __init__(self, cpus, root=ROOT, chain=None):
        self._cpus = list(cpus)
        self._root = root
        self._chain = chain
        self._before = {}
        self._open = {}
        self._close = {}
        self._after = {}

    def _slow_readings(self):
        cpu = self._cpus[0] if self._cpus else None
        return {
            "temp_c": temperature_c(self._root),
            "cur_khz": None if cpu is None else read_int(_cpufreq(self._root, cpu, "scaling_cur_freq")),
            "chain_ghz": self._chain.ghz() if self._chain and cpu is not None else None,
        }

    def _fast_readings(self):
        return {
            "states": time_in_state(self._cpus[0], self._root) if self._cpus else None,
            "ticks": cpu_ticks(self._cpus, self._root),
            "own_ns": time.process_time_ns(),
            "delay_ns": run_delay_ns(self._root),
            "at_ns": time.perf_counter_ns(),
        }

    def before(self):
        """Before the window, on the pinned core and warm."""
        self._before = self._slow_readings()

    def open_window(self):
        """Directly before the first sample."""
        self._open = self._fast_readings()

    def close_window(self):
        """Directly after the last sample."""
        self._close = self._fast_readings()

    def after(self):
        """After the window."""
        self._after = self._slow_readings()

    def report(self):
        """The evidence as a JSON-able dict."""
        report = {
            "temp_start_c": self._before["temp_c"],
            "temp_end_c": self._after["temp_c"],
            "foreign_load": self._foreign_load(),
            "wait_share": self._wait_share(),
            "notes": [],
        }
        report.update(self._clock())
        self._note_steal(report["notes"])
        self._note_chain(report)
        return report

    def _window_ns(self):
        return max(self._close["at_ns"] - self._open["at_ns"], 1)

    def _ticks(self, index):
        if self._open["ticks"] is None or self._close["ticks"] is None:
            return None
        ticks = self._close["ticks"][index] - self._open["ticks"][index]
        return ticks * 1e9 / os.sysconf("SC_CLK_TCK")

    def _capacity_ns(self):
        return float(self._window_ns() * (len(self._cpus) or os.cpu_count() or 1))

    def _foreign_load(self):
        busy_ns = self._ticks(0)
        if busy_ns is None:
            return None
        foreign_ns = busy_ns - (self._close["own_ns"] - self._open["own_ns"])
        # A tick is 10 ms: in a shorter window the difference is noise.
        return min(max(foreign_ns / self._capacity_ns(), 0.0), 1.0) if self._window_ns() >= 10**8 else None

    def _wait_share(self):
        if self._open["delay_ns"] is None or self._close["delay_ns"] is None:
            return None
        return min((self._close["delay_ns"] - self._open["delay_ns"]) / float(self._window_ns()), 1.0)

    def _max_khz(self):
        return read_int(_cpufreq(self._root, self._cpus[0], "cpuinfo_max_freq")) if self._cpus else None

    def _clock(self):
        """The kernel's counters give the mean over the window, which misses nothing but cannot show a fall: that takes
        readings at both ends."""
        source, start, end = self._clock_ends()
        typical = self._typical_ghz()
        source = "time_in_state" if self._mean_khz() is not None else source
        highest = self._max_khz()
        share = typical / (highest / 1e6) if typical and highest else None
        return {"clock_source": source, "clock_start_ghz": start, "clock_end_ghz": end, "clock_share": share}

    def _mean_khz(self):
        return mean_khz(self._open["states"], self._close["states"])

    def _typical_ghz(self):
        mean = self._mean_khz()
        if mean is not None:
            return mean / 1e6
        source, start, end = self._clock_ends()
        return min(start, end) if source else None

    def _clock_ends(self):
        if self._before["cur_khz"] and self._after["cur_khz"]:
            return "scaling_cur_freq", self._before["cur_khz"] / 1e6, self._after["cur_khz"] / 1e6
        if self._before["chain_ghz"] and self._after["chain_ghz"]:
            return "add_chain", self._before["chain_ghz"], self._after["chain_ghz"]
        return None, None, None

    def _note_steal(self, notes):
        stolen_ns = self._ticks(1)
        if stolen_ns and stolen_ns / self._capacity_ns() > 0.01:
            share = 100 * stolen_ns / self._capacity_ns()
            notes.append(f"the hypervisor took {share:.1f} % of the pinned cores' time during the window")

    def _note_chain(self, report):
        chain = self._after["chain_ghz"]
        if not chain or report["clock_source"] in (None, "add_chain"):
            return
        source, ghz = report["clock_source"], self._typical_ghz()
        if abs(chain / ghz - 1) > 0.1:
            note = f"{source} says {ghz:.2f} GHz, a chain of dependent adds ran at {chain:.2f} GHz"
            report["notes"].append(note)
