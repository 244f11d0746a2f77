"""`benchmark_model` on any device that takes files and runs processes: TensorFlow Lite's tool or LiteRT's."""

from __future__ import annotations

import posixpath
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from threading import Event

from harness.devices.base import Device, ProcessResult, Watch
from harness.domain import (
    Backend,
    Case,
    DeviceFacts,
    InvocationRequest,
    InvocationResult,
    MeasureSettings,
    Purpose,
    RuntimeRef,
    Status,
)
from harness.errors import (
    DeviceOfflineError,
    HarnessError,
    InvocationTimeoutError,
    ModelFileError,
    NoDeviceError,
    StorageFullError,
    TransientError,
    UsageError,
)
from harness.runtimes.base import InputChunk, TakeOutputs
from harness.runtimes.benchmark_model_command import Command, Paths, build, flavour_of
from harness.runtimes.benchmark_model_files import (
    Files,
    delegate_files,
    digest_of,
    file_sha256,
    tool_file,
    tool_libraries,
)
from harness.runtimes.benchmark_model_help import parse_help
from harness.runtimes.benchmark_model_outputs_pass import OutputsPass
from harness.runtimes.benchmark_model_result import Ran, interpret, process_failure
from harness.runtimes.delegate_options import device_problem, find, option_problem
from harness.runtimes.delegates import Delegate
from harness.runtimes.model_file import model_problem
from harness.runtimes.stream import callers_errors
from harness.runtimes.tflite_graph import Graph, read_graph

HELP_TIMEOUT_S = 30.0
# A value that is no number makes every build print its usage; LiteRT's tool does not know --help.
ASK_USAGE = ("--help", "--num_runs=?")
PHONE_WORK = "/data/local/tmp/harness/serialized"


class _CancelledError(TransientError):
    """Somebody ended the question which flags the tool has."""


# What went wrong with the device or the call, as the status of the invocation; everything else is FAILED.
_STATUS = (
    (_CancelledError, Status.INTERRUPTED),
    (DeviceOfflineError, Status.OFFLINE),
    (NoDeviceError, Status.OFFLINE),
    (InvocationTimeoutError, Status.TIMEOUT),
    (UsageError, Status.UNSUPPORTED),
)


@dataclass(frozen=True)
class Tool:
    """A program whose flags are known."""

    path: Path
    sha256: str
    flags: frozenset[str]
    libraries: Files

    @property
    def flavour(self) -> str:
        """``tflite`` or ``litert``."""
        return flavour_of(self.flags)


@dataclass(frozen=True)
class Plan:
    """How a backend is run: the table's row and the delegate's files."""

    tool: Tool
    row: Delegate
    files: Files


@dataclass(frozen=True)
class Job:
    """One invocation, ready to run."""

    request: InvocationRequest
    plan: Plan
    command: Command
    cpus: tuple[int, ...]


class BenchmarkModel:
    """Runs `.tflite` files with a `benchmark_model` of any version.

    Args:
        device: where to run.
        runtime: `options` may have ``binary`` (a path), ``libraries`` (a folder that goes with it) and ``release``.
        binaries: where fetched tools are kept.
        cancel: ends the question which flags the tool has.
    """

    def __init__(self, device: Device, runtime: RuntimeRef, binaries: Path, cancel: Event | None = None) -> None:
        self._device, self._runtime, self._binaries = device, runtime, binaries
        self._cancel = cancel or Event()
        self._known: dict[str, frozenset[str]] = {}
        self._graphs: dict[str, Graph | None] = {}

    @cached_property
    def _facts(self) -> DeviceFacts:
        return self._device.facts()

    # ---- what can be run ---------------------------------------------------------------------------------------------

    def unsupported_reason(self, case: Case) -> str | None:
        """Why `case` cannot run here at all: no tool, a flag or file that is missing, an option that does not exist.

        None also when the device is lost or has no room: that is no property of the case, and its invocations say so.
        """
        try:
            plan = self._plan(case.backend)
            if isinstance(plan, str):
                return plan
            self._device.choose_cpus(case.backend.cores, case.backend.threads)
        except UsageError as error:
            return error.sentences
        except (TransientError, StorageFullError):
            return None
        except HarnessError as error:
            return str(error)
        return self._flags_reason(case, plan)

    def _flags_reason(self, case: Case, plan: Plan) -> str | None:
        request = InvocationRequest(Purpose.TIMING, "model", case.backend, case.runtime, MeasureSettings())
        built = build(request, plan.row, Paths("tool", "model", folder="/f", library="/f/l"), plan.tool.flags)
        return built if isinstance(built, str) else None

    def _plan(self, backend: Backend) -> Plan | str:
        tool = self._tool()
        if isinstance(tool, str):
            return tool
        row = find(backend, tool.flavour)
        if isinstance(row, str):
            return row
        problem = option_problem(row, backend) or device_problem(row, self._facts)
        if problem:
            return problem
        files = delegate_files(row, backend, self._facts)
        return files if isinstance(files, str) else Plan(tool, row, files)

    def _tool(self) -> Tool | str:
        path = tool_file(self._runtime, self._facts, self._binaries)
        if isinstance(path, str):
            return path
        libraries = tool_libraries(self._runtime, path)
        if isinstance(libraries, str):
            return libraries
        sha256 = file_sha256(path)
        if sha256 not in self._known:
            flags = self._ask_flags(path, sha256, libraries)
            if isinstance(flags, str):
                return flags
            self._known[sha256] = flags
        return Tool(path, sha256, self._known[sha256], libraries)

    def _ask_flags(self, path: Path, sha256: str, libraries: Files) -> frozenset[str] | str:
        """The names of the flags in the tool's usage text, with which it exits with 1."""
        remote = self._device.put(path, sha256=sha256, name="benchmark_model", executable=True)
        env = {"LD_LIBRARY_PATH": self._device.put_folder(libraries)} if libraries else {}
        answer = self._device.run(
            (remote, *ASK_USAGE), stdin=b"", env=env, timeout_s=HELP_TIMEOUT_S, cancel=self._cancel
        )
        if answer.cancelled:
            raise _CancelledError("cancelled")
        if answer.offline:
            raise DeviceOfflineError("the device was lost while the tool was asked for its flags")
        flags = frozenset(parse_help((answer.stderr + b"\n" + answer.stdout).decode("utf-8", "replace")))
        if {"graph", "num_runs"} <= flags:
            return flags
        failure = process_failure(answer, HELP_TIMEOUT_S, self._facts)
        why = failure[1] if failure else _first_line(answer)
        return f"{path} did not answer --help as a benchmark_model: {why}"

    # ---- one invocation ----------------------------------------------------------------------------------------------

    def invoke(self, request: InvocationRequest, cancel: Event) -> InvocationResult:
        """Run one process to its end, its deadline, or until `cancel` is set; whatever happens is a result."""
        return self._attempt(request, lambda job: self._run(job, cancel))

    def stream(
        self, request: InvocationRequest, chunks: Iterable[InputChunk], take: TakeOutputs, cancel: Event
    ) -> InvocationResult:
        """Run a process for each sample of all `chunks`, since the tool takes one; otherwise see `Runtime.stream`.

        A chunk has the deadline of an outputs pass; nothing is computed while `take` has the outputs.
        """

        def work(job: Job) -> InvocationResult:
            graph = self._graph(request.model_path)
            outputs = OutputsPass(self._device, partial(self._process, job, graph, cancel))
            return outputs.stream(request, job.command, job.plan.tool.flags, graph, chunks, take, cancel)

        with callers_errors():
            result = self._attempt(request, work)
        cancelled = result.status is Status.TIMEOUT and cancel.is_set()  # in the middle of a transfer
        return InvocationResult(Status.INTERRUPTED, error="cancelled") if cancelled else result

    def _attempt(self, request: InvocationRequest, work: Callable[[Job], InvocationResult]) -> InvocationResult:
        """The result of `work` on a job, or the one that says why there is none."""
        problem = model_problem(request.model_path)
        if problem:
            return InvocationResult(Status.FAILED, error=problem)
        try:
            plan = self._plan(request.backend)
            if isinstance(plan, str):
                return InvocationResult(Status.UNSUPPORTED, error=plan)
            cpus = self._device.choose_cpus(request.backend.cores, request.backend.threads)
            command = build(request, plan.row, self._place(request, plan), plan.tool.flags)
            if isinstance(command, str):
                return InvocationResult(Status.UNSUPPORTED, error=command)
            return work(Job(request, plan, command, cpus))
        except HarnessError as error:
            status = next((status for kind, status in _STATUS if isinstance(error, kind)), Status.FAILED)
            return InvocationResult(status, error=str(error))
        except OSError as error:
            return InvocationResult(Status.FAILED, error=f"{error.filename}: {error.strerror}")

    def _place(self, request: InvocationRequest, plan: Plan) -> Paths:
        """Bring tool, model and libraries to the device; what is there is not sent again."""
        device, tool, model = self._device, plan.tool, Path(request.model_path)
        model_sha256 = file_sha256(model)
        remote = device.put_folder(plan.files) if plan.files else ""
        own = dict(request.backend.options).get("path", "") if plan.row.own_options else ""
        library = Path(own).name if own else "libQnnTFLiteDelegate.so"
        return Paths(
            binary=device.put(tool.path, sha256=tool.sha256, name="benchmark_model", executable=True),
            model=device.put(model, sha256=model_sha256, name="model.tflite"),
            folder=remote,
            library=posixpath.join(remote, library) if remote else "",
            libraries=device.put_folder(tool.libraries) if tool.libraries else "",
            work=self._work_folder(request.backend),
            # Kernels compiled by another tool or from another model must not be taken for this one's.
            token=f"{model_sha256[:16]}{tool.sha256[:8]}{digest_of(plan.files.values())[:8]}",
        )

    def _work_folder(self, backend: Backend) -> str:
        if dict(backend.options).get("serialization") != "true":
            return ""
        path = PHONE_WORK if self._facts.kind != "host" else str(Path(tempfile.gettempdir()) / "harness-serialized")
        self._device.run(("mkdir", "-p", path), stdin=b"", env={}, timeout_s=HELP_TIMEOUT_S, cancel=self._cancel)
        return path

    def _run(self, job: Job, cancel: Event) -> InvocationResult:
        request, graph = job.request, self._graph(job.request.model_path)
        run = partial(self._process, job, graph, cancel)
        if request.purpose is Purpose.OUTPUTS:
            return OutputsPass(self._device, run).run(request, job.command, job.plan.tool.flags, graph)
        return interpret(run(job.command.argv, request.measure.timeout_s))

    def _process(self, job: Job, graph: Graph | None, cancel: Event, argv: tuple[str, ...], timeout_s: float) -> Ran:
        request, argv = job.request, self._pinned(argv, job.cpus)
        process = self._device.run(
            argv,
            stdin=b"",
            env=job.command.env,
            timeout_s=timeout_s,
            cancel=cancel,
            watch=Watch(job.cpus, memory=request.purpose is Purpose.MEMORY),
        )
        command, tool = Command(argv, job.command.env), job.plan.tool
        nodes = graph.nodes if graph else None
        return Ran(process, command, request, job.plan.row, self._facts, job.cpus, tool.sha256, nodes)

    def _pinned(self, argv: tuple[str, ...], cpus: tuple[int, ...]) -> tuple[str, ...]:
        """The host pins nothing by itself; a phone does, and verifies it."""
        return ("taskset", "-c", ",".join(map(str, cpus)), *argv) if self._facts.kind == "host" and cpus else argv

    def _graph(self, path: str) -> Graph | None:
        """The model's graph; None when it cannot be read, which the tool itself will say better."""
        if path not in self._graphs:
            try:
                self._graphs[path] = read_graph(Path(path))
            except ModelFileError:
                self._graphs[path] = None
        return self._graphs[path]


def _first_line(process: ProcessResult) -> str:
    text = (process.stderr + process.stdout).decode("utf-8", "replace").strip()
    shown = text.splitlines()[0][:200] if text else "it printed nothing"
    return f"exit code {process.returncode}, {shown}"
