"""What a log of benchmark_model says about delegates: which were asked for, which took how much of the graph.

The tool's own sentences (``Explicitly applied …``) look at the graph that runs; the runtime's (``Replacing A out of B
node(s) …``) have counts, one line a subgraph. Where they disagree the weaker one stands. No line is no evidence: the
coverage is then unknown, never full.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from harness.domain import Coverage
from harness.runtimes.delegate_lines import CPU_DELEGATES, OWN_FLAG, Found, family, read_line
from harness.runtimes.log_lines import Line, LogText

__all__ = ["NO_DELEGATES", "DelegateReport", "DelegateUse", "family", "read_delegates", "to_coverage"]

# Strongest last: the weaker of two statements stands.
_STRENGTH = ("none", "partial", "full")

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
_TITLE_WORDS, _SPLIT_WORDS = "operations are not supported by GPU delegate", "operations will run on the GPU"
_UNSUPPORTED_TITLE = re.compile(r"(?:Following|Next) operations are not supported by GPU delegate:")
_UNSUPPORTED = re.compile(r"[A-Z][A-Z0-9_]{1,60}: .{1,300}|[A-Z][A-Z0-9_]{2,60}")
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
        if wanted not in by_name and wanted not in OWN_FLAG:
            wanted = "EXTERNAL"
        return by_name.get(wanted)

    @property
    def accelerator(self) -> str | None:
        """The delegate whose coverage counts: the one asked for, or else the one there is."""
        names = [*self.asked, *(one.name for one in self.uses)]
        return next((name for name in names if name not in CPU_DELEGATES), next(iter(names), None))


NO_DELEGATES = DelegateReport()


def read_delegates(log: LogText, unconsumed: Iterable[str] = ()) -> DelegateReport:
    """What `log` says about delegates; `unconsumed` flags are known to have had no effect."""
    text = log.text
    asked = _asked(f"{log.command}\n{text}")
    found: dict[str, Found] = {}
    for line in log.lines:
        read_line(line, found)
    _merge_plugin(found, asked)
    for name in _asked("\n".join(unconsumed)):
        found.setdefault(name, Found()).refused = True
    accelerators, reference = _nnapi(text, log.command)
    if reference and "NNAPI" in asked:
        found.setdefault("NNAPI", Found()).refused = True
    report = DelegateReport(
        uses=tuple(_use(name, one) for name, one in found.items()),
        asked=asked,
        api=next((api for api, mark in reversed(_APIS) if mark in text), ""),
        unsupported=_unsupported(log.lines) if _SPLIT_WORDS in text or _TITLE_WORDS in text else (),
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


def _merge_plugin(found: dict[str, Found], asked: tuple[str, ...]) -> None:
    """An external delegate speaks of itself by its own name: one delegate, not two."""
    plugins = [name for name in found if name not in OWN_FLAG and name != "EXTERNAL"]
    if len(plugins) != 1 or not ("EXTERNAL" in found or "EXTERNAL" in asked):
        return
    plugin, external = found.pop(plugins[0]), found.setdefault("EXTERNAL", Found())
    external.label = plugin.label or plugins[0]
    external.replaced |= plugin.replaced
    external.counted = external.counted or plugin.counted
    external.kernels = external.kernels if external.kernels is not None else plugin.kernels
    external.applied = external.applied or plugin.applied
    external.refused |= plugin.refused


def _use(name: str, found: Found) -> DelegateUse:
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


def _counts(found: Found) -> tuple[int | None, int | None, int | None]:
    if not found.replaced:
        return found.counted or (None, None, None)
    lines = list(found.replaced.values())
    totals = [total for _, total, _ in lines if total is not None]
    whole = sum(totals) if len(totals) == len(lines) else None
    return sum(nodes for nodes, _, _ in lines), whole, sum(partitions for _, _, partitions in lines)


def _by_counts(found: Found, nodes: int | None, total: int | None) -> str:
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
    """The refusals that follow the title, or without one stand directly before the sentence with the split."""
    reasons: dict[str, None] = {}
    pending: list[str] = []
    titled = False
    for line in lines:
        if _UNSUPPORTED_TITLE.search(line.text):
            titled, pending = True, []
        elif _UNSUPPORTED.fullmatch(line.text):
            pending.append(line.text)
        else:
            reasons |= dict.fromkeys(pending if titled or _SPLIT_WORDS in line.text else ())
            titled, pending = False, []
    reasons |= dict.fromkeys(pending if titled else ())
    return tuple(reasons)[:_REASONS_AT_MOST]
