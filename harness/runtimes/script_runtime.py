"""What runtimes have in common whose processes are a script of ``device_scripts`` in an interpreter of the user's."""

from __future__ import annotations

import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from threading import Event

from harness.assets import folder
from harness.devices.base import Device, OnStdout, ProcessResult
from harness.domain import InvocationRequest, InvocationResult, RuntimeRef, Status
from harness.errors import HarnessError, ParseError, UsageError
from harness.runtimes.base import InputChunk, TakeOutputs
from harness.runtimes.litert_protocol import (
    Hello,
    hello_request_bytes,
    interpret,
    last_lines,
    parse_hello,
    parse_lines,
    signal_name,
)
from harness.runtimes.model_file import model_problem
from harness.runtimes.stream import WHOLE_PASS_S, Pass, callers_errors

HELLO_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Prepared:
    """One invocation, ready to run: `request_bytes` for the folder of a stream (empty without one), and `env`."""

    request_bytes: Callable[[str], bytes]
    env: dict[str, str]


class ScriptRuntime(ABC):
    """Runs a script in the interpreter `runtime.python`, one process an invocation.

    Args:
        device: where the processes run; they see the files of this host.
        runtime: `python` names another interpreter; None is the harness's own.
        script: the script, by its path or its name in ``device_scripts``.
        cancel: ends the question what the interpreter offers.
    """

    wanted: str
    """What the interpreter must have, for messages: ``LiteRT``."""
    setting: str
    """Where the sweep names the interpreter."""

    def __init__(self, device: Device, runtime: RuntimeRef, script: Path, cancel: Event | None = None) -> None:
        self._cancel = cancel or Event()
        self._device = device
        self._runtime = runtime
        self._script = folder("device_scripts") / script

    # ---- what is there -----------------------------------------------------------------------------------------------

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
            return f"{self._runtime.python} is not an executable Python interpreter; correct `{self.setting}`"
        answer = self._ask(hello_request_bytes())
        try:
            lines = parse_lines(answer.stdout)
            if lines and lines[0]["type"] == "error":
                return self._refusal(str(lines[0].get("message")))
            return parse_hello(lines)
        except ParseError as error:
            return self._no_answer(answer, error)

    def _ask(self, request: bytes) -> ProcessResult:
        """One short question."""
        return self._device.run(
            self._argv, stdin=request, env=self._env(1), timeout_s=HELLO_TIMEOUT_S, cancel=self._cancel
        )

    def _refusal(self, message: str) -> str:
        """The sentence for an interpreter whose script says that it lacks something."""
        return f"{self.python}: {message}"

    def _no_answer(self, answer: ProcessResult, error: ParseError) -> str:
        """The sentence for an interpreter that does not introduce itself."""
        tail = last_lines(answer.stderr.decode("utf-8", "replace"))
        how = f"it ended by {signal_name(-answer.returncode)}" if _crashed(answer) else error.what
        return f"{self.python} did not answer as an interpreter with {self.wanted}: {how}" + (
            f" ({tail})" if tail else ""
        )

    @property
    def _argv(self) -> tuple[str, ...]:
        return (self.python or "", "-E", "-B", str(self._script))

    @staticmethod
    def _env(threads: int) -> dict[str, str]:
        # numpy's own threads would spin beside the measured ones.
        return {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "2"}

    # ---- one invocation ----------------------------------------------------------------------------------------------

    @abstractmethod
    def _prepared(self, request: InvocationRequest, cpus: tuple[int, ...]) -> AbstractContextManager[Prepared]:
        """What every purpose runs with, so that all of them measure the same thing."""

    def _interpret(self, process: ProcessResult, request: InvocationRequest) -> InvocationResult:
        return interpret(process, request)

    def invoke(self, request: InvocationRequest, cancel: Event) -> InvocationResult:
        """Run one process to its end, its deadline, or until `cancel` is set; whatever happens is a result."""
        cpus = self._cpus_for(request)
        if isinstance(cpus, InvocationResult):
            return cpus
        with self._prepared(request, cpus) as prepared:
            process = self._device.run(
                self._argv,
                stdin=prepared.request_bytes(""),
                env=prepared.env,
                timeout_s=request.measure.timeout_s,
                cancel=cancel,
            )
        return self._interpret(process, request)

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
                return self._interpret(way.run(chunks, take, cancel), request)
            except (HarnessError, OSError) as error:
                return InvocationResult(Status.FAILED, error=str(error))

    def _run_stream(self, prepared: Prepared, folder: str, stop: Event, on_stdout: OnStdout) -> ProcessResult:
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


def _crashed(answer: ProcessResult) -> bool:
    return answer.returncode < 0 and not answer.timed_out and not answer.cancelled
