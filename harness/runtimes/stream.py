"""Chunk after chunk through one process: while it computes one, the next is brought and the last one's outputs taken.

The runner gets a folder on its device. It waits for ``inputs-000000.raw`` (raw little-endian float32) or ``end``,
writes ``outputs-000000.raw``, removes the inputs, says so in a line, and goes on. Two chunks are there at a time.
"""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from threading import Event
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.devices.base import Device, ProcessResult
from harness.errors import ParseError, TransientError
from harness.runtimes.base import InputChunk, TakeOutputs
from harness.runtimes.packing import Packing, read_packing
from harness.runtimes.stream_process import Start, StoppedError, StreamProcess, json_object

WHOLE_PASS_S = 7 * 86400.0
"""The deadline of the process as a whole; what ends it before is that no chunk gets finished."""

IDLE_S = 600.0
"""How long a runner waits for its next inputs before it gives up: nobody may be there any more."""

AT_ONCE = 2

_FLOAT = np.dtype("<f4")
_T = TypeVar("_T")


class CallersError(Exception):
    """Wraps what the caller's chunks or `take` raised, so that it is not mistaken for a failure of the device."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


@contextmanager
def callers_errors() -> Iterator[None]:
    """Raise what the caller's own code raised as what it was."""
    cause: Exception | None = None
    try:
        yield
    except CallersError as error:
        cause = error.cause
    if cause is not None:
        raise cause


def callers(call: Callable[[], _T]) -> _T:
    """The result of the caller's code."""
    try:
        return call()
    except Exception as error:
        raise CallersError(error) from error


@dataclass(frozen=True)
class Pass:
    """One pass: `start` runs the runner on `device`.

    `stall_s` is how long one chunk, or loading the model, may take; `scratch` is where files wait on this host, None
    for the system's folder.
    """

    device: Device
    start: Start
    stall_s: float
    scratch: Path | None = None

    def run(self, chunks: Iterable[InputChunk], take: TakeOutputs, cancel: Event) -> ProcessResult:
        """How the process ended; `cancelled` and `timed_out` say that it was for `cancel`, or for no progress.

        Raises:
            CallersError: `chunks` or `take` raised.
            DatasetError: a chunk does not fit the model.
            HarnessError: a file could not be brought or taken, or is not what the runner says.
        """
        with (
            tempfile.TemporaryDirectory(prefix="harness-stream-", dir=self.scratch) as local,
            self.device.workspace() as folder,
            StreamProcess(self.start, folder) as process,
        ):
            feeder = _Feeder(self, process, folder, Path(local), cancel)
            try:
                feeder.feed(iter(chunks), take)
            except StoppedError as stopped:
                return process.result(stopped)
            except _EndedError as ended:
                return _not_done(process.result(), ended)
            except TransientError:  # in a transfer; a process that has ended knows more
                if cancel.is_set():
                    return process.result(StoppedError(cancelled=True))
                if not process.ended:
                    raise
            return process.result()


class _EndedError(Exception):
    """The process ended before a chunk that it has."""


def _not_done(result: ProcessResult, ended: _EndedError) -> ProcessResult:
    """`result`, which says what went wrong.

    Raises:
        ParseError: it says that nothing did.
    """
    line = result.stdout.rstrip(b"\n").rpartition(b"\n")[2]
    if result.returncode == 0 and json_object(line).get("type") == "result":
        raise ParseError(f"the runner says that it is done, but {ended}", where="runner output")
    return result


@dataclass(frozen=True)
class _Sent:
    """A chunk that is on the device."""

    number: int
    index: int
    samples: int


class _Feeder:
    """Brings inputs to the process and takes its outputs away."""

    def __init__(self, way: Pass, process: StreamProcess, folder: str, local: Path, cancel: Event) -> None:
        self._device, self._stall_s, self._lines = way.device, way.stall_s, process.lines
        self._folder, self._cancel = folder, cancel
        self._inputs, self._outputs = local / "inputs.raw", local / "outputs.raw"
        self._there: deque[_Sent] = deque()
        self._written = 0

    def feed(self, source: Iterator[InputChunk], take: TakeOutputs) -> None:
        """Every chunk.

        Raises:
            _EndedError: the process ended before.
        """
        first = callers(lambda: next(source, None))  # while the model is loaded
        ready = self._lines.next("ready", self._stall_s, self._cancel)
        if ready is None:
            raise _EndedError("it was not ready for any chunk")
        packing = read_packing(ready)
        written = self._write(first, packing)
        for _ in range(AT_ONCE):
            self._bring(written)
            written = self._write(callers(lambda: next(source, None)), packing)
        while self._there:
            done = self._lines.next("chunk", self._stall_s, self._cancel)
            if done is None:
                raise _EndedError(f"chunk {self._there[0].index} was not computed")
            index, outputs = self._collect(done, packing)
            self._bring(written)
            callers(partial(take, index, outputs))
            written = self._write(callers(lambda: next(source, None)), packing)
        self._inputs.touch()
        self._device.place(self._inputs, f"{self._folder}/end", timeout_s=self._stall_s, cancel=self._cancel)
        self._lines.rest(self._stall_s, self._cancel)

    def _write(self, chunk: InputChunk | None, packing: Packing) -> _Sent | None:
        """A chunk as a file on this host."""
        if chunk is None:
            return None
        packing.check_inputs(chunk.inputs, f"the inputs of chunk {chunk.index}")
        np.ascontiguousarray(chunk.inputs, dtype=_FLOAT).tofile(self._inputs)
        self._written += 1
        return _Sent(self._written - 1, chunk.index, len(chunk.inputs))

    def _bring(self, written: _Sent | None) -> None:
        """That file to the device."""
        if written is not None:
            remote = f"{self._folder}/inputs-{written.number:06d}.raw"
            self._device.place(self._inputs, remote, timeout_s=self._stall_s, cancel=self._cancel)
            self._there.append(written)

    def _collect(self, done: Mapping[str, object], packing: Packing) -> tuple[int, tuple[NDArray[np.float32], ...]]:
        """The index and the outputs of the chunk that is done."""
        sent = self._there.popleft()
        if (done.get("number"), done.get("samples")) != (sent.number, sent.samples):
            text = f"the runner computed {done.get('samples')} samples as chunk {done.get('number')}"
            raise ParseError(f"{text}, not {sent.samples} as {sent.number}", where="runner output")
        remote = f"{self._folder}/outputs-{sent.number:06d}.raw"
        self._device.fetch(remote, self._outputs, timeout_s=self._stall_s, cancel=self._cancel)
        size, elements = self._outputs.stat().st_size, sum(map(prod, packing.outputs))
        if size != sent.samples * elements * _FLOAT.itemsize:
            text = f"{size} bytes of outputs are not {sent.samples} of {elements} numbers"
            raise ParseError(text, where="runner output")
        values = np.fromfile(self._outputs, dtype=_FLOAT).reshape(sent.samples, elements)
        self._outputs.unlink()
        return sent.index, packing.split(values)
