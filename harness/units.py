"""The only place where units are converted, parsed and written for people."""

from __future__ import annotations

import re
from datetime import datetime, timezone

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|ms|s|min|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|kB|KiB|MB|MiB|GB|GiB)")
_BYTES = {"B": 1, "kB": 10**3, "KiB": 2**10, "MB": 10**6, "MiB": 2**20, "GB": 10**9, "GiB": 2**30}


def parse_moment(text: str | None) -> datetime | None:
    """The point in time of an ISO 8601 text, UTC where it names no zone; None where it is none."""
    try:
        parsed = datetime.fromisoformat((text or "").strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)


def ns_to_us(value_ns: float) -> float:
    """Nanoseconds to microseconds."""
    return value_ns / 1e3


def ns_to_s(value_ns: float) -> float:
    """Nanoseconds to seconds."""
    return value_ns / 1e9


def s_to_ns(value_s: float) -> int:
    """Seconds to whole nanoseconds."""
    return round(value_s * 1e9)


def s_to_min(value_s: float) -> float:
    """Seconds to minutes."""
    return value_s / 60


def s_to_ms(value_s: float) -> int:
    """Seconds to whole milliseconds, rounded down."""
    return int(value_s * 1e3)


def ms_to_s(value_ms: float) -> float:
    """Milliseconds to seconds."""
    return value_ms / 1e3


def us_to_s(value_us: float) -> float:
    """Microseconds to seconds."""
    return value_us / 1e6


def us_to_ms(value_us: float) -> float:
    """Microseconds to milliseconds."""
    return value_us / 1e3


def us_to_ns(value_us: float) -> float:
    """Microseconds to nanoseconds."""
    return value_us * 1e3


def ms_to_us(value_ms: float) -> float:
    """Milliseconds to microseconds."""
    return value_ms * 1e3


def bytes_to_mb(value_bytes: float) -> float:
    """Bytes to megabytes of 10^6 bytes, the unit of published model sizes."""
    return value_bytes / 1e6


def bytes_to_mib(value_bytes: float) -> float:
    """Bytes to MiB."""
    return value_bytes / 2**20


def kib_to_mib(value_kib: float) -> float:
    """KiB, the unit of /proc, to MiB."""
    return value_kib / 1024


def khz_to_mhz(value_khz: float) -> float:
    """kHz, the unit of cpufreq, to MHz."""
    return value_khz / 1e3


def khz_to_ghz(value_khz: float) -> float:
    """kHz, the unit of cpufreq, to GHz."""
    return value_khz / 1e6


def hz_to_ghz(value_hz: float) -> float:
    """Hz, the unit of devfreq, to GHz."""
    return value_hz / 1e9


def ticks_to_s(ticks: float) -> float:
    """Clock ticks of /proc and time_in_state, of which Linux shows programs 100 a second, to seconds."""
    return ticks / 100


def millidegrees_to_c(value_mc: float) -> float:
    """Millidegrees, the unit of thermal zones, to degrees Celsius."""
    return value_mc / 1000


def decidegrees_to_c(value_dc: float) -> float:
    """Tenths of a degree, the unit of Android's battery service, to degrees Celsius."""
    return value_dc / 10


def parse_duration_s(text: str) -> float:
    """Seconds from ``"30s"``, ``"200ms"``, ``"20min"``.

    Raises:
        ValueError: when the text is not a number directly followed by a unit.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration such as 30s, 200ms or 20min")
    return float(match[1]) * _SECONDS[match[2]]


def parse_size_bytes(text: str) -> int:
    """Bytes from ``"64MiB"`` or ``"2GB"``.

    Raises:
        ValueError: when the text is not a number directly followed by a unit.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a size such as 64MiB or 2GB")
    return round(float(match[1]) * _BYTES[match[2]])


def format_duration(value_s: float) -> str:
    """A span for people: ``45 s``, ``3 min 20 s``, ``2 h 05 min``."""
    whole_s = round(value_s)
    if whole_s < 60:
        return f"{whole_s} s"
    if whole_s < 3600:
        return f"{whole_s // 60} min {whole_s % 60:02d} s"
    return f"{whole_s // 3600} h {whole_s % 3600 // 60:02d} min"


def format_latency(value_ms: float | None) -> str:
    """A latency in ms with four significant digits, or an em dash when it was not measured."""
    if value_ms is None:
        return "—"
    return f"{value_ms:.4f}" if value_ms < 1 else f"{value_ms:#.4g}".rstrip(".")
