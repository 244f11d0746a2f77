"""What a log of benchmark_model says about delegates: which were asked for, which took how much of the graph.

The tool's own sentences (``Explicitly applied …``) look at the graph that runs; the runtime's (``Replacing A out of B
node(s) …``) have counts, one line a subgraph. Where they disagree the weaker one stands. No line is no evidence: the
coverage is then unknown, never full.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from harness.domain import Coverage
from harness.runtimes.log_lines import INTEGER, Line, LogText

# Strongest last: the weaker of two statements stands.
_STRENGTH = ("none", "partial", "full")

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
_OWN_FLAG = ("XNNPACK", "YNNPACK", "FLEX", "GPU", "Hexagon", "NNAPI", "COREML")

_FLAGS = (
    (r"--use_gpu=(?:true|1)\b|^Use gpu ?: \[1\]", "GPU"),
    (r"--use_nnapi=(?:true|1)\b|^Use (?:NNAPI|nnapi) ?: \[1\]", "NNAPI"),
    (r"--use_hexagon=(?:true|1)\b|^Use Hexagon ?: \[1\]", "Hexagon"),
    (r"--use_coreml=(?:true|1)\b|^Use CoreML ?: \[1\]", "COREML"),
    (r"--use_npu=(?:true|1)\b|^Use NPU ?: \[1\]", "NPU"),
    (r"--external_delegate_path=[^\s'\"]|^External delegate path ?: \[[^\]]", "EXTERNAL"),
    (r"--stable_delegate_(?:loader_settings|settings_file)=[^\s'\"]", "STABLE"),
    (r"--use_ynnpack=(?:true|1)\b", "YNNPACK"),
    (r"--use_xnnpack=(?:true|1)\b|^Use xnnpack ?: \[1\]", "XNNPACK"),
)
_ASKED = tuple((re.compile(pattern, re.MULTILINE), name) for pattern, name in _FLAGS)
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
_UNSUPPORTED_TITLE = re.compile(r"(?:Following|Next) operations are not supported by GPU delegate:")
_UNSUPPORTED = re.compile(r"[A-Z][A-Z0-9_]{1,60}: .{1,300}|[A-Z][A-Z0-9_]{2,60}")
_CREATED = re.compile(
    r"Created TensorFlow Lite (?:(\w+) delegate for CPU|delegate for (\w+))|^(\w+) delegate created\."
)
_REFUSED = re.compile(
    r"Failed to apply (.{1,60}?) delegate|Could not create (.{1,60}?) delegate|"
    r"(GPU|NNAPI|CoreML|Hexagon) acceleration is unsupported|(Hexagon) Delegate is not supported|"
    r"Couldn't load (NNAPI) support library|Unable to load (external) delegate|Failed to load lib(hexagon)_interface"
)
_APIS = (("OpenCL", "Initialized OpenCL-based API"), ("OpenGL", "Initialized OpenGL-based API"))
_NNAPI_LIST = re.compile(r"NNAPI accelerators available: \[([^\]]{0,500})\]")
_NNAPI_NAME = re.compile(r"--nnapi_accelerator_name=['\"]?([\w.\-]+)|NNAPI accelerator name ?: \[([\w.\-]+)\]")
_REASONS_AT_MOST = 200


@dataclass(frozen=True)
class DelegateUse:
    """One delegate in a log; counts are sums over its subgraphs, None when the log has none.

    Attributes:
        name: as the tool calls it: GPU, XNNPACK, NNAPI, Hexagon, EXTERNAL, ….
        coverage: full, partial, none or unknown.
        kernels: delegate nodes in the graph that runs.
        partitions: parts of the graph, those that stay on the CPU among them where the runtime counts so.
        remaining_nodes: nodes that the GPU delegate says stay on the CPU.
        label: the plugin's own name, such as TfLiteQnnDelegate.
    """

    name: str
    coverage: str = "unknown"
    kernels: int | None = None
    delegated_nodes: int | None = None
    total_nodes: int | None = None
    partitions: int | None = None
    remaining_nodes: int | None = None
    label: str = ""


@dataclass(frozen=True)
class DelegateReport:
    """All that a log says about delegates.

    Attributes:
        uses: in the order of their first mention.
        asked: delegates that the command line or its echo asks for, accelerators first.
        coverage: of the delegate asked for, or of the one there is: full, partial, none or unknown.
        api: OpenCL or OpenGL, what the GPU delegate computes with; empty when not said.
        unsupported: ``OPERATOR: reason`` for what the GPU delegate refuses.
        nnapi_accelerators: what NNAPI offers on this device.
        reference_nnapi: NNAPI had nothing but its reference implementation on the CPU.
    """

    uses: tuple[DelegateUse, ...] = ()
    asked: tuple[str, ...] = ()
    coverage: str = "unknown"
    api: str = ""
    unsupported: tuple[str, ...] = ()
    nnapi_accelerators: tuple[str, ...] = ()
    reference_nnapi: bool = False

    def use(self, name: str) -> DelegateUse | None:
        """What is known of the delegate `name` (the tool's word, or the sweep's: ``gpu``, ``qnn``, ``cpu``)."""
        wanted = family("xnnpack" if name == "cpu" else name)
        by_name = {one.name: one for one in self.uses}
        if wanted not in by_name and wanted not in _OWN_FLAG:
            wanted = "EXTERNAL"
        return by_name.get(wanted)

    @property
    def accelerator(self) -> str | None:
        """The delegate whose coverage counts: the one asked for, or else the one there is."""
        names = [*self.asked, *(one.name for one in self.uses)]
        return next((name for name in names if name not in CPU_DELEGATES), next(iter(names), None))


NO_DELEGATES = DelegateReport()


@dataclass
class _Found:
    """Statements about one delegate while the log is read."""

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


def read_delegates(log: LogText, unconsumed: Iterable[str] = ()) -> DelegateReport:
    """What `log` says about delegates; `unconsumed` flags are known to have had no effect."""
    text = log.text
    asked = _asked(f"{log.command}\n{text}")
    found: dict[str, _Found] = {}
    if "elegate" in text or "GPU" in text or "acceleration" in text:
        for line in log.lines:
            _read_line(line, found)
    _merge_plugin(found, asked)
    for name in _asked("\n".join(unconsumed)):
        found.setdefault(name, _Found()).refused = True
    accelerators, reference = _nnapi(text, log.command)
    if reference and "NNAPI" in asked:
        found.setdefault("NNAPI", _Found()).refused = True
    report = DelegateReport(
        uses=tuple(_use(name, one) for name, one in found.items()),
        asked=asked,
        api=next((api for api, mark in reversed(_APIS) if mark in text), ""),
        unsupported=_unsupported(log.lines) if "not supported by GPU delegate" in text else (),
        nnapi_accelerators=accelerators,
        reference_nnapi=reference,
    )
    return _with_coverage(report)


def _with_coverage(report: DelegateReport) -> DelegateReport:
    name = report.accelerator
    use = None if name is None else report.use(name)
    if use is None:
        return report
    return DelegateReport(**{**vars(report), "coverage": use.coverage})


def to_coverage(report: DelegateReport, delegate: str) -> Coverage | None:
    """Coverage of `delegate` for a result, or None when the log does not speak of it.

    A statement in words without counts becomes `Coverage.stated`.
    """
    use = report.use(delegate)
    if use is None:
        return None
    total = use.total_nodes
    if total is None and use.remaining_nodes is not None and use.delegated_nodes is not None:
        total = use.delegated_nodes + use.remaining_nodes
    partitions = use.partitions if use.partitions is not None else use.kernels
    by_counts = Coverage(use.name, use.delegated_nodes, total, partitions)
    if by_counts.kind == use.coverage:
        return by_counts
    return Coverage(use.name, None, None, partitions, stated=use.coverage)


def _asked(text: str) -> tuple[str, ...]:
    return tuple(name for pattern, name in _ASKED if pattern.search(text))


def _nnapi(text: str, command: str) -> tuple[tuple[str, ...], bool]:
    listed = _NNAPI_LIST.search(text)
    names = tuple(name for part in listed[1].split(",") if (name := part.strip())) if listed else ()
    chosen = _NNAPI_NAME.search(command) or _NNAPI_NAME.search(text)
    only = bool(names) and all(name == "nnapi-reference" for name in names)
    return names, only or (chosen is not None and "nnapi-reference" in (chosen[1], chosen[2]))


def _read_line(line: Line, found: dict[str, _Found]) -> None:
    for pattern, take in _READERS:
        match = pattern.search(line.text)
        if match is not None:
            take(found, match)
            return


def _of(found: dict[str, _Found], name: str) -> _Found:
    one = found.setdefault(family(name), _Found())
    one.label = one.label or (name if name.startswith("TfLite") or family(name) == name else "")
    return one


def _take_applied(found: dict[str, _Found], match: re.Match[str]) -> None:
    one = _of(found, match["name"])
    one.applied = "full" if match["how"] == "completely" else "partial"
    one.kernels = int(match["kernels"]) if match["kernels"] else one.kernels


def _take_not_executed(found: dict[str, _Found], match: re.Match[str]) -> None:
    _of(found, match["name"]).applied = "none"


def _take_replacing(found: dict[str, _Found], match: re.Match[str]) -> None:
    """A named subgraph counts once, with its last line; a line that names none counts once with its numbers."""
    counts = (int(match["nodes"]), _optional(match["total"]), int(match["partitions"]))
    named = match["graph"] if (match["graph"] or "").startswith("subgraph") else str(counts)
    _of(found, match["name"]).replaced[named] = counts


def _take_delegated(found: dict[str, _Found], match: re.Match[str]) -> None:
    name = match["name"].rpartition("]")[2].strip()
    counts = (int(match["nodes"]), int(match["total"]), _optional(match["partitions"]))
    _of(found, name).counted = counts


def _take_split(found: dict[str, _Found], match: re.Match[str]) -> None:
    one = _of(found, "GPU")
    one.counted, one.remaining = (int(match["nodes"]), None, None), int(match["rest"])


def _take_no_split(found: dict[str, _Found], match: re.Match[str]) -> None:
    one = _of(found, "GPU")
    one.counted, one.applied = None, "none"


def _take_kernels(found: dict[str, _Found], match: re.Match[str]) -> None:
    one = _of(found, "GPU")
    one.kernels = int(match["kernels"]) if one.kernels is None else one.kernels


def _take_created(found: dict[str, _Found], match: re.Match[str]) -> None:
    _of(found, next(name for name in match.groups() if name))


def _take_refused(found: dict[str, _Found], match: re.Match[str]) -> None:
    _of(found, next(name for name in match.groups() if name)).refused = True


_READERS: tuple[tuple[re.Pattern[str], Callable[[dict[str, _Found], re.Match[str]], None]], ...] = (
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


def _merge_plugin(found: dict[str, _Found], asked: tuple[str, ...]) -> None:
    """An external delegate speaks of itself by its own name: one delegate, not two."""
    plugins = [name for name in found if name not in _OWN_FLAG and name != "EXTERNAL"]
    if len(plugins) != 1 or not ("EXTERNAL" in found or "EXTERNAL" in asked):
        return
    plugin, external = found.pop(plugins[0]), found.setdefault("EXTERNAL", _Found())
    external.label = plugin.label or plugins[0]
    external.replaced |= plugin.replaced
    external.counted = external.counted or plugin.counted
    external.kernels = external.kernels if external.kernels is not None else plugin.kernels
    external.applied = external.applied or plugin.applied
    external.refused |= plugin.refused


def _use(name: str, found: _Found) -> DelegateUse:
    nodes, total, partitions = _counts(found)
    words = [found.applied, "none" if found.refused else "", _by_counts(found, nodes, total)]
    said = [word for word in words if word]
    return DelegateUse(
        name,
        min(said, key=_STRENGTH.index) if said else "unknown",
        found.kernels,
        nodes,
        total,
        partitions,
        found.remaining,
        found.label,
    )


def _counts(found: _Found) -> tuple[int | None, int | None, int | None]:
    if not found.replaced:
        return found.counted or (None, None, None)
    lines = list(found.replaced.values())
    totals = [total for _, total, _ in lines if total is not None]
    whole = sum(totals) if len(totals) == len(lines) else None
    return sum(nodes for nodes, _, _ in lines), whole, sum(partitions for _, _, partitions in lines)


def _by_counts(found: _Found, nodes: int | None, total: int | None) -> str:
    if nodes is None:
        return ""
    if nodes == 0:
        return "none"
    if total is not None:
        return "full" if nodes >= total else "partial"
    if found.remaining is not None:
        return "full" if found.remaining == 0 else "partial"
    # Old builds do not say of how many; a graph that is one part is all of it.
    return "full" if all(partitions == 1 for _, _, partitions in found.replaced.values()) else "partial"


def _unsupported(lines: tuple[Line, ...]) -> tuple[str, ...]:
    """The refusals between the title and the sentence with the split, or up to the first other message."""
    reasons: dict[str, None] = {}
    inside = False
    for line in lines:
        if _UNSUPPORTED_TITLE.search(line.text):
            inside = True
        elif inside and _UNSUPPORTED.fullmatch(line.text) and len(reasons) < _REASONS_AT_MOST:
            reasons[line.text] = None
        else:
            inside = False
    return tuple(reasons)
