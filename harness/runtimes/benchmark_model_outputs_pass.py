"""The outputs pass: the tool takes one input a process and writes the outputs of its last inference, so a script on the
device starts it once for each input."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from harness.assets import folder
from harness.devices.base import Device, ProcessResult
from harness.domain import InvocationRequest, InvocationResult, Status, TensorInfo
from harness.runtimes.base import InputChunk, TakeOutputs
from harness.runtimes.benchmark_model_command import Command, input_flags, outputs_problem, value_files_prefix
from harness.runtimes.benchmark_model_outputs import from_bytes, item_bytes, to_bytes, usable
from harness.runtimes.benchmark_model_result import Ran, base_result, interpret, log_bytes, process_failure
from harness.runtimes.packing import Packing
from harness.runtimes.stream import callers
from harness.runtimes.tflite_graph import Graph

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CHUNK_BYTES = 32 << 20
MAX_OUTPUT_BYTES = 4 << 30  # they are in memory until the last has come
EXTRA_S = 2.0  # deadline for each further input: the tool loads the model anew
SCRIPT = "benchmark_outputs.sh"

Run = Callable[[tuple[str, ...], float], Ran]
"""Runs a command with a deadline in seconds."""


@dataclass(frozen=True)
class _Asked:
    """What all inputs of one pass have in common: the command and the model's input and output."""

    request: InvocationRequest
    command: Command
    source: TensorInfo
    target: TensorInfo


class OutputsPass:
    """Gives all inputs of a request to the tool and takes the outputs.

    Args:
        device: takes the inputs and gives the outputs back.
        run: runs one command on it.
    """

    def __init__(self, device: Device, run: Run) -> None:
        self._device, self._run = device, run

    def run(
        self, request: InvocationRequest, command: Command, flags: Collection[str], graph: Graph | None
    ) -> InvocationResult:
        """Write ``request.outputs_path``: float32, shape (n, *shape of the output without batch)."""
        import numpy as np

        asked = _asked(request, command, flags, graph)
        if isinstance(asked, InvocationResult):
            return asked
        assert request.inputs_path is not None
        assert request.outputs_path is not None
        source, target = asked.source, asked.target
        inputs = np.load(request.inputs_path, mmap_mode="r", allow_pickle=False)
        if inputs.shape[1:] != source.shape[1:] or not len(inputs):
            text = f"the inputs have the shape {inputs.shape}, the model wants (n, *{source.shape[1:]})"
            return InvocationResult(Status.FAILED, error=text)
        if len(inputs) * item_bytes(replace(target, dtype="float32")) > MAX_OUTPUT_BYTES:
            return InvocationResult(Status.FAILED, error="the outputs take more than 4 GiB; use fewer samples")
        at_once = max(CHUNK_BYTES // max(item_bytes(source), 1), 1)
        parts, results = [], []
        with self._device.workspace() as folder:
            for begin in range(0, len(inputs), at_once):
                outputs, result = self._some(asked, np.asarray(inputs[begin : begin + at_once]), folder)
                if outputs is None:
                    return replace(result, error=f"inputs from {begin}: {result.error}") if begin else result
                parts.append(outputs)
                results.append(result)
        unnamed = Path(request.outputs_path + ".partial.npy")
        np.save(unnamed, np.concatenate(parts))
        unnamed.replace(request.outputs_path)
        return replace(results[0], wall_s=sum(result.wall_s for result in results))

    def stream(
        self,
        request: InvocationRequest,
        command: Command,
        flags: Collection[str],
        graph: Graph | None,
        chunks: Iterable[InputChunk],
        take: TakeOutputs,
        cancel: Event,
    ) -> InvocationResult:
        """One chunk after the other; their inputs do not stay on the device.

        Raises:
            CallersError: `chunks` or `take` raised.
            DatasetError: a chunk does not fit the model.
        """
        asked = _asked(request, command, flags, graph)
        if isinstance(asked, InvocationResult):
            return asked
        packing = Packing((asked.source.shape[1:],), (asked.target.shape[1:],))
        result, wall_s, source = InvocationResult(Status.DONE), 0.0, iter(chunks)
        with self._device.workspace() as folder:
            while (chunk := callers(lambda: next(source, None))) is not None:
                packing.check_inputs(chunk.inputs, f"the inputs of chunk {chunk.index}")
                outputs, result = self._some(asked, chunk.inputs, folder, cancel)
                wall_s += result.wall_s
                if outputs is None:
                    return replace(result, error=f"chunk {chunk.index}: {result.error}", wall_s=wall_s)
                callers(partial(take, chunk.index, (outputs,)))
        return replace(result, wall_s=wall_s)

    def _some(
        self, asked: _Asked, inputs: NDArray[np.float32], workspace: str, cancel: Event | None = None
    ) -> tuple[NDArray[np.float32] | None, InvocationResult]:
        """The outputs of some inputs, or None and the result that says why there are none."""
        count, source = len(inputs), asked.source
        with tempfile.TemporaryDirectory(prefix="harness-outputs-") as scratch:
            packed, local = Path(scratch) / "inputs.bin", Path(scratch) / "outputs.bin"
            packed.write_bytes(to_bytes(inputs, source))
            script = self._device.put(folder("device_scripts") / SCRIPT, name=SCRIPT)
            there = f"{workspace}/inputs.bin"
            self._device.place(packed, there, cancel=cancel)
            numbers = (str(item_bytes(source)), str(count))
            tool = (*asked.command.argv, *input_flags(source))
            timeout_s = asked.request.measure.timeout_s + EXTRA_S * (count - 1)
            ran = self._run(("sh", script, there, *numbers, value_files_prefix(source), *tool), timeout_s)
            failed = _failure(ran, timeout_s)
            if failed is not None:
                return None, failed
            self._device.fetch(_told(ran.process)[1], local)
            return from_bytes(local.read_bytes(), count, asked.target), interpret(ran)


def _asked(
    request: InvocationRequest, command: Command, flags: Collection[str], graph: Graph | None
) -> _Asked | InvocationResult:
    """The one input and the one output, or the result that says why the tool cannot be given inputs."""
    if graph is None:
        return InvocationResult(Status.FAILED, error=f"{request.model_path}: the graph cannot be read")
    problem = outputs_problem(flags, graph.inputs, graph.outputs) or _type_problem((*graph.inputs, *graph.outputs))
    if problem:
        return InvocationResult(Status.UNSUPPORTED, error=problem)
    return _Asked(request, command, graph.inputs[0], graph.outputs[0])


def _type_problem(tensors: Sequence[TensorInfo]) -> str | None:
    return next(filter(None, map(usable, tensors)), None)


def _told(process: ProcessResult) -> tuple[str, str]:
    """The script's last line: ``outputs PATH`` or ``failed INDEX STATUS``."""
    lines = process.stdout.decode("utf-8", "replace").splitlines()
    word, _, rest = (lines[-1] if lines else "").partition(" ")
    return word, rest


def _failure(ran: Ran, timeout_s: float) -> InvocationResult | None:
    """Why there are no outputs, or None."""
    log = log_bytes(ran.command.argv, ran.command.env, ran.process).decode("utf-8", "replace")
    base = base_result(ran, log)
    failure = process_failure(ran.process, timeout_s, ran.facts)
    if failure is not None:
        return replace(base, status=failure[0], error=failure[1])
    word, rest = _told(ran.process)
    if word == "outputs" and rest:
        return None
    index, _, code = rest.partition(" ")
    if word != "failed" or not (index.isdecimal() and re.fullmatch(r"[0-9]{1,3}", code)):
        return replace(base, error=f"{SCRIPT} ended with exit code {ran.process.returncode} and without outputs")
    result = interpret(replace(ran, process=replace(ran.process, returncode=int(code))))
    if result.status is Status.DONE:
        result = replace(result, status=Status.FAILED, error="the tool ended with 0 and wrote no outputs")
    return replace(result, error=f"input {index}: {result.error}", log=log)
