"""Samples from arrays: those of a recipe, and .npz files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.accuracy.base import Sample, TaskSpec, Truth
from harness.accuracy.dataset_files import Affine, encode_truths
from harness.accuracy.images import affine_of
from harness.accuracy.preprocessing import ImagePreprocessing, Preprocessing
from harness.accuracy.readers.base import Content, Reader, existing, layout_error
from harness.errors import DatasetError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EXPECTED = "`inputs` (or `input_0`, `input_1`, …) and the arrays of the truths (`labels`, `targets`, …)"
# the array in the file -> the key of the truth
_TRUTH_ARRAYS: Mapping[str, Mapping[str, str]] = {
    "landmarks": {"points": "points", "boxes": "box"},
    "segmentation": {"masks": "mask"},
    "speech": {"texts": "text", "frames": "frames"},
    "detection": {"boxes": "boxes", "labels": "labels", "crowd": "crowd"},
}


class ArraySource:
    """Samples of arrays in memory (or mapped into it).

    Args:
        inputs: (n, *shape), or a tuple of such arrays, one an input of the model in the order of the sorted names.
        truths: n class indices (integers), n targets (floats: (n,) or (n, k)), or n mappings.
        sample_ids: n texts that differ; the positions without them.
        affine: how uint8 inputs become what the model wants.

    Raises:
        DatasetError: lengths differ, there are no samples, or the truths are none of these.
    """

    groups: Sequence[int] | None = None
    notes: tuple[str, ...] = ()

    def __init__(
        self,
        inputs: NDArray[Any] | tuple[NDArray[Any], ...],
        truths: Any,
        sample_ids: Sequence[str] | None = None,
        *,
        affine: Affine | None = None,
    ) -> None:
        self._inputs = tuple(np.asanyarray(one) for one in (inputs if isinstance(inputs, tuple) else (inputs,)))
        self._truths = _truths(truths)
        self._ids = [str(n) for n in range(len(self._truths))] if sample_ids is None else list(sample_ids)
        self.affine = affine
        counts = {*(len(one) if one.ndim else 0 for one in self._inputs), len(self._truths), len(self._ids)}
        if len(counts) != 1:
            raise DatasetError(
                f"there are {' and '.join(str(one.shape) for one in self._inputs)} inputs, {len(self._truths)} truths "
                f"and {len(self._ids)} ids"
            )
        if counts == {0}:
            raise DatasetError("the data set is empty")

    def __len__(self) -> int:
        return len(self._truths)

    def sample(self, index: int) -> Sample:
        """The sample at `index`."""
        return Sample(self._ids[index], tuple(one[index] for one in self._inputs), self._truths[index])

    def fingerprint(self) -> str:
        """SHA-256 of all arrays, ids and truths."""
        text, arrays = encode_truths(self._ids, self._truths)
        digest = hashlib.sha256(text)
        for array in (*self._inputs, *arrays.values()):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            for row in array:
                digest.update(row.tobytes())
        return digest.hexdigest()


class _FileArrays(ArraySource):
    """Arrays of files: their identity is that of the files, and mapped inputs need not be read for it."""

    def __init__(self, content: Content, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._content = content

    def fingerprint(self) -> str:
        """The identity of the files."""
        return self._content.fingerprint()


def truth_of(value: Any) -> Truth:
    """A truth from what people write: a mapping as it is, an integer as a label, floats as a target.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(value, Mapping):
        return dict(value)
    array = np.asarray(value)
    if array.ndim == 0 and array.dtype.kind in "iu":
        return {"label": int(array)}
    if array.size and array.dtype.kind == "f":
        return {"target": [float(one) for one in array.ravel()]}
    raise ValueError(f"a truth is a mapping, an integer (a label) or floats (a target), not {value!r:.60}")


def open_npz(path: Path, options: Mapping[str, str], preprocessing: Preprocessing | None, task: TaskSpec) -> Reader:
    """Open an .npz file, or a folder of .npy files by the same names, which are mapped and not read as a whole.

    ============== =================================================================================================
    array          holds
    ============== =================================================================================================
    ``inputs``     (n, *shape) as the model wants them; or ``input_0``, ``input_1``, … one an input. uint8 inputs of an
                   image model are raw pixels, to which its mean and standard deviation are applied
    ``labels``     classification: (n,) integers
    ``targets``    regression: (n,) or (n, k) floats
    ``points``     landmarks: (n, points, 2), and perhaps ``boxes`` (n, 4), in input pixels
    ``masks``      segmentation: (n, height, width) uint8
    ``boxes``      detection: (n, m, 4) in input pixels, ``labels`` (n, m) with -1 where an image has fewer than m
                   objects, and perhaps ``crowd`` (n, m)
    ``texts``      speech: (n,) texts, and perhaps ``frames`` (n,)
    ``ids``        perhaps: (n,) texts
    ============== =================================================================================================
    """
    arrays = _load(existing(path, f"an .npz file with {_EXPECTED}"))
    inputs = _inputs(arrays, path)
    ids = [str(one) for one in arrays["ids"]] if "ids" in arrays else None
    truths = _truths_in(arrays, task, path, len(inputs[0]))
    return _FileArrays(_content(path, options), inputs, truths, ids, affine=_affine(inputs, preprocessing, path))


def _content(path: Path, options: Mapping[str, str]) -> Content:
    if not path.is_dir():
        return Content("npz", options, path.parent, (path,))
    files = sorted(path.glob("*.npy"))
    media = tuple(file for file in files if file.stem.startswith("input"))
    return Content("npz", options, path, tuple(file for file in files if file not in media), media)


def _load(path: Path) -> dict[str, NDArray[Any]]:
    try:
        if path.is_dir():
            files = sorted(path.glob("*.npy"))
            return {file.stem: np.load(file, mmap_mode="r", allow_pickle=False) for file in files}
        # opened here: numpy leaves the file open when it is a damaged archive
        with path.open("rb") as stream:
            loaded = np.load(stream, allow_pickle=False)
            if not isinstance(loaded, np.lib.npyio.NpzFile):
                raise ValueError("it holds one array without a name")
            return dict(loaded)
    # damaged archives raise many kinds of exceptions
    except Exception as error:
        raise DatasetError(f"the arrays cannot be read: {error}", where=str(path)) from error


def _inputs(arrays: Mapping[str, NDArray[Any]], path: Path) -> tuple[NDArray[Any], ...]:
    if "inputs" in arrays:
        inputs: tuple[NDArray[Any], ...] = (arrays["inputs"],)
    else:
        count = sum(name.startswith("input_") for name in arrays)
        names = [f"input_{number}" for number in range(count)]
        if not names or not set(names) <= set(arrays):
            raise layout_error(path, _EXPECTED, arrays)
        inputs = tuple(arrays[name] for name in names)
    lengths = {len(one) if one.ndim else 0 for one in inputs}
    if lengths == {0} or len(lengths) > 1:
        raise DatasetError(
            f"the inputs must be (n, …) with samples, not {' and '.join(str(one.shape) for one in inputs)}",
            where=str(path),
        )
    return inputs


def _truths_in(arrays: Mapping[str, NDArray[Any]], task: TaskSpec, path: Path, count: int) -> Any:
    wanted = _TRUTH_ARRAYS.get(task.name)
    if wanted is None:
        name = next((name for name in ("labels", "targets") if name in arrays), None)
        if name is None or task.name == "question_answering":
            raise layout_error(path, f"{_EXPECTED} for the task {task.name}", arrays)
        return _counted(arrays, name, count, path)
    required = next(iter(wanted))
    if required not in arrays or (task.name == "detection" and "labels" not in arrays):
        raise layout_error(path, f"`inputs` and `{required}` for the task {task.name}", arrays)
    columns = {key: _counted(arrays, name, count, path) for name, key in wanted.items() if name in arrays}
    rows = [{key: _value(column[row]) for key, column in columns.items()} for row in range(count)]
    return [_without_padding(row) for row in rows] if task.name == "detection" else rows


def _counted(arrays: Mapping[str, NDArray[Any]], name: str, count: int, path: Path) -> NDArray[Any]:
    if arrays[name].shape[:1] != (count,):
        raise DatasetError(f"`{name}` has the shape {arrays[name].shape}; there are {count} inputs", where=str(path))
    return arrays[name]


def _value(row: Any) -> Any:
    """A mask stays an array, the rest are lists, numbers and texts."""
    return row if isinstance(row, np.ndarray) and row.dtype == np.uint8 else row.tolist()


def _without_padding(truth: Mapping[str, list[Any]]) -> Truth:
    kept = [at for at, label in enumerate(truth["labels"]) if label >= 0]
    crowd = truth.get("crowd", [False] * len(truth["labels"]))
    return {
        "boxes": [truth["boxes"][at] for at in kept],
        "labels": [truth["labels"][at] for at in kept],
        "crowd": [bool(crowd[at]) for at in kept],
    }


def _affine(inputs: tuple[NDArray[Any], ...], preprocessing: Preprocessing | None, path: Path) -> Affine | None:
    if len(inputs) != 1 or inputs[0].dtype != np.uint8 or not isinstance(preprocessing, ImagePreprocessing):
        return None
    shape = (preprocessing.height, preprocessing.width, preprocessing.channels)
    if inputs[0].shape[1:] != shape:
        raise DatasetError(f"the images have the shape {inputs[0].shape[1:]}, the model wants {shape}", where=str(path))
    return affine_of(preprocessing)


def _truths(truths: Any) -> list[Truth]:
    if isinstance(truths, np.ndarray) and truths.ndim == 0:
        raise DatasetError("the truths are one value, not one a sample")
    try:
        return [truth_of(value) for value in truths]
    except (TypeError, ValueError) as error:
        raise DatasetError(f"the truths cannot be used: {error}") from error
