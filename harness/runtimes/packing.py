"""How samples travel to a runner and back: all inputs, or all outputs, one after another as float32. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import DatasetError, ParseError

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Packing:
    """The shapes of one sample, without the batch: of each input and each output, in the order of the file."""

    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]

    @property
    def input_shape(self) -> Shape:
        """One sample as it travels: the only input's shape, or (elements of all inputs,)."""
        return _together(self.inputs)

    @property
    def output_shape(self) -> Shape:
        """The same of the outputs."""
        return _together(self.outputs)

    def check_inputs(self, inputs: NDArray[np.float32], what: str) -> None:
        """Whether `inputs` are samples of this model; `what` they are, for the message.

        Raises:
            DatasetError: another type or shape, none at all, or numbers that are not finite.
        """
        if inputs.dtype != np.float32 or inputs.ndim < 1 or inputs.shape[1:] != self.input_shape or not len(inputs):
            wanted = f"(n, {', '.join(map(str, self.input_shape))})"
            packed = f": {len(self.inputs)} inputs, packed" if len(self.inputs) > 1 else ""
            text = (
                f"{what} are {inputs.dtype} of shape {inputs.shape}; the model wants float32 of shape {wanted}{packed}"
            )
            raise DatasetError(text)
        rows = np.isfinite(inputs).all(axis=tuple(range(1, inputs.ndim)))
        if not rows.all():
            raise DatasetError(f"{what}: sample {int(np.argmin(rows))} is not all finite")

    def split(self, packed: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """Outputs (n, elements of all outputs) as one array (n, *shape) for each."""
        parts, begin = [], 0
        for shape in self.outputs:
            end = begin + prod(shape)
            parts.append(np.ascontiguousarray(packed[:, begin:end]).reshape(len(packed), *shape))
            begin = end
        return tuple(parts)


def _together(shapes: tuple[Shape, ...]) -> Shape:
    return shapes[0] if len(shapes) == 1 else (sum(map(prod, shapes)),)


def read_packing(line: Mapping[str, Any]) -> Packing:
    """From the ``inputs`` and ``outputs`` of a runner's line.

    The batch is the first dimension that all inputs share; without one, each tensor is one sample as a whole.

    Raises:
        ParseError: they are missing, or no tensors that can be cut into samples.
    """
    try:
        inputs, outputs = (_shapes(line[name]) for name in ("inputs", "outputs"))
    except (KeyError, TypeError, ValueError) as error:
        raise ParseError(f"the result does not describe its outputs: {error}", where="runner output") from error
    firsts = {shape[:1] for shape in inputs}
    batch = next(iter(firsts)) if len(firsts) == 1 and () not in firsts else (1,)
    if batch != (1,) and any(shape[:1] != batch for shape in outputs):
        raise ParseError(f"outputs of shapes {outputs} do not have the batch {batch[0]}", where="runner output")
    return Packing(*(tuple(_without(shape, batch) for shape in shapes) for shapes in (inputs, outputs)))


def _without(shape: Shape, batch: Shape) -> Shape:
    return shape[1:] if shape[:1] == batch else shape


def _shapes(tensors: Any) -> tuple[Shape, ...]:
    if not isinstance(tensors, list) or not tensors:
        raise ValueError("there are no tensors")
    return tuple(_shape(tensor["shape"]) for tensor in tensors)


def _shape(shape: Any) -> Shape:
    fine = isinstance(shape, list) and all(type(size) is int and 0 < size < 2**31 for size in shape)
    if not fine or prod(shape) >= 2**31:
        raise ValueError(f"the shape is {json.dumps(shape)[:80]}")
    return tuple(shape)
