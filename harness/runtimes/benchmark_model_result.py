"""What a finished process of `benchmark_model` says, as a result. Pure.

Exit code 0 proves nothing: a result needs the tool's timing lines, and an accelerator its line in the log.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace

from harness.devices.base import ProcessResult
from harness.domain import Coverage, DeviceFacts, Evidence, InvocationRequest, InvocationResult, Purpose, Status
from harness.runtimes.benchmark_model_command import Command
from harness.runtimes.benchmark_model_log import BenchmarkLog, parse_log, to_coverage, to_tool_timing
from harness.runtimes.delegate_options import accelerator, device_note
from harness.runtimes.delegates import Delegate
from harness.runtimes.failure_causes import FailureKind
from harness.runtimes.litert_protocol import last_lines, signal_name
from harness.runtimes.op_profile import parse_op_profile
from harness.runtimes.qnn import advice
from harness.units import kib_to_mib

KEPT_STREAM_BYTES = 1 << 20
_OUT_OF_MEMORY = re.compile(r"std::bad_alloc|Cannot allocate memory|lowmemorykiller|lmkd", re.I)


@dataclass(frozen=True)
class Ran:
    """One finished process and what it was to do. `nodes` are the operators of the model's graph, None if unknown."""

    process: ProcessResult
    command: Command
    request: InvocationRequest
    row: Delegate
    facts: DeviceFacts
    cpus: tuple[int, ...]
    tool_sha256: str
    nodes: int | None = None


def log_bytes(argv: tuple[str, ...], env: Mapping[str, str], process: ProcessResult) -> bytes:
    """The log as it is kept: command, exit status, both streams."""
    words = [*(f"{name}={value}" for name, value in sorted(env.items())), *argv]
    head = f"$ {shlex.join(words)}\n# exit status {process.returncode}\n# ---- stdout\n".encode("utf-8", "replace")
    return head + _bounded(process.stdout) + b"# ---- stderr\n" + _bounded(process.stderr)


def _bounded(stream: bytes) -> bytes:
    if len(stream) > KEPT_STREAM_BYTES:
        half = KEPT_STREAM_BYTES // 2
        left_out = b"\n... %d bytes left out ...\n" % (len(stream) - 2 * half)
        stream = stream[:half] + left_out + stream[-half:]
    return stream if stream.endswith(b"\n") or not stream else stream + b"\n"


def interpret(ran: Ran) -> InvocationResult:
    """What the process did: measured, or why it did not."""
    content = log_bytes(ran.command.argv, ran.command.env, ran.process)
    text = content.decode("utf-8", "replace")
    base = base_result(ran, text)
    failure = process_failure(ran.process, ran.request.measure.timeout_s, ran.facts)
    if failure is not None:
        return replace(base, status=failure[0], error=_advised(failure[1], text, ran))
    log = parse_log(content)
    problem = _problem(ran, log)
    if problem is not None:
        return replace(base, status=problem[0], error=_advised(problem[1], text, ran))
    return _measured(ran, log, text, base)


def base_result(ran: Ran, text: str) -> InvocationResult:
    """The parts of a result that do not depend on success."""
    return InvocationResult(
        Status.FAILED,
        timed="call",
        evidence=_evidence(ran),
        runtime_version=f"benchmark_model sha256:{ran.tool_sha256[:12]}",
        wall_s=ran.process.wall_s,
        log=text,
    )


def process_failure(process: ProcessResult, timeout_s: float, facts: DeviceFacts) -> tuple[Status, str] | None:
    """How a process ended that did not end by itself, or None."""
    log = process.stderr.decode("utf-8", "replace")
    if process.cancelled:
        return Status.INTERRUPTED, "cancelled"
    if process.offline:
        return Status.OFFLINE, "the device was lost while the process ran"
    if process.timed_out:
        return Status.TIMEOUT, _with_tail(f"no result after {timeout_s:g} s; the process was killed", log)
    if process.oom:
        return Status.OOM, "the kernel killed the process for lack of memory"
    number = ended_by(process.returncode)
    if number is None:
        return None
    if number == 9 and facts.kind != "host":
        return Status.OOM, "killed (SIGKILL) and not by the harness: most likely Android's low-memory killer"
    status = Status.OOM if _OUT_OF_MEMORY.search(log) else Status.CRASHED
    return status, _with_tail(f"ended by {signal_name(number)}", log)


def ended_by(returncode: int) -> int | None:
    """The signal that ended a process: from -n, or from a shell's 128+n."""
    number = -returncode if returncode < 0 else returncode - 128
    return number if 0 < number < 65 else None


def _with_tail(text: str, log: str) -> str:
    tail = last_lines(log)
    return f"{text}; last on stderr: {tail}" if tail else text


def _advised(error: str, text: str, ran: Ran) -> str:
    found = advice(text, ran.facts) if ran.row.kind.startswith("qnn") else ""
    return f"{error}. Advice: {found}" if found else error


def _problem(ran: Ran, log: BenchmarkLog) -> tuple[Status, str] | None:
    """Why a process that ended by itself gave no result that may be used, or None."""
    if log.unconsumed_flags:
        flags = ", ".join(log.unconsumed_flags)
        return Status.FAILED, f"benchmark_model ignored {flags} and ran something else"
    named = dict(ran.request.backend.options).get("accelerator", "")
    if ran.row.kind == "nnapi" and (refused := _nnapi_problem(log, named)):
        return Status.UNSUPPORTED, refused
    if ran.process.returncode == 0 and log.finished:
        return None
    if log.failure is not None and log.failure.kind is not FailureKind.NO_MEASUREMENT:
        remedy = f". {log.failure.remedy}" if log.failure.remedy else ""
        return log.failure.status, log.failure.sentence + remedy
    if ran.process.returncode != 0:
        tail = ran.process.stderr.decode("utf-8", "replace")
        return Status.FAILED, _with_tail(f"benchmark_model ended with exit code {ran.process.returncode}", tail)
    return Status.FAILED, "benchmark_model ended with exit code 0 and printed no timings"


def _nnapi_problem(log: BenchmarkLog, named: str) -> str:
    offered = log.delegates.nnapi_accelerators
    if not offered or named in offered:
        return ""
    return f"NNAPI has no accelerator {named!r} on this phone; it has {', '.join(offered)}"


def _measured(ran: Ran, log: BenchmarkLog, text: str, base: InvocationResult) -> InvocationResult:
    observed = ran.process.observed
    memory = ran.request.purpose is Purpose.MEMORY
    peak_kib = observed.peak_rss_kib if observed is not None and memory else None
    pss_kib = observed.pss_kib if observed is not None and memory else None
    gpu_kib = observed.gpu_memory_kib if observed is not None and memory else None
    peak_mib = kib_to_mib(peak_kib) if peak_kib is not None else (log.memory.peak_mib if memory else None)
    return replace(
        base,
        status=Status.DONE,
        init_us=log.init_us,
        first_inference_us=log.first_inference_us,
        tool=to_tool_timing(log) if ran.request.purpose is Purpose.TIMING else None,
        peak_rss_mib=peak_mib,
        pss_mib=None if pss_kib is None else kib_to_mib(pss_kib),
        gpu_memory_mib=None if gpu_kib is None else kib_to_mib(gpu_kib),
        operators=parse_op_profile(text) if ran.request.purpose is Purpose.PROFILE else (),
        coverage=coverage_of(ran, log),
        accelerator=accelerator(ran.row, ran.request.backend, ran.facts, text),
        evidence=_with_notes(base.evidence, ran, log),
    )


def coverage_of(ran: Ran, log: BenchmarkLog) -> Coverage | None:
    """What the delegate took. Where the log says "all" or "none" in words, the counts are the model's own."""
    name = ran.row.log_name or "XNNPACK"
    strict = "--require_full_delegation=true" in ran.command.argv
    if ran.row.full_proves and strict and ran.nodes is not None:
        return Coverage(name, ran.nodes, ran.nodes, None)
    found = to_coverage(log, name)
    if found is None or found.delegated_nodes is not None or ran.nodes is None:
        return found
    if found.kind == "full":
        return Coverage(found.delegate, ran.nodes, ran.nodes, found.partitions or 1)
    return Coverage(found.delegate, 0, ran.nodes, 0) if found.kind == "none" else found


def _evidence(ran: Ran) -> Evidence:
    evidence = ran.process.evidence or Evidence()
    observed = ran.process.observed
    if evidence.cpus or observed is None or observed.cpus is None:
        return evidence
    return replace(evidence, cpus=observed.cpus, cpus_verified=set(observed.cpus) == set(ran.cpus))


def _with_notes(evidence: Evidence, ran: Ran, log: BenchmarkLog) -> Evidence:
    notes = [
        device_note(ran.row, ran.facts),
        f"{log.failure.sentence}. {log.failure.remedy}".rstrip() if log.failure is not None else "",
        "this benchmark_model has assertions (a debug build): its times are suspect" if log.debug_build else "",
        *(f"left on the CPU: {reason}" for reason in log.delegates.unsupported),
    ]
    return replace(evidence, notes=(*evidence.notes, *(note for note in notes if note)))
