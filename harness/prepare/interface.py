"""The inputs and outputs of a model, and samples of several inputs packed into one array.

A sample of a model with one input is an array (*shape). With several inputs it is *packed*: all inputs, in the order of
their sorted names, flattened and one behind the other, as float32. int32 values below 2^24 are exact in float32.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.prepare.recipe import InputSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

FILE = "interface.json"


@dataclass(frozen=True)
class Interface:
    """What goes in and what comes out, in the order in which it is packed: by name, but for given ``.tflite`` files.

    `outputs` are the names only. `named` is False where the names are made up, since a ``.tflite`` file has no
    signature: only positions count then.
    """

    inputs: tuple[InputSpec, ...]
    outputs: tuple[str, ...]
    named: bool = True

    @property
    def packed_shape(self) -> tuple[int, ...]:
        """The shape of one sample: the input's own, or the number of elements of all inputs."""
        if len(self.inputs) == 1:
            return self.inputs[0].shape
        return (sum(math.prod(spec.shape) for spec in self.inputs),)

    def pack(self, arrays: Sequence[Any]) -> NDArray[np.float32]:
        """float32 (n, *packed_shape) from one array (n, *shape) an input."""
        return packed([np.asarray(array).astype(np.float32) for array in arrays])

    def unpack(self, samples: NDArray[np.float32]) -> tuple[NDArray[Any], ...]:
        """One array (n, *shape) an input, in the input's own type, of samples (n, *packed_shape)."""
        shapes = [spec.shape for spec in self.inputs]
        return tuple(_typed(part, spec) for part, spec in zip(unpacked(samples, shapes), self.inputs, strict=True))

    def by_name(self, sample: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """The inputs of one packed sample (*packed_shape) with a batch of 1, by name."""
        parts = self.unpack(sample[None])
        return {spec.name: part for spec, part in zip(self.inputs, parts, strict=True)}

    def write(self, folder: Path) -> None:
        """Write ``interface.json`` into `folder`."""
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Interface:
        """The interface that was written into `folder`."""
        return cls.from_json(json.loads((folder / FILE).read_text(encoding="utf-8")))

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Interface:
        """From what `dataclasses.asdict` gave."""
        inputs = tuple(InputSpec(spec["name"], tuple(spec["shape"]), spec["dtype"]) for spec in value["inputs"])
        return cls(inputs, tuple(value["outputs"]), bool(value["named"]))


def packed(arrays: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """One array (n, ...) as it is; several flattened, side by side: (n, elements)."""
    if len(arrays) == 1:
        return arrays[0]
    return np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1)


def unpacked(samples: NDArray[Any], shapes: Sequence[tuple[int, ...]]) -> tuple[NDArray[Any], ...]:
    """The inverse of `packed`: one array (n, *shape) for each of `shapes`."""
    if len(shapes) == 1:
        return (samples.reshape(len(samples), *shapes[0]),)
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    if samples.ndim != 2 or samples.shape[1] != ends[-1]:
        raise ValueError(f"samples of shape {samples.shape} do not hold {ends[-1]} elements each")
    parts = np.split(samples, ends[:-1], axis=1)
    return tuple(part.reshape(len(samples), *shape) for part, shape in zip(parts, shapes, strict=True))


def _typed(array: NDArray[Any], spec: InputSpec) -> NDArray[Any]:
    return np.rint(array).astype(np.int32) if spec.dtype == "int32" else np.asarray(array, np.float32)
