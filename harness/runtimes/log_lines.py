"""The text of a tool's log as clean lines: decoded, without the prefixes of logcat, glog and the tool, with its header.

A log may be what a shell captured (merged or separate streams), logcat, or a saved file whose first lines are
``$ command``, ``# exit status N`` and ``# ---- stdout|stderr``. No bytes are refused.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

# Whole numbers only, never the end of a longer one; more digits than a log can mean match nothing.
_NOT_INSIDE = r"(?<![0-9A-Za-z_.])"
INTEGER = _NOT_INSIDE + r"[0-9]{1,18}(?![0-9.])"
NUMBER = _NOT_INSIDE + r"[-+]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][-+]?[0-9]{1,3})?(?![0-9.])"
ERROR_LEVELS = ("ERROR", "FATAL")

_LINE_AT_MOST = 10_000  # no message is longer, and the work on a line grows with its length
_BREAKS = re.compile(r"[\r\n]+")
_LEVELS = "INFO|WARN|WARNING|ERROR|FATAL|VERBOSE"
# Two streams in one file: a message that begins in the middle of another's line. A name in capitals is no such place.
_FUSED = re.compile(rf"(?<=[0-9a-z.)\]\"'%])(?=(?:{_LEVELS}): )")
_LOGCAT = re.compile(
    r"(?:(?:[0-9]{4}-)?[0-9]{2}-[0-9]{2} +[0-9:]{8}\.[0-9]{3,9} +(?:[\w.]+ +)??(?:[0-9]+ +[0-9]+ +)?)?"
    r"([VDIWEF])(?:/| )([^:(]{1,60}?) *(?:\( *[0-9]+\))?: "
)
_LOGCAT_TAGS = ("tflite", "litert", "qnn", "hexagon", "nnapi", "adsprpc", "fastrpc", "delegate", "opencl")
_GLOG = re.compile(r"([IWEF])[0-9]{4} [0-9:]+\.[0-9]+ +[0-9]+ [^ :]{1,80}:[0-9]+\] ")
_SOURCE = re.compile(r"\[[\w./-]{1,120}\.(?:h|cc|cpp):[0-9]+\] ?")
_LEVEL = re.compile(rf"({_LEVELS}): ?")
_LETTERS = {"V": "VERBOSE", "D": "VERBOSE", "I": "INFO", "W": "WARN", "E": "ERROR", "F": "FATAL"}
_EXIT = re.compile(r"(?:# exit status|__RC=) ?(-?[0-9]{1,5})$")
# Where a log that was kept short lacks its middle: the line before it may be cut.
_LEFT_OUT = re.compile(r"\.\.\. [0-9]+ bytes left out \.\.\.$")
_SECTION = re.compile(r"# ---- (?:stdout|stderr)$")


class Line(NamedTuple):
    """One message. `level` is INFO, WARN, ERROR, FATAL, VERBOSE or empty; `whole` is False when it may be cut off."""

    text: str
    level: str
    whole: bool


@dataclass(frozen=True)
class LogText:
    """A decoded log: its messages, and what its header says of the process (None or empty without a header)."""

    lines: tuple[Line, ...]
    command: str = ""
    exit_code: int | None = None

    @cached_property
    def text(self) -> str:
        """All messages, one a line."""
        return "\n".join(line.text for line in self.lines)


def read_log(data: bytes) -> LogText:
    """The log in `data`. Never raises. Of several logged commands in one file only the last is kept."""
    lines: list[Line] = []
    command, exit_code = "", None
    for raw, whole in _raw_lines(decode(data)):
        if raw.startswith("$ "):
            lines, command, exit_code = [], raw[2:], None
        elif (found := _EXIT.match(raw)) is not None and whole:
            exit_code = int(found[1])
        elif _LEFT_OUT.match(raw):
            lines[-1:] = [line._replace(whole=False) for line in lines[-1:]]
        elif not _SECTION.match(raw):
            lines += _messages(raw, whole)
    return LogText(tuple(lines), command, exit_code)


def decode(data: bytes) -> str:
    """Text of UTF-8, or of UTF-16 with its mark (what a Windows shell redirects); wrong bytes become U+FFFD."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    return data.decode("utf-8", errors="replace").removeprefix("\ufeff")


def number(text: str | None) -> float | None:
    """The finite number that `text` is, or None."""
    if text is None or re.fullmatch(NUMBER, text) is None:
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def integer(text: str | None) -> int | None:
    """The whole number that `text` is, or None."""
    return None if text is None or re.fullmatch(INTEGER, text) is None else int(text)


def _raw_lines(text: str) -> list[tuple[str, bool]]:
    """Lines that are not blank, and whether each was ended."""
    parts = _BREAKS.split(text)
    last = len(parts) - 1
    return [
        (stripped[:_LINE_AT_MOST], index < last and len(stripped) <= _LINE_AT_MOST)
        for index, part in enumerate(parts)
        if (stripped := part.strip())
    ]


def _messages(raw: str, whole: bool) -> list[Line]:
    if ": " not in raw:
        return [Line(raw, "", whole)]
    parts = _FUSED.split(raw)
    last = len(parts) - 1
    return [_message(part.strip(), whole and index == last) for index, part in enumerate(parts)]


def _message(text: str, whole: bool) -> Line:
    """`text` without its prefixes; they can be nested, such as logcat's around the tool's."""
    level = ""
    if (found := _LOGCAT.match(text)) is not None:
        ours = any(tag in found[2].lower() for tag in _LOGCAT_TAGS)
        level, text = _LETTERS[found[1]] if ours else "", text[found.end() :]
    if (found := _GLOG.match(text)) is not None:
        level, text = _LETTERS[found[1]], text[found.end() :]
    if (found := _LEVEL.match(text)) is not None:
        level, text = found[1].replace("WARNING", "WARN"), text[found.end() :]
    if (found := _SOURCE.match(text)) is not None:
        text = text[found.end() :]
    return Line(text.strip(), level, whole)
