"""What the kernel and the package manager say of an Edge TPU beside pycoral. Standard library, Python 3.7.

Every function takes the root of the file system, so that tests can show it those of other machines, and answers None,
or nothing, where the machine says nothing.
"""

import os
import re
import sys
from pathlib import Path

import clock_probe
from clock_probe import read_int, read_text

ROOT = Path(os.environ.get("HARNESS_EDGETPU_ROOT") or "/")  # as in harness/devices/edgetpu
BOOT_ID = "1a6e:089a"  # a USB Edge TPU before libedgetpu has loaded its firmware
USB3_MBIT = 5000
CLOCKS_MHZ = (500.0, 250.0, 125.0, 62.5)  # of the apex driver: below the first trip point, above it, and so on
DISTRIBUTIONS = ("pycoral", "tflite_runtime", "ai_edge_litert", "tensorflow", "numpy")


class Tpu(object):
    """One Edge TPU as libedgetpu lists it: `kind` is ``usb`` or ``pci``, `path` its place in sysfs or /dev."""

    def __init__(self, kind, path, number=0, root=None):
        self.kind, self.path = kind, path
        self.name = "%s:%d" % (kind, number)
        self._root = root or ROOT

    def _inside(self, path):
        return self._root / str(path).lstrip("/")

    @property
    def _folder(self):
        """Where the kernel describes it."""
        if self.kind == "usb":
            return self._inside(self.path)
        return self._inside("sys/class/apex") / Path(self.path).name

    @property
    def present(self):
        return self._folder.exists() or (self.kind != "usb" and self._inside(self.path).exists())

    @property
    def node(self):
        """The device file that libedgetpu opens, None where the kernel does not tell."""
        if self.kind != "usb":
            return self._inside(self.path)
        bus, number = read_int(self._folder / "busnum"), read_int(self._folder / "devnum")
        return None if bus is None or number is None else self._inside("dev/bus/usb/%03d/%03d" % (bus, number))

    @property
    def in_boot_mode(self):
        vendor, product = read_text(self._folder / "idVendor"), read_text(self._folder / "idProduct")
        return "%s:%s" % (vendor, product) == BOOT_ID

    def temperature_c(self):
        """Of its sensor; USB ones have none that can be read."""
        value = None if self.kind == "usb" else read_int(self._folder / "temp")
        # In reset the driver reports far below zero.
        return value / 1000.0 if value is not None and 0 < value < 150000 else None

    def trip_points_c(self):
        """The temperatures at which the driver lowers the clock, lowest first."""
        values = [read_int(path) for path in self._folder.glob("trip_point*_temp")]
        return sorted(value / 1000.0 for value in values if value)

    def link(self):
        """How it is connected, as a sentence, or None."""
        if self.kind == "usb":
            return usb_link(read_int(self._folder / "speed"))
        speed, width = (
            read_text(self._folder / "device" / name) for name in ("current_link_speed", "current_link_width")
        )
        return "PCIe link at %s, x%s" % (speed, width) if speed and width else None


def usb_link(mbit):
    if mbit is None:
        return None
    if mbit < USB3_MBIT:
        return "USB at %d Mbit/s: each inference waits longer for its data than on USB 3 (%d)" % (mbit, USB3_MBIT)
    return "USB at %d Mbit/s" % mbit


def find_tpu(request, listed, root=None):
    """The Tpu that a request means among those that pycoral lists, or None.

    Its ``device_path`` is what counts: the numbers of ``device`` (``usb:0``, ``pci``, ``:1``, or empty for any) change
    when a stick among several loads its firmware, because libedgetpu lists those without one first.
    """
    kind, _, index = (request.get("device") or "").partition(":")
    path, position = request.get("device_path") or "", int(index) if index.isdigit() else 0
    fitting = [each for each in listed if (each["path"] == path if path else kind in ("", each["type"]))]
    position = 0 if path else position
    if position >= len(fitting):
        return None
    found = fitting[position]
    number = [each["path"] for each in listed if each["type"] == found["type"]].index(found["path"])
    return Tpu(found["type"], found["path"], number, root)


# ---- who has it ------------------------------------------------------------------------------------------------------


def holders(node, root=None):
    """["name (pid)"] of the other processes that have the device file open, as far as we may look."""
    proc, found = (root or ROOT) / "proc", []
    for pid in sorted((path.name for path in proc.glob("[0-9]*")), key=int):
        if int(pid) != os.getpid() and any(target == str(node) for target in open_files(proc / pid / "fd")):
            found.append("%s (process %s)" % (read_text(proc / pid / "comm") or "unknown", pid))
    return found


def open_files(folder):
    try:
        return [os.readlink(str(folder / name)) for name in os.listdir(str(folder))]
    except OSError:  # not ours, or it ended
        return []


# ---- libraries -------------------------------------------------------------------------------------------------------


def runtime_package(root=None):
    """``libedgetpu1-std 16.0`` as Debian's package manager knows it, or None. std runs at half the clock of max."""
    text = read_text((root or ROOT) / "var/lib/dpkg/status") or ""
    for entry in text.split("\n\n"):
        fields = dict(re.findall(r"^(Package|Status|Version): (.*)$", entry, re.M))
        if fields.get("Package", "").startswith("libedgetpu1-") and fields.get("Status", "").endswith(" installed"):
            return "%s %s" % (fields["Package"], fields.get("Version", ""))
    return None


def mapped_library(root=None):
    """The path of the libedgetpu that this process has loaded, or None."""
    for line in (read_text((root or ROOT) / "proc/self/maps") or "").splitlines():
        if "libedgetpu" in line and "/" in line:
            return line[line.index("/") :]
    return None


def performance_of_library(root=None):
    """``libedgetpu std`` or ``libedgetpu max`` by the folder of Coral's archive that the library came from, or None."""
    path = mapped_library(root) or ""
    for folder, word in (("/throttled/", "std"), ("/direct/", "max")):
        if folder in path:
            return "libedgetpu %s" % word
    return None


def installed(folders=None):
    """{distribution: version} by the names of their metadata: for what crashes when it is imported."""
    found = {}
    for folder in sys.path if folders is None else folders:
        for name in DISTRIBUTIONS:
            for path in sorted(Path(folder or ".").glob("%s-*.*-info" % name)):
                found.setdefault(name, path.name.split("-")[1].replace(".egg", "").replace(".dist", ""))
    return found


# ---- around a window -------------------------------------------------------------------------------------------------


class TpuObserver(clock_probe.Observer):
    """The readings around a window, with the temperature of the Edge TPU where it has a sensor."""

    def __init__(self, cpus, tpu, chain=None, root=clock_probe.ROOT):
        super().__init__(cpus, root=root, chain=chain)
        self._tpu = tpu
        self._temperatures = []

    def _slow_readings(self):
        readings = super()._slow_readings()
        own = self._tpu.temperature_c() if self._tpu else None
        self._temperatures.append(own)
        if own is not None:
            readings["temp_c"] = own
        return readings

    def report(self):
        report = super().report()
        report["thermal_status"] = None
        if self._tpu is None:
            return report
        report["notes"] += self._notes()
        known = [value for value in self._temperatures if value is not None]
        trips = self._tpu.trip_points_c()
        if known and trips:
            report["thermal_status"] = sum(max(known) >= trip for trip in trips)
            report["notes"] += heat_notes(max(known), trips)
        return report

    def _notes(self):
        notes = ["Edge TPU at %s" % self._tpu.path]
        link = self._tpu.link()
        notes += [link] if link else []
        governor = read_text(self._root / ("sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor" % self._first_cpu()))
        if governor and governor != "performance":
            notes.append(
                "the host's CPU governor is %s: preparing and fetching data takes part in each time" % governor
            )
        if any(value is not None for value in self._temperatures):
            return notes + ["temperatures are the Edge TPU's own"]
        return notes + ["this Edge TPU tells no temperature; any that is given is the host's"]

    def _first_cpu(self):
        return self._cpus[0] if self._cpus else 0


def heat_notes(highest_c, trips_c):
    """What the driver did to the clock at a temperature."""
    passed = sum(highest_c >= trip for trip in trips_c)
    points = ", ".join("%.1f" % trip for trip in trips_c)
    if not passed:
        return ["the Edge TPU stayed below its trip points (%.1f C; %s C)" % (highest_c, points)]
    clock = CLOCKS_MHZ[min(passed, len(CLOCKS_MHZ) - 1)]
    text = "the Edge TPU reached %.1f C, over %d of its trip points (%s C): its driver lowers the clock to %g of %g MHz"
    return [text % (highest_c, passed, points, clock, CLOCKS_MHZ[0])]
