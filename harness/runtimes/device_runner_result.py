"""The conversation with ``harness-runner``: flags in, protocol 1 out (see `litert_protocol`). Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from harness.devices.base import Observed, ProcessResult
from harness.domain import Backend, Coverage, Evidence, InvocationRequest, InvocationResult, Purpose, Status
from harness.errors import ParseError
from harness.runtimes.delegate_lines import CPU_DELEGATES
from harness.runtimes.delegate_log import read_delegates
from harness.runtimes.device_runner_plugin import delegate_flag
from harness.runtimes.litert_protocol import delegate_name, interpret, last_lines, parse_lines
from harness.runtimes.log_lines import read_log
from harness.runtimes.packing import Packing, read_packing
from harness.runtimes.stream import IDLE_S
from harness.units import kib_to_mib, ns_to_s

_NOT_STARTED = {
    126: "the device cannot execute the runner: it is for another processor, or its exec bit is missing",
    127: "the device does not find the runner or its loader: a program for Linux does not start on Android",
}
_NO_PROGRAM = re.compile(r"Exec format error|not executable|[Ss]yntax error")
_XNNPACK_MADE = "Created TensorFlow Lite XNNPACK delegate"
# Samples are taken inside the process, so they cannot be longer than it; clocks may drift by this much.
_TIME_TOLERANCE = 1.05


@dataclass(frozen=True)
class Files:
    """Paths on the device. `inputs` and `outputs` are raw little-endian float32, `stream` a folder of such files."""

    runner: str
    library: str
    model: str = ""
    delegate: str = ""
    inputs: str = ""
    outputs: str = ""
    stream: str = ""


def hello_argv(files: Files) -> tuple[str, ...]:
    """The command line that only asks who is there."""
    return (files.runner, "--purpose=hello", f"--library={files.library}")


def runner_argv(
    request: InvocationRequest, cpus: tuple[int, ...], files: Files, options: tuple[tuple[str, str], ...] = ()
) -> tuple[str, ...]:
    """The command line of one invocation pinned to `cpus`; `options` go to the delegate."""
    measure = request.measure
    flags = {
        "purpose": str(request.purpose),
        "library": files.library,
        "model": files.model,
        "delegate": delegate_flag(request.backend),
        "delegate-library": files.delegate,
        "threads": str(request.backend.threads),
        "cpus": ",".join(map(str, cpus)),
        "seed": str(request.seed % 2**63),
    }
    if request.purpose is Purpose.TIMING:
        flags |= {
            "min-s": f"{measure.min_s:.9f}",
            "max-s": f"{max(measure.max_s, measure.min_s):.9f}",
            "min-iterations": str(measure.min_iterations),
            "warmup-min-s": f"{measure.warmup_min_s:.9f}",
            "warmup-min-iterations": str(measure.warmup_min_iterations),
            "warmup-max-s": f"{max(measure.warmup_max_s, measure.warmup_min_s):.9f}",
        }
    if request.purpose is Purpose.OUTPUTS:
        flags |= {"inputs": files.inputs, "outputs": files.outputs}
    if request.purpose is Purpose.ACCURACY:
        flags |= {"stream": files.stream, "idle-s": f"{IDLE_S:g}"}
    given = [f"--{name}={value}" for name, value in flags.items() if value]
    return (files.runner, *given, *(f"--delegate-option={key}:{value}" for key, value in options))


# ---- results ---------------------------------------------------------------------------------------------------------


def read_result(process: ProcessResult, request: InvocationRequest, cpus: tuple[int, ...]) -> InvocationResult:
    """What a finished process says, with what the device saw of it; a failure of any kind is a result with an error."""
    if process.cancelled:
        return InvocationResult(Status.INTERRUPTED, error="cancelled", wall_s=process.wall_s)
    if process.offline:
        return InvocationResult(
            Status.OFFLINE,
            error="the device was lost while the runner ran",
            wall_s=process.wall_s,
            log=process.stderr.decode("utf-8", "replace"),
        )
    not_started = _not_started(process)
    if not_started is not None:
        return not_started
    result = interpret(process, request)
    if result.status is Status.DONE:
        result = _checked(result, process, request, cpus)
    return _with_log_tail(result)


def _not_started(process: ProcessResult) -> InvocationResult | None:
    log = process.stderr.decode("utf-8", "replace")
    # A shell may read a program that the kernel refuses as if it were a script.
    code = 126 if process.returncode > 0 and _NO_PROGRAM.search(log) else process.returncode
    if code not in _NOT_STARTED or process.stdout.strip() or process.timed_out:
        return None
    tail = last_lines(log)
    error = _NOT_STARTED[code] + (f" ({tail})" if tail else "")
    return InvocationResult(Status.FAILED, error=error, wall_s=process.wall_s, log=log)


def _with_log_tail(result: InvocationResult) -> InvocationResult:
    """A library's status code says little, its log says why."""
    lines = [line for line in result.log.splitlines() if not line.startswith(("INFO", "VERBOSE", "WARNING"))]
    tail = last_lines("\n".join(lines), 3)
    if result.status is Status.DONE or not tail or "last on stderr" in result.error:
        return result
    return replace(result, error=f"{result.error}; last on stderr: {tail}")


def _checked(
    result: InvocationResult, process: ProcessResult, request: InvocationRequest, cpus: tuple[int, ...]
) -> InvocationResult:
    problem = _implausible(result, request, process.wall_s)
    if problem:
        failed = InvocationResult(Status.FAILED, wall_s=result.wall_s, log=result.log)
        return replace(failed, error=f"the runner's report cannot be true: {problem}")
    if request.backend.kind == "cpu" and delegate_name(request.backend) != "xnnpack" and _XNNPACK_MADE in result.log:
        error = "the library applies XNNPACK by itself, and its C API cannot switch it off; use LiteRT 2.1.4 or newer"
        return InvocationResult(Status.UNSUPPORTED, error=error, wall_s=result.wall_s, log=result.log)
    evidence = merge_evidence(result.evidence, process.evidence)
    gpu_kib = process.observed.gpu_memory_kib if process.observed is not None else None
    return replace(
        result,
        gpu_memory_mib=None if gpu_kib is None else kib_to_mib(gpu_kib),
        evidence=_with_affinity(evidence, process.observed, cpus),
        coverage=_coverage(result.coverage, request.backend, result.log),
    )


def _implausible(result: InvocationResult, request: InvocationRequest, wall_s: float) -> str:
    """Why the numbers cannot be those of this process, or an empty text."""
    if (request.purpose is Purpose.TIMING) != (result.samples_ns is not None):
        return f"a {request.purpose} pass {'without' if result.samples_ns is None else 'with'} samples"
    times_us = [result.init_us, result.first_inference_us]
    if any(value is not None and not (math.isfinite(value) and value >= 0) for value in times_us):
        return "a time is negative or not finite"
    memory = [result.peak_rss_mib, result.pss_mib]
    if any(value is not None and not (math.isfinite(value) and value > 0) for value in memory):
        return "a memory size is not positive"
    if result.samples_ns is None or result.warmup_ns is None:
        return ""
    if not int(result.samples_ns.min()) > 0:
        return "a sample is 0 ns"
    # In float64: a lying report may overflow the sum of int64.
    total_s = ns_to_s(float(np.sum(result.samples_ns, dtype=np.float64) + np.sum(result.warmup_ns, dtype=np.float64)))
    if total_s > wall_s * _TIME_TOLERANCE:
        return f"its inferences take {total_s:.3f} s, the process {wall_s:.3f} s"
    return ""


def merge_evidence(runner: Evidence, device: Evidence | None) -> Evidence:
    """The runner's word on its own window, the device's on everything around it (temperature, battery, thermal status).

    The device's clock comes first: it has samples from all of the window, the runner two readings at its ends.
    """
    if device is None:
        return runner
    defaults = Evidence()
    merged = {
        each.name: getattr(runner, each.name)
        if getattr(runner, each.name) != getattr(defaults, each.name)
        else getattr(device, each.name)
        for each in fields(Evidence)
    }
    merged |= {"cpus": runner.cpus, "cpus_verified": runner.cpus_verified}
    for name in ("temp_start_c", "temp_end_c"):
        if getattr(device, name) is not None:
            merged[name] = getattr(device, name)
    if device.clock_source is not None:
        for name in ("clock_source", "clock_start_ghz", "clock_end_ghz", "clock_share"):
            merged[name] = getattr(device, name)
    return Evidence(**{**merged, "notes": (*runner.notes, *device.notes)})


def _with_affinity(evidence: Evidence, observed: Observed | None, cpus: tuple[int, ...]) -> Evidence:
    """Verified only when the runner, and the device where it looked, saw exactly the CPUs that were asked for."""
    seen = [evidence.cpus]
    if observed is not None and observed.cpus is not None:
        seen.append(observed.cpus)
    wrong = [mask for mask in seen if set(mask) != set(cpus)]
    if not wrong:
        return replace(evidence, cpus=cpus)
    note = f"asked for CPU {_text(cpus)}, ran on {_text(wrong[0])}"
    return replace(evidence, cpus_verified=False, notes=(*evidence.notes, note))


def _text(cpus: tuple[int, ...]) -> str:
    return ",".join(map(str, cpus)) or "any"


def _coverage(told: Coverage | None, backend: Backend, log: str) -> Coverage | None:
    """The runner's coverage, or the counts in the runtime's log where the API gives none."""
    if told is not None and told.delegated_nodes is not None:
        return told
    report = read_delegates(read_log(log.encode()))
    use = report.use(backend.kind)
    if use is None and delegate_flag(backend) == "external":
        # A plugin goes by its own name in the log; with one accelerator there is no doubt which it is.
        plugins = [each for each in report.uses if each.name not in CPU_DELEGATES]
        use = plugins[0] if len(plugins) == 1 else None
    if use is None or use.delegated_nodes is None or use.total_nodes is None:
        return told
    return Coverage(use.label or use.name, use.delegated_nodes, use.total_nodes, use.partitions)


def outputs_packing(process: ProcessResult) -> tuple[Packing, int]:
    """How the samples of an OUTPUTS pass travelled, and how many they were.

    Raises:
        ParseError: the result line does not say so.
    """
    line: Mapping[str, object] = parse_lines(process.stdout)[-1]
    samples = line.get("output_samples")
    if not isinstance(samples, int) or isinstance(samples, bool) or samples < 1:
        raise ParseError(f"the result does not describe its outputs: {samples!r} samples", where="runner output")
    return read_packing(line), samples
