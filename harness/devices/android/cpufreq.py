"""The clock domains of a phone: what /sys says of each policy, and which of them a sweep measures on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.devices.android.batch import Answer, Command

FOLDER = "/sys/devices/system/cpu/cpufreq"
KEY = "cpufreq"
_FILES = (
    "related_cpus cpuinfo_max_freq scaling_available_governors scaling_available_frequencies scaling_governor"
    " scaling_min_freq scaling_max_freq"
)
_NAME = re.compile(r"policy\d{1,4}")
_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True)
class Policy:
    """One clock domain, as ``policy4``. Clocks in kHz; None and () for what cannot be read.

    `tunables` are the writable files of its governor, by path below the policy's folder, with their values.
    """

    name: str
    cpus: tuple[int, ...] = ()
    max_khz: int | None = None
    governors: tuple[str, ...] = ()
    steps_khz: tuple[int, ...] = ()
    governor: str | None = None
    low_khz: int | None = None
    high_khz: int | None = None
    tunables: tuple[tuple[str, str], ...] = ()

    def nearest_khz(self, asked: int | str) -> int | None:
        """The clock to set for ``max`` or a number of kHz; None when the policy does not tell what it can."""
        if asked == "max":
            return self.max_khz
        if self.steps_khz:
            return min(self.steps_khz, key=lambda step: (abs(step - int(asked)), step))
        return int(asked)


def dump_command(*, root: bool) -> Command:
    """Print every policy: ``policy4/scaling_governor: schedutil`` a line; what cannot be read is left out."""
    text = f"""cd {FOLDER} || exit 1
p() {{ [ -r "$1" ] && v=$(cat "$1" 2>/dev/null) && printf '%s: %s\\n' "$1" "$v"; }}
for d in policy*; do
  for f in {_FILES}; do p "$d/$f"; done
  g=$(cat "$d/scaling_governor" 2>/dev/null) || continue
  for f in "$d/$g"/*; do
    case $(ls -ld "$f" 2>/dev/null) in -?w*) p "$f" ;; esac
  done
done
:"""
    return Command(KEY, text, root=root)


def parse_policies(answer: Answer | None) -> tuple[Policy, ...]:
    """The policies of `dump_command`'s answer, by number; () when the phone shows none."""
    found: dict[str, dict[str, str]] = {}
    for line in answer.text.splitlines() if answer is not None and answer.ok else ():
        path, colon, value = line.partition(": ")
        name, _, file = path.partition("/")
        if colon and _NAME.fullmatch(name) and all(_WORD.fullmatch(part) for part in file.split("/")):
            found.setdefault(name, {})[file] = value.strip()
    return tuple(_policy(name, found[name]) for name in sorted(found, key=lambda name: int(name[6:])))


def chosen(policies: Iterable[Policy], cpus: Iterable[int] | None) -> tuple[Policy, ...]:
    """The policies of `cpus`; without them the one with the highest clock."""
    known = tuple(policies)
    if cpus is None:
        return (max(known, key=lambda policy: (policy.max_khz or 0, policy.cpus)),) if known else ()
    wanted = set(cpus)
    return tuple(policy for policy in known if wanted & set(policy.cpus))


def _policy(name: str, files: Mapping[str, str]) -> Policy:
    governor = files.get("scaling_governor")
    return Policy(
        name=name,
        cpus=_numbers(files.get("related_cpus")),
        max_khz=next(iter(_numbers(files.get("cpuinfo_max_freq"))), None),
        governors=tuple(word for word in files.get("scaling_available_governors", "").split() if _WORD.fullmatch(word)),
        steps_khz=_numbers(files.get("scaling_available_frequencies")),
        governor=governor if governor and _WORD.fullmatch(governor) else None,
        low_khz=next(iter(_numbers(files.get("scaling_min_freq"))), None),
        high_khz=next(iter(_numbers(files.get("scaling_max_freq"))), None),
        tunables=tuple((file, value) for file, value in sorted(files.items()) if file.startswith(f"{governor}/")),
    )


def _numbers(text: str | None) -> tuple[int, ...]:
    return tuple(int(word) for word in re.split(r"[\s,]+", text or "") if re.fullmatch(r"[0-9]{1,9}", word))
