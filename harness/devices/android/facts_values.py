"""Values from what single files and commands of a phone print: pure. None for what is not of the form."""

from __future__ import annotations

import re

from harness.devices.android.facts import Battery
from harness.devices.android.facts_cores import cpus_of_mask
from harness.devices.android.temperatures import celsius
from harness.units import decidegrees_to_c, kib_to_mib

_POWER_SOURCES = ("AC", "USB", "Wireless", "Dock")


def whole(text: str) -> int | None:
    """A whole number of few digits."""
    text = text.strip()
    return int(text) if re.fullmatch(r"-?\d{1,12}", text, re.ASCII) else None


def one_line(text: str) -> str | None:
    """A name: printable, its blanks and line ends as single blanks."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split()) or None


def flag(text: str) -> bool | None:
    """A property of 1 or 0."""
    return {"1": True, "0": False}.get(text)


def listed(text: str) -> tuple[str, ...]:
    """Words between commas, as in `ro.product.cpu.abilist`."""
    return tuple(part.strip() for part in text.split(",") if re.fullmatch(r"[\w.-]{1,40}", part.strip()))


def boot_id(text: str) -> str | None:
    """The kernel's random name of this boot."""
    return text if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text) else None


def first_number(text: str) -> float | None:
    """The first word of /proc/uptime or /proc/loadavg."""
    match = re.match(r"(\d{1,12}(?:\.\d{1,6})?)(?!\S)", text, re.ASCII)
    return float(match[1]) if match else None


def memory_mib(text: str, name: str) -> float | None:
    """One line of /proc/meminfo."""
    match = re.search(rf"^{name}:\s*(\d{{1,12}}) kB$", text, re.MULTILINE | re.ASCII)
    return kib_to_mib(int(match[1])) if match else None


def affinity(text: str) -> tuple[int, ...] | None:
    """The CPUs of ``Cpus_allowed:`` in /proc/PID/status."""
    return cpus_of_mask(text.partition(":")[2])


def gles_version(text: str) -> str | None:
    """``OpenGL ES 3.2`` from SurfaceFlinger's GLES line."""
    match = re.search(r"OpenGL ES \d{1,2}\.\d{1,2}", text, re.ASCII)
    return match[0] if match else None


def battery(text: str) -> Battery | None:
    """`dumpsys battery`."""
    # The first of each name: some makers append sections of their own.
    fields = dict(reversed(re.findall(r"^ *([A-Za-z][A-Za-z ]*?): *(\S+) *$", text, re.MULTILINE)))
    level, scale = whole(fields.get("level", "")), whole(fields.get("scale", "100"))
    tenths = whole(fields.get("temperature", ""))
    faked = "UPDATES STOPPED" in text
    if level is None and tenths is None and not faked:
        return None
    return Battery(
        level_pct=100.0 * level / scale if level is not None and scale and 0 <= level <= scale else None,
        # Always tenths, so no guess by magnitude; but a sensor that is off shows 0 here too.
        temp_c=celsius(decidegrees_to_c(tenths)) if tenths is not None and abs(tenths) < 1500 else None,
        status=whole(fields.get("status", "")),
        powered=tuple(name for name in _POWER_SOURCES if fields.get(f"{name} powered") == "true"),
        faked=faked,
    )


def after_equals(text: str) -> str | None:
    """The word of ``mWakefulness=Awake``."""
    return text.partition("=")[2].split(" ")[0] or None


def df_free_mib(text: str) -> float | None:
    """The fourth column, free KiB; a long file system name may have a line to itself."""
    words = text.split()
    starts = [index for index, word in enumerate(words) if re.fullmatch(r"\d{1,3}%", word, re.ASCII) and index >= 3]
    free = whole(words[starts[-1] - 1]) if starts else None
    return None if free is None or free < 0 else kib_to_mib(free)
