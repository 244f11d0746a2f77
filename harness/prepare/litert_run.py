"""In the worker: run a ``.tflite`` file on float samples, by its own tensor parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import ModelFileError
from harness.prepare.faults import UnsupportedModelError, missing
from harness.prepare.interface import Interface, packed
from harness.prepare.recipe import InputSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

THREADS = 2
ONE_INPUT = "image"


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
    """A model file; samples of several inputs, and outputs of several tensors, are packed in the file's order."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._interpreter = allocated(path)
        self._inputs = self._interpreter.get_input_details()
        self._outputs = self._interpreter.get_output_details()
        self.interface = _interface(self._interpreter, self._inputs, self._outputs)

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Outputs float32 (n, ...), or packed (n, elements), for samples float32 (n, *packed_shape).

        Raises:
            UnsupportedModelError: an output changes its shape with the input.
        """
        results = [self._one(sample[None]) for sample in inputs]
        for order, details in enumerate(self._outputs):
            if len({result[order].shape for result in results}) > 1:
                text = f"the output {details['name']!r} changes its shape with the input"
                raise UnsupportedModelError(text, where=str(self._path))
        return packed([np.concatenate(arrays) for arrays in zip(*results, strict=True)])

    def feeds(self, samples: NDArray[np.float32]) -> Iterator[dict[str, NDArray[Any]]]:
        """Each sample as the arrays of the inputs by name, in the file's own types and with a batch of 1."""
        for sample in samples:
            parts = self.interface.unpack(sample[None])
            yield {
                spec.name: quantized(values, details)
                for spec, values, details in zip(self.interface.inputs, parts, self._inputs, strict=True)
            }

    def _one(self, sample: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        for details, values in zip(self._inputs, self.interface.unpack(sample), strict=True):
            self._interpreter.set_tensor(details["index"], quantized(values, details))
        self._interpreter.invoke()
        return [_batched(self._interpreter.get_tensor(details["index"]), details) for details in self._outputs]


def _batched(values: NDArray[Any], details: Any) -> NDArray[np.float32]:
    """One sample's output (1, ...), whatever the file calls its batch."""
    result = dequantized(values, details)
    return result if result.ndim and result.shape[0] == 1 else result[None]


def _interface(interpreter: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> Interface:
    """The names are those of the first signature; without one they are made up by position."""
    signatures = interpreter.get_signature_list()
    if not signatures:
        names, results = made_up_names(len(inputs), len(outputs))
        return Interface(tuple(_spec(*pair) for pair in zip(names, inputs, strict=True)), results, named=False)
    runner = interpreter.get_signature_runner(next(iter(signatures)))
    names = _names(runner.get_input_details(), inputs)
    results = _names(runner.get_output_details(), outputs)
    return Interface(tuple(_spec(*pair) for pair in zip(names, inputs, strict=True)), results)


def made_up_names(inputs: int, outputs: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the inputs and outputs of a file that has no signature."""
    names = (ONE_INPUT,) if inputs == 1 else tuple(f"input_{order}" for order in range(inputs))
    return names, ("output",) if outputs == 1 else tuple(f"output_{order}" for order in range(outputs))


def _names(signature: Any, details: Sequence[Any]) -> tuple[str, ...]:
    """The signature's name of each tensor, in the order of the file; the tensor's own name where it has none."""
    by_index = {int(entry["index"]): name for name, entry in signature.items()}
    return tuple(by_index.get(int(entry["index"]), str(entry["name"])) for entry in details)


def _spec(name: str, details: Any) -> InputSpec:
    whole = np.dtype(details["dtype"]).kind in "iub" and details["quantization"][0] == 0.0
    shape = tuple(int(size) for size in details["shape"][1:])
    return InputSpec(name, shape, "int32" if whole else "float32")


def quantized(values: NDArray[Any], details: Any) -> NDArray[Any]:
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
