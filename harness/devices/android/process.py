"""The shell text that runs one program on a phone under observation, and the reading of what it says. Pure.

The text of `device_scripts/measured_run.sh` goes with each call and is not kept on the phone: 6 kB cost less than the
round trip that would ask whether the file is still there, and nothing can become stale.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.devices.base import Observed, Watch
from harness.devices.cpus import parse_cpu_list
from harness.errors import UsageError

WATCHDOG_MARGIN_S = 15.0
"""How long after the host's deadline the phone ends the program by itself."""

_TICK_S = 0.01  # USER_HZ is 100 on every Linux
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CPU_LIST = re.compile(r"\d{1,4}(?:-\d{1,4})?(?:,\d{1,4}(?:-\d{1,4})?)*")
_LARGEST_CPU = 1023
_CHILDREN_USER, _CHILDREN_SYSTEM = 13, 14  # of /proc/PID/stat, counted from the state

Markers = Mapping[str, str]


@dataclass(frozen=True)
class Tokens:
    """Two secrets of one run: `tag` is in the environment of its processes, `nonce` before its observer's lines."""

    tag: str
    nonce: str


def measured_script(
    text: str, argv: tuple[str, ...], env: Mapping[str, str], timeout_s: float, watch: Watch | None, tokens: Tokens
) -> str:
    """`text` (measured_run.sh) with its arguments: any characters but NUL arrive as they are.

    Raises:
        UsageError: no program, a NUL, or a name that no environment variable can have.
    """
    _check(argv, env)
    cpus = watch.cpus if watch else ()
    first = argv[0] if not argv[0].startswith("-") else f"./{argv[0]}"
    arguments = [
        tokens.nonce,
        tokens.tag,
        str(math.ceil(timeout_s + WATCHDOG_MARGIN_S)),
        str(int(watch is not None)),
        str(int(watch is not None and watch.memory)),
        affinity_mask(cpus) if cpus else "-",
        str(cpus[0]) if cpus else "-",
        *(f"{name}={value}" for name, value in env.items()),
        "--",
        first,
        *argv[1:],
    ]
    return script_with(text, arguments)


def script_with(text: str, arguments: Iterable[str]) -> str:
    """`text` of a script file with its positional parameters set, each quoted."""
    return f"set -- {' '.join(map(shlex.quote, arguments))}\n{text}"


def affinity_mask(cpus: Iterable[int]) -> str:
    """The mask as toybox's `taskset` takes it in every version: bare lower-case hex."""
    return f"{sum(1 << cpu for cpu in set(cpus)):x}"


def _check(argv: tuple[str, ...], env: Mapping[str, str]) -> None:
    if not argv or not argv[0]:
        raise UsageError("there is no program to run")
    wrong = [name for name in env if not _NAME.fullmatch(name)]
    if wrong:
        raise UsageError(f"no environment variable can have the name {wrong[0]!r}")
    if any("\0" in text for text in (*argv, *env.values())):
        raise UsageError("an argument holds a NUL, which no program can be given")


def split_markers(stderr: bytes, nonce: str) -> tuple[bytes, Markers]:
    """What the program printed, and what the observer said. A key that is said twice is not believed."""
    token = re.escape(nonce.encode())
    block = re.compile(rb"\n(?:" + token + rb" [^\n]*\n)+")
    pairs = re.findall(rb"^" + token + rb" ([a-z_]+) ?([^\n]*)$", b"".join(block.findall(stderr)), re.MULTILINE)
    keys = [key for key, _ in pairs]
    markers = {key.decode(): value.decode("ascii", "replace").strip() for key, value in pairs if keys.count(key) == 1}
    return block.sub(b"", stderr), markers


def exit_status(markers: Markers) -> int | None:
    """The status of the program as its shell saw it."""
    status = _whole(markers.get("exit", ""))
    return status if status is not None and status < 256 else None


def returncode(status: int) -> int:
    """A shell's status as `ProcessResult` has it: 128+n, ended by signal n, becomes -n."""
    return 128 - status if 128 < status <= 192 else status


def observed(markers: Markers) -> Observed:
    """What the phone saw; whatever is missing or is no number is None."""
    return Observed(
        cpus=cpu_list(markers.get("cpus", "")),
        online=cpu_list(markers.get("online", "")),
        started_uptime_s=_uptime(markers.get("uptime_before", "")),
        ended_uptime_s=_uptime(markers.get("uptime_after", "")),
        cpu_s=_cpu_s(markers.get("stat_before", ""), markers.get("stat_after", "")),
        peak_rss_kib=_whole(markers.get("hwm", "")),
        pss_kib=_whole(markers.get("pss", "")),
        gpu_memory_kib=_gpu_kib(markers.get("gpu", "")),
        time_in_state=_passed(markers.get("clocks_before", ""), markers.get("clocks_after", "")),
    )


def cpu_list(text: str) -> tuple[int, ...] | None:
    """``0-3,7`` as indices, or None."""
    if not _CPU_LIST.fullmatch(text) or any(int(number) > _LARGEST_CPU for number in re.findall(r"\d+", text)):
        return None
    return tuple(parse_cpu_list(text)) or None


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else None


def _uptime(text: str) -> float | None:
    match = re.fullmatch(r"([0-9]{1,12}\.[0-9]{1,6})(?: .*)?", text)
    return float(match[1]) if match else None


def _cpu_s(before: str, after: str) -> float | None:
    first, last = _child_ticks(before), _child_ticks(after)
    return None if first is None or last is None or last < first else (last - first) * _TICK_S


def _child_ticks(stat: str) -> int | None:
    fields = stat.split()
    ticks = [_whole(field) for field in fields[_CHILDREN_USER : _CHILDREN_SYSTEM + 1]]
    return sum(tick for tick in ticks if tick is not None) if len(ticks) == 2 and None not in ticks else None


def _gpu_kib(text: str) -> int | None:
    amounts = [_whole(word) for word in text.split()]
    known = [amount for amount in amounts if amount is not None]
    return max(known) >> 10 if known and len(known) == len(amounts) else None


def _passed(before: str, after: str) -> tuple[tuple[int, int], ...]:
    first, last = _clock_ticks(before), _clock_ticks(after)
    if not first or first.keys() != last.keys() or any(last[khz] < first[khz] for khz in first):
        return ()
    return tuple((khz, last[khz] - first[khz]) for khz in sorted(first) if last[khz] > first[khz])


def _clock_ticks(text: str) -> dict[int, int]:
    pairs = [re.fullmatch(r"([0-9]{1,12}):([0-9]{1,18})", word) for word in text.split()]
    return {int(pair[1]): int(pair[2]) for pair in pairs if pair} if all(pairs) else {}
