"""LiteRT on the host: each invocation is a child process that runs ``device_scripts/litert_runner.py``."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from threading import Event

from harness.assets import folder
from harness.devices.base import Device, OnStdout, ProcessResult
from harness.devices.host import HostDevice
from harness.devices.vulkan import Vulkan
from harness.domain import Backend, Case, InvocationRequest, InvocationResult, RuntimeRef, Status
from harness.errors import HarnessError, ParseError, UsageError
from harness.runtimes.base import InputChunk, TakeOutputs
from harness.runtimes.litert_protocol import (
    INSTALL,
    Hello,
    delegate_name,
    hello_request_bytes,
    interpret,
    last_lines,
    parse_hello,
    parse_lines,
    request_bytes,
)
from harness.runtimes.stream import IDLE_S, WHOLE_PASS_S, Pass, callers_errors

HELLO_TIMEOUT_S = 60.0
_BACKENDS = ("cpu", "gpu")
_GPU_OPTIONS = {"precision": ("float32", "default")}


@dataclass(frozen=True)
class _Prepared:
    """One invocation, ready to run."""

    request: InvocationRequest
    cpus: tuple[int, ...]
    vulkan: Vulkan | None
    env: dict[str, str]

    def request_bytes(self, stream: str = "") -> bytes:
        name, loader = (self.vulkan.name, self.vulkan.loader) if self.vulkan else ("", None)
        return request_bytes(
            self.request, self.cpus, accelerator=name, vulkan_loader=loader, stream=stream, idle_s=IDLE_S
        )


class LiteRt:
    """Runs `.tflite` files with the LiteRT that an interpreter has: ai-edge-litert, tflite-runtime or TensorFlow.

    Args:
        device: the host.
        runtime: `python` names another interpreter; None is the harness's own.
        runner: the script that measures.
        cancel: ends the question what the interpreter offers.
    """

    def __init__(
        self,
        device: Device,
        runtime: RuntimeRef | None = None,
        runner: Path | None = None,
        cancel: Event | None = None,
    ) -> None:
        self._cancel = cancel or Event()
        self._device = device
        self._runtime = runtime or RuntimeRef()
        self._runner = runner or folder("device_scripts") / "litert_runner.py"

    @cached_property
    def python(self) -> str | None:
        """The interpreter's path, None when there is no such program."""
        if self._runtime.python is None:
            return sys.executable
        return shutil.which(Path(self._runtime.python).expanduser())

    @cached_property
    def hello(self) -> Hello | str:
        """What the interpreter offers, or the sentence that says why it is of no use. Asked once."""
        if self.python is None:
            return f"{self._runtime.python} is not an executable Python interpreter; correct `runtime.litert.python`"
        answer = self._device.run(
            self._argv, stdin=hello_request_bytes(), env=self._env(1), timeout_s=HELLO_TIMEOUT_S, cancel=self._cancel
        )
        log = answer.stderr.decode("utf-8", "replace")
        try:
            lines = parse_lines(answer.stdout)
            if lines and lines[0]["type"] == "error":
                return f"{self.python}: {lines[0].get('message')}. Install one: {self.python} -m {INSTALL}"
            return parse_hello(lines)
        except ParseError as error:
            tail = last_lines(log)
            return f"{self.python} did not answer as an interpreter with LiteRT: {error.what}" + (
                f" ({tail})" if tail else ""
            )

    @property
    def _argv(self) -> tuple[str, ...]:
        return (self.python or "", "-E", "-B", str(self._runner))

    def unsupported_reason(self, case: Case) -> str | None:
        """Why `case` cannot run here at all: interpreter, library, backend, cores, or no Vulkan device."""
        hello = self.hello
        if isinstance(hello, str):
            return hello
        return self._backend_reason(case.backend, hello)

    def _backend_reason(self, backend: Backend, hello: Hello) -> str | None:
        if backend.kind not in _BACKENDS:
            return f"LiteRT on the host has no {backend.kind} backend; it has {' and '.join(_BACKENDS)}"
        try:
            self._device.choose_cpus(backend.cores, backend.threads)
        except UsageError as error:
            return error.sentences
        if backend.kind == "gpu":
            return self._gpu_reason(backend, hello)
        delegate = delegate_name(backend)
        if delegate != "xnnpack" and "resolver" not in hello.features:
            return f"{hello.label} has no choice of kernels ({delegate}); use ai-edge-litert"
        return None

    def _gpu_reason(self, backend: Backend, hello: Hello) -> str | None:
        if "gpu" not in hello.features:
            return f"{hello.label} has no GPU accelerator; use ai-edge-litert 2 or newer"
        for name, value in backend.options:
            if value not in _GPU_OPTIONS.get(name, ()):
                return f"the gpu backend does not know the option {name}: {value}; it knows precision: float32"
        if self._vulkan is None:
            return "no Vulkan device was found; install a Vulkan driver, or Chromium's package for a software one"
        return None

    @property
    def _vulkan(self) -> Vulkan | None:
        found = self._device.vulkan if isinstance(self._device, HostDevice) else ()
        return found[0] if found else None

    @staticmethod
    def _env(threads: int) -> dict[str, str]:
        # numpy's own threads would spin beside the measured ones.
        return {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "2"}

    def invoke(self, request: InvocationRequest, cancel: Event) -> InvocationResult:
        """Run one process to its end, its deadline, or until `cancel` is set; whatever happens is a result."""
        cpus = self._cpus_for(request)
        if isinstance(cpus, InvocationResult):
            return cpus
        with self._prepared(request, cpus) as prepared:
            process = self._device.run(
                self._argv,
                stdin=prepared.request_bytes(),
                env=prepared.env,
                timeout_s=request.measure.timeout_s,
                cancel=cancel,
            )
        return interpret(process, request)

    def stream(
        self, request: InvocationRequest, chunks: Iterable[InputChunk], take: TakeOutputs, cancel: Event
    ) -> InvocationResult:
        """Run one process over all `chunks`; see `Runtime.stream`."""
        cpus = self._cpus_for(request)
        if isinstance(cpus, InvocationResult):
            return cpus
        with callers_errors(), self._prepared(request, cpus) as prepared:
            way = Pass(self._device, partial(self._run_stream, prepared), request.measure.timeout_s)
            try:
                return interpret(way.run(chunks, take, cancel), request)
            except (HarnessError, OSError) as error:
                return InvocationResult(Status.FAILED, error=str(error))

    def _run_stream(self, prepared: _Prepared, folder: str, stop: Event, on_stdout: OnStdout) -> ProcessResult:
        return self._device.run(
            self._argv,
            stdin=prepared.request_bytes(folder),
            env=prepared.env,
            timeout_s=WHOLE_PASS_S,
            cancel=stop,
            on_stdout=on_stdout,
        )

    def _cpus_for(self, request: InvocationRequest) -> tuple[int, ...] | InvocationResult:
        """The cores to run on, or the result that says why nothing can be run."""
        if self.python is None:
            return InvocationResult(Status.UNSUPPORTED, error=str(self.hello))
        problem = model_problem(request.model_path)
        if problem:
            return InvocationResult(Status.FAILED, error=problem)
        try:
            return self._device.choose_cpus(request.backend.cores, request.backend.threads)
        except UsageError as error:
            return InvocationResult(Status.UNSUPPORTED, error=str(error))

    @contextmanager
    def _prepared(self, request: InvocationRequest, cpus: tuple[int, ...]) -> Iterator[_Prepared]:
        """What every purpose runs with, so that all of them measure the same thing."""
        vulkan = self._vulkan if request.backend.kind == "gpu" else None
        env = self._env(request.backend.threads)
        if vulkan is None:
            yield _Prepared(request, cpus, None, env)
            return
        # Mode 0700, as the Vulkan loader and its drivers demand.
        with tempfile.TemporaryDirectory(prefix="harness-xdg-") as folder_of_sockets:
            yield _Prepared(request, cpus, vulkan, {**env, "XDG_RUNTIME_DIR": folder_of_sockets, **vulkan.env})


def model_problem(path: str) -> str | None:
    """Why a file cannot be a model at all, before a process is started for it; None when it may be one."""
    file = Path(path)
    try:
        with file.open("rb") as handle:
            head = handle.read(8)
    except IsADirectoryError:
        return f"{path} is a directory; give a .tflite file"
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = os.strerror(error.errno or 0) if isinstance(error, OSError) else str(error)
        return f"{path!r} cannot be read: {why}"
    if not head:
        return f"{path} is empty; convert the model again"
    if head[4:] != b"TFL3":
        return f"{path} is not a .tflite model: its identifier is {head[4:]!r}, not b'TFL3'"
    return None
