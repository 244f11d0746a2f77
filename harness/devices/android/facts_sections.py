"""The form in which `device_scripts/facts.sh` prints, as sections of keys: pure, and proof against any text.

Every line that was read on the phone stands behind ``=`` or ``|``, so nothing of it can pass for a marker; what could
not be read has a reason instead of a value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.errors import ParseError

VERSION = 1
_HEADER = re.compile(r"harness-facts (\d+)")
_ITEM = re.compile(r"([^=!|@][^=!]*)([=!])(.*)", re.DOTALL)
# What shells and tools say instead of a value, should it ever come on their standard output.
_REFUSAL = re.compile(
    r"permission denied|operation not permitted|no such file or directory|inaccessible or not found|can't find service"
    r"|security ?exception|not allowed to",
    re.IGNORECASE,
)
_REASONS = {
    "missing": "it is not there",
    "denied": "the phone denies it",
    "empty": "it is empty",
    "timeout": "no answer in time",
    "skipped": "not asked, because the phone did not answer before",
}


@dataclass(frozen=True)
class Sections:
    """What was read: `texts` and `reasons` by section and key. A key is in one of them, or in none."""

    texts: Mapping[tuple[str, str], str] = field(default_factory=dict)
    reasons: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def text(self, section: str, key: str) -> str | None:
        """The text, stripped, or None when there is none or it is a refusal."""
        text = self.texts.get((section, key), "").strip()
        return None if not text or is_refusal(text) else text

    def reason(self, section: str, key: str) -> str:
        """Why there is no value, in words; empty when there is one."""
        if self.text(section, key) is not None:
            return ""
        if (section, key) in self.texts:
            return _REASONS["denied"]
        word = self.reasons.get((section, key), "missing")
        return _REASONS.get(word, f"it {word}")

    def numbered(self, kind: str) -> tuple[int, ...]:
        """The numbers of the sections ``kind N``, ascending: those of CPUs, of policies."""
        names = {section for section, _ in (*self.texts, *self.reasons)}
        found = (name.removeprefix(f"{kind} ") for name in names if name.startswith(f"{kind} "))
        return tuple(sorted(int(name) for name in found if is_index(name)))


def is_refusal(text: str) -> bool:
    """Whether one line of text is a tool's refusal, not a value."""
    return "\n" not in text and _REFUSAL.search(text) is not None


def is_index(text: str) -> bool:
    """Whether text is the number of a CPU or zone: few ASCII digits."""
    return text.isascii() and text.isdigit() and len(text) <= 4


def read_sections(output: bytes | str) -> Sections:
    """The sections of what the script printed.

    Raises:
        ParseError: it is not the script's output, is of another version, or has no end.
    """
    text = output.decode(errors="replace") if isinstance(output, bytes) else output
    lines = [line.rstrip("\r") for line in text.split("\n")]
    # Linkers and shells of some phones say something first.
    start = next((index for index, line in enumerate(lines) if _HEADER.fullmatch(line)), None)
    if start is None:
        raise ParseError("the phone's facts do not begin as they should", remedy="Keep the log and report it.")
    version = lines[start].split()[1]
    if version != str(VERSION):
        raise ParseError(
            f"the phone's facts are of version {version[:20]}, not {VERSION}", remedy="Install the harness again."
        )
    if "@end" not in lines[start:]:
        raise ParseError(
            "the phone's facts break off before their end",
            remedy="Check the cable, then try again; `adb shell` must answer within seconds.",
        )
    return _sections(lines[start + 1 : lines.index("@end", start)])


def _sections(lines: list[str]) -> Sections:
    texts: dict[tuple[str, str], str] = {}
    reasons: dict[tuple[str, str], str] = {}
    section, last = "", None
    for line in lines:
        if line.startswith("@"):
            section, last = line[1:], None
        elif line.startswith("|"):
            if last is not None:
                texts[last] += f"\n{line[1:]}"
        elif item := _ITEM.fullmatch(line):
            here = section, item[1]
            last = here if item[2] == "=" else None
            (texts if last else reasons)[here] = item[3]
    return Sections(texts, reasons)
