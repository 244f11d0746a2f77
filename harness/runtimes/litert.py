"""LiteRT on the host: each invocation is a child process that runs ``device_scripts/litert_runner.py``.

On an Edge TPU the child loads libedgetpu as an external delegate: the way without pycoral.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event

from harness.devices.base import Device, ProcessResult
from harness.devices.edgetpu.base import EdgeTpuDevice
from harness.devices.host import HostDevice
from harness.devices.vulkan import Vulkan
from harness.domain import Backend, Case, InvocationRequest, InvocationResult, RuntimeRef, Status
from harness.errors import ParseError, UsageError
from harness.runtimes.benchmark_model_files import file_sha256
from harness.runtimes.edgetpu_protocol import EdgeTpuLibraries
from harness.runtimes.external_delegate import ExternalDelegate, delegate_of, libraries_said, problem_of
from harness.runtimes.litert_protocol import (
    INSTALL,
    Hello,
    delegate_name,
    hello_request_bytes,
    last_lines,
    parse_lines,
    request_bytes,
    signal_name,
)
from harness.runtimes.script_runtime import Prepared, ScriptRuntime
from harness.runtimes.stream import IDLE_S

_BACKENDS = ("cpu", "gpu", "external")
_ON_EDGE_TPU = ("edgetpu",)
_GPU_OPTIONS = {"precision": ("float32", "default")}


class LiteRt(ScriptRuntime):
    """Runs `.tflite` files with the LiteRT that an interpreter has: ai-edge-litert, tflite-runtime or TensorFlow.

    Args:
        device: the host, or an Edge TPU of it.
        runtime: `python` names another interpreter; None is the harness's own.
        runner: the script that measures.
        cancel: ends the question what the interpreter offers.
    """

    wanted = "LiteRT"
    setting = "runtime.litert.python"

    def __init__(
        self,
        device: Device,
        runtime: RuntimeRef | None = None,
        runner: Path | None = None,
        cancel: Event | None = None,
    ) -> None:
        super().__init__(device, runtime or RuntimeRef(), runner or Path("litert_runner.py"), cancel)
        self._tpu = device if isinstance(device, EdgeTpuDevice) else None
        self._libraries: dict[str, EdgeTpuLibraries | str] = {}

    def _refusal(self, message: str) -> str:
        return f"{super()._refusal(message)}. Install one: {self.python} -m {INSTALL}"

    def unsupported_reason(self, case: Case) -> str | None:
        """Why `case` cannot run here at all: interpreter, library, backend, cores, delegate, or no Vulkan device."""
        hello = self.hello
        if isinstance(hello, str):
            return hello
        return self._backend_reason(case.backend, hello)

    def _backend_reason(self, backend: Backend, hello: Hello) -> str | None:
        where, backends = ("an Edge TPU", _ON_EDGE_TPU) if self._tpu else ("the host", _BACKENDS)
        if backend.kind not in backends:
            return f"LiteRT on {where} has no {backend.kind} backend; it has {', '.join(backends)}"
        try:
            self._device.choose_cpus(backend.cores, backend.threads)
        except UsageError as error:
            return error.sentences
        if backend.kind == "gpu":
            return self._gpu_reason(backend, hello)
        if (external := delegate_of(backend)) is not None:
            return self._external_reason(backend, external, hello)
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

    # ---- external delegates ------------------------------------------------------------------------------------------

    def _external_reason(self, backend: Backend, external: ExternalDelegate, hello: Hello) -> str | None:
        if "delegates" not in hello.features:
            return f"{hello.label} cannot load external delegates; use ai-edge-litert or tflite-runtime"
        if external.rest == "builtin" and "resolver" not in hello.features:
            return f"{hello.label} has no choice of kernels (rest: builtin); use ai-edge-litert"
        problem = problem_of(backend)
        if problem or self._tpu is None:
            return problem
        found = self._edgetpu_libraries(external, hello)
        return found if isinstance(found, str) else found.known_crash

    def _edgetpu_libraries(self, external: ExternalDelegate, hello: Hello) -> EdgeTpuLibraries | str:
        """What libedgetpu says of itself in a process of its own, or why it is of no use. Asked once."""
        if external.path not in self._libraries:
            self._libraries[external.path] = self._ask_libedgetpu(external, hello)
        return self._libraries[external.path]

    def _ask_libedgetpu(self, external: ExternalDelegate, hello: Hello) -> EdgeTpuLibraries | str:
        answer = self._ask(hello_request_bytes(external.fields))
        try:
            lines = parse_lines(answer.stdout)
            return libraries_said(lines[0] if lines else {}, hello)
        except ParseError as error:
            how = f"it ended by {signal_name(-answer.returncode)}" if answer.returncode < 0 else error.what
            tail = last_lines(answer.stderr.decode("utf-8", "replace"))
            return f"{external.path} cannot be asked for its version: {how}" + (f" ({tail})" if tail else "")

    def _interpret(self, process: ProcessResult, request: InvocationRequest) -> InvocationResult:
        result, external = super()._interpret(process, request), delegate_of(request.backend)
        if external is None:
            return result
        if result.runtime_version:
            return replace(result, runtime_version=f"{result.runtime_version}, {self._label(external)}")
        if result.status is not Status.CRASHED or isinstance(self.hello, str):
            return result
        # The two may not fit together, so both are named.
        return replace(result, error=f"{result.error}; with {self.hello.label}, {self._label(external)}")

    def _label(self, external: ExternalDelegate) -> str:
        """Which delegate it was, so that rows of different ones are not taken for the same."""
        path, hello = Path(external.path), self.hello
        if self._tpu is not None and not isinstance(hello, str):
            found = self._edgetpu_libraries(external, hello)
            if not isinstance(found, str):
                return f"{found.libedgetpu}{_hash(external.path)}"
        return f"{path.name}{_hash(external.path)}"

    # ---- one invocation ----------------------------------------------------------------------------------------------

    @property
    def _vulkan(self) -> Vulkan | None:
        found = self._device.vulkan if isinstance(self._device, HostDevice) else ()
        return found[0] if found else None

    @contextmanager
    def _prepared(self, request: InvocationRequest, cpus: tuple[int, ...]) -> Iterator[Prepared]:
        """What every purpose runs with, so that all of them measure the same thing."""
        vulkan = self._vulkan if request.backend.kind == "gpu" else None
        env = self._env(request.backend.threads)
        if (external := delegate_of(request.backend)) is not None:
            env |= external.environment(os.environ.get("LD_LIBRARY_PATH", ""))
            yield Prepared(partial(self._external_bytes, request, cpus, external), env)
            return
        if vulkan is None:
            yield Prepared(partial(_request_bytes, request, cpus, None), env)
            return
        # Mode 0700, as the Vulkan loader and its drivers demand.
        with tempfile.TemporaryDirectory(prefix="harness-xdg-") as folder_of_sockets:
            env = {**env, "XDG_RUNTIME_DIR": folder_of_sockets, **vulkan.env}
            yield Prepared(partial(_request_bytes, request, cpus, vulkan), env)

    def _external_bytes(
        self, request: InvocationRequest, cpus: tuple[int, ...], external: ExternalDelegate, stream: str
    ) -> bytes:
        name, path = (self._tpu.tpu_name, self._tpu.tpu_path) if self._tpu else ("", "")
        return request_bytes(
            request, cpus, stream=stream, idle_s=IDLE_S, tpu_name=name, tpu_path=path, external=external.fields
        )


def _request_bytes(request: InvocationRequest, cpus: tuple[int, ...], vulkan: Vulkan | None, stream: str = "") -> bytes:
    name, loader = (vulkan.name, vulkan.loader) if vulkan else ("", None)
    return request_bytes(request, cpus, accelerator=name, vulkan_loader=loader, stream=stream, idle_s=IDLE_S)


def _hash(path: str) -> str:
    """The beginning of a library's hash; empty for a name, which the loader looks for, and for what cannot be read."""
    try:
        return f" {file_sha256(Path(path))[:8]}" if "/" in path else ""
    except OSError:
        return ""
