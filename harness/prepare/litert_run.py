"""In the worker: run a ``.tflite`` file on float samples, by its own tensor parameters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import ModelFileError
from harness.prepare.faults import UnsupportedModelError, missing

if TYPE_CHECKING:
    from numpy.typing import NDArray

THREADS = 2


def interpreter_class() -> Any:
    """LiteRT's `Interpreter`.

    Raises:
        MissingDependencyError: ai-edge-litert is not installed.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ModuleNotFoundError as error:
        raise missing("ai-edge-litert", "litert") from error
    return Interpreter


def allocated(path: Path) -> Any:
    """An interpreter with allocated tensors.

    Raises:
        UnsupportedModelError: an operator is not in this runtime.
        ModelFileError: LiteRT refuses the file; says why.
    """
    try:
        interpreter = interpreter_class()(model_path=str(path), num_threads=THREADS)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        text = " ".join(str(error).split())
        if "unresolved custom op" in text or "Select TensorFlow op" in text:
            raise UnsupportedModelError(f"LiteRT has no kernel for an operator of the model: {text}") from error
        raise ModelFileError(f"LiteRT cannot load it: {text}", where=str(path)) from error
    return interpreter


class Model:
    """A model with one input; of several outputs the first is read."""

    def __init__(self, path: Path) -> None:
        self._interpreter = allocated(path)
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one sample, without the batch."""
        return tuple(int(size) for size in self._input["shape"][1:])

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Outputs float32 (n, ...) for `inputs` float32 (n, *input_shape), one inference a sample."""
        return np.concatenate([self._one(sample[None]) for sample in inputs])

    def _one(self, sample: NDArray[np.float32]) -> NDArray[np.float32]:
        self._interpreter.set_tensor(self._input["index"], quantized(sample, self._input))
        self._interpreter.invoke()
        return dequantized(self._interpreter.get_tensor(self._output["index"]), self._output)


def quantized(values: NDArray[np.float32], details: Any) -> NDArray[Any]:
    """`values` in the type of the tensor: rounded and clipped by its scale and zero point when it is an integer."""
    dtype = np.dtype(details["dtype"])
    scale, zero_point = details["quantization"]
    if dtype.kind == "f" or scale == 0.0:
        return np.asarray(values, dtype)
    limits = np.iinfo(dtype)
    return np.asarray(np.clip(np.round(values / scale + zero_point), limits.min, limits.max), dtype)


def dequantized(values: NDArray[Any], details: Any) -> NDArray[np.float32]:
    """`values` as float32, by the tensor's scale and zero point when it has them."""
    scale, zero_point = details["quantization"]
    if values.dtype.kind == "f" or scale == 0.0:
        return np.asarray(values, np.float32)
    return np.asarray((values.astype(np.float32) - zero_point) * scale, np.float32)
