"""In the worker: files of one model and mode in which chosen layers stay float, each made and measured."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.prepare.float_layers import Layer
from harness.prepare.judgement import Agreement, agreement
from harness.prepare.litert_file import inspect
from harness.prepare.litert_run import Model
from harness.prepare.quantizer import FloatModel, quantize
from harness.prepare.sensitivity import NOTHING, Kept
from harness.prepare.tensor_errors import TensorError, errors_by_tensor, layer_inputs


@dataclass(frozen=True)
class Outcome:
    """One file: its bytes and how near its outputs are to the source's."""

    content: bytes
    agreement: Agreement


class Trials:
    """Files of one model and mode in which chosen layers stay float, each made and measured once.

    Attributes:
        layers: those that the mode quantizes.
        inputs: the samples the outputs are compared on.
        seconds: how long the slowest file took so far.
    """

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._ends_s = time.monotonic() + float(arguments["budget_s"])
        self._base, self._folder = Path(arguments["base"]), Path(arguments["folder"])
        self._model = FloatModel(self._base, arguments["mode"])
        self.layers: tuple[Layer, ...] = self._model.quantizable()
        source = Path(arguments["source"])
        self._calibration = np.load(source / "calibration.npy", allow_pickle=False)
        self._statistics = self._model.statistics(self._calibration)
        with np.load(source / "check.npz", allow_pickle=False) as arrays:
            self.inputs, self._outputs = arrays["inputs"], arrays["outputs"]
        self._known: dict[Kept, float] = {}
        self.seconds = 0.0

    @property
    def left_s(self) -> float:
        """Seconds that are left."""
        return self._ends_s - time.monotonic()

    def sqnr_db(self, kept: Kept, until_left_s: float = 0.0) -> float | None:
        """The output SQNR; None when it is not known and less than `until_left_s` seconds would be left."""
        if kept not in self._known and self.left_s - self.seconds < until_left_s:
            return None
        if kept not in self._known:
            self.outcome(kept)
        return self._known[kept]

    def outcome(self, kept: Kept) -> Outcome:
        """The file, made anew."""
        began_s = time.monotonic()
        content = self._model.quantized(self._statistics, [self.layers[at] for at in sorted(kept)])
        found = self._compared(content)
        self._known[kept] = found.sqnr_db
        self.seconds = max(self.seconds, time.monotonic() - began_s)
        return Outcome(content, found)

    def described(self, kept: Kept) -> dict[str, Any]:
        """What there is to say of a file."""
        return self._described(self.outcome(kept))

    def described_by_name(self, keep_float: Sequence[str]) -> dict[str, Any]:
        """The same of the file that `keep_float` really gives."""
        content = quantize(self._model.mode, self._base, self._calibration, keep_float)
        return self._described(Outcome(content, self._compared(content)))

    def tensor_errors(self) -> tuple[list[TensorError | None], list[list[int]]]:
        """For each layer the error of what it computes in the fully quantized file, and which layers it reads."""
        path = self.written(self.outcome(NOTHING).content)
        found = errors_by_tensor(self._base, path, self.inputs)
        here = [found.get(layer.scope.rstrip(";")) for layer in self.layers]
        return here, layer_inputs(self._base, [layer.scope for layer in self.layers])

    def written(self, content: bytes, name: str = "trial") -> Path:
        """`content` as a file."""
        path = self._folder / f"{name}.tflite"
        path.write_bytes(content)
        return path

    def _compared(self, content: bytes) -> Agreement:
        found = Model(self.written(content)).run(self.inputs)
        return agreement(self._outputs, found.reshape(self._outputs.shape))

    def _described(self, outcome: Outcome) -> dict[str, Any]:
        info = inspect({"path": str(self.written(outcome.content))})
        return {
            "sqnr_db": outcome.agreement.sqnr_db,
            "rmse": outcome.agreement.rmse,
            "size_bytes": info["size_bytes"],
            "gzip_bytes": info["gzip_bytes"],
            "float_operators": info["float_operators"],
        }
