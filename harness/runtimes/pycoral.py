"""pycoral on this host: each invocation is a child process that runs ``device_scripts/edgetpu_runner.py``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from threading import Event

from harness.devices.base import ProcessResult
from harness.devices.edgetpu.base import EdgeTpuDevice
from harness.domain import Case, InvocationRequest, InvocationResult, RuntimeRef, Status
from harness.errors import ParseError, UsageError
from harness.runtimes.edgetpu_protocol import EdgeTpuLibraries, parse_versions
from harness.runtimes.litert_protocol import request_bytes
from harness.runtimes.script_runtime import HELLO_TIMEOUT_S, Prepared, ScriptRuntime
from harness.runtimes.stream import IDLE_S


class Pycoral(ScriptRuntime):
    """Runs compiled `.tflite` files on one Edge TPU with the pycoral of an interpreter.

    Args:
        device: the Edge TPU.
        runtime: `python` names the interpreter that has pycoral; None is the harness's own.
        cancel: ends the question what the interpreter offers.
    """

    wanted = "pycoral"
    setting = "runtime.pycoral.python"

    def __init__(self, device: EdgeTpuDevice, runtime: RuntimeRef | None = None, cancel: Event | None = None) -> None:
        super().__init__(device, runtime or RuntimeRef("pycoral"), Path("edgetpu_runner.py"), cancel)
        self._tpu = device

    def unsupported_reason(self, case: Case) -> str | None:
        """Why `case` cannot run here at all: interpreter, pycoral, libraries that crash together, backend or cores.

        None also when the Edge TPU is not there now: that is no property of the case, and its invocations say so.
        """
        if case.backend.kind != "edgetpu":
            return f"pycoral has no {case.backend.kind} backend; it has edgetpu"
        try:
            self._device.choose_cpus(case.backend.cores, case.backend.threads)
        except UsageError as error:
            return error.sentences
        if isinstance(self.hello, str):
            return self.hello
        return self.hello.edgetpu.known_crash if self.hello.edgetpu else None

    # ---- libraries that crash ----------------------------------------------------------------------------------------

    def _no_answer(self, answer: ProcessResult, error: ParseError) -> str:
        said = super()._no_answer(answer, error)
        found = self._installed
        return f"{said}; installed there: {found.label}{_because(found)}" if found else said

    @cached_property
    def _installed(self) -> EdgeTpuLibraries | None:
        """The libraries by their metadata: asking for them loads nothing that could crash again."""
        answer = self._device.run(
            (*self._argv, "--versions"), stdin=b"", env={}, timeout_s=HELLO_TIMEOUT_S, cancel=self._cancel
        )
        return parse_versions(answer.stdout)

    def _interpret(self, process: ProcessResult, request: InvocationRequest) -> InvocationResult:
        result = super()._interpret(process, request)
        hello = self.hello if result.status is Status.CRASHED else ""
        if isinstance(hello, str) or hello.edgetpu is None:
            return result
        return replace(result, error=f"{result.error}; with {hello.label}{_because(hello.edgetpu)}")

    # ---- one invocation ----------------------------------------------------------------------------------------------

    @contextmanager
    def _prepared(self, request: InvocationRequest, cpus: tuple[int, ...]) -> Iterator[Prepared]:
        """What every purpose runs with."""
        yield Prepared(partial(self._request_bytes, request, cpus), self._env(request.backend.threads))

    def _request_bytes(self, request: InvocationRequest, cpus: tuple[int, ...], stream: str) -> bytes:
        name, path = self._tpu.tpu_name, self._tpu.tpu_path
        return request_bytes(request, cpus, stream=stream, idle_s=IDLE_S, tpu_name=name, tpu_path=path)


def _because(libraries: EdgeTpuLibraries) -> str:
    reason = libraries.known_crash
    return f". {reason}" if reason else ""
