"""What the file cache of a phone says is there, and what of it must go to make room. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

MARGIN_BYTES = 16 << 20
"""What stays free on a phone's disk."""


@dataclass(frozen=True)
class Look:
    """What the phone has of what was asked for: for a key the boot it was verified in, for a path size and mode."""

    boot: str
    tool: str
    verified: Mapping[str, str]
    files: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Used:
    """A folder of the cache: its size in bytes and when it was last asked for, by the phone's clock."""

    key: str
    size: int
    last_used_s: int


def parse_look(lines: Iterable[str]) -> Look:
    """What ``files.sh look`` said."""
    lines = list(lines)
    words = [line.split(" ") for line in lines]
    single = {line[0]: line[1] for line in words if len(line) == 2}
    files = (re.fullmatch(r"file ([0-9]{1,15}) ([0-7]{1,5}) (.+)", line) for line in lines)
    return Look(
        boot=single.get("boot", ""),
        tool=single.get("tool", ""),
        verified={line[1]: line[2] for line in words if len(line) == 3 and line[0] == "folder"},
        files={match[3]: (int(match[1]), int(match[2], 8)) for match in files if match},
    )


def parse_used(lines: Iterable[str]) -> list[Used]:
    """The folders that ``files.sh used`` listed."""
    matches = (re.fullmatch(r"used ([0-9]{1,15}) ([0-9]{1,15}) (\S+)", line) for line in lines)
    return [Used(match[3], int(match[1]) << 10, int(match[2])) for match in matches if match]


def parse_free(lines: Iterable[str]) -> int | None:
    """The bytes that are free, or None where that is not said."""
    matches = (re.fullmatch(r"free ([0-9]{1,15})", line) for line in lines)
    return next((int(match[1]) << 10 for match in matches if match), None)


def to_remove(entries: Iterable[Used], kept: set[str], needed: int, free: int | None, limit: int) -> list[Used]:
    """The least recently used that must go so that `needed` bytes keep the limit and fit on the disk."""
    entries = list(entries)
    used = sum(entry.size for entry in entries)
    going: list[Used] = []
    for entry in sorted(entries, key=lambda entry: (entry.last_used_s, entry.key)):
        gained = sum(gone.size for gone in going)
        roomy = free is None or free + gained >= needed + MARGIN_BYTES
        if used - gained + needed <= limit and roomy:
            break
        if entry.key not in kept:
            going.append(entry)
    return going
