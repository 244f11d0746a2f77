"""The harness's own runner on a device: each invocation is a process of ``harness-runner`` with a given library."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from threading import Event

from harness.devices.android.changes import PHONE_FOLDER
from harness.devices.base import Device, OnStdout, ProcessResult, Watch
from harness.domain import (
    Backend,
    Case,
    Evidence,
    InvocationRequest,
    InvocationResult,
    Purpose,
    RuntimeRef,
    Status,
)
from harness.errors import (
    DeviceOfflineError,
    HarnessError,
    InvocationTimeoutError,
    ParseError,
    StorageFullError,
    TransientError,
    UsageError,
)
from harness.runtimes.base import InputChunk, TakeOutputs
from harness.runtimes.benchmark_model_files import file_sha256
from harness.runtimes.device_runner_outputs import CHUNK_BYTES, Chunk, OutputFile, open_inputs, raw_chunks
from harness.runtimes.device_runner_plugin import Plugin, delegate_flag, filled, plugin_for
from harness.runtimes.device_runner_result import (
    Files,
    hello_argv,
    outputs_packing,
    read_result,
    runner_argv,
)
from harness.runtimes.elf import machine_of, runs_on
from harness.runtimes.litert_protocol import Hello, last_lines, parse_hello, parse_lines
from harness.runtimes.model_file import model_problem
from harness.runtimes.runner_build import LIBRARIES, PROGRAM, runner_for, target_for
from harness.runtimes.stream import WHOLE_PASS_S, Pass, callers_errors

HELLO_TIMEOUT_S = 60.0

_NO_PROFILE = "no operator times: the C APIs do not give them; benchmark_model does"

FindRunner = Callable[..., Path]


@dataclass(frozen=True)
class Local:
    """What has to be on the device, as files of this host."""

    runner: Path
    library: Path


@dataclass(frozen=True)
class _Job:
    """One invocation, ready to run: what every purpose has in common."""

    request: InvocationRequest
    cpus: tuple[int, ...]
    files: Files
    plugin: Plugin


class DeviceRunner:
    """Runs `.tflite` files with a TensorFlow Lite or LiteRT library of the user's choice, on any device.

    Args:
        device: where to run.
        runtime: its options are ``library`` (libLiteRt.so or libtensorflowlite_c.so for the device) and ``runner`` (a
            program that was built elsewhere).
        cancel: ends the question what the library offers.
        find_runner: gives the program for a build target; `runner_build.runner_for`.
        cache_dir: where runners that are built lie; None is the user's cache.
        scratch: a folder for inputs on their way to the device; None is the system's.
    """

    def __init__(
        self,
        device: Device,
        runtime: RuntimeRef,
        cancel: Event | None = None,
        *,
        find_runner: FindRunner = runner_for,
        cache_dir: Path | None = None,
        scratch: Path | None = None,
    ) -> None:
        self._device = device
        self._options = dict(runtime.options)
        self._cancel = cancel or Event()
        self._find_runner = partial(find_runner, cache_dir=cache_dir)
        self._scratch = scratch

    # ---- what is there -----------------------------------------------------------------------------------------------

    @cached_property
    def _local(self) -> Local | str:
        """The files on this host, or the sentence that says what is missing."""
        named = self._options.get("library", "")
        if not named:
            return "name the device's libLiteRt.so or libtensorflowlite_c.so with `runtime.device_runner.library`"
        library = Path(named).expanduser()
        if not library.is_file():
            return f"the library {named!r} is not a file; correct `runtime.device_runner.library`"
        abis = self._device.facts().abis
        target = target_for(library)
        if target is None:
            return (
                f"{library} is for {machine_of(library) or 'no processor'}; the runner loads {' and '.join(LIBRARIES)}"
            )
        if not runs_on(library, abis):
            return f"{library} is for {machine_of(library)}; this device runs {', '.join(abis)}"
        try:
            runner = self._find_runner(target, named=self._options.get("runner", ""))
        except HarnessError as error:
            return error.sentences
        if machine_of(runner) not in (None, machine_of(library)):  # None: a script around the runner
            return f"the runner {runner} is for {machine_of(runner)}, the library {library} for {machine_of(library)}"
        return Local(runner, library)

    @cached_property
    def hello(self) -> Hello | str:
        """What the library offers on the device, or the sentence that says why it is of no use. Asked once.

        Raises:
            TransientError: the device was lost, or did not answer in time.
            StorageFullError: the device has no room for the library.
        """
        local = self._local
        if isinstance(local, str):
            return local
        try:
            files = self._push(local, "", Plugin())
        except (TransientError, StorageFullError):
            raise
        except HarnessError as error:
            return error.sentences
        answer = self._device.run(
            hello_argv(files), stdin=b"", env=_env(files, {}), timeout_s=HELLO_TIMEOUT_S, cancel=self._cancel
        )
        return _read_hello(answer)

    def unsupported_reason(self, case: Case) -> str | None:
        """Why `case` cannot run here at all: library, runner, backend, its options and files, or cores.

        None also when the device is lost or has no room: that is no property of the case, and its invocations say so.
        """
        local = self._local
        if isinstance(local, str):
            return local
        reason = self._backend_reason(case.backend)
        if reason is None:
            try:
                hello = self.hello
            except (TransientError, StorageFullError):
                return None
            reason = hello if isinstance(hello, str) else _library_reason(case.backend, hello)
        return reason

    def _backend_reason(self, backend: Backend) -> str | None:
        try:
            self._device.choose_cpus(backend.cores, backend.threads)
        except UsageError as error:
            return error.sentences
        found = plugin_for(backend, self._device.facts())
        return found if isinstance(found, str) else None

    # ---- one invocation ----------------------------------------------------------------------------------------------

    def invoke(self, request: InvocationRequest, cancel: Event) -> InvocationResult:
        """Run one process to its end, its deadline, or until `cancel` is set; whatever happens is a result."""
        if request.purpose is Purpose.PROFILE and not isinstance(self._local, str):
            return InvocationResult(Status.DONE, evidence=Evidence(notes=(_NO_PROFILE,)))
        work = self._outputs if request.purpose is Purpose.OUTPUTS else self._one
        return self._attempt(request, lambda job: work(job, cancel))

    def stream(
        self, request: InvocationRequest, chunks: Iterable[InputChunk], take: TakeOutputs, cancel: Event
    ) -> InvocationResult:
        """Run one process over all `chunks`; see `Runtime.stream`."""
        with callers_errors():
            return self._attempt(request, lambda job: self._stream(job, chunks, take, cancel))

    def _attempt(self, request: InvocationRequest, work: Callable[[_Job], InvocationResult]) -> InvocationResult:
        """The result of `work` on a job, or the one that says why there is none."""
        local = self._local
        if isinstance(local, str):
            return InvocationResult(Status.UNSUPPORTED, error=local)
        problem = model_problem(request.model_path)
        if problem:
            return InvocationResult(Status.FAILED, error=problem)
        plugin = plugin_for(request.backend, self._device.facts())
        if isinstance(plugin, str):
            return InvocationResult(Status.UNSUPPORTED, error=plugin)
        try:
            cpus = self._device.choose_cpus(request.backend.cores, request.backend.threads)
            return work(_Job(request, cpus, self._push(local, request.model_path, plugin), plugin))
        except DeviceOfflineError as error:
            return InvocationResult(Status.OFFLINE, error=error.what)
        except InvocationTimeoutError as error:
            return InvocationResult(Status.TIMEOUT, error=str(error))
        except UsageError as error:
            return InvocationResult(Status.UNSUPPORTED, error=str(error))
        except (HarnessError, OSError) as error:
            return InvocationResult(Status.FAILED, error=str(error))

    def _one(self, job: _Job, cancel: Event) -> InvocationResult:
        return self._read(job, self._process(job, job.request.measure.timeout_s, cancel))

    def _process(self, job: _Job, timeout_s: float, cancel: Event, on_stdout: OnStdout | None = None) -> ProcessResult:
        request, files, plugin = job.request, job.files, job.plugin
        values = {"folder": str(Path(files.delegate).parent), "library": files.delegate}
        options = tuple((key, filled(value, values)) for key, value in plugin.options)
        return self._device.run(
            runner_argv(request, job.cpus, files, options),
            stdin=b"",
            env=_env(files, {name: filled(value, values) for name, value in plugin.environment}),
            timeout_s=timeout_s,
            cancel=cancel,
            watch=Watch(job.cpus, memory=request.purpose is Purpose.MEMORY),
            on_stdout=on_stdout,
        )

    def _read(self, job: _Job, process: ProcessResult) -> InvocationResult:
        result = read_result(process, job.request, job.cpus)
        if result.runtime_version:
            result = replace(result, runtime_version=f"{result.runtime_version}, {self._library_label}")
        return result

    def _stream(self, job: _Job, chunks: Iterable[InputChunk], take: TakeOutputs, cancel: Event) -> InvocationResult:
        def start(folder: str, stop: Event, on_stdout: OnStdout) -> ProcessResult:
            there = replace(job, files=replace(job.files, stream=folder))
            return self._process(there, WHOLE_PASS_S, stop, on_stdout)

        way = Pass(self._device, start, job.request.measure.timeout_s, self._scratch)
        return self._read(job, way.run(chunks, take, cancel))

    @cached_property
    def _library_label(self) -> str:
        """The library's name and the beginning of its hash: the C APIs do not tell every release apart."""
        local = self._local
        return "" if isinstance(local, str) else f"{local.library.name} {file_sha256(local.library)[:8]}"

    def _push(self, local: Local, model: str, plugin: Plugin) -> Files:
        put = self._device.put
        beside = {path.name: path for path in sorted(local.library.parent.glob("libLiteRt*Accelerator.so"))}
        folder = self._device.put_folder({local.library.name: local.library, **beside})
        return Files(
            runner=put(local.runner, sha256=file_sha256(local.runner), name=PROGRAM, executable=True),
            library=f"{folder}/{local.library.name}",
            model=put(Path(model), sha256=file_sha256(Path(model))) if model else "",
            delegate=f"{self._device.put_folder(plugin.files)}/{plugin.name}" if plugin.files else "",
        )

    # ---- outputs -----------------------------------------------------------------------------------------------------

    def _outputs(self, job: _Job, cancel: Event) -> InvocationResult:
        inputs = open_inputs(job.request.inputs_path or "")
        target = OutputFile(Path(job.request.outputs_path or ""), len(inputs))
        try:
            with tempfile.TemporaryDirectory(prefix="harness-outputs-", dir=self._scratch) as scratch:
                for chunk in raw_chunks(inputs, Path(scratch), CHUNK_BYTES):
                    with_inputs = replace(job, files=self._put_chunk(job.files, chunk))
                    process = self._process(with_inputs, job.request.measure.timeout_s, cancel)
                    result = self._read(with_inputs, process)
                    if result.status is not Status.DONE:
                        target.discard()
                        return result
                    self._collect(process, chunk, inputs.shape[1:], with_inputs.files, Path(scratch), target)
            target.close()
        except BaseException:  # whatever ends it, no half a file stays
            target.discard()
            raise
        return result

    def _put_chunk(self, files: Files, chunk: Chunk) -> Files:
        remote = self._device.put(chunk.path, sha256=chunk.sha256)
        # On a phone always the same file, outside the cache: one that a killed run leaves is overwritten by the next.
        on_host = self._device.facts().kind == "host"
        return replace(files, inputs=remote, outputs=f"{remote}.outputs" if on_host else f"{PHONE_FOLDER}/outputs.raw")

    def _collect(
        self,
        process: ProcessResult,
        chunk: Chunk,
        sample_shape: tuple[int, ...],
        files: Files,
        scratch: Path,
        target: OutputFile,
    ) -> None:
        packing, samples = outputs_packing(process)
        if packing.input_shape != sample_shape:
            raise ParseError(f"the model wants inputs of shape {packing.input_shape}, the inputs have {sample_shape}")
        if samples != chunk.end - chunk.begin:
            raise ParseError(f"the runner read {samples} samples of {chunk.end - chunk.begin}", where="runner output")
        local = scratch / "outputs.raw"
        self._device.fetch(files.outputs, local)
        target.add(local, (samples, *packing.output_shape), samples)
        local.unlink()


def _env(files: Files, delegate: dict[str, str]) -> dict[str, str]:
    folders = [delegate.get("LD_LIBRARY_PATH", ""), str(Path(files.library).parent)]
    return {**delegate, "LD_LIBRARY_PATH": ":".join(filter(None, folders))}


def _read_hello(answer: ProcessResult) -> Hello | str:
    log = answer.stderr.decode("utf-8", "replace")
    if answer.offline:
        raise DeviceOfflineError("the device was lost when the runner was asked for its library")
    try:
        lines = parse_lines(answer.stdout)
        if lines and lines[0]["type"] == "error":
            return str(lines[0].get("message"))
        return parse_hello(lines)
    except ParseError as error:
        tail = last_lines(log)
        return f"the runner did not answer on the device (exit code {answer.returncode}): {error.what}" + (
            f" ({tail})" if tail else ""
        )


def _library_reason(backend: Backend, hello: Hello) -> str | None:
    if delegate_flag(backend) == "external" and hello.library == "litert":
        return f"{hello.label} takes no external delegate; give a library with the TensorFlow Lite C API"
    if delegate_flag(backend) == "reference" and hello.library == "tflite":
        return f"{hello.label} has no choice of reference kernels; LiteRT has"
    return None
