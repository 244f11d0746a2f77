"""The log of benchmark_model as values: pure, for every version from TensorFlow 1.12 to LiteRT's own tool.

Nothing raises, and no number is made up: each is in the text (milliseconds become microseconds; nodes of several
subgraphs are summed), and what the log does not have is None. Numbers at the very end of a log without a final line
break may be cut off and are not taken.

The tool runs its loop twice and prints one ``count=…`` line each: warm-up, then the measurement. A tool that dies
between has printed only the first; the warm-up is never taken for the measurement.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from harness.domain import Coverage, Status, ToolTiming
from harness.runtimes import delegate_log
from harness.runtimes.delegate_log import NO_DELEGATES, DelegateReport, read_delegates
from harness.runtimes.failure_causes import Failure, FailureKind, errors_of, fallback_cause, fatal_cause, plugin_cause
from harness.runtimes.log_lines import NUMBER, Line, LogText, number, read_log
from harness.runtimes.timing_blocks import NO_BLOCK, Block, Blocks, read_blocks

_UNCONSUMED = re.compile(r"(?:Unconsumed cmdline flags|unrecognized commandline flag):?\s*(\S.*)")
_NEXT_FLAG = re.compile(r"(?<!\s)\s+(?=-)")
_DEBUG_BUILD = "Duplicate flags: num_threads"
_MEMORY = re.compile(
    rf"(?:Memory footprint delta from the start of the tool|Peak memory footprint) \(MB\): init=({NUMBER})"
    rf"(?: overall=({NUMBER}))?\s*$"
)
_PEAK = re.compile(rf"Overall peak memory footprint \(MB\) via periodic monitoring: ({NUMBER})\s*$")
_LITERT_MEMORY = re.compile(rf"(Init footprint|Overall footprint|Peak memory(?: usage)?): +({NUMBER}) MB\s*$")
_STARTED = ("STARTING!", "Log parameter values verbosely", "Loaded model", "Initialized session in")
_UNKNOWN_AT_MOST = 50


@dataclass(frozen=True)
class Memory:
    """Growth of the process's highest resident memory in MiB: after loading, over all; the sampled peak."""

    init_mib: float | None = None
    overall_mib: float | None = None
    peak_mib: float | None = None


@dataclass(frozen=True)
class BenchmarkLog:
    """What one log says.

    Attributes:
        exit_code: of the process, negative for a signal where the header says so; None when not known.
        init_us: model load, delegate preparation and allocation.
        warmup, inference: the two timed loops; the first warm-up inference is the cold one.
        finished: the tool came to its own end with a measurement.
        delegates: which delegates were asked for and what they took.
        unconsumed_flags: flags that this binary does not know; it ran without them.
        errors: error messages, each once.
        failure: why the run is not what was asked for, or None.
        debug_build: the binary has assertions, so that its times are suspect.
    """

    exit_code: int | None = None
    init_us: float | None = None
    first_inference_us: float | None = None
    warmup: Block = NO_BLOCK
    inference: Block = NO_BLOCK
    memory: Memory = Memory()
    finished: bool = False
    delegates: DelegateReport = NO_DELEGATES
    unconsumed_flags: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    failure: Failure | None = None
    debug_build: bool = False

    @property
    def ok(self) -> bool:
        """The tool ended well, measured, knew every flag, and nothing says that it ran without its delegate."""
        return self.finished and self.failure is None

    @property
    def coverage(self) -> str:
        """full, partial, none or unknown, of the delegate asked for."""
        return self.delegates.coverage

    @property
    def status(self) -> Status:
        """How an invocation with this log is recorded. A run on the wrong processor is DONE: its coverage tells."""
        if self.finished and not self.unconsumed_flags:
            return Status.DONE
        return Status.FAILED if self.failure is None else self.failure.status


def parse_log(data: bytes, *, exit_code: int | None = None) -> BenchmarkLog:
    """Everything that a log of benchmark_model says; empty values for bytes that are no such log.

    Args:
        data: standard output, standard error or logcat, in one piece or one after the other.
        exit_code: of the process, where the caller knows it; it counts before the log's own header.
    """
    log = read_log(data)
    if exit_code is not None:
        log = replace(log, exit_code=exit_code)
    blocks = read_blocks(log.lines)
    unconsumed = _unconsumed(log)
    parsed = BenchmarkLog(
        exit_code=log.exit_code,
        init_us=blocks.init_us,
        first_inference_us=blocks.first_inference_us,
        warmup=blocks.warmup,
        inference=blocks.inference,
        memory=_memory(log.lines),
        finished=_finished(log, blocks),
        delegates=read_delegates(log, unconsumed),
        unconsumed_flags=unconsumed,
        errors=errors_of(log),
        debug_build=_DEBUG_BUILD in log.text,
    )
    return replace(parsed, failure=_failure(parsed, log, blocks))


def to_json(log: BenchmarkLog) -> dict[str, Any]:
    """The values that `harness parse-log --json` prints."""
    keys = ("name", "coverage", "kernels", "delegated_nodes", "total_nodes", "partitions")
    return {
        "ok": log.ok,
        "exit_code": log.exit_code,
        "init_us": log.init_us,
        "first_inference_us": log.first_inference_us,
        "warmup": log.warmup.to_json(),
        "inference": log.inference.to_json(),
        "memory": asdict(log.memory),
        "delegates": [{key: getattr(use, key) for key in keys} for use in log.delegates.uses],
        "coverage": log.coverage,
        "unconsumed_flags": list(log.unconsumed_flags),
        "errors": list(log.errors),
        "cause": None if log.failure is None else log.failure.sentence,
    }


def to_tool_timing(log: BenchmarkLog) -> ToolTiming | None:
    """The measurement as a result keeps it, or None without one. Equal samples are their own percentiles."""
    block = log.inference
    if not block.count or block.avg_us is None:
        return None
    same = block.same_us
    return ToolTiming(
        count=block.count,
        avg_us=block.avg_us,
        min_us=block.min_us,
        max_us=block.max_us,
        std_us=block.std_us,
        p5_us=block.p5_us if same is None else same,
        median_us=block.median_us if same is None else same,
        p95_us=block.p95_us if same is None else same,
    )


def to_coverage(log: BenchmarkLog, delegate: str) -> Coverage | None:
    """What `delegate` took, or None when the log does not speak of it."""
    return delegate_log.to_coverage(log.delegates, delegate)


def _finished(log: LogText, blocks: Blocks) -> bool:
    if not blocks.inference.count or blocks.inference.avg_us is None:
        return False
    return log.exit_code == 0 or (log.exit_code is None and blocks.summarized)


def _failure(parsed: BenchmarkLog, log: LogText, blocks: Blocks) -> Failure | None:
    if not parsed.finished:
        return _why_unfinished(parsed, log, blocks)
    if parsed.unconsumed_flags:
        return _unknown_flag(parsed.unconsumed_flags)
    silent = _silent_fallback(parsed.delegates, blocks)
    unproven = silent is not None or parsed.coverage == "unknown"
    plugin = plugin_cause(log) if unproven and parsed.delegates.asked else None
    return fallback_cause(log, parsed.delegates.asked) or plugin or silent


def _why_unfinished(parsed: BenchmarkLog, log: LogText, blocks: Blocks) -> Failure:
    started = any(mark in log.text for mark in _STARTED)
    cause = fatal_cause(log, parsed.delegates.asked, started=started, in_run=blocks.in_run and not blocks.summarized)
    if cause is not None:
        return cause
    if blocks.contradiction:
        return Failure(FailureKind.CONTRADICTION, blocks.contradiction, "Keep the log whole and parse it again.")
    if parsed.unconsumed_flags:
        return _unknown_flag(parsed.unconsumed_flags)
    code = "" if log.exit_code is None else f"exit status {log.exit_code}"
    return Failure(FailureKind.NO_MEASUREMENT, code, "Check that this is the whole output of benchmark_model.")


def _unknown_flag(flags: Iterable[str]) -> Failure:
    return Failure(
        FailureKind.UNKNOWN_FLAG,
        ", ".join(flags)[:200],
        "This binary does not know it and ran without it: use a build that has it in --help.",
    )


def _silent_fallback(report: DelegateReport, blocks: Blocks) -> Failure | None:
    """The tool ended well, and yet the delegate asked for took nothing, or no line says that it was applied."""
    remedy = "Look at the plugin's own messages in logcat; --require_full_delegation=true makes the tool fail instead."
    asked = next(iter(report.asked), None)
    if asked is None:
        return None
    if asked == "NNAPI" and report.reference_nnapi:
        return Failure(FailureKind.FELL_BACK, "nnapi-reference computes on the CPU", "Name a real NNAPI accelerator.")
    use = report.use(asked)
    if use is not None and use.coverage == "none":
        return Failure(FailureKind.FELL_BACK, f"the {asked} delegate took no node of the graph", remedy)
    # LiteRT's own tool prints no line about a delegate that it applied.
    if use is None and not blocks.litert:
        return Failure(FailureKind.FELL_BACK, f"no line says that the {asked} delegate was applied", remedy)
    return None


def _unconsumed(log: LogText) -> tuple[str, ...]:
    flags: dict[str, None] = {}
    for line in log.lines:
        if "commandline flag" in line.text or "Unconsumed" in line.text:
            found = _UNCONSUMED.search(line.text)
            flags |= dict.fromkeys(_NEXT_FLAG.split(found[1].strip()) if found else ())
    return tuple(flags)[:_UNKNOWN_AT_MOST]


def _memory(lines: tuple[Line, ...]) -> Memory:
    """The last figures of each kind; one at a cut end of the log is left out."""
    memory = Memory()
    for line in lines:
        if "emory" in line.text or "footprint" in line.text:
            memory = _one_memory(line, memory)
    return memory


def _one_memory(line: Line, memory: Memory) -> Memory:
    if (found := _MEMORY.search(line.text)) is not None:
        init_mib, overall_mib = number(found[1]), number(found[2])
        if not line.whole:
            init_mib, overall_mib = (None if overall_mib is None else init_mib), None
        return replace(memory, init_mib=init_mib, overall_mib=overall_mib)
    if not line.whole:
        return memory
    if (found := _PEAK.search(line.text)) is not None:
        return replace(memory, peak_mib=number(found[1]))
    if (found := _LITERT_MEMORY.search(line.text)) is not None:
        field = {"I": "init_mib", "O": "overall_mib", "P": "peak_mib"}[found[1][0]]
        return replace(memory, **{field: number(found[2])})
    return memory
