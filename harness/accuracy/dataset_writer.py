"""Writing a data set: samples in a seeded random order, checked one by one, a chunk in memory at a time."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.accuracy.base import Sample, SampleSource, TaskSpec, Truth
from harness.accuracy.dataset_files import (
    MANIFEST,
    Affine,
    ChunkFiles,
    Manifest,
    StoredFile,
    arrays_name,
    encode_truths,
    inputs_name,
    truths_name,
)
from harness.content import file_digest
from harness.errors import DatasetError

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK_BYTES = 32 << 20
# also for tiny samples: a chunk is what is lost by an interrupt, and truths take memory as well
MAX_CHUNK_SAMPLES = 1024
# float32 holds every integer up to here
MAX_EXACT_INTEGER = 1 << 24
TRUTH_KEYS: Mapping[str, tuple[str, ...]] = {
    "classification": ("label",),
    "landmarks": ("points",),
    "regression": ("target",),
    "segmentation": ("mask",),
    "detection": ("boxes", "labels"),
    "speech": ("text",),
    "question_answering": ("answers", "context", "offsets", "question_id"),
    "custom": (),
}


@dataclass(frozen=True)
class DatasetInfo:
    """What was written."""

    dataset_id: str
    sample_count: int
    chunk_count: int
    size_bytes: int
    notes: tuple[str, ...] = ()


def write_dataset(
    source: SampleSource,
    task: TaskSpec,
    folder: Path,
    *,
    samples: int | None,
    seed: int = 1,
    chunk_bytes: int = CHUNK_BYTES,
    say: Callable[[int, int], None],
) -> DatasetInfo:
    """Write the first `samples` (None: all) of a seeded permutation of `source` into `folder`.

    A source may further have these attributes, as those of `harness.accuracy.readers` do: `affine` (`Affine`: the
    inputs are uint8, and are kept as such), `groups` (an integer a sample; samples of one group stay together, and
    half a group is not taken), `notes` (texts to go with every score), and `fingerprint()`, by which a data set that
    changes while it is read is found.

    Args:
        source: inputs of a sample are arrays without a batch dimension, one an input of the model, in the order of the
            sorted input names; all samples have the same shapes.
        task: what the truths are for.
        folder: is made. What is there of an earlier writing is no longer valid from the beginning of this one.
        samples: how many; all where the source has fewer.
        seed: of the order.
        chunk_bytes: bounds the inputs of a chunk as float32, and so the memory that is needed.
        say: is called with the samples done and their total.

    Raises:
        DatasetError: there are no samples; one is bad (named); or the files cannot be written.
    """
    order, whole_at = _order(source, samples, seed)
    fingerprint = _fingerprint(source)
    layout = _Layout.of(source.sample(int(order[0])), getattr(source, "affine", None))
    taker = _Taker(source, task, layout, len(order), say)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        size = layout.samples_in(chunk_bytes)
        starts = range(0, len(order), size)
        chunks = tuple(_write_chunk(taker, folder, n, at, order[at : at + size]) for n, at in enumerate(starts))
        if _fingerprint(source) != fingerprint:
            raise DatasetError("the data set was changed while it was read", remedy="Run it again.")
        notes = tuple(getattr(source, "notes", ()))
        stored, affine = layout.dtype.name, layout.affine
        manifest = Manifest(task, len(order), seed, layout.shapes, stored, affine, chunks, whole_at, notes)
        text = manifest.encode()
        (folder / MANIFEST).write_bytes(text)
    except OSError as error:
        raise DatasetError(
            f"the prepared data set cannot be written: {error.strerror or error}", where=str(folder)
        ) from error
    total_bytes = len(text) + sum(file.size_bytes for chunk in chunks for file in chunk.files.values())
    return DatasetInfo(hashlib.sha256(text).hexdigest(), len(order), len(chunks), total_bytes, notes)


def _order(source: SampleSource, samples: int | None, seed: int) -> tuple[NDArray[np.int64], tuple[int, ...]]:
    """Indices into the source, and the counts at which they hold whole groups."""
    total = len(source)
    if total == 0:
        raise DatasetError("the data set is empty")
    if samples is not None and samples < 1:
        raise DatasetError(f"{samples} samples were asked for; at least 1 is needed")
    wanted = total if samples is None else min(samples, total)
    generator = np.random.default_rng(seed)
    groups: Sequence[int] | None = getattr(source, "groups", None)
    if groups is None:
        return generator.permutation(total)[:wanted], ()
    if len(groups) != total:
        raise DatasetError(f"the data set has {total} samples and {len(groups)} group numbers")
    members: dict[int, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    shuffled = [list(members.values())[number] for number in generator.permutation(len(members))]
    ends = np.cumsum([len(group) for group in shuffled])
    whole = max(1, int(np.searchsorted(ends, wanted, side="right")))
    order = np.array([index for group in shuffled[:whole] for index in group], np.int64)
    return order, tuple(int(end) for end in ends[:whole])


def _fingerprint(source: SampleSource) -> Any:
    function = getattr(source, "fingerprint", None)
    return None if function is None else function()


@dataclass(frozen=True)
class _Layout:
    """What all samples have in common, learnt from the first."""

    shapes: tuple[tuple[int, ...], ...]
    dtype: np.dtype[Any]
    affine: Affine | None

    @classmethod
    def of(cls, sample: Sample, affine: Affine | None) -> _Layout:
        arrays = [np.asarray(array) for array in sample.inputs]
        shapes = tuple(array.shape for array in arrays)
        if not arrays or not all(math.prod(shape) for shape in shapes):
            raise DatasetError(f"the inputs are empty: {shapes}", where=sample.sample_id)
        raw = len(arrays) == 1 and arrays[0].dtype == np.uint8
        if affine is not None and not raw:
            raise DatasetError("only one input of uint8 can have a scale and an offset", where=sample.sample_id)
        return cls(shapes, np.dtype(np.uint8 if raw else np.float32), affine)

    @property
    def row_shape(self) -> tuple[int, ...]:
        """One sample in the file: as it is, or packed."""
        return self.shapes[0] if len(self.shapes) == 1 else (sum(math.prod(shape) for shape in self.shapes),)

    def samples_in(self, chunk_bytes: int) -> int:
        return min(MAX_CHUNK_SAMPLES, max(1, chunk_bytes // (4 * math.prod(self.row_shape))))

    def row(self, sample: Sample) -> NDArray[Any]:
        """The sample as it is stored."""
        arrays = [np.asarray(array) for array in sample.inputs]
        shapes = tuple(array.shape for array in arrays)
        if shapes != self.shapes:
            raise DatasetError(
                f"the inputs have the shape {_text(shapes)}, those of the first sample {_text(self.shapes)}",
                where=sample.sample_id,
            )
        if self.dtype == np.uint8:
            if arrays[0].dtype != np.uint8:
                raise DatasetError(f"the inputs are {arrays[0].dtype}, the first are uint8", where=sample.sample_id)
            return arrays[0]
        return np.concatenate([_exact(array, sample.sample_id).ravel() for array in arrays]).reshape(self.row_shape)


def _text(shapes: tuple[tuple[int, ...], ...]) -> str:
    return " and ".join(str(shape) for shape in shapes)


def _exact(array: NDArray[Any], sample_id: str) -> NDArray[np.float32]:
    """As float32: every value finite, every integer exact."""
    if array.dtype.kind not in "biuf":
        raise DatasetError(f"the inputs are {array.dtype}, not numbers", where=sample_id)
    if array.dtype.kind in "iu" and (array.max() > MAX_EXACT_INTEGER or array.min() < -MAX_EXACT_INTEGER):
        raise DatasetError(f"an integer input is beyond {MAX_EXACT_INTEGER}, what float32 holds", where=sample_id)
    with np.errstate(over="ignore"):
        values = array.astype(np.float32)
    if not np.isfinite(values).all():
        raise DatasetError("the inputs hold NaN or infinite values", where=sample_id)
    return values


class _Taker:
    """Takes samples from the source, each checked, each id once."""

    def __init__(
        self, source: SampleSource, task: TaskSpec, layout: _Layout, total: int, say: Callable[[int, int], None]
    ) -> None:
        self._source, self._task, self.layout, self._total, self._say = source, task, layout, total, say
        self._ids: set[str] = set()

    def take(self, index: int) -> tuple[NDArray[Any], Sample]:
        sample = self._source.sample(index)
        row = self.layout.row(sample)
        self._check(sample)
        self._ids.add(sample.sample_id)
        self._say(len(self._ids), self._total)
        return row, sample

    def _check(self, sample: Sample) -> None:
        if sample.sample_id in self._ids:
            raise DatasetError("two samples have this id; results could not be paired", where=sample.sample_id)
        missing = [key for key in TRUTH_KEYS.get(self._task.name, ()) if key not in sample.truth]
        if missing:
            raise DatasetError(
                f"the sample lacks {' and '.join(map(repr, missing))}, which the task {self._task.name} needs",
                where=sample.sample_id,
            )


def _write_chunk(taker: _Taker, folder: Path, number: int, first: int, indices: NDArray[np.int64]) -> ChunkFiles:
    rows = np.empty((len(indices), *taker.layout.row_shape), taker.layout.dtype)
    ids: list[str] = []
    truths: list[Truth] = []
    for place, index in enumerate(indices):
        rows[place], sample = taker.take(int(index))
        ids.append(sample.sample_id)
        truths.append(sample.truth)
    text, arrays = encode_truths(ids, truths)
    np.save(folder / inputs_name(number), rows, allow_pickle=False)
    (folder / truths_name(number)).write_bytes(text)
    names = [inputs_name(number), truths_name(number)]
    if arrays:
        names.append(arrays_name(number))
        np.savez(folder / names[-1], **arrays)  # type: ignore[arg-type]
    files = {name: StoredFile((folder / name).stat().st_size, file_digest(folder / name)) for name in names}
    return ChunkFiles(first, len(indices), files)
