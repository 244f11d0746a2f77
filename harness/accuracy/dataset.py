"""A data set on disk in bounded chunks, addressed by content: written once, read and verified chunk by chunk.

::

    manifest.json       task, shapes, and the SHA-256 of each file below; its own SHA-256 is the data set's id
    inputs-00000.npy    (n, *shape) uint8 or float32; several inputs are packed: (n, elements of all inputs) float32
    truths-00000.json   n ids and truths
    truths-00000.npz    the numpy arrays in truths (masks), where there are any

The samples stand in a seeded random order, so that the first n of them are a fair sample: public data sets are often
sorted by class.
"""

from __future__ import annotations

import bisect
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.accuracy.base import TaskSpec, Truth
from harness.accuracy.dataset_files import (
    DAMAGED,
    MANIFEST,
    Manifest,
    arrays_name,
    decode_array,
    decode_truths,
    inputs_name,
    truths_name,
)
from harness.accuracy.dataset_writer import DatasetInfo, write_dataset
from harness.errors import DatasetError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Dataset", "DatasetChunk", "DatasetInfo", "write_dataset"]


@dataclass(frozen=True)
class DatasetChunk:
    """Samples `first` and following: n `truths`, n `ids`, and `inputs` float32 (n, *shape), or packed (n, elements)."""

    index: int
    first: int
    inputs: NDArray[np.float32]
    truths: tuple[Truth, ...]
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Dataset:
    """A written data set, opened for reading. Memory is bounded by one chunk."""

    folder: Path
    dataset_id: str
    manifest: Manifest

    @classmethod
    def open(cls, folder: Path) -> Dataset:
        """Read the manifest; chunks are verified when they are read.

        Raises:
            DatasetError: there is no data set, or its manifest is damaged.
        """
        path = folder / MANIFEST
        try:
            text = path.read_bytes()
        except OSError as error:
            raise DatasetError(
                f"there is no prepared data set: {error.strerror or error}", where=str(path), remedy=DAMAGED
            ) from error
        return cls(folder, hashlib.sha256(text).hexdigest(), Manifest.decode(text, str(path)))

    @property
    def task(self) -> TaskSpec:
        """What the truths are for."""
        return self.manifest.task

    @property
    def sample_count(self) -> int:
        """How many samples there are."""
        return self.manifest.sample_count

    @property
    def chunk_count(self) -> int:
        """How many chunks there are."""
        return len(self.manifest.chunks)

    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shape of one sample, one an input, in the order of the sorted input names."""
        return self.manifest.input_shapes

    def plan_chunks(self, limit: int | None = None) -> tuple[range, ...]:
        """The positions of the samples of each chunk that has any of the first `limit` samples.

        Where samples belong together (the windows of a question), the limit is lowered to whole groups, but not below
        the first: half a group would be scored wrongly.
        """
        last = self._whole(self.sample_count if limit is None else min(limit, self.sample_count))
        ranges = (range(chunk.first, min(chunk.first + chunk.count, last)) for chunk in self.manifest.chunks)
        return tuple(positions for positions in ranges if positions)

    def chunk(self, index: int, limit: int | None = None) -> DatasetChunk:
        """Read and verify one chunk of `plan_chunks(limit)`.

        Raises:
            DatasetError: a file is missing, or not what was written.
            IndexError: there is no such chunk within the limit.
        """
        positions = self.plan_chunks(limit)[index]
        try:
            ids, truths = decode_truths(self._verified(index, truths_name(index)), self._arrays(index))
            stored = decode_array(self._verified(index, inputs_name(index)))
            if not len(stored) == len(ids) == self.manifest.chunks[index].count:
                raise ValueError(f"chunk {index} has {len(stored)} inputs and {len(ids)} truths")
        except (ValueError, KeyError, TypeError) as error:
            raise DatasetError(str(error), where=str(self.folder), remedy=DAMAGED) from error
        count = len(positions)
        return DatasetChunk(index, positions.start, self._floats(stored[:count]), truths[:count], ids[:count])

    def _whole(self, limit: int) -> int:
        ends = self.manifest.whole_at
        if not ends or limit < 1:
            return max(limit, 0)
        return ends[max(bisect.bisect_right(ends, limit) - 1, 0)]

    def _floats(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        affine = self.manifest.affine
        return stored.astype(np.float32, copy=False) if affine is None else affine.apply(stored)

    def _arrays(self, index: int) -> Mapping[str, NDArray[Any]]:
        name = arrays_name(index)
        if name not in self.manifest.chunks[index].files:
            return {}
        with np.load(io.BytesIO(self._verified(index, name)), allow_pickle=False) as arrays:
            return dict(arrays)

    def _verified(self, index: int, name: str) -> bytes:
        """The bytes of a file, which are hashed themselves: what is used is what was verified."""
        expected, path = self.manifest.chunks[index].files[name], self.folder / name
        try:
            with path.open("rb") as stream:
                data = stream.read(expected.size_bytes + 1)
        except OSError as error:
            raise DatasetError(
                f"the file cannot be read: {error.strerror or error}", where=str(path), remedy=DAMAGED
            ) from error
        if len(data) != expected.size_bytes or hashlib.sha256(data).hexdigest() != expected.sha256:
            raise DatasetError("the file is not what was written", where=str(path), remedy=DAMAGED)
        return data
