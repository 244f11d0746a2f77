"""The outputs pass: the tool takes one input a process and writes the outputs of its last inference, so a script on the
device starts it once for each input."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

from harness.assets import folder
from harness.devices.base import Device, ProcessResult
from harness.domain import InvocationRequest, InvocationResult, Status, TensorInfo
from harness.runtimes.benchmark_model_command import Command, input_flags, outputs_problem, value_files_prefix
from harness.runtimes.benchmark_model_outputs import from_bytes, item_bytes, to_bytes, usable
from harness.runtimes.benchmark_model_result import Ran, base_result, interpret, log_bytes, process_failure
from harness.runtimes.tflite_graph import Graph

CHUNK_BYTES = 32 << 20
MAX_OUTPUT_BYTES = 4 << 30  # they are in memory until the last has come
EXTRA_S = 2.0  # deadline for each further input: the tool loads the model anew
SCRIPT = "benchmark_outputs.sh"

Run = Callable[[tuple[str, ...], float], Ran]
"""Runs a command with a deadline in seconds."""


class OutputsPass:
    """Gives all inputs of a request to the tool and writes the outputs.

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

        if graph is None:
            return InvocationResult(Status.FAILED, error=f"{request.model_path}: the graph cannot be read")
        problem = outputs_problem(flags, graph.inputs, graph.outputs) or _type_problem((*graph.inputs, *graph.outputs))
        if problem:
            return InvocationResult(Status.UNSUPPORTED, error=problem)
        assert request.inputs_path is not None
        assert request.outputs_path is not None
        source, target = graph.inputs[0], graph.outputs[0]
        inputs = np.load(request.inputs_path, mmap_mode="r", allow_pickle=False)
        if inputs.shape[1:] != source.shape[1:] or not len(inputs):
            text = f"the inputs have the shape {inputs.shape}, the model wants (n, *{source.shape[1:]})"
            return InvocationResult(Status.FAILED, error=text)
        if len(inputs) * item_bytes(replace(target, dtype="float32")) > MAX_OUTPUT_BYTES:
            return InvocationResult(Status.FAILED, error="the outputs take more than 4 GiB; use fewer samples")
        at_once = max(CHUNK_BYTES // max(item_bytes(source), 1), 1)
        parts, results = [], []
        for begin in range(0, len(inputs), at_once):
            chunk = np.asarray(inputs[begin : begin + at_once])
            content, result = self._some(request, command, source, to_bytes(chunk, source), len(chunk))
            if content is None:
                return replace(result, error=f"inputs from {begin}: {result.error}") if begin else result
            parts.append(from_bytes(content, len(chunk), target))
            results.append(result)
        partial = Path(request.outputs_path + ".partial.npy")
        np.save(partial, np.concatenate(parts))
        partial.replace(request.outputs_path)
        return replace(results[0], wall_s=sum(result.wall_s for result in results))

    def _some(
        self, request: InvocationRequest, command: Command, source: TensorInfo, content: bytes, count: int
    ) -> tuple[bytes | None, InvocationResult]:
        """The raw outputs of `count` packed inputs, or None and the result that says why there are none."""
        with tempfile.TemporaryDirectory(prefix="harness-outputs-") as scratch:
            packed, local = Path(scratch) / "inputs.bin", Path(scratch) / "outputs.bin"
            packed.write_bytes(content)
            script = self._device.put(folder("device_scripts") / SCRIPT, name=SCRIPT)
            inputs = self._device.put(packed, name="inputs.bin")
            numbers = (str(item_bytes(source)), str(count))
            tool = (*command.argv, *input_flags(source))
            timeout_s = request.measure.timeout_s + EXTRA_S * (count - 1)
            ran = self._run(("sh", script, inputs, *numbers, value_files_prefix(source), *tool), timeout_s)
            failed = _failure(ran, timeout_s)
            if failed is not None:
                return None, failed
            self._device.fetch(_told(ran.process)[1], local)
            return local.read_bytes(), interpret(ran)


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
