"""The files of a written data set: its manifest, and truths as JSON with the large arrays beside them."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.accuracy.base import TaskSpec, Truth
from harness.content import canonical_json
from harness.errors import DatasetError

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMAT = 1
MANIFEST = "manifest.json"
DAMAGED = "The prepared data set was changed or damaged: remove it, and it is made again."


def inputs_name(chunk: int) -> str:
    """The file of a chunk's inputs."""
    return f"inputs-{chunk:05d}.npy"


def truths_name(chunk: int) -> str:
    """The file of a chunk's ids and truths."""
    return f"truths-{chunk:05d}.json"


def arrays_name(chunk: int) -> str:
    """The file of the numpy arrays in a chunk's truths; there is none without any."""
    return f"truths-{chunk:05d}.npz"


@dataclass(frozen=True)
class Affine:
    """``value * scale + offset`` of uint8 values, one of each a channel (the last axis), or one for all channels."""

    scale: tuple[float, ...]
    offset: tuple[float, ...]

    def apply(self, raw: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(..., width, channels) uint8 to float32 of the same shape.

        Raises:
            DatasetError: there are not as many channels.
        """
        if len(self.scale) not in (1, raw.shape[-1]) or len(self.offset) != len(self.scale):
            raise DatasetError(f"{len(self.scale)} scales do not fit {raw.shape[-1]} channels")
        # whole rows at once: an inner loop over three channels would take several times as long
        row_length = int(np.prod(raw.shape[-2:]))
        values = raw.reshape(-1, row_length).astype(np.float32)
        values *= np.resize(np.asarray(self.scale, np.float32), row_length)
        values += np.resize(np.asarray(self.offset, np.float32), row_length)
        return values.reshape(raw.shape)


@dataclass(frozen=True)
class StoredFile:
    """The size and the SHA-256 of a file."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class ChunkFiles:
    """One chunk: the position of its first sample, how many it has, and its files by name."""

    first: int
    count: int
    files: Mapping[str, StoredFile]


@dataclass(frozen=True)
class Manifest:
    """What is known of a written data set without reading its chunks.

    Attributes:
        input_shapes: the shape of one sample, one an input.
        stored: the dtype in the files, ``uint8`` or ``float32``.
        affine: how stored uint8 values become inputs; None: as they are.
        whole_at: the sample counts at which a prefix holds whole groups (all windows of a question); empty where each
            sample stands for itself.
        notes: what a reader of the scores must know, such as how many utterances were left out.
    """

    task: TaskSpec
    sample_count: int
    seed: int
    input_shapes: tuple[tuple[int, ...], ...]
    stored: str
    affine: Affine | None
    chunks: tuple[ChunkFiles, ...]
    whole_at: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    def encode(self) -> bytes:
        """Canonical JSON: equal data sets have equal bytes."""
        affine = None if self.affine is None else {"scale": self.affine.scale, "offset": self.affine.offset}
        chunks = [
            {"first": chunk.first, "count": chunk.count, "files": {n: vars(f) for n, f in chunk.files.items()}}
            for chunk in self.chunks
        ]
        fields = {"format": FORMAT, **vars(self), "task": vars(self.task), "affine": affine, "chunks": chunks}
        return canonical_json(fields).encode()

    @classmethod
    def decode(cls, text: bytes, where: str) -> Manifest:
        """The manifest in `text`.

        Raises:
            DatasetError: it is damaged, or of another format.
        """
        try:
            return _decoded(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DatasetError(
                f"the manifest of the data set cannot be read: {error}", where=where, remedy=DAMAGED
            ) from error


def _decoded(fields: Mapping[str, Any]) -> Manifest:
    if fields["format"] != FORMAT:
        raise ValueError(f"it has format {fields['format']!r}, not {FORMAT}")
    affine, task = fields["affine"], fields["task"]
    manifest = Manifest(
        task=TaskSpec(str(task["name"]), tuple((str(key), str(value)) for key, value in task["options"])),
        sample_count=int(fields["sample_count"]),
        seed=int(fields["seed"]),
        input_shapes=tuple(tuple(int(size) for size in shape) for shape in fields["input_shapes"]),
        stored=str(fields["stored"]),
        affine=None if affine is None else Affine(tuple(affine["scale"]), tuple(affine["offset"])),
        chunks=tuple(_decoded_chunk(chunk) for chunk in fields["chunks"]),
        whole_at=tuple(int(count) for count in fields["whole_at"]),
        notes=tuple(str(note) for note in fields["notes"]),
    )
    position = 0
    for index, chunk in enumerate(manifest.chunks):
        if chunk.first != position or chunk.count < 1 or not {inputs_name(index), truths_name(index)} <= {*chunk.files}:
            raise ValueError(f"chunk {index} does not follow the one before")
        position += chunk.count
    if position != manifest.sample_count or not position:
        raise ValueError(f"its chunks hold {position} samples, not {manifest.sample_count}")
    return manifest


def _decoded_chunk(chunk: Mapping[str, Any]) -> ChunkFiles:
    files = {name: StoredFile(int(file["size_bytes"]), str(file["sha256"])) for name, file in chunk["files"].items()}
    return ChunkFiles(int(chunk["first"]), int(chunk["count"]), files)


def encode_truths(ids: Sequence[str], truths: Sequence[Truth]) -> tuple[bytes, dict[str, NDArray[Any]]]:
    """JSON of ids and truths, and apart from it the numpy arrays that are values of a truth.

    Raises:
        DatasetError: a value is NaN, infinite, or cannot be written as JSON; names the sample.
    """
    lines: list[str] = []
    arrays: dict[str, NDArray[Any]] = {}
    for position, (sample_id, truth) in enumerate(zip(ids, truths, strict=True)):
        plain: dict[str, Any] = {}
        places: dict[str, str] = {}
        for key, value in truth.items():
            if isinstance(value, np.ndarray) and value.ndim:
                places[key] = f"{position}_{len(places)}"
                arrays[places[key]] = _checked_array(value, key, sample_id)
            else:
                plain[key] = value
        lines.append(_json({"id": sample_id, "truth": plain, "arrays": places}, sample_id))
    return f"[{','.join(lines)}]".encode(), arrays


def decode_truths(text: bytes, arrays: Mapping[str, NDArray[Any]]) -> tuple[tuple[str, ...], tuple[Truth, ...]]:
    """Ids and truths of a chunk, as `encode_truths` was given them."""
    entries = json.loads(text)
    truths = [{**entry["truth"], **{key: arrays[place] for key, place in entry["arrays"].items()}} for entry in entries]
    return tuple(entry["id"] for entry in entries), tuple(truths)


def decode_array(data: bytes) -> NDArray[Any]:
    """The array of an .npy file in memory, not copied and so read-only.

    Raises:
        ValueError: it is no plain array.
    """
    stream = io.BytesIO(data)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("the array is of another version")
    shape, in_fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
    if in_fortran_order or dtype.hasobject:
        raise ValueError("the array is not a plain one in C order")
    return np.frombuffer(data, dtype, offset=stream.tell()).reshape(shape)


def _checked_array(value: NDArray[Any], key: str, sample_id: str) -> NDArray[Any]:
    if value.dtype.kind not in "biufU":
        raise DatasetError(f"{key!r} of the truth is an array of {value.dtype}, not of numbers", where=sample_id)
    if value.dtype.kind == "f" and not np.isfinite(value).all():
        raise DatasetError(f"{key!r} of the truth holds NaN or infinite values", where=sample_id)
    return value


def _json(value: Any, sample_id: str) -> str:
    try:
        return json.dumps(value, allow_nan=False, default=_plain, separators=(",", ":"), sort_keys=True)
    except (TypeError, ValueError, RecursionError) as error:
        raise DatasetError(f"the truth cannot be stored as JSON: {error}", where=sample_id) from error


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is no JSON value")
