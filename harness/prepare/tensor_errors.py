"""In the worker: how far the tensors inside a quantized file are from those of the float file it was made from."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.prepare.litert_run import THREADS, Model, interpreter_class

if TYPE_CHECKING:
    from numpy.typing import NDArray

# All tensors of two models are held for one sample at a time; more samples hardly change the order of the layers.
MAX_SAMPLES = 4
# Channels that vary less than this, against the one that varies most, say nothing.
_STILL = 1e-12


@dataclass(frozen=True)
class TensorError:
    """The error of one tensor.

    Attributes:
        sqnr_db: SQNR over all of it; the signal is the variance of the float tensor, as for outputs.
        share: the noise over the signal, the mean over the channels, each at most 1: one channel with large values
            hides in `sqnr_db` that the others are lost.
    """

    sqnr_db: float
    share: float


def errors_by_tensor(float_file: Path, quantized_file: Path, samples: NDArray[np.float32]) -> dict[str, TensorError]:
    """The error of each computed tensor, by its name in both files, over the first samples.

    Tensors that do not vary are left out.
    """
    sums: dict[str, Sums] = {}
    files = (_tensors(path, samples[:MAX_SAMPLES]) for path in (float_file, quantized_file))
    for reference, found in zip(*files, strict=True):
        for name in reference.keys() & found.keys():
            if reference[name].shape == found[name].shape:
                sums.setdefault(name, Sums()).add(reference[name], found[name])
    return {name: error for name, one in sums.items() if (error := one.error()) is not None}


class Sums:
    """Sums over the values of one tensor, by channel, which is the last axis."""

    def __init__(self) -> None:
        self._count = 0
        self._noise: Any = 0.0
        self._first: Any = 0.0
        self._second: Any = 0.0

    def add(self, wanted: NDArray[np.float32], got: NDArray[np.float32]) -> None:
        """One sample of the float tensor and of the quantized one, (1, ..., channels)."""
        channels = wanted.shape[-1] if wanted.ndim else 1
        reference = wanted.astype(np.float64).reshape(-1, channels)
        self._count += len(reference)
        self._noise = self._noise + np.square(got.astype(np.float64).reshape(-1, channels) - reference).sum(axis=0)
        self._first = self._first + reference.sum(axis=0)
        self._second = self._second + np.square(reference).sum(axis=0)

    def error(self) -> TensorError | None:
        """None for a tensor that does not vary."""
        noise = float(self._noise.sum())
        signal = float(self._second.sum()) - float(self._first.sum()) ** 2 / (self._count * self._first.size)
        if signal <= 0:
            return None
        if not math.isfinite(noise):
            return TensorError(-math.inf, 1.0)
        sqnr_db = math.inf if noise == 0 else 10 * math.log10(signal / noise)
        return TensorError(sqnr_db, self._share(min(1.0, noise / signal)))

    def _share(self, overall: float) -> float:
        by_channel = np.maximum(self._second - np.square(self._first) / self._count, 0.0)
        varying = by_channel > _STILL * float(by_channel.max())
        if not varying.any():
            return overall
        return float(np.minimum(self._noise[varying] / by_channel[varying], 1.0).mean())


def _tensors(path: Path, samples: NDArray[np.float32]) -> Iterator[dict[str, NDArray[np.float32]]]:
    """The computed tensors of the file by name, in float, for each sample."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that all tensors are kept is what is wanted
        interpreter = interpreter_class()(
            model_path=str(path), num_threads=THREADS, experimental_preserve_all_tensors=True
        )
    interpreter.allocate_tensors()
    inputs = interpreter.get_input_details()
    for feeds in Model(path).feeds(samples):
        for details, values in zip(inputs, feeds.values(), strict=True):
            interpreter.set_tensor(details["index"], values)
        interpreter.invoke()
        yield dict(_read(interpreter))


def _read(interpreter: Any) -> Iterator[tuple[str, NDArray[np.float32]]]:
    for details in interpreter.get_tensor_details():
        scales, zero_points = (details["quantization_parameters"][key] for key in ("scales", "zero_points"))
        number = np.dtype(details["dtype"]).kind
        if not details["name"] or number not in "fi" or (number == "i" and len(scales) != 1):
            continue
        try:
            values = interpreter.get_tensor(details["index"])
        except ValueError:  # a tensor of a delegate, or one that was never computed
            continue
        if number == "i":
            values = (values.astype(np.float32) - float(zero_points[0])) * float(scales[0])
        yield details["name"], np.asarray(values, np.float32)


def layer_inputs(path: Path, scopes: Sequence[str]) -> list[list[int]]:
    """For each of `scopes` (the output names of an operator) the positions of those whose results it reads.

    Results that pass through operators outside of `scopes` count as theirs that made them.
    """
    from ai_edge_quantizer.utils import tfl_flatbuffer_utils as flatbuffers

    position = {scope: at for at, scope in enumerate(scopes)}
    found: list[list[int]] = [[] for _ in scopes]
    for graph in flatbuffers.read_model(str(path)).subgraphs:
        makers: dict[int, list[int]] = {}
        for operator in graph.operators:
            read = sorted({maker for tensor in operator.inputs for maker in makers.get(int(tensor), [])})
            at = position.get(flatbuffers.get_op_scope(operator, graph.tensors))
            if at is not None:
                found[at] = read
            for tensor in operator.outputs:
                makers[int(tensor)] = read if at is None else [at]
    return found
