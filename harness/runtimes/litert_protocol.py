"""The conversation with ``device_scripts/litert_runner.py``: one JSON request in, JSON lines out. Pure."""

from __future__ import annotations

import base64
import binascii
import json
import re
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.devices.base import ProcessResult
from harness.domain import (
    Backend,
    Coverage,
    Evidence,
    InvocationRequest,
    InvocationResult,
    OperatorTime,
    Purpose,
    Status,
)
from harness.errors import ParseError
from harness.runtimes.edgetpu_protocol import EdgeTpuLibraries, libraries_of, lost_in_flight
from harness.units import kib_to_mib, ns_to_us

PROTOCOL = 1
INSTALL = "pip install ai-edge-litert"
MAX_SAMPLES = 8_000_000
STDERR_LINES = 5

_KIND_STATUS = {
    "unsupported": Status.UNSUPPORTED,
    "library": Status.UNSUPPORTED,
    "memory": Status.OOM,
    "offline": Status.OFFLINE,
    "busy": Status.FAILED,
}
_OUT_OF_MEMORY = re.compile(r"std::bad_alloc|MemoryError|Cannot allocate memory", re.I)
_NO_GPU = "GPU accelerator could not be loaded"  # LiteRT's log, when no library of an accelerator works here
_GPU_SPLIT = re.compile(
    r"(\d+) operations? will run on the GPU, and the remaining (\d+) operations? will run on the CPU", re.I
)
_DELEGATES = {"xnnpack": "XNNPACK", "builtin": "", "reference": "", "gpu": "GPU", "edgetpu": "EDGETPU"}
_KERNELS = {
    "xnnpack": "built-in",
    "builtin": "built-in",
    "reference": "reference",
    "gpu": "built-in",
    "edgetpu": "built-in",
    "external": "CPU",  # XNNPACK or other kernels: the notes say how many nodes each
}


@dataclass(frozen=True)
class Hello:
    """What an interpreter offers. `features` holds ``resolver`` (a choice of kernels) and ``gpu`` (CompiledModel).

    The runner in C has no interpreter: `python` is empty, `abi` says what it found out about its library. pycoral's
    says in `edgetpu` what it works with.
    """

    python: str
    library: str
    version: str
    features: tuple[str, ...] = ()
    abi: str = ""
    edgetpu: EdgeTpuLibraries | None = None

    @property
    def label(self) -> str:
        """``ai_edge_litert 2.3.0, Python 3.11.7``, or ``litert 2.1.6, C API``."""
        beside = f", {self.edgetpu.label}" if self.edgetpu else ""
        return f"{self.library} {self.version}{beside}, {f'Python {self.python}' if self.python else 'C API'}"


def delegate_name(backend: Backend) -> str:
    """The runner's word for a backend: ``xnnpack``, ``builtin``, ``reference``, ``gpu``, ``edgetpu``, ``external``."""
    if backend.kind in ("gpu", "edgetpu", "external"):
        return backend.kind
    if backend.kernels == "reference":
        return "reference"
    return "xnnpack" if backend.xnnpack else "builtin"


def request_bytes(
    request: InvocationRequest,
    cpus: tuple[int, ...],
    *,
    accelerator: str = "",
    vulkan_loader: str | None = None,
    stream: str = "",
    idle_s: float = 0.0,
    tpu_name: str = "",
    tpu_path: str = "",
    external: Mapping[str, object] | None = None,
) -> bytes:
    """The JSON request for one invocation pinned to `cpus`.

    With ACCURACY, `stream` is the folder for inputs and outputs, and `idle_s` how long to wait there for inputs.
    `tpu_name` and `tpu_path` say which Edge TPU computes (`harness.devices.edgetpu.base`), `external` with which
    library as the delegate.
    """
    measure = request.measure
    return _encode(
        {
            "protocol": PROTOCOL,
            "purpose": str(request.purpose),
            "model": request.model_path,
            "delegate": delegate_name(request.backend),
            "options": dict(request.backend.options),
            "threads": request.backend.threads,
            "cpus": list(cpus),
            "seed": request.seed,
            "inputs": request.inputs_path,
            "outputs": request.outputs_path,
            "accelerator": accelerator,
            "vulkan_loader": vulkan_loader,
            **({"stream": stream, "idle_s": idle_s} if stream else {}),
            **({"device": tpu_name, "device_path": tpu_path} if tpu_name or tpu_path else {}),
            **({"external": external} if external else {}),
            "measure": {
                "min_s": measure.min_s,
                "max_s": measure.max_s,
                "min_iterations": measure.min_iterations,
                "warmup_min_s": measure.warmup_min_s,
                "warmup_min_iterations": measure.warmup_min_iterations,
                "warmup_max_s": measure.warmup_max_s,
            },
        }
    )


def hello_request_bytes(external: Mapping[str, object] | None = None) -> bytes:
    """The request that only asks who is there, and what the library `external` says of itself."""
    asked = {"external": external} if external else {}
    return _encode({"protocol": PROTOCOL, "purpose": "hello", **asked})


def _encode(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, allow_nan=False).encode() + b"\n"


# ---- lines -----------------------------------------------------------------------------------------------------------


def parse_lines(output: bytes) -> tuple[dict[str, Any], ...]:
    """The JSON objects of the runner's output, one a line.

    Raises:
        ParseError: a line is cut off, not JSON, or not an object with a type.
    """
    parts = output.split(b"\n")
    if parts[-1]:
        raise ParseError(f"line {len(parts)} is cut off after {len(parts[-1])} bytes", where="runner output")
    return tuple(_parse_line(number, part) for number, part in enumerate(parts[:-1], start=1))


def _parse_line(number: int, text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        shown = text[:80].decode("utf-8", "replace")
        raise ParseError(f"line {number} is not JSON: {shown!r}", where="runner output") from error
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise ParseError(f"line {number} is not an object with a type", where="runner output")
    return value


def parse_hello(lines: Iterable[Mapping[str, Any]]) -> Hello:
    """The first line's introduction.

    Raises:
        ParseError: it is missing, incomplete, or of another protocol.
    """
    line = next(iter(lines), {})
    if line.get("type") != "hello":
        raise ParseError("the runner did not introduce itself", where="runner output")
    if line.get("protocol") != PROTOCOL:
        found = line.get("protocol")
        raise ParseError(f"the runner speaks protocol {found!r}, not {PROTOCOL}", where="runner output")
    python, library, version = (line.get(name) for name in ("python", "library", "version"))
    if line.get("runner") == "c":
        python = ""
    if not (isinstance(python, str) and isinstance(library, str) and isinstance(version, str)):
        raise ParseError("the runner's introduction is incomplete", where="runner output")
    features = tuple(map(str, line.get("features") or ()))
    return Hello(python, library, version, features, str(line.get("abi") or ""), libraries_of(line))


def unpack_ns(text: Any) -> NDArray[np.int64]:
    """Samples from base64 of little-endian int64 nanoseconds.

    Raises:
        ParseError: not base64, not whole numbers, negative, or too many.
    """
    try:
        content = base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise ParseError("the samples are not base64", where="runner output") from error
    if len(content) % 8 or len(content) > 8 * MAX_SAMPLES:
        raise ParseError(f"{len(content)} bytes of samples are not a plausible number of int64", where="runner output")
    samples = np.frombuffer(content, dtype="<i8").astype(np.int64)
    if samples.size and int(samples.min()) < 0:
        raise ParseError("a sample is negative", where="runner output")
    return samples


# ---- results ---------------------------------------------------------------------------------------------------------


def interpret(process: ProcessResult, request: InvocationRequest) -> InvocationResult:
    """What a finished process says, as a result; a failure of any kind is a result with a status and an error."""
    log = process.stderr.decode("utf-8", "replace")
    base = InvocationResult(Status.FAILED, wall_s=process.wall_s, log=log)
    failure = _process_failure(process, request, log)
    if failure is not None:
        return replace(base, status=failure[0], error=failure[1])
    try:
        lines = parse_lines(process.stdout)
        return _from_lines(lines, process, request, base)
    except ParseError as error:
        return replace(base, error=_with_stderr(str(error), log))


def _process_failure(process: ProcessResult, request: InvocationRequest, log: str) -> tuple[Status, str] | None:
    if process.cancelled:
        return Status.INTERRUPTED, "cancelled"
    if process.timed_out:
        what = "finished chunk for" if request.purpose is Purpose.ACCURACY else "result after"
        limit = f"no {what} {request.measure.timeout_s:g} s; the process was killed"
        return Status.TIMEOUT, _with_stderr(limit, log)
    if process.oom:
        return Status.OOM, "the kernel killed the process for lack of memory"
    if process.offline:
        return Status.OFFLINE, _with_stderr("the device was lost while the process ran", log)
    if process.returncode < 0:
        lost = lost_in_flight(log)
        if lost:
            return Status.OFFLINE, lost
        status = Status.OOM if _OUT_OF_MEMORY.search(log) else Status.CRASHED
        return status, _with_stderr(f"ended by {signal_name(-process.returncode)}", log)
    return None


def signal_name(number: int) -> str:
    """``SIGSEGV`` for 11."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def last_lines(log: str, count: int = STDERR_LINES) -> str:
    """The end of standard error on one line, without the runtime's INFO chatter."""
    lines = [line.strip() for line in log.splitlines() if line.strip() and not line.startswith("INFO:")]
    return " | ".join(line[:300] for line in lines[-count:])


def _with_stderr(text: str, log: str) -> str:
    tail = last_lines(log)
    return f"{text}; last on stderr: {tail}" if tail else text


def _from_lines(
    lines: tuple[dict[str, Any], ...], process: ProcessResult, request: InvocationRequest, base: InvocationResult
) -> InvocationResult:
    last = lines[-1] if lines else {}
    if last.get("type") == "error":
        text = _error_text(last)
        if request.backend.kind == "gpu":  # only the accelerator's log names the operators it refuses
            text = _with_stderr(text, base.log)
        return replace(base, status=_error_status(last), error=text, runtime_version=_version(lines))
    if process.returncode != 0 or last.get("type") != "result":
        what = f"the runner ended with exit code {process.returncode} and no result"
        return replace(base, error=_with_stderr(what, base.log), runtime_version=_version(lines))
    hello = parse_hello(lines)
    try:
        return _result(last, hello, request, base)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ParseError(
            f"the result line is malformed ({type(error).__name__}: {error})", where="runner output"
        ) from error


def _error_status(line: Mapping[str, Any]) -> Status:
    return _KIND_STATUS.get(str(line.get("kind")), Status.FAILED)


def _error_text(line: Mapping[str, Any]) -> str:
    text = str(line.get("message") or "unknown error")
    needs_package = line.get("kind") == "library" and line.get("runner") not in ("c", "pycoral")
    return f"{text}. Install one: {INSTALL}" if needs_package else text


def _version(lines: tuple[dict[str, Any], ...]) -> str:
    try:
        return parse_hello(lines).label
    except ParseError:
        return ""


def _result(
    line: Mapping[str, Any], hello: Hello, request: InvocationRequest, base: InvocationResult
) -> InvocationResult:
    has_samples = "samples" in line
    accelerator = str(line.get("accelerator") or "")
    return replace(
        base,
        status=Status.DONE,
        init_us=ns_to_us(float(line["init_ns"])),
        first_inference_us=_maybe(line.get("first_inference_ns"), ns_to_us),
        samples_ns=_some_samples(line["samples"]) if has_samples else None,
        warmup_ns=unpack_ns(line["warmup"]) if has_samples else None,
        warmup_capped=bool(line.get("warmup_capped", False)),
        timed=str(line.get("timed", "call+read")),
        peak_rss_mib=_maybe(line.get("peak_rss_kib"), kib_to_mib),
        pss_mib=_maybe(line.get("pss_kib"), kib_to_mib),
        operators=_operators(line, request.backend),
        coverage=_coverage(line.get("coverage"), request.backend, base.log),
        evidence=_evidence(line["evidence"], accelerator),
        runtime_version=hello.label,
        accelerator=accelerator,
    )


def _some_samples(text: Any) -> NDArray[np.int64]:
    samples = unpack_ns(text)
    if not samples.size:
        raise ParseError("a timing pass without samples", where="runner output")
    return samples


def _maybe(value: Any, convert: Any = float) -> float | None:
    return None if value is None else float(convert(float(value)))


def _taker(backend: Backend) -> str:
    """What the delegate of `backend` is called in results; empty when it has none."""
    if backend.kind == "external":
        return f"external {PurePath(dict(backend.options).get('path', '')).name}".strip()
    return _DELEGATES[delegate_name(backend)]


def _coverage(counts: Mapping[str, Any] | None, backend: Backend, log: str) -> Coverage | None:
    if counts is None:
        return None
    delegate = delegate_name(backend)
    delegated, total, partitions = (counts[name] for name in ("delegated_nodes", "total_nodes", "partitions"))
    split = _GPU_SPLIT.search(log)
    if delegate == "gpu" and delegated is None and split:
        delegated, total = int(split[1]), int(split[1]) + int(split[2])
    elif delegate == "gpu" and delegated is None and _NO_GPU in log:
        delegated, partitions = 0, 0
    numbers = [None if value is None else int(value) for value in (delegated, total, partitions)]
    return Coverage(_taker(backend), *numbers)


def _evidence(fields: Mapping[str, Any], accelerator: str) -> Evidence:
    source = fields.get("clock_source")
    level = fields.get("thermal_status")
    software = f"{accelerator}: the CPU imitates a GPU, so this is no GPU's speed"
    return Evidence(
        cpus=tuple(int(cpu) for cpu in fields["cpus"]),
        cpus_verified=bool(fields["cpus_verified"]),
        clock_source=None if source is None else str(source),
        clock_start_ghz=_maybe(fields.get("clock_start_ghz")),
        clock_end_ghz=_maybe(fields.get("clock_end_ghz")),
        clock_share=_maybe(fields.get("clock_share")),
        temp_start_c=_maybe(fields.get("temp_start_c")),
        temp_end_c=_maybe(fields.get("temp_end_c")),
        foreign_load=_maybe(fields.get("foreign_load")),
        wait_share=_maybe(fields.get("wait_share")),
        output_read_us=_maybe(fields.get("output_read_us")),
        notes=(*map(str, fields.get("notes", ())), *([software] if "software" in accelerator else [])),
        thermal_status=None if level is None else int(level),
    )


def _operators(line: Mapping[str, Any], backend: Backend) -> tuple[OperatorTime, ...]:
    """Operators of the same name and kernel together, slowest first; without times, from the graph with 0 us."""
    timed = [(str(row["name"]), bool(row["delegated"]), float(row["us"])) for row in line.get("operator_times") or ()]
    if not timed and "operator_times" in line and line.get("coverage"):
        timed = [(str(name), bool(delegated), 0.0) for name, delegated in line["coverage"]["operators"]]
    total = sum(us for _, _, us in timed)
    table: dict[tuple[str, str], list[float]] = {}
    for name, delegated, us in timed:
        kernel = _taker(backend) if delegated else _KERNELS[delegate_name(backend)]
        table.setdefault((name, kernel), []).append(us)
    rows = [
        OperatorTime(name, sum(times), sum(times) / total if total else 0.0, len(times), kernel)
        for (name, kernel), times in table.items()
    ]
    return tuple(sorted(rows, key=lambda row: -row.total_us))
