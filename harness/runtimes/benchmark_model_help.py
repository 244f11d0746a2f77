"""Which flags a benchmark_model has, from its ``--help``: the tool prints no version, and ignores flags it lacks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from harness.runtimes.log_lines import decode

# ``--name=default<pad>type<tab>optional<tab>text``; the oldest builds pad with spaces and have no third column.
_FLAG = re.compile(
    r"^[ \t]*--([A-Za-z0-9][\w-]*)=(\S*)[ \t]+(int32|int64|float|bool|string)\b"
    r"[ \t]*(?:(optional|required)\b)?[ \t]*(.*)$",
    re.MULTILINE | re.ASCII,
)


@dataclass(frozen=True)
class Flag:
    """One flag. `kind` is int32, int64, float, bool or string; `default` is as printed, empty for none."""

    name: str
    kind: str
    default: str = ""
    required: bool = False
    text: str = ""


def parse_help(text: str | bytes) -> Mapping[str, Flag]:
    """Flags by name, in the order of the help text; empty for text without any. Never raises.

    A flag that is registered twice (``num_threads`` is) counts once, as first listed.
    """
    flags: dict[str, Flag] = {}
    for found in _FLAG.finditer((decode(text) if isinstance(text, bytes) else text).replace("\r", "")):
        name, default, kind, need, help_text = found.groups()
        flags.setdefault(name, Flag(name, kind, default, need == "required", help_text.strip()))
    return flags
