"""Inputs as the runner reads them and outputs as the harness keeps them: raw little-endian float32 and .npy."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.errors import ParseError, UsageError

MAX_OUTPUT_BYTES = 4 << 30
CHUNK_BYTES = 256 << 20
_FLOAT = np.dtype("<f4")


@dataclass(frozen=True)
class Chunk:
    """Inputs `begin` to `end` as a raw file."""

    path: Path
    sha256: str
    begin: int
    end: int


def open_inputs(path: str) -> NDArray[np.float32]:
    """The .npy of an OUTPUTS request, mapped: float32 of shape (n, *shape without batch).

    Raises:
        UsageError: it cannot be read, is not float32, or is empty.
    """
    try:
        inputs = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(f"inputs {path} cannot be read: {error}") from error
    if not isinstance(inputs, np.ndarray) or inputs.dtype != np.float32 or inputs.ndim < 1 or not inputs.size:
        raise UsageError(f"inputs {path} are not float32 of shape (n, …)")
    return inputs


def raw_chunks(inputs: NDArray[np.float32], folder: Path, chunk_bytes: int = CHUNK_BYTES) -> Iterator[Chunk]:
    """Raw files in `folder` that together are `inputs`; each is removed when the next is asked for."""
    sample_bytes = int(inputs[:1].size) * _FLOAT.itemsize
    step = max(chunk_bytes // sample_bytes, 1)
    for number, begin in enumerate(range(0, len(inputs), step)):
        part = np.ascontiguousarray(inputs[begin : begin + step], dtype=_FLOAT)
        path = folder / f"inputs-{number}.raw"
        content = part.data.cast("B")
        path.write_bytes(content)
        try:
            yield Chunk(path, hashlib.sha256(content).hexdigest(), begin, begin + len(part))
        finally:
            path.unlink(missing_ok=True)


class OutputFile:
    """The .npy at `path`, filled chunk by chunk; it is there under its name only when it is whole."""

    def __init__(self, path: Path, samples: int) -> None:
        self._path = path
        self._partial = path.with_name(f"{path.name}.partial")
        self._samples = samples
        self._values: NDArray[np.float32] | None = None
        self._filled = 0

    def add(self, raw: Path, shape: tuple[int, ...], samples: int) -> None:
        """Append `samples` outputs of `shape` (with the batch first) from a raw file.

        Raises:
            ParseError: the file has not exactly these, or the shape differs from the chunk before.
        """
        rest = shape[1:]
        count = int(np.prod(rest, dtype=np.int64))
        size = raw.stat().st_size
        if size != samples * count * _FLOAT.itemsize:
            raise ParseError(f"{size} bytes of outputs are not {samples} of shape {rest}", where="runner output")
        values = self._open(rest, count)
        if values.shape[1:] != rest or self._filled + samples > len(values):
            raise ParseError(f"outputs of shape {rest} do not continue {values.shape}", where="runner output")
        flat = np.fromfile(raw, dtype=_FLOAT)
        values[self._filled : self._filled + samples] = flat.reshape((samples, *rest))
        self._filled += samples

    def _open(self, rest: tuple[int, ...], count: int) -> NDArray[np.float32]:
        if self._values is None:
            if self._samples * count * _FLOAT.itemsize > MAX_OUTPUT_BYTES:
                raise ParseError("the outputs take more than 4 GiB; use fewer samples", where="runner output")
            shape = (self._samples, *rest)
            self._values = np.lib.format.open_memmap(self._partial, mode="w+", dtype=np.float32, shape=shape)
        return self._values

    def close(self) -> None:
        """Give the file its name if every sample is there; otherwise remove it.

        Raises:
            ParseError: samples are missing.
        """
        self._values = None  # unmapped, so written
        if self._filled == self._samples:
            self._partial.replace(self._path)
            return
        self.discard()
        raise ParseError(f"{self._filled} outputs came back of {self._samples}", where="runner output")

    def discard(self) -> None:
        """Remove what is there of it."""
        self._values = None
        self._partial.unlink(missing_ok=True)
