"""A user's own data: a Python function, or a sequence, named ``path.py:name``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.accuracy.base import Sample, TaskSpec
from harness.accuracy.dataset_files import Affine
from harness.accuracy.preprocessing import Preprocessing
from harness.accuracy.readers.arrays import truth_of
from harness.accuracy.readers.base import Content, Reader, existing
from harness.accuracy.user_code import describe_error, line_of, run_file
from harness.errors import DatasetError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_GENERATED_BYTES = 1 << 30


def open_function(
    path: Path, options: Mapping[str, str], preprocessing: Preprocessing | None, task: TaskSpec
) -> Reader:
    """Open ``path.py:name``: a sequence of samples, or a function that returns one, or that generates samples.

    A sample is ``(inputs, truth)`` or ``(id, inputs, truth)``. The inputs are what the model wants, without a batch
    dimension: an array, or a tuple of arrays. The truth is a mapping, an integer (a label) or floats (a target). The
    options are given to the function as keyword arguments, as text. What is generated is kept in memory, up to 1 GiB;
    a sequence (``__len__`` and ``__getitem__``) is asked for one sample at a time and may be of any size.

    The identity of the content is that of the file and of the options: give a changed option when what the function
    reads was changed.
    """
    file_text, _, name = str(path).rpartition(":")
    if not file_text.endswith(".py") or not name.isidentifier():
        raise DatasetError(
            f"{str(path)!r} is not path.py:name", remedy="Name the file and the function in it, as data.py:samples."
        )
    return _UserSource(Path(file_text), name, options)


class _UserSource:
    affine: Affine | None = None
    groups: Sequence[int] | None = None
    notes: tuple[str, ...] = ()

    def __init__(self, file: Path, name: str, options: Mapping[str, str]) -> None:
        self._file = existing(file, "a Python file with the data function")
        self._content = Content("function", {**options, "": name}, file.parent, (file,))
        self._line: int | None = None
        try:
            module = run_file(file, "user_data")
            if name not in vars(module):
                raise DatasetError(f"the file has no {name!r}", where=str(file))
            found = vars(module)[name]
            self._line = getattr(getattr(found, "__code__", None), "co_firstlineno", None)
            given = found(**options) if callable(found) else found
            self._samples = given if _is_sequence(given) else self._collected(given, name)
            self._count = len(self._samples)
        except DatasetError:
            raise
        except (Exception, SystemExit) as error:
            raise self._raised(error) from error
        if self._count == 0:
            raise DatasetError(f"{name!r} gives no samples", where=self._where())
        self._shapes = tuple(np.shape(one) for one in self.sample(0).inputs)

    def __len__(self) -> int:
        return self._count

    def sample(self, index: int) -> Sample:
        """The sample at `index`, checked."""
        try:
            item = self._samples[index]
        except (Exception, SystemExit) as error:
            raise self._raised(error) from error
        sample = self._sample(item, index)
        shapes = tuple(np.shape(one) for one in sample.inputs)
        if shapes != getattr(self, "_shapes", shapes):
            raise DatasetError(
                f"sample {index} has inputs of shape {shapes}, sample 0 of {self._shapes}", where=self._where()
            )
        return sample

    def fingerprint(self) -> str:
        """The identity of the file and of the options."""
        return self._content.fingerprint()

    def _collected(self, given: Any, name: str) -> list[Any]:
        if not isinstance(given, Iterable):
            raise DatasetError(
                f"{name!r} gives {type(given).__name__}; a sequence or a generator of samples is needed",
                where=self._where(),
            )
        items: list[Any] = []
        size_bytes = 0
        for index, item in enumerate(given):
            size_bytes += sum(one.nbytes for one in self._sample(item, index).inputs)
            if size_bytes > MAX_GENERATED_BYTES:
                raise DatasetError(
                    f"{name!r} generates more than {MAX_GENERATED_BYTES >> 20} MiB",
                    where=self._where(),
                    remedy="Return a sequence instead, with __len__ and __getitem__: it is asked for one at a time.",
                )
            items.append(item)
        return items

    def _sample(self, item: Any, index: int) -> Sample:
        if not isinstance(item, tuple) or len(item) not in (2, 3):
            found = f"{len(item)} values" if isinstance(item, tuple) else type(item).__name__
            raise DatasetError(
                f"sample {index} is {found}, not (inputs, truth) or (id, inputs, truth)", where=self._where()
            )
        sample_id = str(item[0]) if len(item) == 3 else str(index)
        try:
            return Sample(sample_id, _arrays(item[-2]), truth_of(item[-1]))
        except ValueError as error:
            raise DatasetError(f"sample {index} cannot be used: {error}", where=self._where()) from error

    def _where(self) -> str:
        return str(self._file) if self._line is None else f"{self._file}:{self._line}"

    def _raised(self, error: BaseException) -> DatasetError:
        """With the innermost line of the user's file."""
        what = f"the data function raises {describe_error(error)}"
        return DatasetError(what, where=line_of(self._file, error))


def _is_sequence(given: Any) -> bool:
    return hasattr(given, "__len__") and hasattr(given, "__getitem__") and not isinstance(given, (str, bytes, Mapping))


def _arrays(inputs: Any) -> tuple[NDArray[Any], ...]:
    arrays = tuple(np.asarray(one) for one in (inputs if isinstance(inputs, tuple) else (inputs,)))
    for array in arrays:
        if array.dtype.kind not in "biuf" or array.size == 0:
            raise ValueError(f"its inputs are {array.dtype} {array.shape}, not numbers")
    return arrays
