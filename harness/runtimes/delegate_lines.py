"""Sentences of benchmark_model and its runtime about delegates, one line each, gathered by delegate."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.runtimes.log_lines import INTEGER, Line

# Names in the log (lower case, in part) and the delegate that they belong to, in this order.
_FAMILIES = (
    ("ynnpack", "YNNPACK"),
    ("xnnpack", "XNNPACK"),
    ("gpu", "GPU"),
    ("litert_cl", "GPU"),
    ("litert_opengl", "GPU"),
    ("litert_gl", "GPU"),
    ("litert_webgpu", "GPU"),
    ("litert_vulkan", "GPU"),
    ("hexagon", "Hexagon"),
    ("nnapi", "NNAPI"),
    ("coreml", "COREML"),
    ("qnn", "QNN"),
    ("stable", "STABLE"),
    ("dispatch", "NPU"),
    ("npu", "NPU"),
    ("flex", "FLEX"),
    ("external", "EXTERNAL"),
)
# On the CPU by themselves: they take what an accelerator leaves.
CPU_DELEGATES = ("XNNPACK", "YNNPACK", "FLEX")
# Delegates with a flag of their own; others are loaded as external plugins.
OWN_FLAG = ("XNNPACK", "YNNPACK", "FLEX", "GPU", "Hexagon", "NNAPI", "COREML")

# A quick look: most lines of a log say nothing of a delegate.
_SPEAKS = re.compile("elegate|on the [GC]PU|acceleration is|NNAPI support|libhexagon")
_COUNTED = r"(?P<nodes>" + INTEGER + ")"
_APPLIED = re.compile(
    r"(?:Explicitly a|A)pplied (?P<name>.{1,60}?) delegate, and the model graph will be (?P<how>completely|partially) "
    r"executed (?:by|w/) the delegate(?: w/ (?P<kernels>" + INTEGER + r") delegate kernels)?"
)
_NOT_EXECUTED = re.compile(
    r"Though (?P<name>.{1,60}?) delegate is (?:explicitly )?applied, the model graph will not be executed"
)
_REPLACING = re.compile(
    r"Replacing "
    + _COUNTED
    + r"(?: out of (?P<total>"
    + INTEGER
    + r"))? node\(s\) with delegate \((?P<name>[^)]{1,80})\) "
    r"node, yielding (?P<partitions>"
    + INTEGER
    + r") partitions(?: for (?P<graph>subgraph [0-9]{1,6}|the whole graph))?"
)
_DELEGATED = re.compile(
    r"(?P<name>[\w.\- \[\]]{1,60}?) ?: " + _COUNTED + r" nodes delegated out of (?P<total>" + INTEGER + r") nodes"
    r"(?: with (?P<partitions>" + INTEGER + r") partitions)?"
)
_SPLIT = re.compile(
    r"(?:First )?" + _COUNTED + r" operations will run on the GPU, and the remaining (?P<rest>" + INTEGER + r")\b"
)
_NO_SPLIT = re.compile(r"No operations will run on the GPU, and all (?P<total>" + INTEGER + r") operations")
_GPU_KERNELS = re.compile(r"Created (?P<kernels>" + INTEGER + r") GPU delegate kernels")
_CREATED = re.compile(
    r"Created TensorFlow Lite (?:(\w+) delegate for CPU|delegate for (\w+))|^(\w+) delegate created\."
)
_REFUSED = re.compile(
    r"Failed to apply (.{1,60}?) delegate|Could not create (.{1,60}?) delegate|"
    r"(GPU|NNAPI|CoreML|Hexagon) acceleration is unsupported|(Hexagon) Delegate is not supported|"
    r"Couldn't load (NNAPI) support library|Unable to load (external) delegate|Failed to load lib(hexagon)_interface"
)


@dataclass
class Found:
    """Statements about one delegate, gathered while the log is read."""

    applied: str = ""
    kernels: int | None = None
    refused: bool = False
    label: str = ""
    replaced: dict[str, tuple[int, int | None, int]] = field(default_factory=dict)
    counted: tuple[int, int | None, int | None] | None = None
    remaining: int | None = None


def family(name: str) -> str:
    """The delegate that a name in a log belongs to; an unknown one is its own."""
    lower = name.lower()
    return next((known for part, known in _FAMILIES if part in lower), name.strip())


def read_line(line: Line, found: dict[str, Found]) -> None:
    """Add what `line` says of a delegate to `found`, which is keyed by delegate."""
    if _SPEAKS.search(line.text) is None:
        return
    for pattern, take in _READERS:
        match = pattern.search(line.text)
        if match is not None:
            take(found, match)
            return


def _of(found: dict[str, Found], name: str) -> Found:
    one = found.setdefault(family(name), Found())
    one.label = one.label or (name if name.startswith("TfLite") or family(name) == name else "")
    return one


def _take_applied(found: dict[str, Found], match: re.Match[str]) -> None:
    one = _of(found, match["name"])
    one.applied = "full" if match["how"] == "completely" else "partial"
    one.kernels = int(match["kernels"]) if match["kernels"] else one.kernels


def _take_not_executed(found: dict[str, Found], match: re.Match[str]) -> None:
    _of(found, match["name"]).applied = "none"


def _take_replacing(found: dict[str, Found], match: re.Match[str]) -> None:
    """A named subgraph counts once, with its last line; a line that names none counts once with its numbers."""
    counts = (int(match["nodes"]), _optional(match["total"]), int(match["partitions"]))
    named = match["graph"] if (match["graph"] or "").startswith("subgraph") else str(counts)
    _of(found, match["name"]).replaced[named] = counts


def _take_delegated(found: dict[str, Found], match: re.Match[str]) -> None:
    name = match["name"].rpartition("]")[2].strip()
    counts = (int(match["nodes"]), int(match["total"]), _optional(match["partitions"]))
    _of(found, name).counted = counts


def _take_split(found: dict[str, Found], match: re.Match[str]) -> None:
    one = _of(found, "GPU")
    one.counted, one.remaining = (int(match["nodes"]), None, None), int(match["rest"])


def _take_no_split(found: dict[str, Found], match: re.Match[str]) -> None:
    one = _of(found, "GPU")
    one.counted, one.applied = None, "none"


def _take_kernels(found: dict[str, Found], match: re.Match[str]) -> None:
    one = _of(found, "GPU")
    one.kernels = int(match["kernels"]) if one.kernels is None else one.kernels


def _take_created(found: dict[str, Found], match: re.Match[str]) -> None:
    _of(found, next(name for name in match.groups() if name))


def _take_refused(found: dict[str, Found], match: re.Match[str]) -> None:
    _of(found, next(name for name in match.groups() if name)).refused = True


_READERS: tuple[tuple[re.Pattern[str], Callable[[dict[str, Found], re.Match[str]], None]], ...] = (
    (_APPLIED, _take_applied),
    (_NOT_EXECUTED, _take_not_executed),
    (_REPLACING, _take_replacing),
    (_DELEGATED, _take_delegated),
    (_SPLIT, _take_split),
    (_NO_SPLIT, _take_no_split),
    (_GPU_KERNELS, _take_kernels),
    (_REFUSED, _take_refused),
    (_CREATED, _take_created),
)


def _optional(text: str | None) -> int | None:
    return int(text) if text else None
